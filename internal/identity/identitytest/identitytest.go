// Package identitytest is the contract of an identity adapter: every adapter
// passes it, against a real server of its kind.
package identitytest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"holdfast.dev/holdfast/internal/identity"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Deed is what the IdP was told and has done.
type Deed struct {
	// Verb is SetPassword, RequirePasswordChange or RevokeSessions.
	Verb      string
	Namespace string
	Account   string
	Password  string
	// Sessions reports that the account's sessions were ended.
	Sessions bool
}

// Harness is an adapter with the real server that it tells.
type Harness interface {
	identity.Identity
	// Policy is a policy that names the adapter and its Secret.
	Policy() policy.Policy
	// Deeds lists what was done; calls with one key are one deed.
	Deeds() []Deed
	// Calls is how many calls have reached the server.
	Calls() int
	// RefusePasswords makes the server take no password.
	RefusePasswords()
	// Break makes the next n calls fail in a way that passes.
	Break(n int)
	// LosePermission makes the server refuse Holdfast itself.
	LosePermission()
	// RotateSecret changes the credentials on both sides.
	RotateSecret()
	// ForgetSecret deletes the Secret on Holdfast's side.
	ForgetSecret()
}

const password = "a quiet harbour at dusk"

// Run runs the contract; start starts a fresh IdP each time.
func Run(t *testing.T, start func(t *testing.T) Harness) {
	tests := map[string]func(*testing.T, Harness){
		"a password is set and sessions end":            passwordSet,
		"a password change is required":                 changeRequired,
		"sessions are revoked":                          sessionsRevoked,
		"calls with one key are one deed":               oneKey,
		"a refused password is ErrIdentityRefused":      refused,
		"a failure that passes is tried again":          passing,
		"a failure that stays is ErrIdentity":           staying,
		"lost permission is ErrIdentity":                lostPermission,
		"rotated credentials take effect":               rotated,
		"a missing Secret is ErrIdentity":               forgotten,
		"a request that has ended is ErrIdentity":       ended,
		"errors tell neither password nor account":      silent,
		"namespace and account arrive as they are":      verbatim,
		"a refused deed that is no password is no such": refusedOther,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func set(idp Harness, key string) error {
	return idp.SetPassword(context.Background(), idp.Policy(), "u-1", password, key)
}

func expectDeeds(t *testing.T, idp Harness, want ...Deed) {
	t.Helper()
	if got := idp.Deeds(); !slices.Equal(got, want) {
		t.Errorf("deeds: got %+v, want %+v", got, want)
	}
}

// expectError wants the error and, for ErrIdentity, nothing that looks refused.
func expectError(t *testing.T, err, want error) {
	t.Helper()
	refusal := errors.Is(err, rules.ErrIdentityRefused)
	if !errors.Is(err, want) || refusal != errors.Is(want, rules.ErrIdentityRefused) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func setDeed(idp Harness) Deed {
	return Deed{"SetPassword", idp.Policy().Tenant, "u-1", password, true}
}

func passwordSet(t *testing.T, idp Harness) {
	if err := set(idp, "k-1"); err != nil {
		t.Fatal(err)
	}
	expectDeeds(t, idp, setDeed(idp))
}

func changeRequired(t *testing.T, idp Harness) {
	if err := idp.RequirePasswordChange(context.Background(), idp.Policy(), "u-1", "k-1"); err != nil {
		t.Fatal(err)
	}
	expectDeeds(t, idp, Deed{"RequirePasswordChange", idp.Policy().Tenant, "u-1", "", false})
}

func sessionsRevoked(t *testing.T, idp Harness) {
	if err := idp.RevokeSessions(context.Background(), idp.Policy(), "u-1", "k-1"); err != nil {
		t.Fatal(err)
	}
	expectDeeds(t, idp, Deed{"RevokeSessions", idp.Policy().Tenant, "u-1", "", true})
}

func oneKey(t *testing.T, idp Harness) {
	for _, key := range []string{"k-1", "k-1", "k-2"} {
		if err := set(idp, key); err != nil {
			t.Fatal(err)
		}
	}
	expectDeeds(t, idp, setDeed(idp), setDeed(idp))
}

func refused(t *testing.T, idp Harness) {
	idp.RefusePasswords()
	expectError(t, set(idp, "k-1"), rules.ErrIdentityRefused)
	expectDeeds(t, idp)
	if idp.Calls() != 1 {
		t.Errorf("a refusal was asked for %d times, want once", idp.Calls())
	}
}

func refusedOther(t *testing.T, idp Harness) {
	idp.LosePermission()
	expectError(t, idp.RevokeSessions(context.Background(), idp.Policy(), "u-1", "k-1"), rules.ErrIdentity)
	expectError(t, idp.RequirePasswordChange(context.Background(), idp.Policy(), "u-1", "k-2"), rules.ErrIdentity)
}

func passing(t *testing.T, idp Harness) {
	idp.Break(2)
	if err := set(idp, "k-1"); err != nil {
		t.Fatal(err)
	}
	expectDeeds(t, idp, setDeed(idp))
	if idp.Calls() != 3 {
		t.Errorf("%d calls, want 3", idp.Calls())
	}
}

func staying(t *testing.T, idp Harness) {
	idp.Break(1000)
	expectError(t, set(idp, "k-1"), rules.ErrIdentity)
	if idp.Calls() != 3 {
		t.Errorf("%d calls, want 3", idp.Calls())
	}
	expectDeeds(t, idp)
}

func lostPermission(t *testing.T, idp Harness) {
	idp.LosePermission()
	expectError(t, set(idp, "k-1"), rules.ErrIdentity)
	expectDeeds(t, idp)
}

func rotated(t *testing.T, idp Harness) {
	if err := set(idp, "k-1"); err != nil {
		t.Fatal(err)
	}
	idp.RotateSecret()
	if err := set(idp, "k-2"); err != nil {
		t.Fatal(err)
	}
}

func forgotten(t *testing.T, idp Harness) {
	idp.ForgetSecret()
	expectError(t, set(idp, "k-1"), rules.ErrIdentity)
	if idp.Calls() != 0 {
		t.Errorf("%d calls without a Secret", idp.Calls())
	}
}

func ended(t *testing.T, idp Harness) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	expectError(t, idp.SetPassword(ctx, idp.Policy(), "u-1", password, "k-1"), rules.ErrIdentity)
	expectDeeds(t, idp)
}

func silent(t *testing.T, idp Harness) {
	idp.Break(3)
	err1 := idp.SetPassword(context.Background(), idp.Policy(), "ada-lovelace", password, "k-1")
	idp.RefusePasswords()
	err2 := idp.SetPassword(context.Background(), idp.Policy(), "ada-lovelace", password, "k-2")
	for _, err := range []error{err1, err2} {
		if err == nil || strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "ada-lovelace") || strings.Contains(err.Error(), "the IdP says") {
			t.Errorf("got %v", err)
		}
	}
}

func verbatim(t *testing.T, idp Harness) {
	account, odd := `аккаунт/"7"<&>`, "pässwörd \"<&>\u2028 'x'"
	if err := idp.SetPassword(context.Background(), idp.Policy(), account, odd, "k-1"); err != nil {
		t.Fatal(err)
	}
	expectDeeds(t, idp, Deed{"SetPassword", idp.Policy().Tenant, account, odd, true})
}
