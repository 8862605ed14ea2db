// Package store breaks the import table.
package store

import (
	_ "database/sql"

	_ "holdfast.dev/holdfast/internal/deliver" // want depguard: technologies never meet
	_ "holdfast.dev/holdfast/internal/rules/block"
)
