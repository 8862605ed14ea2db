package webtest

import (
	"context"

	"holdfast.dev/holdfast/internal/rules/receipt"
)

// TakeReceipt implements web.Desk.
func (d *Desk) TakeReceipt(_ context.Context, host, policyName, provider string, call receipt.Call) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "TakeReceipt")
	d.Receipts = append(d.Receipts, host+" "+policyName+" "+provider+" "+call.Message+" "+call.Header("X-Twilio-Signature")+" "+string(call.Body))
	return d.Fail["TakeReceipt"]
}
