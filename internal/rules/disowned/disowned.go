// Package disowned holds the rules of destinations of which somebody who gets messages
// there said that the account is not theirs: an address was mistyped, or a number has
// another holder now (seed 41). Such a word is a courtesy to a stranger and a warning to
// the owner. Nobody has proved who says it, so it takes no protection from the account: it
// removes no listed contact, silences no notice and leaves nobody without a way.
package disowned

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
)

// Rest is how long a destination gets no codes of the account: as long as a new contact
// takes until it counts (seed 32).
const Rest = 720 * time.Hour

// NotTheirs ends a change whose new contact is somebody else's.
const NotTheirs change.Reason = "NotTheirs"

// ByNotice is what whoever got the notice of a change says of its account.
type ByNotice struct {
	// Tenant and Message name the notice: nobody guesses its ID.
	Tenant, Message string
	Now             time.Time
}

// Until is when a destination gets codes again by itself, of which somebody said at an
// instant that the account is not theirs; zero where nobody did.
func Until(said time.Time) time.Time {
	if said.IsZero() {
		return time.Time{}
	}
	return said.Add(Rest)
}

// Drops reports whether a report of a code ends the change that the code was for: its new
// contact is somebody else's. What is on hold stays: nobody has to prove who they are to
// report, and a hold is never shortened.
func Drops(c code.Challenge, r change.Record, now time.Time) bool {
	return c.Purpose == code.AddContact && c.Object == r.Key.Name && r.State(now) == change.AwaitingCode
}

// Concerns reports whether codes of a purpose rest at all. Those that cancel never do:
// whoever reads a mailbox once must not keep its owner from stopping a thief (law 8, seed
// 34).
func Concerns(p code.Purpose) bool { return p != code.Cancel }

// EndsFlow reports whether a report of a code ends the flow that asked for it and pauses
// its network. Of a code that cancels it voids the code alone, whoever says it: a thief who
// reads the mailbox must not stop its owner. Where somebody typed an address that is none of
// the account's contacts, it was most likely mistyped: the destination rests, and whoever
// asked may type another one.
func EndsFlow(kind code.ReportKind, c code.Challenge) bool {
	return Concerns(c.Purpose) && (kind != code.NotMyAccount || c.ContactID != "")
}
