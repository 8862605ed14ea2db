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
	Now       time.Time
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
)

// Accept is everything that one transaction needs to accept a right code.
type Accept struct {
	Challenge Challenge
	// NewSecret is the hash of the flow's next credential.
	NewSecret [32]byte
	Now       time.Time
}
