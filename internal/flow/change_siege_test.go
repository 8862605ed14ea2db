package flow_test

import (
	"errors"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// guess enters wrong codes to cancel a change, as many as are taken.
func (d *desk) guess(id string, to flow.Target) (wrong int) {
	d.t.Helper()
	v := d.enterHeld(anna)
	for {
		view, err := d.RequestProof(d.t.Context(), v, flow.Ask{Purpose: code.Cancel, Change: id, To: to})
		if err != nil {
			return wrong
		}
		for range view.AttemptsLeft {
			_, _ = d.SubmitProof(d.t.Context(), v, view.ID, d.wrong(view.ID))
			wrong++
		}
		v = d.enterHeld(anna)
	}
}

// stops cancels by a notice's link.
func (d *desk) stops(link string, to flow.Target) {
	d.t.Helper()
	owner := d.follow(link)
	if got := d.must(&owner, flow.Ask{Purpose: code.Cancel, Change: d.onlyChange(owner), To: to}); got.State != change.Cancelled {
		d.t.Fatalf("the owner's code makes it %+v", got)
	}
}

// law 8: the thief with the password spends the account's guesses, and its codes: whoever
// was told has their own, and cancels all the same.
func TestTheThiefWhoSpendsTheGuesses(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	thief := d.enter(anna)
	id := d.replaces(&thief, thiefMail)
	link := d.notice(annaMail)
	d.clock.step(2 * time.Hour)
	if d.guess(id, toCell) < d.policies[shop].Codes.MaxWrongPerDay || d.guess(id, toMail) != 0 {
		t.Fatal("the account's guesses are not spent")
	}
	d.stops(link, toMail)
}

// And so they do for the codes of one contact, and for a month.
func TestTheThiefWhoSpendsAMonthOfGuesses(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	thief := d.enter(anna)
	id := d.replaces(&thief, thiefMail)
	link := d.notice(annaMail)
	for range 29 {
		d.clock.step(24*time.Hour + time.Minute)
		d.guess(id, toMail)
	}
	d.stops(link, toMail)
}

// The budget of a link is a budget: it takes as many wrong codes a day as an account, and
// no more.
func TestALinkHasItsOwnGuesses(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	thief := d.enter(anna)
	id := d.replaces(&thief, thiefMail)
	link, most := d.notice(annaCell), d.policies[shop].Codes.MaxWrongPerDay
	wrong := 0
	for range 2 * most {
		d.clock.step(time.Minute)
		holder := d.follow(link)
		view, err := d.RequestProof(t.Context(), holder, flow.Ask{Purpose: code.Cancel, Change: id, To: toMail})
		if err != nil {
			continue
		}
		for range view.AttemptsLeft {
			if _, err := d.SubmitProof(t.Context(), holder, view.ID, d.wrong(view.ID)); !isLimit(err) {
				wrong++
			}
		}
	}
	if wrong != most {
		t.Errorf("the link took %d wrong codes, want %d", wrong, most)
	}
	d.stops(d.notice(annaMail), toMail) // what its holder spends is his own
}

// N4: wrong codes disable a contact. They take it no say against a change: neither
// before the change nor while it is on hold.
func TestADisabledContactStillCancels(t *testing.T) {
	for name, when := range map[string]func(*desk) (link string){
		"disabled before": func(d *desk) string {
			thief := d.enter(anna)
			view, err := d.RequestStepUp(d.t.Context(), thief, toMail)
			is(d.t, err, nil)
			for range view.AttemptsLeft {
				_, _ = d.SubmitStepUp(d.t.Context(), thief, view.ID, d.wrong(view.ID))
			}
			d.clock.step(25 * time.Hour)
			thief = d.enter(anna)
			d.replaces(&thief, thiefMail)
			return d.notice(annaMail)
		},
		"disabled meanwhile": func(d *desk) string {
			thief := d.enter(anna)
			id := d.replaces(&thief, thiefMail)
			link := d.notice(annaMail)
			thief = d.enterHeld(anna)
			view, err := d.RequestStepUp(d.t.Context(), thief, toMail)
			is(d.t, err, nil)
			for range view.AttemptsLeft {
				_, _ = d.SubmitStepUp(d.t.Context(), thief, view.ID, d.wrong(view.ID))
			}
			d.clock.step(25 * time.Hour)
			d.guess(id, toMail)
			return link
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.policies[shop].Codes.DisableAfter = 5
			d.has(anna, mail)
			link := when(d)
			book, err := d.memory.Book(t.Context(), shop, anna)
			is(t, err, nil)
			if c, _ := book.Find("mail"); c.Standing != contact.Disabled {
				t.Fatalf("the contact is %s", c.Standing)
			}
			d.stops(link, toMail)
		})
	}
}

// A thief begins more replacements than the owner has contacts: one contact cancels all
// that run side by side, and only for a later one takes the password.
func TestOneContactCancelsAllThatRun(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	thief := d.enter(anna)
	d.replaces(&thief, thiefMail)
	first := d.notice(annaMail)
	d.replaces(&thief, flow.NewContact{Channel: contact.Email, Address: "thief2@post.example", Language: "en"})
	second := d.notice(annaMail)
	d.clock.step(time.Hour)
	d.stops(first, toMail)
	d.clock.step(time.Hour)
	d.stops(second, toMail)
}

func isLimit(err error) bool {
	var limit *rules.LimitError
	return errors.As(err, &limit)
}
