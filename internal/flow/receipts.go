package flow

import (
	"context"
	"net/url"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// ReceiptStore remembers what providers told of messages.
type ReceiptStore interface {
	// SaveReceipt keeps a receipt of a message of the receipt's tenant; one of any other
	// message, and one that tells nothing new, changes nothing.
	SaveReceipt(ctx context.Context, r receipt.Receipt) error
	// Receipt is what was told of a challenge's message, zero where nothing was.
	Receipt(ctx context.Context, challengeID string) (receipt.Receipt, error)
}

// Receipts proves who calls with a receipt, and reads it.
type Receipts interface {
	// ReadReceipt returns receipt.ErrUnproven for what the provider has not signed, also
	// where it is the zero Provider; a receipt without an outcome tells of no end.
	ReadReceipt(tenant string, p policy.Provider, call receipt.Call) (receipt.Receipt, error)
}

// ReceiptURL is where a provider may tell what became of a message. It names the message
// and proves nothing; it is empty for a policy without hosts.
func (d *Desk) ReceiptURL(p policy.Policy, provider policy.Provider, messageID string) string {
	if len(p.Hosts) == 0 {
		return ""
	}
	return d.receiptURL(p.Hosts[0], p.Name, provider.Name, messageID)
}

func (d *Desk) receiptURL(host, policyName, provider, messageID string) string {
	to := url.URL{
		Scheme: d.Scheme, Host: host, Path: "/v1/receipts/" + policyName + "/" + provider,
		RawQuery: url.Values{"message": {messageID}}.Encode(),
	}
	return to.String()
}

// TakeReceipt keeps what a provider of the host's tenant tells of one of its messages:
// advice to the person who waits, and nothing else depends on it. Its signature is
// checked first, against the URL as it was given out, so that whoever cannot sign costs
// the memory nothing and learns nothing: they get receipt.ErrUnproven.
func (d *Desk) TakeReceipt(ctx context.Context, host, policyName, provider string, call receipt.Call) error {
	tenant, ok := d.Policies.Tenant(host)
	if !ok || d.Receipts == nil {
		return receipt.ErrUnproven
	}
	call.URL = d.receiptURL(host, policyName, provider, call.Message)
	r, err := d.Receipts.ReadReceipt(tenant, d.Policies.Provider(tenant, policyName, provider), call)
	if err != nil || r.Outcome == "" {
		return err
	}
	if d.Meter != nil {
		d.Meter.ReceiptTaken(tenant, r.Outcome)
	}
	return d.Store.SaveReceipt(ctx, r)
}

// advice is what a person who waits for a challenge's code had better do. A memory that
// does not answer gives none: the page is worth more than the advice.
func (d *Desk) advice(ctx context.Context, c code.Challenge, delivery message.Delivery) receipt.Advice {
	told, err := d.Store.Receipt(ctx, c.ID)
	if err != nil {
		told = receipt.Receipt{}
	}
	return receipt.Advise(c.Channel, delivery, told)
}
