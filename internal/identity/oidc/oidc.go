// Package oidc signs people in at a policy's OpenID Connect issuer: authorization code
// with PKCE, state and nonce. Tokens are looked at once and neither kept nor logged, and
// what an issuer answers stands in no error.
package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// Secrets reads the Secrets of policies. The returned map and its values are never
// changed in place: a rotated Secret is another map.
type Secrets interface {
	Secret(tenant, name string) (map[string][]byte, error)
}

// Endpoints says which endpoints this installation may reach.
type Endpoints interface {
	// Allows judges an address of the form host:port.
	Allows(address string) bool
}

// Options are the bounds of signing in. Zero values mean the defaults.
type Options struct {
	// Now is the clock. It must be given.
	Now func() time.Time
	// Timeout bounds one call to an issuer, since a person waits: 5 s.
	Timeout time.Duration
	// Fresh is how long an issuer's description and keys are used before they are read
	// anew: 1 h. A key that is new is looked for at once.
	Fresh time.Duration
	// Pause is how long an issuer that did not answer is not asked again: 2 s.
	Pause time.Duration
}

// Issuers implements flow.Issuers.
type Issuers struct {
	secrets Secrets
	allow   Endpoints
	options Options

	mu    sync.Mutex
	known map[key]*issuer
}

// New returns Issuers that know nothing yet. options.Now must be set.
func New(secrets Secrets, allow Endpoints, options Options) *Issuers {
	if options.Timeout == 0 {
		options.Timeout = 5 * time.Second
	}
	if options.Fresh == 0 {
		options.Fresh = time.Hour
	}
	if options.Pause == 0 {
		options.Pause = 2 * time.Second
	}
	return &Issuers{secrets: secrets, allow: allow, options: options, known: map[key]*issuer{}}
}

// AuthURL is where the browser signs in. It returns rules.ErrIssuer where the issuer
// cannot be asked.
func (i *Issuers) AuthURL(ctx context.Context, tenant string, at policy.OIDC, s session.SignIn) (string, error) {
	a, err := i.find(ctx, tenant, at)
	if err != nil {
		return "", failed(tenant, at, err)
	}
	return a.config(at, s).AuthCodeURL(s.State, oidc.Nonce(s.Nonce), oauth2.S256ChallengeOption(s.Verifier),
		oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(session.SignInAge.Seconds())))), nil
}

// Redeem turns the code that a browser brought back into the issuer's word. iss is what
// the answer says of its own issuer (RFC 9207), empty where it says nothing. Refusals are
// session.ErrAssertion, or rules.ErrIssuer where the issuer cannot be asked.
func (i *Issuers) Redeem(ctx context.Context, tenant string, at policy.OIDC, s session.SignIn, code, iss string) (session.Assertion, error) {
	a, err := i.find(ctx, tenant, at)
	if err != nil {
		return session.Assertion{}, failed(tenant, at, err)
	}
	if (iss != "" || a.namesItself) && iss != at.Issuer {
		return session.Assertion{}, failed(tenant, at, refused("the answer comes from another issuer"))
	}
	raw, err := a.exchange(ctx, at, s, code)
	if err != nil {
		return session.Assertion{}, failed(tenant, at, err)
	}
	assertion, err := a.verify(ctx, at, raw, i.options.Now)
	if err != nil {
		return session.Assertion{}, failed(tenant, at, err)
	}
	return assertion, nil
}

func (a answers) config(at policy.OIDC, s session.SignIn) *oauth2.Config {
	return &oauth2.Config{
		ClientID: at.ClientID, ClientSecret: a.secret, RedirectURL: s.Redirect, Scopes: []string{oidc.ScopeOpenID},
		Endpoint: oauth2.Endpoint{AuthURL: a.authURL, TokenURL: a.tokenURL, AuthStyle: a.style},
	}
}

// exchange returns the ID token as it came; the access token is dropped.
func (a answers) exchange(ctx context.Context, at policy.OIDC, s session.SignIn, code string) (string, error) {
	token, err := a.config(at, s).Exchange(oidc.ClientContext(ctx, a.client), code, oauth2.VerifierOption(s.Verifier))
	var answer *oauth2.RetrieveError
	switch {
	case errors.As(err, &answer):
		return "", judge(answer)
	case err != nil:
		return "", unreachable("its token endpoint", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok || raw == "" {
		return "", broken("its token endpoint gave no id_token")
	}
	return raw, nil
}

// judge tells a code that is no good from an issuer that does not know this client. Only
// what the standard names is read of the answer.
func judge(answer *oauth2.RetrieveError) error {
	status := 0
	if answer.Response != nil {
		status = answer.Response.StatusCode
	}
	switch {
	case answer.ErrorCode == "invalid_client" || status == http.StatusUnauthorized:
		return broken("it refuses Holdfast's own clientID or secret")
	case answer.ErrorCode == "invalid_grant":
		return refused("the code is not one of this sign-in, or was used")
	default:
		return broken(fmt.Sprintf("its token endpoint answered %d", status))
	}
}

// verify checks signature, issuer, audience and expiry, and reads who signed in when.
func (a answers) verify(ctx context.Context, at policy.OIDC, raw string, now func() time.Time) (session.Assertion, error) {
	keys := &keyRing{set: a.keys}
	verifier := oidc.NewVerifier(at.Issuer, keys, &oidc.Config{ClientID: at.ClientID, SupportedSigningAlgs: a.algorithms, Now: now})
	token, err := verifier.Verify(ctx, raw)
	switch {
	case keys.away != nil:
		return session.Assertion{}, unreachable("its keys", keys.away)
	case err != nil:
		return session.Assertion{}, refused("signature, issuer, audience or expiry is wrong")
	}
	var claims struct {
		AuthTime json.Number `json:"auth_time"`
		Party    *string     `json:"azp"`
	}
	if err := token.Claims(&claims); err != nil {
		return session.Assertion{}, refused("its claims cannot be read")
	}
	// OpenID Connect Core 3.1.3.7, 4 and 5.
	if (claims.Party != nil || len(token.Audience) > 1) && (claims.Party == nil || *claims.Party != at.ClientID) {
		return session.Assertion{}, refused("it was given to another client")
	}
	assertion := session.Assertion{Subject: token.Subject, Nonce: token.Nonce}
	if seconds, err := claims.AuthTime.Float64(); err == nil && seconds > 0 {
		assertion.SignedIn = time.Unix(int64(seconds), 0).UTC()
	}
	return assertion, nil
}

// keyRing tells keys that could not be read from a signature that is wrong, which the
// verifier words alike.
type keyRing struct {
	set  oidc.KeySet
	away error
}

// VerifySignature implements oidc.KeySet.
func (k *keyRing) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.set.VerifySignature(ctx, jwt)
	if errors.Unwrap(err) != nil { // the set wraps why it could not read its keys, and nothing else
		k.away = err
	}
	return payload, err
}

func refused(why string) error { return fmt.Errorf("%w: %s", session.ErrAssertion, why) }
func broken(what string) error { return fmt.Errorf("%w: %s", rules.ErrIssuer, what) }

// unreachable says what could not be had, and nothing of what came in its place.
func unreachable(what string, err error) error {
	var barred *barred
	if errors.As(err, &barred) {
		return broken(what + " " + barred.why)
	}
	return broken(what + " cannot be read")
}

// failed names whose issuer it is.
func failed(tenant string, at policy.OIDC, err error) error {
	return fmt.Errorf("issuer %s of namespace %s: %w", at.Issuer, tenant, err)
}
