package session

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A change asks for an assurance; what nobody knows never covers one.
func TestCovers(t *testing.T) {
	for _, c := range []struct {
		has, wanted Assurance
		want        bool
	}{
		{Password, Password, true}, {StepUp, Password, true}, {StepUp, StepUp, true},
		{Password, StepUp, false}, {"", Password, false}, {"", "", false}, {StepUp, "", false},
		{"password", Password, false}, {"Root", Password, false}, {StepUp, "Root", false},
	} {
		if got := c.has.Covers(c.wanted); got != c.want {
			t.Errorf("%q covers %q: %v", c.has, c.wanted, got)
		}
	}
}

// The secrets of a sign-in follow from the browser's, and none of them from another.
func TestBind(t *testing.T) {
	a, b := Bind("browser-a"), Bind("browser-b")
	if a != Bind("browser-a") || a.Nonce == b.Nonce || a.Verifier == b.Verifier || BrowserID("browser-a") == BrowserID("browser-b") {
		t.Error("the secrets do not follow from the browser's")
	}
	seen := map[string]bool{}
	for _, s := range []string{a.Nonce, a.Verifier, BrowserID("browser-a"), "browser-a"} {
		if seen[s] {
			t.Error("two of them are the same")
		}
		seen[s] = true
	}
	if n := len(a.Verifier); n < 43 || n > 128 { // RFC 7636, 4.1
		t.Errorf("the verifier has %d characters", n)
	}
}

// An issuer's word counts for the sign-in that asked, while it is fresh, for an account.
func TestAssertion(t *testing.T) {
	begun := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := begun.Add(9 * time.Minute)
	for name, c := range map[string]struct {
		edit func(*Assertion)
		want bool
	}{
		"signed in on the way":                  {func(*Assertion) {}, true},
		"five minutes before, clocks apart":     {func(a *Assertion) { a.SignedIn = begun.Add(-SignInAge - SignInSkew) }, true},
		"a second longer ago":                   {func(a *Assertion) { a.SignedIn = begun.Add(-SignInAge - SignInSkew - time.Second) }, false},
		"its clock is a minute ahead":           {func(a *Assertion) { a.SignedIn = now.Add(SignInSkew) }, true},
		"its clock is more than a minute ahead": {func(a *Assertion) { a.SignedIn = now.Add(SignInSkew + time.Second) }, false},
		"it does not say when":                  {func(a *Assertion) { a.SignedIn = time.Time{} }, false},
		"another nonce":                         {func(a *Assertion) { a.Nonce = "other" }, false},
		"no nonce":                              {func(a *Assertion) { a.Nonce = "" }, false},
		"no subject":                            {func(a *Assertion) { a.Subject = "" }, false},
		"the longest subject":                   {func(a *Assertion) { a.Subject = strings.Repeat("x", 255) }, true},
		"a longer subject":                      {func(a *Assertion) { a.Subject = strings.Repeat("x", 256) }, false},
		"a subject with a line break":           {func(a *Assertion) { a.Subject = "a\nb" }, false},
		"a subject that is no text":             {func(a *Assertion) { a.Subject = "a\xff" }, false},
		"a subject that no object can name":     {func(a *Assertion) { a.Subject = "anna müller" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := Assertion{Subject: "anna", Nonce: "nonce", SignedIn: begun.Add(time.Minute)}
			c.edit(&a)
			err := a.Check("nonce", begun, now)
			if (err == nil) != c.want || err != nil && !errors.Is(err, ErrAssertion) {
				t.Errorf("Check = %v", err)
			}
		})
	}
	if err := (Assertion{Subject: "anna", SignedIn: now}).Check("", begun, now); err == nil {
		t.Error("no nonce matches no nonce")
	}
}
