// Package disowned holds the rules of destinations of which somebody who gets messages
// there said that the account is not theirs: an address was mistyped, or a number has
// another holder now (seed 41). Such a word is a courtesy to a stranger and a warning to
// the owner. Nobody has proved who says it, so it takes no protection from the account: it
// removes no listed contact, silences no notice and leaves nobody without a way.
package disowned

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
)

// Rest is how long a destination gets no codes of the account: as long as a new contact
// takes until it counts (seed 32).
const Rest = 720 * time.Hour

// Mark is what is remembered of a destination.
type Mark struct {
	// At is when somebody said it; zero where nobody did.
	At time.Time
}

// Until is when the destination gets codes again by itself; zero where it never rested.
func (m Mark) Until() time.Time {
	if m.At.IsZero() {
		return time.Time{}
	}
	return m.At.Add(Rest)
}

// Rests reports whether codes are kept from the destination at now.
func (m Mark) Rests(now time.Time) bool { return now.Before(m.Until()) }

// Concerns reports whether codes of a purpose rest at all. Those that cancel never do:
// whoever reads a mailbox once must not keep its owner from stopping a thief (law 8, seed
// 34).
func Concerns(p code.Purpose) bool { return p != code.Cancel }

// EndsFlow reports whether a report of a code ends the flow that asked for it and pauses
// its network. Where somebody typed an address that is none of the account's contacts, it
// was most likely mistyped: the destination rests, and whoever asked may type another one.
func EndsFlow(kind code.ReportKind, listed bool) bool {
	return kind != code.NotMyAccount || listed
}
