package change

import (
	"errors"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// One test for each sentence of the seeds that speaks of changes.
func TestSeeds(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"seed 31: after losing some info a person adds, confirms by code, removes the old and confirms again": func(t *testing.T) {
			l := newLife(t, "old", "kept")
			add := l.ask(Spec{Action: Add, New: []NewContact{{ID: "new"}}})
			l.mustProve(add, FullContactCode, "kept")
			l.wantState(add, AwaitingCode)
			l.mustProve(add, NewContactCode, "new")
			l.wantState(add, Applied)
			remove := l.ask(Spec{Action: Remove, Removed: []string{"old"}})
			if err := l.prove(remove, Confirmation, ""); !errors.Is(err, rules.ErrOrder) {
				t.Fatalf("confirmed before the step-up: %v", err)
			}
			l.mustProve(remove, FullContactCode, "kept")
			l.wantState(remove, AwaitingCode)
			l.mustProve(remove, Confirmation, "")
			l.wantState(remove, Applied)
			l.wantContacts("kept", "new")
		},
		"seed 32: all info changed together restricts for 30 days": func(t *testing.T) {
			l := newLife(t, "a", "b")
			l.add("c", "a")
			first := l.remove("a", "b")
			l.wantState(first, Applied)
			last := l.remove("c", "a")
			l.wantState(last, OnHold)
			wantRestricts(t, l.changes[last], l.now, SensitiveActions, start.Add(month))
		},
		"seed 32: a month apart nothing is restricted": func(t *testing.T) {
			l := newLife(t, "a")
			l.add("b", "a")
			l.pass(contact.KnownAfter)
			l.wantState(l.remove("b", "a"), Applied)
		},
		"seed 33: who lost all but the password replaces and waits 30 days to sign in": func(t *testing.T) {
			l := newLife(t, "a", "b")
			i := l.replace("new", "")
			l.wantState(i, OnHold)
			wantRestricts(t, l.changes[i], l.now, SignIn, start.Add(month))
			l.pass(month - time.Minute)
			l.tick()
			l.wantState(i, OnHold)
			l.wantContacts("a", "b")
			l.pass(time.Minute)
			l.tick()
			l.wantState(i, Applied)
			l.wantContacts("new")
			wantRestricts(t, l.changes[i], l.now, "", time.Time{})
		},
		"seed 34: old info that is found within 30 days signs in and cancels the replacement": func(t *testing.T) {
			l := newLife(t, "a")
			i := l.replace("new", "")
			l.pass(29 * day)
			if err := l.cancel(i, "a", true); err != nil {
				t.Fatal(err)
			}
			l.pass(month)
			l.tick()
			l.wantState(i, Cancelled)
			l.wantContacts("a")
			wantRestricts(t, l.changes[i], l.now, "", time.Time{})
		},
		"seed 40: the language is frozen when info is added": func(t *testing.T) {
			l := newLife(t, "a")
			l.add("new", "a")
			if c, _ := l.book.Find("new"); c.Language != "de" {
				t.Fatalf("language %q", c.Language)
			}
		},
		"seed 45: a help desk clears after two have asked, and 24 hours": func(t *testing.T) {
			l := newLife(t, "lost")
			l.terms.Requesters = 2
			i := l.ask(Spec{Action: Clear, RequestedBy: "jane"})
			l.wantState(i, AwaitingCode)
			l.changes[i] = l.changes[i].Second("jane")
			l.settle(i)
			l.wantState(i, AwaitingCode) // asking twice is not two people
			l.changes[i] = l.changes[i].Second("joe")
			l.settle(i)
			l.wantState(i, OnHold)
			l.pass(day - time.Second)
			l.tick()
			l.wantContacts("lost")
			l.pass(time.Second)
			l.tick()
			l.wantContacts()
			wantRestricts(t, l.changes[i], l.now, SensitiveActions, start.Add(month))
		},
		"seed 45: the person's own loss report stands for the second": func(t *testing.T) {
			l := newLife(t, "lost")
			l.terms.Requesters = 2
			i := l.ask(Spec{Action: Clear, RequestedBy: "jane"})
			l.mustProve(i, LossReport, "")
			l.wantState(i, OnHold)
		},
		"seed 45: where the policy says nothing nobody clears": func(t *testing.T) {
			l := newLife(t, "a")
			i := l.ask(Spec{Action: Clear, RequestedBy: "jane"})
			l.wantState(i, Rejected)
		},
		"seed 50: no code goes to a contact that is not proven": func(t *testing.T) {
			l := newLife(t, "a")
			i := l.ask(Spec{Action: Add, New: []NewContact{{ID: "new"}}})
			l.wantContacts("a")
			l.mustProve(i, FullContactCode, "a")
			l.wantContacts("a")
		},
		"seed 51: info is listed after its code was given": func(t *testing.T) {
			l := newLife(t, "a")
			l.add("new", "a")
			l.wantContacts("a", "new")
		},
		"seed 52: who cannot give a code removes nothing": func(t *testing.T) {
			l := newLife(t, "a", "b")
			i := l.ask(Spec{Action: Remove, Removed: []string{"a"}})
			l.pass(ProveWithin)
			l.tick()
			l.wantState(i, Expired)
			l.wantContacts("a", "b")
		},
		"seed 53: removing all waits 30 days, sensitive parts are frozen and the rest works": func(t *testing.T) {
			l := newLife(t, "a", "b")
			i := l.remove("a", "a", "b")
			l.wantState(i, OnHold)
			wantRestricts(t, l.changes[i], l.now, SensitiveActions, start.Add(month))
		},
		"seed 53, 33: the policy may freeze either": func(t *testing.T) {
			for restrict, action := range map[Restriction]Action{SensitiveActions: Replace, SignIn: Remove} {
				l := newLife(t, "a")
				l.terms.Restrict = restrict
				i := 0
				if action == Replace {
					i = l.replace("new", "")
				} else {
					i = l.remove("a", "a")
				}
				wantRestricts(t, l.changes[i], l.now, restrict, start.Add(month))
			}
		},
		"seed 54: after the 30 days it is time for new info": func(t *testing.T) {
			l := newLife(t, "a")
			i := l.remove("a", "a")
			l.pass(month)
			l.tick()
			if effects := l.changes[i].Effects(); len(effects) != 1 || effects[0] != AskForInfo {
				t.Fatalf("effects %v", effects)
			}
			l.add("new", "")
			if c, _ := l.book.Find("new"); c.Standing != contact.Full {
				t.Fatalf("the first contact where absence is written is %s", c.Standing)
			}
		},
		"seed 55: what was entered wrong is never listed, and is added again": func(t *testing.T) {
			l := newLife(t, "a")
			wrong := l.ask(Spec{Action: Add, New: []NewContact{{ID: "typo"}}})
			if err := l.prove(wrong, NewContactCode, "new"); !errors.Is(err, ErrProof) {
				t.Fatalf("another contact's code: %v", err)
			}
			l.add("new", "a")
			l.wantContacts("a", "new")
		},
		"seed 56: the channel is chosen when a number is added": func(t *testing.T) {
			l := newLife(t, "a")
			i := l.ask(Spec{Action: Add, New: []NewContact{{ID: "new", Channel: contact.Voice}}})
			l.mustProve(i, FullContactCode, "a")
			l.mustProve(i, NewContactCode, "new")
			if c, _ := l.book.Find("new"); c.Channel != contact.Voice {
				t.Fatalf("channel %s", c.Channel)
			}
		},
		"seed 61, 62: an address counts only once its own code shows that it is theirs": func(t *testing.T) {
			l := newLife(t, "a")
			i := l.ask(Spec{Action: Replace, New: []NewContact{{ID: "mine"}, {ID: "typo"}}})
			l.mustProve(i, NewContactCode, "mine")
			l.wantState(i, AwaitingCode)
		},
	} {
		t.Run(name, test)
	}
}

func wantRestricts(t *testing.T, r Record, now time.Time, what Restriction, until time.Time) {
	t.Helper()
	if got, to := r.Restricts(now); got != what || !to.Equal(until) {
		t.Fatalf("restricts %q until %v, want %q until %v", got, to, what, until)
	}
}

// law 11: the apiserver's clock may be ahead of this one: the hold begins no sooner than
// the object was made.
func TestHoldBeginsNoSoonerThanItsObject(t *testing.T) {
	r := NewRecord(Key{"shop", "c"}, "uid", Spec{Action: Replace}, DefaultTerms(), nil, start.Add(day)).Begin(start)
	if !r.HoldUntil.Equal(start.Add(day + month)) {
		t.Fatalf("until %v", r.HoldUntil)
	}
}

func TestStepUps(t *testing.T) {
	l := newLife(t, "a", "b")
	l.add("alone", "")
	l.pass(2 * month)
	i := l.ask(Spec{Action: Remove, Removed: []string{"b"}})
	l.book.Contacts[1].Standing = contact.Disabled // N4: full before, and gets no code now
	if err := l.prove(i, FullContactCode, "b"); !errors.Is(err, ErrNotFull) {
		t.Fatalf("a disabled contact steps up: %v", err)
	}
	l.mustProve(i, FullContactCode, "alone")
	l.mustProve(i, FullContactCode, "a") // the better of two counts
	l.mustProve(i, Confirmation, "")
	l.wantState(i, Applied)
}

// seed 45: whoever seconds a Clear is not told of by itself.
func TestSecondingClearIsSilent(t *testing.T) {
	l := newLife(t, "a")
	l.terms.Requesters = 1
	lead := l.changes[l.ask(Spec{Action: Clear, RequestedBy: "jane"})]
	second := NewRecord(Key{"shop", "second"}, "uid", Spec{Action: Clear, RequestedBy: "joe"}, l.terms, nil, start)
	second.Joined = lead.Key.Name
	second = second.Share(lead)
	if _, due := second.Due(start); due || second.State(start) != OnHold || !second.Wake(start).IsZero() {
		t.Fatalf("due %v, %s, wakes %v", due, second.State(start), second.Wake(start))
	}
	lead = lead.Finish(Applied, "", start.Add(day))
	if got := second.Share(lead).End; got != lead.End {
		t.Fatalf("it ends as %+v", got)
	}
}
