package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// Changes that meet others of their account, its import, another clock, or an object that
// comes late.
var besideTests = map[string]func(*testing.T, Backend){
	"beside/seed 34, 45: to cancel a Clear that seconds another cancels both": cancelledByJoined,
	"beside/seed 45: of a Clear that ends, none stays as its second":          secondedAsItEnds,
	"beside/law 8: nothing is imported beside an open change":                 importedBeside,
	"beside/law 8: an import and a change at once know of each other":         importedAtOnce,
	"beside/law 11: a hold begins by the database's clock if that is ahead":   heldByDatabase,
	"beside/law 3: one number by SMS and by voice takes a code of each":       oneNumberTwice,
	"beside/what was dropped before its object was seen stays so":             droppedStays,
}

func cancelledByJoined(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.clear("one", "jane", Start)
	equal(t, "joined", o.clear("two", "joe", Start).Joined, "one")
	at := Start.Add(time.Minute)
	must(t, o.cancel("two", "a", false, at))
	for _, name := range []string{"one", "two"} {
		r := mustGet[change.Record](t)(b.Change(t.Context(), o.key(name)))
		equal(t, "end of "+name, r.End, change.End{State: change.Cancelled, At: at, Reason: change.ByCode, By: "a"})
		what, _ := r.Restricts(at)
		equal(t, name+" restricts", what, "")
	}
	equal(t, "told once", o.told(change.NoticeCancelled), 2)
	_, err := o.apply("one", Start.Add(day))
	wantErr(t, err, change.ErrEnded)
	o.wantContacts("a", "b")
}

// rounds is how often what happens at once is tried.
const rounds = 20

func secondedAsItEnds(t *testing.T, b Backend) {
	other := b.replica(t)
	for i := range rounds {
		o := &owner{Backend: b, t: t, account: fmt.Sprint("user-", i)}
		must(t, b.ImportContacts(t.Context(), tenant, o.account, []contact.Contact{email("a", Address)}, nil, Start))
		one, two := fmt.Sprint("one-", i), fmt.Sprint("two-", i)
		o.clear(one, "jane", Start)
		second := o.sight(two, change.Clear, Start)
		second.Spec.RequestedBy = "joe"
		race(func(who int) bool {
			switch who {
			case 0:
				o.must(b.DeleteChange(t.Context(), change.Visit{Key: o.key(one), Now: Start}, "uid-of-"+one))
			case 1:
				o.must(other.FreezeChange(t.Context(), second))
			}
			return true
		})
		if r := mustGet[change.Record](t)(b.Change(t.Context(), o.key(two))); r.Joined != "" && r.End.State == "" {
			t.Fatalf("%s is over and %s, its second, still %s", one, two, r.State(Start))
		}
	}
}

func importedBeside(t *testing.T, b Backend) {
	contacts, told := []contact.Contact{email("a", Address)}, []message.Message{notice("n1")}
	for name, begin := range map[string]func(*owner){
		"one that waits for its code": func(o *owner) { o.freeze(o.sight("waits-"+o.account, change.Add, Start)) },
		"one on hold": func(o *owner) {
			o.freeze(o.sight("held-"+o.account, change.Replace, Start))
			o.must(o.provenNew("held-"+o.account, Start))
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := &owner{Backend: b, t: t, account: fmt.Sprint("user-of-", len(name))}
			begin(o)
			for _, list := range [][]contact.Contact{contacts, nil} { // nor is absence, after which a first contact is full
				wantErr(t, b.ImportContacts(t.Context(), tenant, o.account, list, told, Start), rules.ErrOpenMatter)
			}
			equal(t, "book", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, o.account)), contact.Book{})
			equal(t, "told", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE id = 'n1'`), 0)
		})
	}
	o := &owner{Backend: b, t: t, account: "user-of-late"}
	o.freeze(o.sight("late", change.Add, Start))
	must(t, b.ImportContacts(t.Context(), tenant, o.account, contacts, nil, Start.Add(change.ProveWithin))) // its time is over
}

func importedAtOnce(t *testing.T, b Backend) {
	other := b.replica(t)
	for i := range rounds {
		o := &owner{Backend: b, t: t, account: fmt.Sprint("user-", i)}
		name := fmt.Sprint("c", i)
		var imported error
		race(func(who int) bool {
			switch who {
			case 0:
				imported = other.ImportContacts(t.Context(), tenant, o.account, []contact.Contact{email("a", Address)}, nil, Start)
			case 1:
				o.freeze(o.sight(name, change.Replace, Start))
			}
			return true
		})
		if imported != nil && !errors.Is(imported, rules.ErrOpenMatter) {
			t.Fatal(imported)
		}
		_, old, err := b.ChangeContacts(t.Context(), o.key(name))
		must(t, err)
		equal(t, "who is told and may cancel is who was imported", len(old) == 1, imported == nil)
	}
}

func heldByDatabase(t *testing.T, b Backend) {
	behind := Start.Add(-day) // this process believes so; the database says that it is Start
	o := newOwner(t, b)
	o.freeze(o.sight("c", change.Replace, behind))
	r := o.must(o.provenNew("c", behind))
	equal(t, "until", r.HoldUntil, thirty)
	equal(t, "told at once", o.told(change.NoticeHeld), 2)
	_, err := o.apply("c", thirty.Add(-time.Second))
	wantErr(t, err, change.ErrEarly)
	must(t, o.cancel("c", "a", false, behind.Add(time.Second))) // and who cancels does not wait for it
}

func oneNumberTwice(t *testing.T, b Backend) {
	o := newOwner(t, b)
	s := o.sight("c", change.Replace, Start)
	s.Spec.New = []change.NewContact{
		{ID: "text", Channel: contact.SMS, Hint: "•••• 78"}, {ID: "call", Channel: contact.Voice, Hint: "•••• 78"},
	}
	s.Addresses = map[string]string{"text": Number, "call": Number}
	o.freeze(s)
	prove := func(channel contact.Channel) change.Record {
		t.Helper()
		id := o.codeBy(channel, code.AddContact, "c", "", Number, Start)
		return o.must(b.ProveChange(t.Context(), change.Proving{Key: o.key("c"), Proof: change.NewContactCode, ChallengeID: id, Now: Start}))
	}
	for range 2 { // a call proves no more, however often
		equal(t, "still missing", prove(contact.Voice).Missing(), []change.Proof{change.NewContactCode})
	}
	equal(t, "state", prove(contact.SMS).State(Start), change.OnHold)
}

func droppedStays(t *testing.T, b Backend) {
	o := newOwner(t, b)
	s := o.sight(change.OwnPrefix+"c", change.Remove, Start)
	s.UID, s.Spec.Removed = "", []string{"a"} // its object is being made
	o.freeze(s)
	o.must(b.DeleteChange(t.Context(), change.Visit{Key: s.Key, Now: Start}, ""))
	for _, uid := range []string{"uid-1", "", "uid-1"} {
		s.UID = uid
		r := o.freeze(s)
		equal(t, "state", r.State(Start), change.Cancelled)
		equal(t, "deleted", r.Deleted, true)
	}
	equal(t, "open", len(mustGet[[]change.Record](t)(b.OpenChanges(t.Context(), tenant, account))), 0)
	s.UID = "uid-2" // the object went as well: this is another one
	equal(t, "another", o.freeze(s).State(Start), change.AwaitingCode)
}
