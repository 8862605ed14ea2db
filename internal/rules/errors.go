// Package rules holds the few errors that cross rooms. Each says which answer a
// surface gives; none carries a code, an address or an account.
package rules

import (
	"errors"
	"fmt"
	"time"
)

// The errors of the use cases and the memory.
var (
	// ErrNotFound: no such thing, or not for this caller.
	ErrNotFound = errors.New("not found")
	// ErrNoFlow: the credential opens no live flow.
	ErrNoFlow = errors.New("this page has expired or was opened in another browser")
	// ErrTicketUsed: the ticket has already opened a flow.
	ErrTicketUsed = errors.New("this link was already used")
	// ErrGone: the challenge was consumed, replaced or has expired.
	ErrGone = errors.New("this code has expired or was replaced")
	// ErrSpent: the challenge takes no more attempts.
	ErrSpent = errors.New("too many wrong codes")
	// ErrWrongCode: the code is wrong; the attempt was counted.
	ErrWrongCode = errors.New("the code is not right")
	// ErrOrder: a step was asked for before the one that it needs.
	ErrOrder = errors.New("another step comes first")
	// ErrOver: the block has ended; there is nothing left to do.
	ErrOver = errors.New("the block has already ended")
	// ErrNoRoute: no provider of the policy serves this channel.
	ErrNoRoute = errors.New("no provider serves this channel")
	// ErrDestination: the contact or number is not one that this code may go to.
	ErrDestination = errors.New("a code cannot be sent there")
	// ErrRecorded: the account has, or had, security info already.
	ErrRecorded = errors.New("the account already has security info")
	// ErrOpenMatter: a block, change or recovery of the account is open.
	ErrOpenMatter = errors.New("the account has an open block, change or recovery")
	// ErrKeyReused: the key of a request was used for another request.
	ErrKeyReused = errors.New("the Idempotency-Key was used for another request")
	// ErrIdentityRefused: the IdP does not take the password.
	ErrIdentityRefused = errors.New("the service refused this password")
	// ErrIdentity: the IdP did not answer; nothing was changed.
	ErrIdentity = errors.New("the service that keeps the password did not answer")
	// ErrIssuer: the issuer at which people sign in did not answer, or not as agreed.
	ErrIssuer = errors.New("the service at which people sign in did not answer")
	// ErrSignIn: a sign-in was not finished: refused at the issuer, begun in another browser,
	// too old, or for an account that is not signed in there.
	ErrSignIn = errors.New("the sign-in was not finished")
	// ErrBlocked: the account may not do this as long as it is blocked.
	ErrBlocked = errors.New("the account is blocked")
	// ErrUnauthenticated: the caller's token is no good for this audience.
	ErrUnauthenticated = errors.New("the token is missing, expired or not for the audience holdfast")
	// ErrForbidden: the caller is known and may not do this.
	ErrForbidden = errors.New("not allowed")
	// ErrUnavailable: the memory does not answer now; nothing was changed.
	ErrUnavailable = errors.New("the store does not answer")
)

// LimitError says that something was asked for too often.
type LimitError struct {
	// Subject is account, contact, network, prefix, country, number, resend, method,
	// disowned (seed 41), or spend, spend-country and lookup, which are the policy's own and
	// nobody's failure (T6).
	Subject    string
	RetryAfter time.Duration
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many requests for this %s; try again in %s", e.Subject, e.RetryAfter.Round(time.Second))
}
