package session

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
)

// SigningIn is the purpose of what a browser carries to an issuer and back.
const SigningIn code.Purpose = "SigningIn"

const (
	// SignInLife is how long a person may take at the issuer.
	SignInLife = 10 * time.Minute
	// SignInAge is how old a sign-in may be that the issuer knows already when it is
	// asked: as old as a ticket may be.
	SignInAge = 5 * time.Minute
	// SignInSkew is how far the issuer's clock may be from ours.
	SignInSkew = time.Minute
)

// ErrAssertion says that an issuer's word is no good here. What follows it says why and
// holds nothing of the token.
var ErrAssertion = errors.New("the issuer's word is no good here")

// SignIn is one signing in at an issuer: what the browser carries there and what must
// come back.
type SignIn struct {
	// Redirect is the URL to which the issuer sends the browser back.
	Redirect string
	State    string
	Nonce    string
	// Verifier is the secret of PKCE: it never passes through the browser's address bar.
	Verifier string
}

// Bind returns a sign-in that only the browser can finish which keeps a secret: nonce and
// verifier follow from it, so that nothing has to be remembered here.
func Bind(browser string) SignIn {
	return SignIn{Nonce: derive("nonce", browser), Verifier: derive("verifier", browser)}
}

// BrowserID is what the state may say of a browser's secret.
func BrowserID(browser string) string { return derive("browser", browser) }

func derive(what, browser string) string {
	sum := sha256.Sum256([]byte("holdfast sign-in v1\x00" + what + "\x00" + browser))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Assertion is what an issuer says of a person; its signature, issuer, audience and
// expiry are checked already.
type Assertion struct {
	// Subject is the account's ID.
	Subject string
	Nonce   string
	// SignedIn is when the person gave their password or the like (auth_time); zero where
	// the issuer does not say.
	SignedIn time.Time
}

// Check refuses a word that was given for another sign-in, that is not fresh, or that
// names no account. begun is when this sign-in began.
func (a Assertion) Check(nonce string, begun, now time.Time) error {
	switch {
	case nonce == "" || a.Nonce != nonce:
		return refused("it was given for another sign-in")
	case a.SignedIn.IsZero():
		return refused("it does not say when the person signed in (auth_time), though it was asked (max_age)")
	case a.SignedIn.Before(begun.Add(-SignInAge - SignInSkew)):
		return refused("the person signed in too long ago")
	case a.SignedIn.After(now.Add(SignInSkew)):
		return refused("its clock is ahead")
	case !rules.Nameable(a.Subject):
		return refused("its subject is no ID of an account here: visible ASCII without a star, at most 255 characters")
	default:
		return nil
	}
}

func refused(why string) error { return fmt.Errorf("%w: %s", ErrAssertion, why) }
