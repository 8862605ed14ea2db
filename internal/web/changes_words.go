package web

import (
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/disowned"
)

// shownChange is a change in words.
type shownChange struct{ flow.Change }

func shownChanges(all []flow.Change) []shownChange {
	list := make([]shownChange, len(all))
	for i, c := range all {
		list[i] = shownChange{c}
	}
	return list
}

// Held reports whether the change is on hold.
func (c shownChange) Held() bool { return c.State == change.OnHold }

// Open reports whether the change waits for a code or a confirmation.
func (c shownChange) Open() bool { return c.State == change.AwaitingCode }

// Path is where the change goes on.
func (c shownChange) Path() string { return changePath(c.ID) }

// What says what the change does, did or was to do.
func (c shownChange) What() string {
	does := "is to be"
	switch {
	case c.State == change.Applied:
		does = "was"
	case c.State.Terminal():
		does = "was to be"
	}
	switch c.Action {
	case change.Add:
		return "A new contact " + does + " added"
	case change.Remove:
		return "Security info " + does + " removed"
	case change.Replace:
		return "All security info " + does + " replaced by a new contact"
	case change.Clear:
		return "All security info " + does + " cleared, at the request of your help desk"
	default:
		return "Your security info " + does + " changed"
	}
}

// Comes says of a new contact whether it is still to come, was added, or never was.
func (c shownChange) Comes() string {
	switch {
	case !c.State.Terminal():
		return "To be added"
	case c.State == change.Applied:
		return "Added"
	default:
		return "Not added"
	}
}

// Goes says of an old contact whether it is still to go, was removed, or stayed.
func (c shownChange) Goes() string {
	switch {
	case !c.State.Terminal():
		return "To be removed"
	case c.State == change.Applied:
		return "Removed"
	default:
		return "Not removed"
	}
}

// Meanwhile says what does not work until the day that was named before.
func (c shownChange) Meanwhile() string { return meanwhile(c.Restricted) }

func meanwhile(r change.Restriction) string {
	switch r {
	case change.SignIn:
		return "Until then nobody can sign in with the account, and nobody can pay with it."
	case change.SensitiveActions:
		return "Until then nobody can pay with the account, and its security settings are locked where you sign in. You can use it otherwise."
	default:
		return ""
	}
}

// RestrictedBeyond reports whether the account is restricted longer than the change waits,
// or although it never takes effect.
func (c shownChange) RestrictedBeyond() bool {
	return c.Restricted != "" && !c.RestrictedUntil.IsZero() && (!c.Held() || c.Contested || c.RestrictedUntil.After(c.HoldUntil))
}

// causes say why a change came to nothing.
var causes = map[change.Reason]string{
	change.ByCode:          "A code that went to one of the contacts from before it has cancelled it.",
	change.ByDeletion:      "It was withdrawn.",
	change.ByReview:        "Another change, which people have reviewed, took its place.",
	change.UnknownContact:  "A contact that it names was not one of yours any more.",
	change.TooManyContacts: "You have as many contacts as an account can have.",
	change.ClearNotAllowed: "For this account no help desk may do that.",
	change.VoIPRefused:     "The new number is an internet (VoIP) number. Those get no codes.",
	change.NumberRefused:   "The new number gets no codes.",
	change.AddressInvalid:  "The new email address is not valid.",
	disowned.NotTheirs:     "Whoever gets messages at the new contact said that it is not yours. Check it for typing errors.",
}

// Cause says why the change came to nothing, where that is known.
func (c shownChange) Cause() string { return causes[c.End.Reason] }

// Clearing reports whether a help desk has asked for the change.
func (c shownChange) Clearing() bool { return c.Action == change.Clear }

// Lost reports whether the word of the person that a device is lost lets the change go on
// (seed 46).
func (c shownChange) Lost() bool { return c.Open() && c.Clearing() && len(c.Missing) > 0 }

// days is the length of a hold that began, for people.
func (v *voice) days(c shownChange) string {
	return v.Lasting(c.HoldUntil.Sub(c.HoldStart).Round(time.Minute))
}

// piece names a contact for people.
func piece(p flow.Piece) string {
	hint := whole(p.Hint)
	switch p.Channel {
	case contact.Email:
		hint = "email address " + hint
	case contact.Voice:
		hint = "phone " + hint + ", by call"
	case contact.SMS:
		hint = "phone " + hint + ", by text"
	}
	return hint + apart(p.Apart)
}

// apart tells a contact from others that look alike: " (added 3 March 2026)".
func apart(a flow.Apart) string {
	switch {
	case a.Added.IsZero() && a.Nth == 0:
		return ""
	case a.Added.IsZero():
		return " (" + nth(a.Nth) + ")"
	case a.Nth == 0:
		return " (added " + day(a.Added) + ")"
	default:
		return " (added " + day(a.Added) + ", " + nth(a.Nth) + ")"
	}
}

// nth counts contacts that nothing else tells apart, the first one first.
func nth(n int) string {
	words := [...]string{"the first", "the second", "the third", "the fourth", "the fifth"}
	if n < 1 || n > len(words) {
		return fmt.Sprintf("number %d", n)
	}
	return words[n-1]
}

// day is a day for people.
func day(t time.Time) string { return t.UTC().Format("2 January 2006") }
