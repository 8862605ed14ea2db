package flow

import (
	"net/netip"
	"net/url"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// Request asks whether an account may do something now.
type Request struct {
	Account string
	Action  decision.Action
	// Method is the way of signing in or of sending a code, such as SMS.
	Method  string
	Network netip.Addr
	// Country is an ISO 3166 alpha-2 code.
	Country string
	// Device is the IdP's ID of the device, if it knows it.
	Device string
}

// Decision is the answer, with the way on for a person who is denied.
type Decision struct {
	decision.Answer
	// Ticket starts the release of the block; empty where there is none to start.
	Ticket string
	// Links are absolute URLs by name: unblock, help.
	Links map[string]string
}

// Decide answers from this replica's index and clock alone (law 4). Only a denied
// SignIn, which is asked after the first factor, carries a ticket.
func (d *Desk) Decide(tenant string, r Request) (Decision, error) {
	now := d.Now()
	facts := decision.Facts{Blocks: d.Index.Blocks(tenant, r.Account, r.Method, r.Network, r.Country)}
	if r.Action == decision.Payment {
		facts.PaymentsDeniedUntil = d.Index.PaymentsDeniedUntil(tenant, r.Account)
	}
	if len(facts.Blocks) > 0 {
		facts.Device = block.DeviceOf(tenant, r.Account, r.Device)
	}
	out := Decision{Answer: decision.Decide(r.Action, facts, now)}
	if out.Verdict != decision.Deny {
		return out, nil
	}
	p := d.Policies.For(tenant, r.Account)
	if p.Mode == policy.Shadow {
		// The reasons tell what mode Enforce would deny.
		out.Verdict, out.Block = decision.Allow, block.Key{}
		if d.Meter != nil {
			d.Meter.ShadowDenied(tenant, r.Action)
		}
		return out, nil
	}
	if r.Action != decision.SignIn {
		return out, nil
	}
	out.Links = map[string]string{}
	if p.HelpURL != "" {
		out.Links["help"] = p.HelpURL
	}
	if out.Block.Name == "" || len(p.Hosts) == 0 {
		return out, nil
	}
	sealed, err := d.issueTicket(p, out.Block, r.Account, now)
	if err != nil {
		return Decision{}, err
	}
	out.Ticket = sealed
	page := url.URL{Scheme: d.Scheme, Host: p.Hosts[0], Path: "/unblock", RawQuery: "ticket=" + sealed}
	out.Links["unblock"] = page.String()
	return out, nil
}

func (d *Desk) issueTicket(p policy.Policy, key block.Key, account string, now time.Time) (string, error) {
	id, err := d.token(16)
	if err != nil {
		return "", err
	}
	return d.Sealer.SealTicket(ticket.Claims{
		ID: id, Issuer: d.Issuer, Tenant: key.Tenant, Account: account, Block: key.Name,
		Purpose: code.Unblock, Host: p.Hosts[0], Epoch: d.Epoch(),
		Expires: now.Add(ticket.Life).UnixMilli(),
	})
}
