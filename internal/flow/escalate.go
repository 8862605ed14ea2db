package flow

import (
	"context"
	"net/netip"
	"strings"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// failed counts a failed sign-in. One past the first factor is an attempt on the
// account; what a stranger can do counts for their network alone (O1).
func (d *Desk) failed(ctx context.Context, s fact.Signal) error {
	pastFirst := s.Method != "" && !strings.EqualFold(s.Method, fact.MethodPassword)
	if pastFirst { // before it counts, so that no failure lengthens the block that it makes
		if err := d.lengthen(ctx, s.Tenant, s.Account, s.Method); err != nil {
			return err
		}
	}
	return d.fail(ctx, &s, escalation.Failure{
		Tenant: s.Tenant, Account: s.Account, Method: s.Method, Network: hostile(s.Network),
		Device: block.DeviceOf(s.Tenant, s.Account, s.Device), PastFirst: pastFirst,
	})
}

// welcome notes a sign-in that went well, and asks after long absence whether codes still
// arrive (seed 39).
func (d *Desk) welcome(ctx context.Context, s fact.Signal) error {
	err := d.Store.Welcome(ctx, &s, escalation.Welcome{
		Tenant: s.Tenant, Account: s.Account, Network: hostile(s.Network),
		Device: block.DeviceOf(s.Tenant, s.Account, s.Device), Now: s.At,
	})
	if err != nil {
		return err
	}
	_, err = d.Store.SeeSignIn(ctx, s.Tenant, s.Account, d.Policies.For(s.Tenant, s.Account).Recheck, s.At)
	return err
}

// hostile is the network of an address, empty where it is none that may be blocked.
func hostile(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || !escalation.Public(addr) {
		return ""
	}
	return NetworkOf(addr)
}

// refuse counts a code that was refused for the account's own volume: an attempt that
// lengthens its blocks (seed 30), and a failure of the channel (seed 15).
func (d *Desk) refuse(ctx context.Context, f session.Flow, r block.Record, channel contact.Channel) error {
	if err := d.lengthen(ctx, f.Tenant, f.Account, methodOf(r)); err != nil {
		return err
	}
	return d.fail(ctx, nil, escalation.Failure{Tenant: f.Tenant, Account: f.Account, Method: string(channel), PastFirst: true})
}

// miss counts a wrong code and returns what the person is told.
func (d *Desk) miss(ctx context.Context, c code.Challenge) error {
	d.tellDisabled(ctx, c)
	err := d.fail(ctx, nil, escalation.Failure{
		Tenant: c.Tenant, Account: c.Account, Method: string(c.Channel), PastFirst: c.Budget == "", // a link is no first factor
	})
	switch {
	case err != nil:
		return err
	case c.AttemptsLeft() == 0:
		return rules.ErrSpent
	default:
		return rules.ErrWrongCode
	}
}

func (d *Desk) fail(ctx context.Context, s *fact.Signal, f escalation.Failure) error {
	f.Policy, f.Now = d.Policies.For(f.Tenant, f.Account), d.Now()
	results, err := d.Store.Fail(ctx, s, f)
	d.meter(f.Tenant, results)
	return err
}

// sent notes the country of a code, so that one whose codes nobody verifies is noticed.
// The code is on its way: what goes wrong here keeps nobody from it.
func (d *Desk) sent(ctx context.Context, c code.Challenge, country string, p policy.Policy) {
	if !dialled(c.Channel) {
		return
	}
	results, err := d.Store.CodeSent(ctx, escalation.Sent{
		Tenant: c.Tenant, Account: c.Account, ChallengeID: c.ID, Flow: c.Flow, Country: country, Policy: p, Now: d.Now(),
	})
	if err == nil {
		d.meter(c.Tenant, results)
	}
}

func (d *Desk) meter(tenant string, results []escalation.Result) {
	if d.Meter == nil {
		return
	}
	for _, r := range results {
		d.Meter.Escalated(tenant, r)
	}
}
