package flow

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// Desk is where everyone is served: it holds the ports of all use cases.
type Desk struct {
	Store     Store
	Index     Index
	Policies  Policies
	Sealer    Sealer
	Identity  Identity
	Passwords Passwords
	Numbers   Numbers
	// Seeds reads those of test numbers; nil has none.
	Seeds Seeds
	// Lines knows what numbers belong to; nil asks nobody.
	Lines Lines
	// Receipts proves what providers tell of messages; nil takes none.
	Receipts Receipts
	// SignIns signs people in at their issuer; nil where nobody can.
	SignIns SignIns
	// Now is the clock, in UTC.
	Now func() time.Time
	// Random is the source of credentials, identifiers and nonces.
	Random io.Reader
	// Issuer names this installation in tickets.
	Issuer string
	// Epoch is the store's present one: tickets and codes of an earlier one are void.
	Epoch func() int64
	// Scheme is that of the public pages: https, or http on a developer's machine.
	Scheme string
	// Meter counts; nil counts nothing.
	Meter Meter
}

// Visit is how somebody comes to the pages: with the credential of a flow in a
// cookie, or as a client without cookies with the ticket that opened the flow and,
// from the first proof on, with the credential in the ticket's place.
type Visit struct {
	// Host is the one that was asked; it chooses the tenant.
	Host       string
	Credential string
	Ticket     string
	// Network is the client's address as the configuration trusts it.
	Network netip.Addr
	// Key names the request: repeated under it, it sends one message and gets one
	// answer. Empty means that each request counts.
	Key string
}

// flow finds the live flow of a visit that releases a block.
func (d *Desk) flow(ctx context.Context, v Visit) (session.Flow, error) {
	return d.flowFor(ctx, v, code.Unblock)
}

// flowFor finds the live flow of a visit on its own host; a flow serves one purpose.
func (d *Desk) flowFor(ctx context.Context, v Visit, purpose code.Purpose) (session.Flow, error) {
	f, err := d.lookUpFlow(ctx, v)
	if err != nil {
		return session.Flow{}, err
	}
	if f.Host != v.Host || f.Purpose != purpose || !d.Now().Before(f.Expires) {
		return session.Flow{}, rules.ErrNoFlow
	}
	return f, nil
}

func (d *Desk) lookUpFlow(ctx context.Context, v Visit) (session.Flow, error) {
	if v.Credential != "" {
		return d.Store.FlowBySecret(ctx, hash(v.Credential))
	}
	claims, err := d.Sealer.OpenTicket(v.Ticket)
	if err != nil { // after the proof such a client carries the credential that replaced it
		return d.Store.FlowBySecret(ctx, hash(v.Ticket))
	}
	if claims.Epoch != d.Epoch() || claims.Issuer != d.Issuer {
		return session.Flow{}, rules.ErrNoFlow
	}
	f, err := d.Store.FlowByTicket(ctx, claims.Tenant, claims.ID)
	if err == nil && !f.Bearer {
		return session.Flow{}, rules.ErrNoFlow
	}
	return f, err
}

// claims opens a ticket that is presented on a host for an unblock.
func (d *Desk) claims(host, sealed string) (ticket.Claims, error) {
	return d.claimsFor(host, sealed, code.Unblock)
}

// claimsFor opens a ticket that is presented on a host for a purpose.
func (d *Desk) claimsFor(host, sealed string, purpose code.Purpose) (ticket.Claims, error) {
	tenant, ok := d.Policies.Tenant(host)
	if !ok {
		return ticket.Claims{}, ticket.ErrInvalid
	}
	claims, err := d.Sealer.OpenTicket(sealed)
	if err != nil {
		return ticket.Claims{}, ticket.ErrInvalid
	}
	at := ticket.Audience{Issuer: d.Issuer, Tenant: tenant, Host: host, Purpose: purpose, Epoch: d.Epoch()}
	return claims, claims.Check(at, d.Now())
}

// token returns n random bytes as URL-safe text.
func (d *Desk) token(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(d.Random, b); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// hash is how a credential is kept: whoever reads the store cannot use it.
func hash(credential string) [32]byte { return sha256.Sum256([]byte(credential)) }

// limited reports a refusal that counts as an attempt on the account: too many
// requests of its own (seed 15, 30), not the impatience of a resend. What a network
// or a contact has used up may be strangers' doing and lengthens nothing (O1).
func limited(err error) bool {
	var e *rules.LimitError
	return errors.As(err, &e) && (e.Subject == "account" || e.Subject == "number")
}
