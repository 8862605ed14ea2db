package code

import (
	"cmp"
	"time"

	"holdfast.dev/holdfast/internal/rules/limit"
)

// Issue is everything that one transaction needs to issue a code.
type Issue struct {
	Challenge Challenge
	// Address is where the code goes; the store seals it. Empty repeats the
	// flow's current one: sealed address, Destination and Hint are taken over.
	Address string
	// Entered marks a number that the person typed; PerNumber is how many accounts
	// one may serve in which time.
	Entered   bool
	PerNumber limit.Rate
	// Network asked for it, as its limit knows it; empty where that is unknown.
	Network string
	// Limits are the rates that a code to an address takes from. The store asks, for
	// it alone knows the address that is repeated.
	Limits         func(address string) []Limit
	MaxWrongPerDay int
	// ResendWaits are the policy's waits before the first and each later resend.
	ResendWaits []time.Duration
	MessageID   string
	// Once names the request, so that repeating it issues nothing more.
	Once Once
	Now  time.Time
}

// Once makes a repeated request one deed: within the flow, a key that was answered
// before is answered so again. Both are keyed hashes, since a client may write
// anything into its key, and a fingerprint covers a number that was typed.
type Once struct {
	// Key names the request within its flow; empty means that each one counts.
	Key string
	// Fingerprint tells it from another request under the same key.
	Fingerprint string
}

// Limit is one rate to take from.
type Limit struct {
	// Subject is account, contact, network, prefix or country; ID which one.
	Subject string
	ID      string
	// Secret stands in place of an ID that nobody may read; the store hashes it.
	Secret string
	Rate   limit.Rate
}

// Prefix is what the numbers of one block of a carrier share: the number without its
// last four digits (T3).
func Prefix(number string) string { return number[:max(len(number)-4, 0)] }

// NoticeBudget names the budget of a contact that was told of a change and follows the
// link: who knows the password spends the account's, and so cannot keep anybody from
// cancelling (law 8).
func NoticeBudget(account, contactID string) string { return "notice " + contactID + " " + account }

// BudgetID is the subject whose wrong codes count together: the account, or one of its own.
func (c Challenge) BudgetID() string { return cmp.Or(c.Budget, c.Account) }

// Budget bounds the wrong codes that count whatever the challenge.
type Budget struct {
	// PerDay is for the account, in any stretch of WrongCodeWindow (N3).
	PerDay int
	// InARow is for the contact, until a right one; 0 is no bound (N4).
	InARow int
}

const (
	// LongestWindow is the longest time in which the accounts of a number count.
	LongestWindow = 720 * time.Hour
	// WrongCodeWindow is the time in which wrong codes of an account count.
	WrongCodeWindow = 24 * time.Hour
	// OnceLife is how long the key of a request is remembered; its flow lives shorter.
	OnceLife = 24 * time.Hour
)

// Accept is everything that one transaction needs to accept a right code.
type Accept struct {
	Challenge Challenge
	// PerNumber is how many accounts an entered number may serve in which time.
	PerNumber limit.Rate
	// NewSecret is the hash of the flow's next credential.
	NewSecret [32]byte
	Now       time.Time
}
