package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

var holdTests = map[string]func(*testing.T, Backend){
	"holds/seed 33: a replacement waits 30 days to the second":        heldReplacement,
	"holds/seed 53: removing all waits and leaves a written absence":  heldRemoval,
	"holds/law 11: clocks that differ end no hold":                    heldBySkew,
	"holds/law 11: a hold begins no sooner than its object":           heldFromCreation,
	"holds/seed 34: a code to an old contact cancels":                 cancelled,
	"holds/seed 34: a sign-in with an old contact cancels all it may": cancelledBySignIn,
	"holds/a contact cancels once without the first factor":           cancelsOnce,
	"holds/what does not cancel":                                      doesNotCancel,
	"holds/what waits for its codes is taken back freely":             withdrawn,
	"holds/cancel and deadline settle to exactly one":                 cancelOrApply,
	"holds/two removals at once leave a known contact or wait":        removedAtOnce,
	"holds/law 8: each notice goes once though two replicas tell":     toldOnce,
	"holds/law 8: a contact that went lately is told and may cancel":  goneMayCancel,
	"holds/a deleted change is cancelled and restricts to its date":   deletedRestricts,
}

func heldReplacement(t *testing.T, b Backend) {
	o := held(t, b)
	r := mustGet[change.Record](t)(b.Change(t.Context(), o.key("c")))
	equal(t, "until", r.HoldUntil, thirty)
	what, until := r.Restricts(Start)
	equal(t, "restricts", what, change.SignIn)
	equal(t, "to", until, thirty)
	_, err := o.apply("c", thirty.Add(-time.Second))
	wantErr(t, err, change.ErrEarly)
	o.wantContacts("a", "b")
	r = o.must(o.apply("c", thirty))
	equal(t, "end", r.End, change.End{State: change.Applied, At: thirty})
	o.wantContacts("new-c")
	equal(t, "told at the end: two old and the new", o.told(change.NoticeHoldEnded), 3)
	c, _ := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account)).Find("new-c")
	equal(t, "known", c.Known(thirty), true)
	_, err = o.apply("c", thirty)
	wantErr(t, err, change.ErrEnded)
}

func heldRemoval(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.removal("c", Start, "a", "b")
	o.must(o.steppedUp("c", "a", Start))
	r := o.must(o.prove("c", change.Confirmation, Start))
	equal(t, "state", r.State(Start), change.OnHold)
	what, _ := r.Restricts(Start)
	equal(t, "restricts", what, change.SensitiveActions)
	r = o.must(o.apply("c", thirty.Add(time.Hour))) // the operator was down
	equal(t, "effects", r.Effects(), []change.Effect{change.AskForInfo})
	book := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account))
	equal(t, "absent", book.Absent(), true)
	asked, _ := mustGet[recheck.Record](t)(b.Recheck(t.Context(), tenant, account)).Prompt(thirty.Add(time.Hour))
	equal(t, "seed 54: asked", asked, recheck.Register)
	err := b.ImportContacts(t.Context(), tenant, account, []contact.Contact{email("x", Address)}, nil, thirty)
	wantErr(t, err, rules.ErrRecorded)
}

func heldBySkew(t *testing.T, b Backend) {
	o := held(t, b)
	for _, clocks := range []change.Clocks{
		{Process: thirty.Add(day), APIServer: thirty, Database: thirty},
		{Process: thirty, APIServer: thirty.Add(31 * time.Second), Database: thirty},
		{Process: thirty, Database: thirty},
	} {
		_, err := b.ApplyChange(t.Context(), o.key("c"), clocks)
		wantErr(t, err, change.ErrClockSkew)
	}
	_, err := b.ApplyChange(t.Context(), o.key("c"), change.Clocks{Process: thirty, APIServer: thirty, Database: thirty.Add(-time.Second)})
	wantErr(t, err, change.ErrEarly) // the earliest clock counts
	o.must(b.ApplyChange(t.Context(), o.key("c"), change.Clocks{Process: thirty.Add(30 * time.Second), APIServer: thirty, Database: thirty}))
}

func heldFromCreation(t *testing.T, b Backend) {
	o := newOwner(t, b)
	s := o.sight("c", change.Replace, Start)
	s.Created = Start.Add(day) // this process is a day behind the apiserver
	o.freeze(s)
	r := o.must(o.provenNew("c", Start))
	equal(t, "until", r.HoldUntil, thirty.Add(day))
	must(t, o.cancel("c", "a", false, Start.Add(time.Second))) // and who cancels does not wait for it
}

func cancelled(t *testing.T, b Backend) {
	o := held(t, b)
	must(t, o.cancel("c", "a", false, Start.Add(time.Hour)))
	r := mustGet[change.Record](t)(b.Change(t.Context(), o.key("c")))
	equal(t, "end", r.End, change.End{State: change.Cancelled, At: Start.Add(time.Hour), Reason: change.ByCode, By: "a"})
	what, _ := r.Restricts(Start.Add(time.Hour))
	equal(t, "restricts", what, "")
	o.wantContacts("a", "b")
	equal(t, "told", o.told(change.NoticeCancelled), 3)
	_, err := o.apply("c", thirty)
	wantErr(t, err, change.ErrEnded)
	wantErr(t, o.cancel("c", "a", true, thirty), change.ErrEnded)
}

func cancelledBySignIn(t *testing.T, b Backend) {
	o := held(t, b)
	o.freeze(o.sight("waiting", change.Add, Start))
	id := o.code(code.StepUp, "sign-in", "a", Address, Start.Add(time.Minute))
	done := mustGet[[]change.Record](t)(b.CancelChange(t.Context(), change.Cancelling{
		Key: change.Key{Tenant: tenant}, Account: account, ChallengeID: id, FirstFactor: true, Now: Start.Add(time.Minute)}, block.Spec{}))
	equal(t, "cancelled", len(done), 1)
	equal(t, "which", done[0].Key, o.key("c"))
	o.wantState("waiting", Start.Add(time.Minute), change.AwaitingCode)
}

func cancelsOnce(t *testing.T, b Backend) {
	o := held(t, b)
	must(t, o.cancel("c", "a", false, Start))
	for i, c := range []struct {
		contact     string
		firstFactor bool
		want        error
	}{{"a", false, change.ErrFirstFactor}, {"b", false, nil}, {"b", false, change.ErrFirstFactor}, {"a", true, nil}, {"a", true, nil}} {
		name, now := fmt.Sprint("again-", i), Start.Add(time.Duration(i+1)*time.Hour)
		o.freeze(o.sight(name, change.Replace, now))
		o.must(o.provenNew(name, now))
		if err := o.cancel(name, c.contact, c.firstFactor, now); !errors.Is(err, c.want) {
			t.Fatalf("cancel %d by %s: %v, want %v", i, c.contact, err, c.want)
		}
		_, err := b.DeleteChange(t.Context(), change.Visit{Key: o.key(name), Now: now}, "uid-of-"+name)
		must(t, err)
	}
}

func doesNotCancel(t *testing.T, b Backend) {
	o := held(t, b)
	later := Start.Add(time.Hour)
	for name, c := range map[string]struct {
		id   string
		want error
	}{
		"a code to the new contact":    {o.code(code.Cancel, "c", "", "c"+newAddress, later), change.ErrNotFull},
		"a recheck":                    {o.code(code.Recheck, "c", "a", Address, later), change.ErrProof},
		"a code before the hold":       {o.code(code.Cancel, "c", "a", Address, Start.Add(-time.Minute)), change.ErrProof},
		"a code of a quarter hour":     {o.code(code.Cancel, "c", "a", Address, later.Add(-change.ProofLife)), change.ErrProof},
		"a link without a code":        {"", change.ErrProof},
		"the step-up of this very one": {o.code(code.StepUp, "c", "a", Address, later), change.ErrProof},
	} {
		_, err := b.CancelChange(t.Context(), change.Cancelling{Key: o.key("c"), Account: account, ChallengeID: c.id, FirstFactor: true, Now: later}, block.Spec{})
		if !errors.Is(err, c.want) {
			t.Fatalf("%s: %v, want %v", name, err, c.want)
		}
	}
	o.wantState("c", later, change.OnHold)
}

// cancelOrApply has both asked for in the same instant, at two replicas.
func cancelOrApply(t *testing.T, b Backend) {
	other := b.replica(t)
	for i := range 10 {
		o := &owner{Backend: b, t: t, account: fmt.Sprint("user-", i)}
		must(t, b.ImportContacts(t.Context(), tenant, o.account, []contact.Contact{email("a", Address), email("b", secondAddress)}, nil, Start))
		name := fmt.Sprint("c", i)
		o.freeze(o.sight(name, change.Replace, Start))
		o.must(o.provenNew(name, Start))
		id := o.code(code.Cancel, name, "a", Address, thirty)
		won := race(func(who int) bool {
			if who%2 == 0 {
				_, err := o.apply(name, thirty)
				return err == nil
			}
			_, err := other.CancelChange(t.Context(), change.Cancelling{Key: o.key(name), Account: o.account, ChallengeID: id, Now: thirty}, block.Spec{})
			return err == nil
		})
		equal(t, "winners", won, 1)
		switch r := mustGet[change.Record](t)(b.Change(t.Context(), o.key(name))); r.End.State {
		case change.Applied:
			o.wantContacts("new-" + name)
		case change.Cancelled:
			o.wantContacts("a", "b")
		default:
			t.Fatalf("it ended as %q", r.End.State)
		}
		equal(t, "told once", o.told(change.NoticeHoldEnded)+o.told(change.NoticeCancelled), 3)
	}
}

func removedAtOnce(t *testing.T, b Backend) {
	other := b.replica(t)
	for i := range 10 {
		o := &owner{Backend: b, t: t, account: fmt.Sprint("user-", i)}
		must(t, b.ImportContacts(t.Context(), tenant, o.account, []contact.Contact{email("a", Address), email("b", secondAddress)}, nil, Start))
		for _, id := range []string{"a", "b"} {
			name := fmt.Sprint("remove-", id, i)
			o.removal(name, Start, id)
			o.must(o.steppedUp(name, "a", Start))
		}
		applied := race(func(who int) bool {
			if who > 1 {
				return false
			}
			at, id := []Store{b.Store, other}[who], []string{"a", "b"}[who]
			r, err := at.ProveChange(t.Context(), change.Proving{Key: o.key(fmt.Sprint("remove-", id, i)), Proof: change.Confirmation, Now: Start})
			return err == nil && r.State(Start) == change.Applied
		})
		equal(t, "applied at once", applied, 1)
		equal(t, "contacts left", len(mustGet[contact.Book](t)(b.Book(t.Context(), tenant, o.account)).Contacts), 1)
	}
}

// toldOnce steps through a hold by the hour; two replicas and a restarted one visit.
func toldOnce(t *testing.T, b Backend) {
	o := held(t, b)
	other := b.replica(t)
	visit := func(s Store, now time.Time) {
		o.must(s.VisitChange(t.Context(), change.Visit{Key: o.key("c"), Now: now}))
	}
	equal(t, "at the start", o.told(change.NoticeHeld), 2)
	want := map[int]int{0: 0, 23: 0, 24: 2, 25: 2, 335: 2, 336: 4, 647: 4, 648: 6, 695: 6, 696: 8, 719: 8}
	for _, hour := range []int{0, 23, 24, 25, 335, 336, 647, 648, 695, 696, 719} {
		now := Start.Add(time.Duration(hour) * time.Hour)
		race(func(who int) bool {
			visit([]Store{b.Store, other}[who%2], now)
			return true
		})
		equal(t, fmt.Sprint("reminders after ", hour, "h"), o.told(change.NoticeReminder), want[hour])
	}
	r := o.must(o.apply("c", thirty))
	equal(t, "counted", r.NoticesSent, 2+8+3)
	var message string
	must(t, b.DB.QueryRowContext(t.Context(), `SELECT id FROM outbox WHERE notice = $1 ORDER BY id LIMIT 1`, change.NoticeHeld).Scan(&message))
	noticed := mustGet[change.Noticed](t)(b.NoticedChange(t.Context(), tenant, message))
	equal(t, "its link leads to", noticed.Key, o.key("c"))
	_, err := b.NoticedChange(t.Context(), "elsewhere", message)
	wantErr(t, err, rules.ErrNotFound)
}

func goneMayCancel(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.removal("first", Start, "a")
	o.must(o.steppedUp("first", "b", Start))
	o.must(o.prove("first", change.Confirmation, Start))
	later := Start.Add(10 * day)
	o.removal("second", later, "b")
	o.must(o.steppedUp("second", "b", later))
	o.must(o.prove("second", change.Confirmation, later))
	o.wantState("second", later, change.OnHold)
	equal(t, "told: b, and a, which has gone", o.told(change.NoticeHeld), 2)
	id := o.code(code.Cancel, "second", "", Address, later.Add(time.Hour))
	_, err := b.CancelChange(t.Context(), change.Cancelling{Key: o.key("second"), Account: account, ChallengeID: id, Now: later.Add(time.Hour)}, block.Spec{})
	must(t, err)
	o.wantState("second", later, change.Cancelled)
}

func deletedRestricts(t *testing.T, b Backend) {
	o := held(t, b)
	gone := Start.Add(time.Hour)
	r := o.must(b.DeleteChange(t.Context(), change.Visit{Key: o.key("c"), Now: gone}, "uid-of-c"))
	equal(t, "end", r.End, change.End{State: change.Cancelled, At: gone, Reason: change.ByDeletion})
	equal(t, "told", o.told(change.NoticeCancelled), 3)
	equal(t, "deleted again", o.must(b.DeleteChange(t.Context(), change.Visit{Key: o.key("c"), Now: thirty}, "uid-of-c")), r)
	equal(t, "a late sight", o.freeze(o.sight("c", change.Replace, gone)), r)
	_, err := b.DeleteChange(t.Context(), change.Visit{Key: o.key("never"), Now: gone}, "uid")
	wantErr(t, err, rules.ErrNotFound)

	f := follow(t, b.Store, gone.Add(10*day))
	f.wantReplay(t, fact.Fact{Change: &r})
	again := o.sight("c", change.Add, gone.Add(day))
	again.UID = "another"
	fresh := o.freeze(again)
	equal(t, "a new incarnation", fresh.State(gone), change.AwaitingCode)
	what, until := fresh.Restricts(gone.Add(day))
	equal(t, "inherits", what, change.SignIn)
	equal(t, "to its date", until, thirty)
	what, _ = fresh.Restricts(thirty)
	equal(t, "and no longer", what, "")
	expired := o.must(b.VisitChange(t.Context(), change.Visit{Key: o.key("c"), Now: gone.Add(day + change.ProveWithin)}))
	equal(t, "ended anew", expired.End.State, change.Expired)
	follow(t, b.Store, thirty).wantReplay(t, fact.Fact{Change: &expired})
}
