package shop

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// The actions, signals and answers of Holdfast that the shop uses.
const (
	actionAttempt            = "Attempt"
	actionSignIn             = "SignIn"
	actionChangeSecurityInfo = "ChangeSecurityInfo"
	actionPayment            = "Payment"

	signalFailedSignIn    = "FailedSignIn"
	signalSignIn          = "SignIn"
	signalPasswordChanged = "PasswordChanged"

	methodPassword = "Password"

	allow     = "Allow"
	deny      = "Deny"
	challenge = "Challenge"
)

// outcome of a sign-in.
type outcome int

const (
	// refused tells nothing: a wrong password, an unknown name, a network that is blocked.
	refused outcome = iota
	signedIn
	// challenged asks the person to prove first that they can receive a code.
	challenged
	blocked
	unavailable
)

// result of a sign-in, with what Holdfast says of it.
type result struct {
	outcome  outcome
	account  Account
	decision Decision
}

// signIn asks Holdfast before the password is looked at, and again once it is right:
// only who knows the password learns that the account is blocked.
func (s *Shop) signIn(ctx context.Context, id, password, network string) result {
	before, err := s.decide(ctx, id, actionAttempt, network)
	switch {
	case answered(err, http.StatusUnprocessableEntity):
		// No account can have such a name.
		return result{outcome: refused}
	case err != nil:
		return result{outcome: unavailable}
	}
	account, right := s.accounts.Check(id, password)
	if before.Decision == deny {
		return result{outcome: refused}
	}
	if !right {
		s.signal(ctx, id, signalFailedSignIn, network, methodPassword)
		return result{outcome: refused}
	}
	after, err := s.decide(ctx, id, actionSignIn, network)
	switch {
	case err != nil:
		return result{outcome: unavailable}
	case after.Decision == deny:
		return result{outcome: blocked, account: account, decision: after}
	case after.Decision == challenge:
		return result{outcome: challenged, account: account, decision: after}
	}
	s.signal(ctx, id, signalSignIn, network, "")
	return result{outcome: signedIn, account: account, decision: after}
}

// decide fails closed: where Holdfast does not answer nobody signs in, unless the shop
// was told to fail open.
func (s *Shop) decide(ctx context.Context, account, action, network string) (Decision, error) {
	d, err := s.holdfast.Decide(ctx, account, action, network)
	if err != nil {
		s.log.Print(err)
		if s.failOpen {
			return Decision{Decision: allow}, nil
		}
	}
	return d, err
}

// signal reports and goes on: a signal that is lost must keep nobody out.
func (s *Shop) signal(ctx context.Context, account, signal, network, method string) {
	if err := s.holdfast.Signal(ctx, account, signal, network, method); err != nil {
		s.log.Print(err)
	}
}

// ImportContacts hands the verified contacts of all accounts to Holdfast, and tries
// again until it has taken each, or said that it has them already.
func (s *Shop) ImportContacts(ctx context.Context, every time.Duration) {
	for _, account := range s.accounts.All() {
		for !s.imported(ctx, account) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
			}
		}
	}
}

func (s *Shop) imported(ctx context.Context, account Account) bool {
	err := s.holdfast.Import(ctx, account)
	if err == nil || answered(err, http.StatusConflict) {
		return true
	}
	if ctx.Err() == nil {
		s.log.Printf("import contacts of %s: %v", account.ID, err)
	}
	return false
}

func answered(err error, status int) bool {
	var answer *statusError
	return errors.As(err, &answer) && answer.status == status
}
