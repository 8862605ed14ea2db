package web

import (
	"strconv"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/change"
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

// Phase is open as long as the change may still take effect, done once it has, and never
// where it came to nothing.
func (c shownChange) Phase() string {
	switch {
	case !c.State.Terminal():
		return "open"
	case c.State == change.Applied:
		return "done"
	default:
		return "never"
	}
}

// RestrictedBeyond reports whether the account is restricted longer than the change waits,
// or although it never takes effect.
func (c shownChange) RestrictedBeyond() bool {
	return c.Restricted != "" && !c.RestrictedUntil.IsZero() && (!c.Held() || c.Contested || c.RestrictedUntil.After(c.HoldUntil))
}

// Clearing reports whether a help desk has asked for the change.
func (c shownChange) Clearing() bool { return c.Action == change.Clear }

// Lost reports whether the word of the person that a device is lost lets the change go on
// (seed 46).
func (c shownChange) Lost() bool { return c.Open() && c.Clearing() && len(c.Missing) > 0 }

// what says what a change does, did or was to do.
func (v *voice) what(c shownChange) string {
	return v.Say(v.known("what."+string(c.Action)+"."+c.Phase(), "what.unknown."+c.Phase()))
}

// meanwhile says what does not work until the day that was named before; nothing where all
// does.
func (v *voice) meanwhile(r change.Restriction) string { return v.sayIf("meanwhile." + string(r)) }

// cause says why a change came to nothing, where that is known.
func (v *voice) cause(c shownChange) string { return v.sayIf("cause." + string(c.End.Reason)) }

// sayIf is empty where there are no words.
func (v *voice) sayIf(key string) string {
	if !v.Has(key) {
		return ""
	}
	return v.Say(key)
}

// days is the length of a hold that began, for people.
func (v *voice) days(c shownChange) string {
	return v.Lasting(c.HoldUntil.Sub(c.HoldStart).Round(time.Minute))
}

// piece names a contact for people.
func (v *voice) piece(p flow.Piece) string {
	return v.to("piece.", p.Channel, p.Hint) + v.apart(p.Apart)
}

// newContact says a sentence about a new contact, by how messages reach it.
func (v *voice) newContact(prefix string, p *flow.Piece) string {
	return v.to(prefix, p.Channel, p.Hint+v.apart(p.Apart))
}

// apart tells a contact from others that look alike, after its name: " (added 3 March 2026)".
func (v *voice) apart(a flow.Apart) string {
	switch {
	case a.Added.IsZero() && a.Nth == 0:
		return ""
	case a.Added.IsZero():
		return " " + v.Say("apart.nth", "nth", v.nth(a.Nth))
	case a.Nth == 0:
		return " " + v.Say("apart.added", "day", v.Day(a.Added))
	default:
		return " " + v.Say("apart.both", "day", v.Day(a.Added), "nth", v.nth(a.Nth))
	}
}

// nth counts contacts that nothing else tells apart, the first one first.
func (v *voice) nth(n int) string {
	return v.Say(v.known("nth."+strconv.Itoa(n), "nth.more"), "count", n)
}

// tongue names the language of a contact's messages; empty where it is unknown.
func (v *voice) tongue(tag string) string {
	parsed, err := language.Parse(tag)
	names := display.Tags(v.Language())
	if err != nil || tag == "" || names == nil {
		return ""
	}
	return names.Name(parsed)
}
