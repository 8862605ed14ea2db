// Package v1alpha1 breaks the import table.
package v1alpha1

import (
	_ "os" // want depguard: a room without I/O

	_ "holdfast.dev/holdfast/internal/rules/block" // want depguard: api knows no rules
)
