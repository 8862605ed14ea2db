package change

import (
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
)

var (
	start = time.Date(2030, 3, 1, 0, 0, 0, 0, time.UTC)
	day   = 24 * time.Hour
	month = 30 * day
)

// failer is a *testing.T or *rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// life is an account whose changes are tried on the pure rules: book and changes are what
// a store would remember of it.
type life struct {
	t       failer
	now     time.Time
	book    contact.Book
	changes []Record
	// cancelled are the contacts that have cancelled without the first factor.
	cancelled map[string]bool
	terms     Terms
}

// imported is a contact that the IdP has vouched for.
func imported(id string) contact.Contact {
	return contact.Contact{ID: id, Channel: contact.Email, Standing: contact.Full, Added: start, Proven: start}
}

func newLife(t failer, ids ...string) *life {
	l := &life{t: t, now: start, terms: DefaultTerms(), cancelled: map[string]bool{}, book: contact.Book{Recorded: true}}
	for _, id := range ids {
		l.book.Contacts = append(l.book.Contacts, imported(id))
	}
	return l
}

func (l *life) pass(d time.Duration) {
	l.now = l.now.Add(d)
	for i, c := range l.book.Contacts {
		l.book.Contacts[i] = c.At(l.now)
	}
}

// ask records a change as the store would, and returns its place.
func (l *life) ask(spec Spec) int {
	l.t.Helper()
	spec.Account = "anna"
	var snapshot []OldContact
	for _, c := range l.book.Contacts {
		snapshot = append(snapshot, OldContact{ID: c.ID, Standing: c.Standing, Origin: c.Origin})
	}
	key := Key{"shop", string(spec.Action) + "-" + string(rune('a'+len(l.changes)))}
	l.changes = append(l.changes, NewRecord(key, "uid", spec, l.terms, snapshot, l.now))
	l.settle(len(l.changes) - 1)
	return len(l.changes) - 1
}

func (l *life) prove(i int, p Proof, id string) error {
	l.t.Helper()
	by, ok := l.book.Find(id)
	if !ok {
		by = contact.Contact{ID: id}
	}
	r, err := l.changes[i].Prove(p, by, l.now)
	if err == nil {
		err = r.Frozen(l.book, slices.Delete(slices.Clone(l.changes), i, i+1), l.now)
	}
	if err != nil {
		return err
	}
	l.changes[i] = r
	l.settle(i)
	return nil
}

func (l *life) mustProve(i int, p Proof, id string) {
	l.t.Helper()
	if err := l.prove(i, p, id); err != nil {
		l.t.Fatalf("%s by %q: %v", p, id, err)
	}
}

// settle does what the record calls for.
func (l *life) settle(i int) Step {
	r := l.changes[i]
	step, reason := r.Next(l.book, l.changes, l.now)
	switch step {
	case Hold:
		l.changes[i] = r.Begin(l.now)
	case Expire:
		l.changes[i] = r.Finish(Expired, "", r.Deadline)
	case Reject:
		l.changes[i] = r.Finish(Rejected, reason, l.now)
	case Apply:
		leaving := r.Leaving(l.book)
		var arriving []contact.Contact
		for _, c := range r.Spec.New {
			arriving = append(arriving, r.Admitted(c, l.book, l.now))
		}
		l.book.Contacts = slices.DeleteFunc(slices.Clone(l.book.Contacts), func(c contact.Contact) bool { return slices.Contains(leaving, c.ID) })
		l.book.Contacts = append(l.book.Contacts, arriving...)
		l.book.Cleared = r.Spec.Action == Clear
		l.changes[i] = r.Finish(Applied, "", l.now)
	}
	return step
}

// tick lets every change do what it calls for by itself.
func (l *life) tick() {
	for i := range l.changes {
		l.settle(i)
	}
}

func (l *life) cancel(i int, id string, firstFactor bool) error {
	err := l.changes[i].MayCancel(id, firstFactor, l.cancelled[id], l.now)
	if err != nil {
		return err
	}
	l.cancelled[id] = l.cancelled[id] || !firstFactor
	l.changes[i] = l.changes[i].Cancel(id, l.now)
	return nil
}

func (l *life) state(i int) State { return l.changes[i].State(l.now) }

func (l *life) wantState(i int, want State) {
	l.t.Helper()
	if got := l.state(i); got != want {
		l.t.Fatalf("%s is %s, want %s", l.changes[i].Key.Name, got, want)
	}
}

func (l *life) wantContacts(want ...string) {
	l.t.Helper()
	var ids []string
	for _, c := range l.book.Contacts {
		ids = append(ids, c.ID)
	}
	if !slices.Equal(ids, want) {
		l.t.Fatalf("contacts %v, want %v", ids, want)
	}
}

// add has the person, or who passes for them, add a contact.
func (l *life) add(id, vouchedBy string) int {
	l.t.Helper()
	i := l.ask(Spec{Action: Add, New: []NewContact{{ID: id, Channel: contact.SMS, Language: "de"}}})
	if vouchedBy != "" {
		l.mustProve(i, FullContactCode, vouchedBy)
	} else if len(l.changes[i].Missing()) == 2 {
		l.mustProve(i, WithoutFull, "")
	}
	l.mustProve(i, NewContactCode, id)
	return i
}

// remove takes contacts away after a step-up by another.
func (l *life) remove(by string, ids ...string) int {
	l.t.Helper()
	i := l.ask(Spec{Action: Remove, Removed: ids})
	l.mustProve(i, FullContactCode, by)
	l.mustProve(i, Confirmation, "")
	return i
}

// replace is "I don't have any of these".
func (l *life) replace(id, recovery string) int {
	l.t.Helper()
	i := l.ask(Spec{Action: Replace, Recovery: recovery, New: []NewContact{{ID: id, Channel: contact.SMS}}})
	l.mustProve(i, NewContactCode, id)
	return i
}
