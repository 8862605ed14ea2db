// Package message holds what waits in the outbox and what leaves it.
package message

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// Kind says whether a message carries a code or tells something.
type Kind string

// The kinds of messages.
const (
	Code   Kind = "Code"
	Notice Kind = "Notice"
)

// Notices that are told to contacts; change.Record.Notice names those of changes.
const (
	NoticeImported         = "SecurityInfoImported"
	NoticeReleased         = "AccountReleased"
	NoticeReleasedEntered  = "AccountReleasedByEnteredNumber"
	NoticeContactDisabled  = "SecurityInfoDisabled"
	NoticeContactDisowned  = "SecurityInfoDisowned"
	NoticeRecoveryReceived = "RecoveryReceived"
	NoticeRecoveryDecided  = "RecoveryDecided"
)

// State is where a message stands.
type State string

// The states of a message. A dead one is given up and shows in status and metrics.
const (
	Waiting State = "Waiting"
	Sent    State = "Sent"
	Dead    State = "Dead"
)

// Message is a row of the outbox. It holds no code: the courier derives it when
// it sends.
type Message struct {
	ID      string
	Tenant  string
	Account string
	Kind    Kind
	// Notice is the notice's name where Kind is Notice.
	Notice string
	// About is what the notice tells of, where it is one of a change, a contact or a
	// recovery.
	About About
	// Challenge is the whole challenge where Kind is Code.
	Challenge code.Challenge
	Channel   contact.Channel
	// Address is the opened destination: in memory only, sealed at rest.
	Address  string
	Language string
	Attempts int
	// Handed is how often it was handed to a provider without an answer that is known:
	// so often at most it has been sent already.
	Handed int
	// NotBefore is when it may be sent next. Of a leased message it is the end of the
	// lease, which no other lease of it shares.
	NotBefore time.Time
	// Expires is when sending it makes no sense any more.
	Expires time.Time
	Created time.Time
}

// Rendered is a message as it leaves: the code stands in the body alone.
type Rendered struct {
	// ID makes sending idempotent where the provider supports it.
	ID      string
	Channel contact.Channel
	// From is the sender as the policy names it.
	From     string
	FromName string
	To       string
	Subject  string
	Text     string
	HTML     string
	Language string
	// ReceiptURL is where the provider may tell what became of the message; empty for
	// nowhere. It names the message.
	ReceiptURL string
	// HandOver, unless nil, is called right before the provider is given what it cannot
	// be asked back for; an error stops the sending.
	HandOver func() error
}

// MaxHanded is how often a message is handed over without a known answer: then it is
// given up, for another time could be a third copy.
const MaxHanded = 2

// Lane is a share of the courier: one channel of one tenant, or, where it names no
// channel, all of them.
type Lane struct {
	Tenant  string
	Channel contact.Channel
}

// DeadLetters are messages that were given up for one class of failure.
type DeadLetters struct {
	Class ErrorClass
	Count int
	// Last is when the latest one was given up.
	Last time.Time
}

// ErrorClass is what a failed sending amounts to; the provider's own words stay
// with the provider.
type ErrorClass string

// The classes of delivery errors.
const (
	// Temporary failures are tried again.
	Temporary ErrorClass = "Temporary"
	// Rejected means this destination is refused for good.
	Rejected ErrorClass = "Rejected"
	// Misconfigured means credentials, endpoint or TLS are wrong: nobody gets mail.
	Misconfigured ErrorClass = "Misconfigured"
	// Unreachable means that the provider does not answer.
	Unreachable ErrorClass = "Unreachable"
	// Unknown means that the message was handed over and no answer came: it may have
	// been sent.
	Unknown ErrorClass = "Unknown"
)

// Error is a failed sending or check of a provider.
type Error struct {
	Class ErrorClass
	// Provider is the provider's name in the policy.
	Provider string
	// Step is where it failed: dial, tls, greeting, auth, send.
	Step string
	// RetryAfter is how long the provider wants no calls, 0 where it did not say.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	return "provider " + e.Provider + ": " + string(e.Class) + " at " + e.Step
}

// RetryIn is the wait before attempt n+1: one second, doubled, at most a minute.
func RetryIn(attempts int) time.Duration {
	return min(time.Second<<min(attempts, 6), time.Minute)
}

// Delivery is how far the message of a challenge has come.
type Delivery struct {
	State State
	// Class is the class of the last failure, empty if none.
	Class ErrorClass
}
