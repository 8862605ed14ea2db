package change

import (
	"errors"
	"testing"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// The thief with the password adds his phone, waits, and removes the owner's contacts one
// by one: each removal waits 30 days, whichever way he goes, and every contact of the
// owner can cancel it.
func TestThiefAddsHisPhoneAndRemovesOneByOne(t *testing.T) {
	l := newLife(t, "owner-1", "owner-2")
	l.add("thief", "")
	if c, _ := l.book.Find("thief"); c.Standing != contact.Junior {
		t.Fatalf("his phone is %s", c.Standing)
	}
	early := l.ask(Spec{Action: Remove, Removed: []string{"owner-1"}})
	if err := l.prove(early, FullContactCode, "thief"); !errors.Is(err, ErrNotFull) {
		t.Fatalf("a junior contact steps up: %v", err)
	}
	l.pass(3 * month) // his phone is full by now, and nobody but a password ever stood for it
	one := l.remove("thief", "owner-1")
	l.wantState(one, OnHold)
	// Meanwhile he can neither have it vouch for a second phone nor remove the next one.
	var frozen *FrozenError
	second := l.ask(Spec{Action: Add, New: []NewContact{{ID: "thief-2"}}})
	if err := l.prove(second, FullContactCode, "thief"); !errors.As(err, &frozen) {
		t.Fatalf("a second phone while a removal is on hold: %v", err)
	}
	next := l.ask(Spec{Action: Remove, Removed: []string{"owner-2"}})
	if err := l.prove(next, FullContactCode, "thief"); !errors.As(err, &frozen) {
		t.Fatalf("a second removal while one is on hold: %v", err)
	}
	l.pass(month - 1)
	if err := l.cancel(one, "owner-1", false); err != nil {
		t.Fatalf("the owner cancels: %v", err)
	}
	two := l.remove("thief", "owner-2")
	l.wantState(two, OnHold)
	if err := l.cancel(two, "owner-2", false); err != nil {
		t.Fatalf("the owner cancels: %v", err)
	}
	l.pass(month)
	l.tick()
	l.wantContacts("owner-1", "owner-2", "thief")
}

// The thief who cancels the owner's replacement: with his junior phone never, with one
// that has become full no more than with the password alone, with a stolen phone of the
// owner's once, then he needs the password too.
func TestThiefCancelsTheOwnersReplacement(t *testing.T) {
	l := newLife(t, "stolen")
	l.add("thief", "")
	l.pass(2 * month)
	i := l.replace("owner-new", "")
	for _, id := range []string{"thief", "owner-new", "no-such-contact"} {
		if err := l.cancel(i, id, true); !errors.Is(err, ErrNotFull) {
			t.Fatalf("%s cancels: %v", id, err)
		}
	}
	if err := l.cancel(i, "stolen", false); err != nil {
		t.Fatal(err)
	}
	again := l.replace("owner-new", "")
	if err := l.cancel(again, "stolen", false); !errors.Is(err, ErrFirstFactor) {
		t.Fatalf("the stolen phone cancels twice: %v", err)
	}
	l.pass(month)
	l.tick()
	l.wantState(again, Applied)
	l.wantContacts("owner-new")
}

// The holder of a recycled number cancels once; for ever he cannot.
func TestRecycledNumberCancelsOnce(t *testing.T) {
	l := newLife(t, "recycled", "lost")
	cancelled := 0
	for range 10 {
		i := l.replace("new", "")
		if l.cancel(i, "recycled", false) == nil {
			cancelled++
			continue
		}
		l.pass(month)
		l.tick()
		l.wantState(i, Applied)
		break
	}
	if cancelled != 1 {
		t.Fatalf("cancelled %d times", cancelled)
	}
	l.wantContacts("new")
}

// The agent who adds his own phone by YAML proves nothing about the person.
func TestAgentAddsHisPhone(t *testing.T) {
	l := newLife(t, "owner")
	i := l.ask(Spec{Action: Add, RequestedBy: "agent", New: []NewContact{{ID: "agent-phone"}}})
	l.mustProve(i, NewContactCode, "agent-phone")
	l.wantState(i, AwaitingCode)
	l.mustProve(i, WithoutFull, "")
	l.wantState(i, Applied)
	c, _ := l.book.Find("agent-phone")
	if c.Standing != contact.Junior || c.Known(l.now.Add(100*month)) {
		t.Fatalf("his phone is %+v", c)
	}
}

// The agent who clears and lets an accomplice register: alone he waits for a second
// person, the owner can cancel for a day, and whoever registers then is junior and cannot
// reach what is sensitive for 30 days.
func TestAgentClearsForAnAccomplice(t *testing.T) {
	l := newLife(t, "owner")
	l.terms.Requesters = 2
	i := l.ask(Spec{Action: Clear, RequestedBy: "agent"})
	l.pass(day)
	l.tick()
	l.wantContacts("owner")
	l.changes[i] = l.changes[i].Second("second-agent")
	l.settle(i)
	cancelled := l.changes[i].Cancel("owner", l.now)
	if cancelled.State(l.now) != Cancelled {
		t.Fatal("the owner cannot cancel")
	}
	l.pass(day)
	l.tick()
	l.wantContacts()
	l.add("accomplice", "")
	c, _ := l.book.Find("accomplice")
	if c.Standing != contact.Junior {
		t.Fatalf("the accomplice's phone is %s", c.Standing)
	}
	wantRestricts(t, l.changes[i], l.now, SensitiveActions, start.Add(day+month))
	remove := l.ask(Spec{Action: Remove, Removed: []string{"accomplice"}})
	if err := l.prove(remove, FullContactCode, "accomplice"); !errors.Is(err, ErrNotFull) {
		t.Fatalf("it steps up: %v", err)
	}
}

// Two replacements racing: neither applies before review, and the reviewed one does.
func TestTwoReplacementsRace(t *testing.T) {
	l := newLife(t, "lost")
	owner := l.replace("owner-new", "")
	l.pass(29 * day)
	thief := l.replace("thief", "")
	l.pass(10 * month)
	l.tick()
	l.wantState(owner, OnHold)
	l.wantState(thief, OnHold)
	if what, until := l.changes[owner].Restricts(l.now); what != SignIn || !until.IsZero() {
		t.Fatalf("it restricts %q until %v", what, until)
	}
	reviewed := l.replace("owner-new-2", "request-1")
	l.pass(month)
	l.tick()
	l.wantState(reviewed, Applied)
	for _, i := range []int{owner, thief} {
		if !l.changes[reviewed].Overrules(l.changes[i], l.now) {
			t.Fatalf("%s stands against the reviewed one", l.changes[i].Key.Name)
		}
	}
}

// What is not proven contests nothing: else anybody with a session stalls the owner.
func TestUnprovenReplacementContestsNothing(t *testing.T) {
	l := newLife(t, "lost")
	owner := l.replace("owner-new", "")
	l.ask(Spec{Action: Replace, New: []NewContact{{ID: "thief"}}})
	l.pass(month)
	l.settle(owner)
	l.wantState(owner, Applied)
}

// Where every contact was added alone there is nobody better: any full one cancels.
func TestOnlyLoneContactsCancel(t *testing.T) {
	l := newLife(t)
	l.book.Recorded = false
	l.add("mine", "")
	l.pass(2 * month)
	i := l.replace("thief", "")
	if err := l.cancel(i, "mine", false); err != nil {
		t.Fatal(err)
	}
}
