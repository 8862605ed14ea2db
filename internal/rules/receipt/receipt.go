// Package receipt holds what a provider tells of a message after it has taken it, and
// what a person is advised to do. Receipts prove nothing, refund nothing and disable
// nothing: anybody's phone may be off.
package receipt

import (
	"errors"
	"time"
)

// The refusals of receipts.
var (
	// ErrUnproven refuses one that its provider has not signed, and every one of a provider
	// that is unknown or signs nothing: they are answered alike.
	ErrUnproven = errors.New("nobody has proved to be the provider of this receipt")
	// ErrUnreadable refuses one that its provider has signed and that says nothing known.
	ErrUnreadable = errors.New("the receipt tells no known outcome")
)

// Outcome is what became of a message.
type Outcome string

// The outcomes. None is told while the message is still under way.
const (
	// Delivered means that the phone or the mailbox has taken it, or that the call was
	// answered, be it by a machine.
	Delivered Outcome = "Delivered"
	// Unreachable means that it was not taken at this time: the phone is off, its inbox is
	// full, nobody picked up.
	Unreachable Outcome = "Unreachable"
	// Rejected means that this destination takes no such message.
	Rejected Outcome = "Rejected"
	// Failed is every other end.
	Failed Outcome = "Failed"
)

// Reason is why a destination rejects a message; empty where nobody said.
type Reason string

// The reasons (seed 7, 17, 20, 55).
const (
	// Landline takes no texts.
	Landline Reason = "Landline"
	// VoIP is an internet number.
	VoIP Reason = "VoIP"
	// UnknownSubscriber means that the carrier knows no such number, or the mail server no
	// such address.
	UnknownSubscriber Reason = "UnknownSubscriber"
	// Blocked means that the phone, its owner or the carrier refuses the sender.
	Blocked Reason = "Blocked"
)

// Receipt is what a provider tells of one message.
type Receipt struct {
	// Tenant is that of the provider who signed it: it tells of no other's messages.
	Tenant string
	// Message is the outbox's ID.
	Message string
	Outcome Outcome
	// Reason is empty unless the outcome is Rejected.
	Reason Reason
	// At is when it came.
	At time.Time
}

// Valid reports whether outcome and reason are known and go together.
func (r Receipt) Valid() bool {
	switch r.Outcome {
	case Delivered, Unreachable, Failed:
		return r.Reason == ""
	case Rejected:
		switch r.Reason {
		case "", Landline, VoIP, UnknownSubscriber, Blocked:
			return true
		}
	}
	return false
}

// Call is a call by which a provider tells of a message, before anybody has proved who
// makes it.
type Call struct {
	// URL is the address of the receipt as this installation gave it out.
	URL string
	// Message is the ID that stands in the URL; only a signature that covers the URL
	// vouches for it.
	Message string
	// Header reads one header of the call.
	Header func(name string) string
	Body   []byte
}
