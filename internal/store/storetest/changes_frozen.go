package storetest

import (
	"errors"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
)

var frozenTests = map[string]func(*testing.T, Backend){
	"frozen/seed 53: while a hold runs nothing begins at the pages":       frozenAtThePages,
	"frozen/seed 53: what was begun before or by YAML is not proven":      frozenProofs,
	"frozen/law 1: what was deleted freezes to its date":                  frozenByDeleted,
	"frozen/seed 45: after a Clear the first registers, the second waits": frozenAfterClear,
	"frozen/of an Add and a hold at once the Add is first or waits":       frozenAtOnce,
}

func wantFrozen(t *testing.T, err error, until time.Time) {
	t.Helper()
	var frozen *change.FrozenError
	if !errors.As(err, &frozen) {
		t.Fatalf("err = %v, want a FrozenError", err)
	}
	equal(t, "frozen until", frozen.Until, until)
}

func frozenAtThePages(t *testing.T, b Backend) {
	o := held(t, b)
	for _, action := range []change.Action{change.Add, change.Remove} {
		s := o.sight(change.OwnPrefix+string(action), action, Start.Add(day))
		if action == change.Remove {
			s.Spec.Removed = []string{"a"}
		}
		_, err := o.FreezeChange(t.Context(), s)
		wantFrozen(t, err, thirty)
		equal(t, "rows", count(t, o.DB, `SELECT COUNT(*) FROM changes WHERE name = $1`, s.Key.Name), 0)
	}
	o.freeze(o.sight(change.OwnPrefix+"rival", change.Replace, Start.Add(day)))
	must(t, o.cancel("c", "a", true, Start.Add(day)))
	o.freeze(o.sight(change.OwnPrefix+"Add", change.Add, Start.Add(day)))
}

func frozenProofs(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("early", change.Add, Start))
	o.must(o.steppedUp("early", "a", Start))
	o.freeze(o.sight("c", change.Replace, Start))
	o.must(o.provenNew("c", Start))
	o.freeze(o.sight("yaml", change.Add, Start.Add(time.Hour)))
	for _, name := range []string{"early", "yaml"} {
		_, err := o.provenNew(name, Start.Add(2*time.Hour))
		wantFrozen(t, err, thirty)
		o.wantState(name, Start.Add(2*time.Hour), change.AwaitingCode)
	}
	o.wantContacts("a", "b")
	must(t, o.cancel("c", "b", true, Start.Add(3*time.Hour)))
	o.must(o.provenNew("early", Start.Add(3*time.Hour)))
	o.wantContacts("a", "b", "new-early")
}

func frozenByDeleted(t *testing.T, b Backend) {
	o := held(t, b)
	o.must(o.DeleteChange(t.Context(), change.Visit{Key: o.key("c"), Now: Start.Add(day)}, "uid-of-c"))
	o.freeze(o.sight("late", change.Add, thirty.Add(-time.Hour)))
	_, err := o.steppedUp("late", "a", thirty.Add(-time.Hour))
	wantFrozen(t, err, thirty)
	equal(t, "restricting", len(mustGet[[]change.Record](t)(o.Restricting(t.Context(), tenant, account, thirty.Add(-time.Hour)))), 2)
	equal(t, "restricting no more", len(mustGet[[]change.Record](t)(o.Restricting(t.Context(), tenant, account, thirty))), 1)
	o.must(o.steppedUp("late", "a", thirty))
}

func frozenAfterClear(t *testing.T, b Backend) {
	o := newOwner(t, b)
	for _, requester := range []string{"jane", "joe"} {
		s := o.sight("clear-"+requester, change.Clear, Start)
		s.Spec.RequestedBy = requester
		o.freeze(s)
	}
	gone := Start.Add(change.DefaultClearDelay)
	o.must(o.apply("clear-jane", gone))
	o.wantContacts()
	first := o.sight(change.OwnPrefix+"first", change.Add, gone)
	o.freeze(first)
	o.must(o.provenNew(change.OwnPrefix+"first", gone))
	o.wantContacts("new-" + change.OwnPrefix + "first")
	_, err := o.FreezeChange(t.Context(), o.sight(change.OwnPrefix+"second", change.Add, gone))
	wantFrozen(t, err, thirty)
}

func frozenAtOnce(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("add", change.Add, Start))
	o.must(o.steppedUp("add", "a", Start))
	o.freeze(o.sight("hold", change.Replace, Start))
	adding := make(chan error, 1)
	go func() {
		_, err := o.provenNew("add", Start)
		adding <- err
	}()
	o.must((&owner{Backend: o.Backend, t: t, account: account, codes: 100}).provenNew("hold", Start))
	err := <-adding
	book := mustGet[contact.Book](t)(o.Book(t.Context(), tenant, account))
	if _, added := book.Find("new-add"); added != (err == nil) {
		t.Fatalf("added: %v, err = %v", added, err)
	}
	if err != nil {
		wantFrozen(t, err, thirty)
	}
	o.wantState("hold", Start, change.OnHold)
}
