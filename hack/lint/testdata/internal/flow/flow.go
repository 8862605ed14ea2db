// Package flow breaks the import table.
package flow

import (
	_ "context"
	_ "database/sql" // want depguard: flow declares ports
	_ "net/http"     // want depguard: flow declares ports

	_ "holdfast.dev/holdfast/internal/rules/block"
	_ "holdfast.dev/holdfast/internal/store" // want depguard: flow declares ports
)

func Undocumented() {} // want revive: exported names carry docstrings
