package flow

import (
	"context"
	"net/netip"
	"net/url"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/disowned"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// notMe is the purpose of a link that reports a code: it opens no flow.
const notMe code.Purpose = "NotMe"

// NotMeLink is where the person who gets a code says that they did not ask for it. It
// names the challenge and nothing else of theirs, sealed, and works until
// code.ReportLife after the code. It is empty for a policy without hosts.
func (d *Desk) NotMeLink(c code.Challenge, p policy.Policy) (string, error) {
	if len(p.Hosts) == 0 {
		return "", nil
	}
	sealed, err := d.Sealer.SealTicket(ticket.Claims{
		ID: c.ID, Issuer: d.Issuer, Tenant: c.Tenant, Purpose: notMe, Host: p.Hosts[0],
		Epoch: c.Epoch, Expires: c.Expires.Add(code.ReportLife).UnixMilli(),
	})
	if err != nil {
		return "", err
	}
	page := url.URL{Scheme: d.Scheme, Host: p.Hosts[0], Path: "/not-me", RawQuery: "token=" + sealed}
	return page.String(), nil
}

// Brand is what the pages of a host show where no account is known: policies for some
// accounts alone say nothing there.
func (d *Desk) Brand(host string) (productName string, help Help) {
	tenant, ok := d.Policies.Tenant(host)
	if !ok {
		return "", Help{}
	}
	p := d.Policies.For(tenant, "")
	return p.Messages.ProductName, helpOf(p)
}

// ReportCode takes the word of whoever got a code that they did not ask for it: the code
// is void, its flow ends and the network that asked for it pauses; nothing of the
// account changes (seed 41). NotMyAccount says so of somebody else's account, and may come
// with the ID of a notice instead. A token that is forged, expired, used or another host's
// changes nothing and is answered alike (law 6).
func (d *Desk) ReportCode(ctx context.Context, host, token string, kind code.ReportKind) error {
	claims, ok := d.reportClaims(host, token)
	if !ok && kind == code.NotMyAccount {
		return d.disownNotice(ctx, host, token)
	}
	if !ok {
		return nil
	}
	done, err := d.Store.ReportCode(ctx, code.Report{
		Kind: kind, Tenant: claims.Tenant, ChallengeID: claims.ID, Now: d.Now(),
		Network: func(account string) limit.Rate { return d.Policies.For(claims.Tenant, account).Limits.Network },
	})
	d.reported(claims.Tenant, kind, done)
	return err
}

// disownNotice does so for the link of a notice, which is no more than the message's ID.
func (d *Desk) disownNotice(ctx context.Context, host, messageID string) error {
	tenant, known := d.Policies.Tenant(host)
	if !known || messageID == "" {
		return nil
	}
	done, err := d.Store.DisownNotice(ctx, disowned.ByNotice{Tenant: tenant, Message: messageID, Now: d.Now()})
	d.reported(tenant, code.NotMyAccount, done)
	return err
}

func (d *Desk) reported(tenant string, kind code.ReportKind, done bool) {
	if done && d.Meter != nil {
		d.Meter.CodeReported(tenant, kind)
	}
}

// reportClaims opens a token that is presented on a host for a report.
func (d *Desk) reportClaims(host, token string) (ticket.Claims, bool) {
	tenant, known := d.Policies.Tenant(host)
	claims, err := d.Sealer.OpenTicket(token)
	if err != nil || !known {
		return ticket.Claims{}, false
	}
	at := ticket.Audience{Issuer: d.Issuer, Tenant: tenant, Host: host, Purpose: notMe, Epoch: d.Epoch()}
	return claims, claims.Check(at, d.Now()) == nil
}

// knownNetwork is NetworkOf, but empty where nobody knows the address.
func knownNetwork(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return NetworkOf(addr)
}
