package deliver

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// reader proves who calls with a receipt, by the Secret of the provider, and reads it. A
// call that tells of no end is a receipt without an outcome. Its errors are
// receipt.ErrUnproven and, once it is proved, receipt.ErrUnreadable.
type reader func(data map[string][]byte, call receipt.Call, now time.Time) (receipt.Receipt, error)

// ReadReceipt reads what a provider tells of a message, once its signature has proved
// that it is the provider; without an outcome where it tells of no end, or
// receipt.ErrUnreadable. It returns receipt.ErrUnproven for everything else, also where
// the provider is unknown; it asks nobody and touches no memory.
func (d *Dispatcher) ReadReceipt(tenant string, p policy.Provider, call receipt.Call) (receipt.Receipt, error) {
	read := kinds[p.Type].receipt
	if read == nil {
		return receipt.Receipt{}, receipt.ErrUnproven
	}
	data, err := d.secrets.Secret(tenant, p.Secret)
	if err != nil {
		return receipt.Receipt{}, receipt.ErrUnproven
	}
	now := d.options.Now()
	r, err := read(data, call, now)
	r.Tenant, r.At = tenant, now
	return r, err
}
