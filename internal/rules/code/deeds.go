package code

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/limit"
)

// Issue is everything that one transaction needs to issue a code.
type Issue struct {
	Challenge Challenge
	// Address is where the code goes; the store seals it. Empty repeats the
	// flow's current one: sealed address, Destination and Hint are taken over.
	Address string
	// Entered marks a number that the person typed: it serves at most
	// EnteredNumberAccounts accounts in EnteredNumberWindow.
	Entered        bool
	Limits         []Limit
	MaxWrongPerDay int
	// FirstWait is the policy's wait before the first resend.
	FirstWait time.Duration
	MessageID string
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
	// Subject is account, contact or network; ID which one.
	Subject string
	ID      string
	Rate    limit.Rate
}

const (
	// EnteredNumberAccounts is how many accounts one entered number may release.
	EnteredNumberAccounts = 3
	// EnteredNumberWindow is the time in which they count.
	EnteredNumberWindow = 720 * time.Hour
	// WrongCodeWindow is the time in which wrong codes of an account count.
	WrongCodeWindow = 24 * time.Hour
	// OnceLife is how long the key of a request is remembered; its flow lives shorter.
	OnceLife = 24 * time.Hour
)

// Accept is everything that one transaction needs to accept a right code.
type Accept struct {
	Challenge Challenge
	// NewSecret is the hash of the flow's next credential.
	NewSecret [32]byte
	Now       time.Time
}
