package flow_test

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// alike are contacts with one mask: two of one day in the order of their IDs and hours, and
// one of another day.
func alike() []contact.Contact {
	day := time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC)
	like := func(id, address string, added time.Time) contact.Contact {
		return contact.Contact{ID: id, Channel: contact.Email, Address: address, Standing: contact.Full, Language: "en", Added: added}
	}
	return []contact.Contact{
		like("late", "anna.late@post.example", day.Add(20*time.Hour)),
		like("other", "anna.other@post.example", day.AddDate(0, 1, 0)),
		like("early", "anna.early@post.example", day.Add(2*time.Hour)),
		{ID: "cell", Channel: contact.SMS, Address: cell.Address, Standing: contact.Full, Language: "en", Added: day},
	}
}

// seed 22: contacts with one mask are told apart by the day on which they were added and,
// on one day, by their order: in the list, as destinations, and where one is removed.
func TestContactsOfOneMaskAreToldApart(t *testing.T) {
	d := newDesk(t)
	all := alike()
	d.has(anna, all...)
	v := d.enter(anna)
	want := map[string]flow.Apart{
		"early": {Added: all[2].Added, Nth: 1}, "late": {Added: all[0].Added, Nth: 2}, "other": {Added: all[1].Added}, "cell": {},
	}
	told := func(where string, ways []flow.Destination) {
		t.Helper()
		if len(ways) == 0 {
			t.Errorf("%s: no ways", where)
		}
		for _, way := range ways {
			if way.Apart != want[way.ContactID] {
				t.Errorf("%s: %s is told apart by %+v, want %+v", where, way.ContactID, way.Apart, want[way.ContactID])
			}
		}
	}
	info := d.info(v)
	told("in the list", info.Destinations)
	for _, c := range info.Contacts {
		if c.Nth != want[c.ID].Nth {
			t.Errorf("in the list %s is number %d", c.ID, c.Nth)
		}
	}
	asked, err := d.Recheck(t.Context(), v)
	is(t, err, nil)
	told("of a recheck", asked.Destinations)

	id, err := d.StartRemove(t.Context(), v, []string{"late"})
	is(t, err, nil)
	view, err := d.RequestProof(t.Context(), v, flow.Ask{Purpose: code.StepUp, Change: id, To: flow.Target{ContactID: "other"}})
	is(t, err, nil)
	told("beside a code", view.Alternatives)
	step, err := d.ChangeStep(t.Context(), v, id)
	is(t, err, nil)
	told("of a removal", step.Destinations)
	if gone := step.Change.Removed; len(gone) != 1 || gone[0].ContactID != "late" || gone[0].Apart != want["late"] {
		t.Errorf("to be removed is %+v", gone)
	}
}

// seed 40: what a change brings says in which language its messages will be.
func TestANewContactSaysItsLanguage(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	v := d.enter(anna)
	id, err := d.StartAdd(t.Context(), v, newMail)
	is(t, err, nil)
	step, err := d.ChangeStep(t.Context(), v, id)
	if is(t, err, nil); step.Change.Added[0].Language != "de" || step.Change.Added[0].ContactID != "" {
		t.Errorf("to be added is %+v", step.Change.Added)
	}
}

// seed 45: that a help desk may clear is the policy's to allow; so is where people go back to.
func TestWhatThePolicySaysOfThePages(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	v := d.enter(anna)
	for requesters, clears := range map[int]bool{0: false, 2: true} {
		d.policies[shop].Changes.Requesters = requesters
		if all, err := d.Changes(t.Context(), v); err != nil || all.Clears != clears {
			t.Errorf("%d requesters: %t, %v", requesters, all.Clears, err)
		}
	}
	p := d.policies[shop]
	p.Messages.ProductURL, p.Messages.DefaultLanguage = "https://shop.example/", "pl"
	reach, err := d.Reach(t.Context(), v)
	if is(t, err, nil); reach.ProductURL != "https://shop.example/" || reach.Language != "pl" || reach.Restricted != change.SensitiveActions {
		t.Errorf("the pages say %+v", reach)
	}
	p.Changes.Restrict = change.SignIn
	if reach, err := d.Reach(t.Context(), v); err != nil || reach.Restricted != change.SignIn {
		t.Errorf("a removal restricts %q: %v", reach.Restricted, err)
	}
}
