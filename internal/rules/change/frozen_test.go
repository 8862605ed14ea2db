package change

import (
	"errors"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// seed 53: as long as a change restricts the account, its security info is frozen. What
// leads out of it stays open.
func TestFrozen(t *testing.T) {
	full := contact.Book{Recorded: true, Contacts: []contact.Contact{imported("a")}}
	none := contact.Book{Recorded: true}
	unknown := contact.Book{}
	held := NewRecord(Key{"shop", "held"}, "uid", Spec{Account: "anna", Action: Replace}, DefaultTerms(), nil, start).Begin(start)
	cancelled := held.Cancel("a", start.Add(time.Hour))
	deleted := held.Erase("uid", start.Add(time.Hour))
	cleared := NewRecord(Key{"shop", "cleared"}, "uid", Spec{Account: "anna", Action: Clear}, DefaultTerms(), nil, start).
		Begin(start).Finish(Applied, "", start.Add(day))
	awaiting := NewRecord(Key{"shop", "awaiting"}, "uid", Spec{Account: "anna", Action: Add}, DefaultTerms(), nil, start)
	for name, c := range map[string]struct {
		action Action
		book   contact.Book
		other  Record
		after  time.Duration
		frozen bool
		until  time.Time
	}{
		"an Add waits for a hold":                                     {Add, full, held, day, true, start.Add(month)},
		"a Remove waits for a hold":                                   {Remove, full, held, day, true, start.Add(month)},
		"a hold past its date that was not applied yet still freezes": {Add, full, held, 2 * month, true, time.Time{}},
		"a Replace of the owner stands against a thief's":             {Replace, full, held, day, false, time.Time{}},
		"seed 45: a Clear of the help desk has its own wait":          {Clear, full, held, day, false, time.Time{}},
		"seed 34: a cancelled hold frees at once":                     {Add, full, cancelled, 2 * time.Hour, false, time.Time{}},
		"law 1: a hold whose object was deleted freezes to its date":  {Add, full, deleted, day, true, start.Add(month)},
		"and no longer": {Add, full, deleted, month, false, time.Time{}},
		"seed 45, 54: who has no contact registers while a Clear lasts": {Add, none, cleared, 2 * day, false, time.Time{}},
		"seed 45: a second contact after a Clear waits":                 {Add, full, cleared, 2 * day, true, start.Add(month)},
		"law 13: rows that are missing are no absence":                  {Add, unknown, held, day, true, start.Add(month)},
		"what awaits its codes freezes nothing":                         {Add, full, awaiting, day, false, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewRecord(Key{"shop", "mine"}, "uid", Spec{Account: "anna", Action: c.action}, DefaultTerms(), nil, start.Add(c.after))
			err := r.Frozen(c.book, []Record{c.other}, start.Add(c.after))
			var frozen *FrozenError
			if errors.As(err, &frozen) != c.frozen {
				t.Fatalf("frozen: %v", err)
			}
			if c.frozen && !frozen.Until.Equal(c.until) {
				t.Errorf("until %v, want %v", frozen.Until, c.until)
			}
		})
	}
}

// Of several restrictions the last counts; one without a known end hides all others.
func TestFrozenUntilTheLast(t *testing.T) {
	book := contact.Book{Recorded: true, Contacts: []contact.Contact{imported("a")}}
	early := NewRecord(Key{"shop", "early"}, "uid", Spec{Action: Replace}, DefaultTerms(), nil, start).Begin(start)
	late := NewRecord(Key{"shop", "late"}, "uid", Spec{Action: Replace}, DefaultTerms(), nil, start).Begin(start.Add(day))
	mine := NewRecord(Key{"shop", "mine"}, "uid", Spec{Action: Add}, DefaultTerms(), nil, start)
	for _, others := range [][]Record{{early, late}, {late, early}} {
		for now, want := range map[time.Time]time.Time{start.Add(2 * day): start.Add(day + month), start.Add(month): {}} {
			var frozen *FrozenError
			if err := mine.Frozen(book, others, now); !errors.As(err, &frozen) || !frozen.Until.Equal(want) {
				t.Errorf("at %v: %v, want until %v", now, err, want)
			}
		}
	}
}

// law 1: what an earlier incarnation of the change restricts freezes the new one too.
func TestFrozenByItsOwnPast(t *testing.T) {
	old := NewRecord(Key{"shop", "c"}, "one", Spec{Action: Replace}, DefaultTerms(), nil, start).Begin(start).Erase("one", start.Add(day))
	again := old.Seen(NewRecord(Key{"shop", "c"}, "two", Spec{Action: Add}, DefaultTerms(), nil, start.Add(2*day)))
	book := contact.Book{Recorded: true, Contacts: []contact.Contact{imported("a")}}
	var frozen *FrozenError
	if err := again.Frozen(book, nil, start.Add(3*day)); !errors.As(err, &frozen) || !frozen.Until.Equal(start.Add(month)) {
		t.Fatalf("%v", err)
	}
}
