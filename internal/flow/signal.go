package flow

import (
	"context"
	"net/netip"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// Report takes a signal. A failed sign-in past the first factor is an attempt that
// lengthens the account's blocks (seed 30) and, repeated, makes one; a wrong password,
// or a failure that names no method, may come from any stranger and touches no account
// (O1). A sign-in makes its device known. No signal releases anything.
func (d *Desk) Report(ctx context.Context, s fact.Signal) error {
	s.At = d.Now()
	switch s.Type {
	case fact.FailedSignIn:
		return d.failed(ctx, s)
	case fact.SignIn:
		return d.welcome(ctx, s)
	default:
		return d.Store.RecordSignal(ctx, s)
	}
}

// lengthen counts an attempt on every block that holds the account now.
func (d *Desk) lengthen(ctx context.Context, tenant, account, method string) error {
	now := d.Now()
	for _, r := range d.Index.Blocks(tenant, account, method, netip.Addr{}, "") {
		if r.Spec.Account != account || !r.Enforced(now) {
			continue
		}
		within := d.Policies.For(tenant, account).Blocks[r.Spec.Reason].MaxDuration
		if _, err := d.Store.LengthenBlock(ctx, r.Key, r.UID, r.Spec, now, within); err != nil {
			return err
		}
	}
	return nil
}

// methodOf is the method that a block binds; empty where it binds them all.
func methodOf(r block.Record) string {
	if r.Spec.Scope == block.Method {
		return r.Spec.Value
	}
	return ""
}

// blocked reports whether a block of the account or of one of its methods binds now.
func (d *Desk) blocked(tenant, account string) bool {
	for _, r := range d.Index.BlocksOf(tenant, account) {
		if r.Enforced(d.Now()) {
			return true
		}
	}
	return false
}
