package flow

import (
	"net/netip"
	"net/url"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/recheck"
	"holdfast.dev/holdfast/internal/rules/session"
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
	// Ticket starts the release of the block, or opens the security info; empty where
	// there is neither.
	Ticket string
	// Links are absolute URLs by name: unblock, securityInfo, help.
	Links map[string]string
}

// Decide answers from this replica's index and clock alone (law 4). A denied SignIn,
// which is asked after the first factor, carries a ticket to the release of the block. A
// ChangeSecurityInfo that is not denied carries one to the security info, and so does
// whatever a hold denies, for it is cancelled there, and a sign-in that asks for a proof.
func (d *Desk) Decide(tenant string, r Request) (Decision, error) {
	now := d.Now()
	out := Decision{Answer: decision.Decide(r.Action, d.facts(tenant, r, now), now)}
	if out.Verdict == decision.Allow && out.Prompt == recheck.None && r.Action != decision.ChangeSecurityInfo {
		return out, nil
	}
	p := d.Policies.For(tenant, r.Account)
	if out.Verdict != decision.Allow && p.Mode == policy.Shadow {
		// The reasons tell what mode Enforce would deny.
		out.Verdict, out.Block, out.Held = decision.Allow, block.Key{}, false
		if d.Meter != nil {
			d.Meter.ShadowDenied(tenant, r.Action)
		}
	}
	switch {
	case out.Block.Name != "" && r.Action == decision.SignIn:
		return d.leadToRelease(out, p, r.Account, now)
	case out.Held, out.Prompt != recheck.None, out.Verdict != decision.Deny && r.Action == decision.ChangeSecurityInfo:
		return d.leadToSecurityInfo(out, p, r, now)
	case out.Verdict == decision.Deny && r.Action == decision.SignIn:
		return d.leadToRelease(out, p, r.Account, now)
	default:
		return out, nil
	}
}

// facts is what is known of a request.
func (d *Desk) facts(tenant string, r Request, now time.Time) decision.Facts {
	facts := decision.Facts{Blocks: d.Index.Blocks(tenant, r.Account, r.Method, r.Network, r.Country)}
	switch r.Action {
	case decision.Payment:
		facts.PaymentsDeniedUntil = d.Index.PaymentsDeniedUntil(tenant, r.Account)
		facts.Holds = d.Index.Holds(tenant, r.Account, now)
	case decision.ChangeSecurityInfo:
		facts.Holds = d.Index.Holds(tenant, r.Account, now)
	case decision.SignIn:
		facts.Holds = d.Index.Holds(tenant, r.Account, now)
		facts.Recheck = d.Index.Recheck(tenant, r.Account)
	}
	if len(facts.Blocks) > 0 {
		facts.Device = block.DeviceOf(tenant, r.Account, r.Device)
	}
	return facts
}

// leadToRelease adds the way out of a block.
func (d *Desk) leadToRelease(out Decision, p policy.Policy, account string, now time.Time) (Decision, error) {
	out.Links = map[string]string{}
	if p.HelpURL != "" {
		out.Links["help"] = p.HelpURL
	}
	if out.Block.Name == "" || len(p.Hosts) == 0 {
		return out, nil
	}
	var err error
	out.Ticket, out.Links["unblock"], err = d.issueTicket(p, "/unblock", ticket.Claims{
		Tenant: out.Block.Tenant, Account: account, Block: out.Block.Name, Purpose: code.Unblock,
	}, now)
	return out, err
}

// leadToSecurityInfo adds the way to the account's security info, for the device that the
// IdP knows.
func (d *Desk) leadToSecurityInfo(out Decision, p policy.Policy, r Request, now time.Time) (Decision, error) {
	if r.Account == "" || len(p.Hosts) == 0 {
		return out, nil
	}
	sealed, link, err := d.issueTicket(p, "/security-info", ticket.Claims{
		Tenant: p.Tenant, Account: r.Account, Purpose: session.SecurityInfo, Device: block.DeviceOf(p.Tenant, r.Account, r.Device),
	}, now)
	out.Ticket, out.Links = sealed, map[string]string{"securityInfo": link}
	if p.HelpURL != "" {
		out.Links["help"] = p.HelpURL
	}
	return out, err
}

// issueTicket seals a ticket for the policy's first host and links to the page that takes
// it.
func (d *Desk) issueTicket(p policy.Policy, page string, claims ticket.Claims, now time.Time) (sealed, link string, err error) {
	if claims.ID, err = d.token(16); err != nil {
		return "", "", err
	}
	claims.Issuer, claims.Host, claims.Epoch = d.Issuer, p.Hosts[0], d.Epoch()
	claims.Expires = now.Add(ticket.Life).UnixMilli()
	if sealed, err = d.Sealer.SealTicket(claims); err != nil {
		return "", "", err
	}
	to := url.URL{Scheme: d.Scheme, Host: p.Hosts[0], Path: page, RawQuery: "ticket=" + sealed}
	return sealed, to.String(), nil
}
