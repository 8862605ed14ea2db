// Package attic is a room without a row in the import table.
package attic

import (
	_ "holdfast.dev/holdfast/internal/rules/block" // want depguard: a new room needs a row
)
