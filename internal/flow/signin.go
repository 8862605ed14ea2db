package flow

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// CallbackPath is the page to which an issuer sends the browser back. It is part of every
// redirect URI, and so of the client's registration at the issuer.
const CallbackPath = "/security-info/callback"

// SignIns signs people in at an issuer.
type SignIns interface {
	// AuthURL is where the browser signs in, or rules.ErrIssuer.
	AuthURL(ctx context.Context, tenant string, at policy.OIDC, s session.SignIn) (string, error)
	// Redeem turns the code that a browser brought back into the issuer's word; iss is
	// what the answer says of its issuer. It returns session.ErrAssertion or
	// rules.ErrIssuer. The word's nonce, time and subject are not checked yet.
	Redeem(ctx context.Context, tenant string, at policy.OIDC, s session.SignIn, code, iss string) (session.Assertion, error)
}

// Way is an issuer at which people may sign in.
type Way struct {
	ID string
	// Host is the issuer's, for people to recognise.
	Host string
}

// Returned is what a browser brings back from an issuer.
type Returned struct {
	State, Code string
	// Issuer is what the answer says of its own issuer, if anything (RFC 9207).
	Issuer string
	// Refused says that the issuer answered with an error.
	Refused bool
}

// SignInWays lists where people may sign in on a host.
func (d *Desk) SignInWays(host string) []Way {
	if d.SignIns == nil {
		return nil
	}
	var ways []Way
	for _, at := range d.Policies.Issuers(host) {
		way := Way{ID: wayID(at), Host: at.Issuer}
		if u, err := url.Parse(at.Issuer); err == nil {
			way.Host = u.Host
		}
		ways = append(ways, way)
	}
	return ways
}

// wayID names an issuer and a registration there; it is no secret.
func wayID(at policy.OIDC) string {
	sum := sha256.Sum256([]byte(at.Issuer + "\x00" + at.ClientID))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// way finds one of the ways of a host.
func (d *Desk) way(host, id string) (tenant string, at policy.OIDC, err error) {
	tenant, known := d.Policies.Tenant(host)
	all := d.Policies.Issuers(host)
	i := slices.IndexFunc(all, func(at policy.OIDC) bool { return wayID(at) == id })
	if !known || i < 0 || d.SignIns == nil {
		return "", policy.OIDC{}, fmt.Errorf("%w: no policy of this host names such an issuer", rules.ErrSignIn)
	}
	return tenant, all[i], nil
}

// StartSignIn returns where the browser signs in, and a secret that it must keep: only
// the browser that has it can finish (login CSRF). Nothing is remembered here, since
// anybody may start as often as they like (law 5).
func (d *Desk) StartSignIn(ctx context.Context, host, way string) (to, browser string, err error) {
	tenant, at, err := d.way(host, way)
	if err != nil {
		return "", "", err
	}
	if browser, err = d.token(32); err != nil {
		return "", "", err
	}
	state, err := d.Sealer.SealTicket(ticket.Claims{
		ID: session.BrowserID(browser), Issuer: d.Issuer, Tenant: tenant, Purpose: session.SigningIn,
		Host: host, Way: way, Epoch: d.Epoch(), Expires: d.Now().Add(session.SignInLife).UnixMilli(),
	})
	if err != nil {
		return "", "", err
	}
	to, err = d.SignIns.AuthURL(ctx, tenant, at, d.bind(host, browser, state))
	return to, browser, err
}

// bind ties a sign-in to a browser and to the host on which it began.
func (d *Desk) bind(host, browser, state string) session.SignIn {
	s := session.Bind(browser)
	s.State = state
	s.Redirect = (&url.URL{Scheme: d.Scheme, Host: host, Path: CallbackPath}).String()
	return s
}

// FinishSignIn opens a session for the account that the issuer names, once for each
// start. It must be asked by the browser that keeps the start's secret, on the same host,
// and the account's own policy must name the very issuer: no other one's word counts for
// it. Refusals are rules.ErrSignIn, rules.ErrIssuer, rules.ErrTicketUsed, or a
// BlockedError.
func (d *Desk) FinishSignIn(ctx context.Context, v Visit, browser string, r Returned) (credential string, err error) {
	claims, err := d.claimsFor(v.Host, r.State, session.SigningIn)
	if err != nil || browser == "" || claims.ID != session.BrowserID(browser) {
		return "", fmt.Errorf("%w: it was begun in another browser, or too long ago", rules.ErrSignIn)
	}
	tenant, at, err := d.way(v.Host, claims.Way)
	if err != nil {
		return "", err
	}
	if r.Refused || r.Code == "" {
		return "", fmt.Errorf("%w: the issuer did not let the person in", rules.ErrSignIn)
	}
	s := d.bind(v.Host, browser, r.State)
	word, err := d.SignIns.Redeem(ctx, tenant, at, s, r.Code, r.Issuer)
	if err == nil {
		begun := time.UnixMilli(claims.Expires).Add(-session.SignInLife)
		err = word.Check(s.Nonce, begun, d.Now())
	}
	if errors.Is(err, session.ErrAssertion) {
		return "", fmt.Errorf("%w: %w", rules.ErrSignIn, err)
	}
	if err != nil {
		return "", err
	}
	p := d.Policies.For(tenant, word.Subject)
	if p.Identity.OIDC != at || !slices.Contains(p.Hosts, v.Host) {
		return "", fmt.Errorf("%w: the account is signed in elsewhere", rules.ErrSignIn)
	}
	return d.openSession(ctx, v, p, ticket.Claims{ID: claims.ID, Tenant: tenant, Account: word.Subject, Host: v.Host}, false)
}

// openSession opens a session of 15 minutes with what the IdP vouches for, once for each
// ticket or start. A blocked account gets none.
func (d *Desk) openSession(ctx context.Context, v Visit, p policy.Policy, claims ticket.Claims, bearer bool) (credential string, err error) {
	f, credential, err := d.newFlow(claims.Tenant, claims.Host, claims.Account, session.SecurityInfo)
	if err != nil {
		return "", err
	}
	if err := d.unblocked(v, p, f, claims.Device); err != nil {
		return "", err
	}
	f.Ticket, f.Bearer = claims.ID, bearer
	return credential, d.Store.OpenSession(ctx, session.Session{Flow: f, Assurance: session.Password, Device: claims.Device})
}

// BlockedError refuses a blocked account, with the link to the release of its block where
// it can be released.
type BlockedError struct{ Unblock string }

func (e *BlockedError) Error() string { return rules.ErrBlocked.Error() }

// Unwrap makes it rules.ErrBlocked.
func (e *BlockedError) Unwrap() error { return rules.ErrBlocked }

// unblocked refuses a flow whose account a block keeps from signing in now, unless the flow
// has proved it. Whoever asks has been signed in by the IdP, and so may be led on to the
// release.
func (d *Desk) unblocked(v Visit, p policy.Policy, f session.Flow, device block.Device) error {
	blocks := slices.DeleteFunc(slices.Clone(d.Index.Blocks(p.Tenant, f.Account, "", v.Network, "")), func(r block.Record) bool {
		return r.Proof.Flow == f.ID && r.State(d.Now()) == block.Releasing
	})
	facts := decision.Facts{Blocks: blocks, Device: device}
	answer := decision.Decide(decision.SignIn, facts, d.Now())
	if answer.Verdict != decision.Deny || p.Mode == policy.Shadow {
		return nil
	}
	out, err := d.leadToRelease(Decision{Answer: answer}, p, f.Account, d.Now())
	if err != nil {
		return err
	}
	return &BlockedError{Unblock: out.Links["unblock"]}
}
