// Package courier breaks the import table.
package courier

import (
	_ "holdfast.dev/holdfast/internal/deliver" // want depguard: courier declares ports
)
