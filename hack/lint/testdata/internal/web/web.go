// Package web breaks the import table.
package web

import (
	_ "holdfast.dev/holdfast/internal/flow"
	_ "holdfast.dev/holdfast/internal/store" // want depguard: web talks to flow
)
