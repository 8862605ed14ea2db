// Package controllers breaks the import table.
package controllers

import (
	_ "holdfast.dev/holdfast/internal/flow"
	_ "holdfast.dev/holdfast/internal/web" // want depguard: controllers serve no pages
)
