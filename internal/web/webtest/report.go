package webtest

import (
	"context"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/code"
)

// Brand implements web.Desk.
func (d *Desk) Brand(string) (productName string, help flow.Help) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Block.ProductName, d.Block.Help
}

// ReportCode implements web.Desk.
func (d *Desk) ReportCode(_ context.Context, _, token string, kind code.ReportKind) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "ReportCode")
	d.Reports = append(d.Reports, string(kind)+" "+token)
	return d.Fail["ReportCode"]
}
