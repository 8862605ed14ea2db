// Package contact holds the rules of security info: channels, masks and which
// contact may do what.
package contact

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Channel is a way by which a message reaches a person.
type Channel string

// The channels.
const (
	Email Channel = "Email"
	SMS   Channel = "SMS"
	Voice Channel = "Voice"
	App   Channel = "App"
)

// Standing says what a contact may do.
type Standing string

// The standings of a contact. A junior contact never steps up, releases, cancels
// or recovers; a disabled one is told and counts, but gets no code (N4).
const (
	Full     Standing = "Full"
	Junior   Standing = "Junior"
	Disabled Standing = "Disabled"
	// Pending is a new contact whose own code is not proven yet: it counts for nothing
	// (N12).
	Pending Standing = "Pending"
)

// Origin says what vouched for a contact when it was added.
type Origin string

// The origins of a contact.
const (
	// First: written by the IdP, or while absence was proved. The zero Origin is First.
	First Origin = ""
	// Vouched: added with a code to a contact that was known, or after a hold.
	Vouched Origin = "Vouched"
	// Alone: added with no more than a password. Time makes it full, never long known.
	Alone Origin = "Alone"
)

// KnownAfter is how long a contact must be full before the others may go without a hold.
const KnownAfter = 720 * time.Hour

// Contact is one piece of security info of an account.
type Contact struct {
	// ID is opaque and stable within the account.
	ID      string
	Channel Channel
	// Address is an email address or an E.164 number. It is secret: it leaves the
	// process only towards a provider.
	Address  string
	Standing Standing
	// Language is the BCP 47 tag frozen when the contact was added (seed 40).
	Language string
	Added    time.Time
	Origin   Origin
	// Since is the instant from which a contact that was added here is full: that of a
	// junior one lies ahead. Zero for those of an import.
	Since time.Time
	// Was is what a disabled contact is again once it is enabled; empty for others.
	Was Standing
	// Proven is when a code to this contact was last accepted, or the IdP vouched.
	Proven time.Time
	// Disowned is when somebody who gets messages there said that the account is not
	// theirs; zero where nobody did, or where the contact was proven since.
	Disowned time.Time
}

// Book is the security info of an account.
type Book struct {
	// Recorded is false where nothing was ever written: that is not absence
	// (law 13).
	Recorded bool
	// Cleared says that a help desk emptied the book: the person registers at the next
	// sign-in (seed 45).
	Cleared  bool
	Contacts []Contact
}

// Absent reports that the account is known to have no security info.
func (b Book) Absent() bool { return b.Recorded && len(b.Contacts) == 0 }

// Find returns the contact with the given ID.
func (b Book) Find(id string) (Contact, bool) {
	for _, c := range b.Contacts {
		if c.ID == id {
			return c, true
		}
	}
	return Contact{}, false
}

// Releasing lists the contacts to which a code may go that releases a block.
func (b Book) Releasing() []Contact {
	var full []Contact
	for _, c := range b.Contacts {
		if c.Standing == Full {
			full = append(full, c)
		}
	}
	return full
}

// At is the contact as it stands at now: a junior one is full once its time is over.
func (c Contact) At(now time.Time) Contact {
	matured := !c.Since.IsZero() && !now.Before(c.Since)
	if matured && c.Standing == Junior {
		c.Standing = Full
	}
	if matured && c.Was == Junior {
		c.Was = Full
	}
	return c
}

// Known reports whether the contact was full for KnownAfter, or is the account's first:
// while one of those stays, the others may go without a hold. A disabled one counts.
func (c Contact) Known(now time.Time) bool {
	c = c.At(now)
	full := c.Standing == Full || (c.Standing == Disabled && c.Was != Junior)
	switch {
	case !full || c.Origin == Alone:
		return false
	case c.Origin == First:
		return true
	default:
		return !c.Since.IsZero() && !now.Before(c.Since.Add(KnownAfter))
	}
}

// Mask shows the last two digits of a number or the first two characters of an
// email address and nothing else (seed 22). An email keeps its domain hidden.
func (c Contact) Mask() string { return Mask(c.Channel, c.Address) }

// Mask is the mask of an address on a channel (seed 22).
func Mask(channel Channel, address string) string {
	if channel == Email {
		local, _, _ := strings.Cut(address, "@")
		return firstRunes(local, 2) + "•••@•••"
	}
	if len(address) < 4 {
		return "••••"
	}
	return "•••• " + address[len(address)-2:]
}

// MaskAccount shortens an account ID for a page: its first two characters.
func MaskAccount(account string) string { return firstRunes(account, 2) + "•••" }

// firstRunes returns at most n runes of s and never all of them.
func firstRunes(s string, n int) string {
	n = min(n, utf8.RuneCountInString(s)-1)
	for i := range s {
		if n <= 0 {
			return s[:i]
		}
		n--
	}
	return s
}
