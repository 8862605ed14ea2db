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
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

var holdTests = map[string]func(*testing.T, Backend){
	"holds/seed 33: a replacement waits 30 days to the second":           heldReplacement,
	"holds/seed 53: removing all waits and leaves a written absence":     heldRemoval,
	"holds/law 11: clocks that differ end no hold":                       heldBySkew,
	"holds/law 11: a hold begins no sooner than its object":              heldFromCreation,
	"holds/seed 34: a code to an old contact cancels":                    cancelled,
	"holds/seed 34: a sign-in with an old contact cancels all it may":    cancelledBySignIn,
	"holds/a contact cancels once without the first factor":              cancelsOnce,
	"holds/what does not cancel":                                         doesNotCancel,
	"holds/cancel and deadline settle to exactly one":                    cancelOrApply,
	"holds/two removals at once leave a known contact or wait":           removedAtOnce,
	"holds/law 8: each notice goes once though two replicas tell":        toldOnce,
	"holds/law 8: a contact that went lately is told and may cancel":     goneMayCancel,
	"holds/law 1: an emptied store adopts the hold from the mirror":      holdAdopted,
	"holds/law 1: an ended change stays ended":                           endStays,
	"holds/a deleted change is cancelled and restricts to its date":      deletedRestricts,
	"holds/two replacements wait for review":                             contested,
	"holds/seed 45: two people clear, and registration is forced":        cleared,
	"holds/seed 45: who asked takes it back":                             clearWithdrawn,
	"holds/after a restart one list knows all":                           holdsAfterRestart,
	"holds/law 4: the feed tells of each change and replays what stands": holdsFeed,
	"holds/prune keeps what still matters":                               holdsPruned,
	"holds/addresses move to new keys":                                   holdsResealed,
	"rechecks/seed 38: skipped for a day at a time, must after a week":   recheckRound,
	"rechecks/a sign-in that asks nothing tells nothing":                 recheckQuiet,
}

var (
	thirty = Start.Add(change.DefaultHold)
	day    = 24 * time.Hour
)

// held has a replacement of the owner on hold from Start.
func held(t *testing.T, b Backend) *owner {
	t.Helper()
	o := newOwner(t, b)
	o.freeze(o.sight("c", change.Replace, Start))
	r := o.must(o.provenNew("c", Start))
	equal(t, "state", r.State(Start), change.OnHold)
	return o
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
		Key: change.Key{Tenant: tenant}, Account: account, ChallengeID: id, FirstFactor: true, Now: Start.Add(time.Minute)}))
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
		_, err := b.CancelChange(t.Context(), change.Cancelling{Key: o.key("c"), Account: account, ChallengeID: c.id, FirstFactor: true, Now: later})
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
			_, err := other.CancelChange(t.Context(), change.Cancelling{Key: o.key(name), Account: o.account, ChallengeID: id, Now: thirty})
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
	_, err := b.CancelChange(t.Context(), change.Cancelling{Key: o.key("second"), Account: account, ChallengeID: id, Now: later.Add(time.Hour)})
	must(t, err)
	o.wantState("second", later, change.Cancelled)
}

func holdAdopted(t *testing.T, b Backend) {
	o := &owner{Backend: b, t: t, account: account}
	mirror := change.Memory{Created: Start, HoldStart: Start, HoldUntil: thirty, Restricted: change.SignIn, NoticesSent: 4}
	s := o.sight("c", change.Replace, Start.Add(20*day))
	s.Terms.Hold = time.Minute // the policy was edited
	for range 2 {
		r := o.must(b.AdoptChange(t.Context(), s, mirror))
		equal(t, "until", r.HoldUntil, thirty)
		equal(t, "state", r.State(s.Now), change.OnHold)
		what, _ := r.Restricts(s.Now)
		equal(t, "restricts", what, change.SignIn)
		equal(t, "notices", r.NoticesSent, 4)
	}
	later := mirror
	later.HoldStart, later.HoldUntil = Start.Add(day), thirty.Add(day)
	r := o.must(b.AdoptChange(t.Context(), s, later))
	equal(t, "earliest start", r.HoldStart, Start)
	equal(t, "latest end", r.HoldUntil, thirty.Add(day))
	_, err := o.apply("c", thirty)
	wantErr(t, err, change.ErrEarly)
	o.must(o.apply("c", thirty.Add(day)))
	o.wantContacts("new-c")
}

func endStays(t *testing.T, b Backend) {
	o := held(t, b)
	must(t, o.cancel("c", "a", false, Start))
	before := mustGet[change.Record](t)(b.Change(t.Context(), o.key("c")))
	s := o.sight("c", change.Replace, Start.Add(day))
	stale := change.Memory{Created: Start, HoldStart: Start, HoldUntil: thirty, Restricted: change.SignIn}
	equal(t, "a stale mirror", o.must(b.AdoptChange(t.Context(), s, stale)), before)
	applied := stale
	applied.End = change.End{State: change.Applied, At: Start.Add(-day)}
	equal(t, "another end", o.must(b.AdoptChange(t.Context(), s, applied)), before)
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
}

func contested(t *testing.T, b Backend) {
	o := held(t, b)
	rival := o.sight("rival", change.Replace, Start.Add(day))
	o.freeze(rival)
	o.must(o.provenNew("rival", Start.Add(day)))
	for _, name := range []string{"c", "rival"} {
		_, err := o.apply(name, thirty.Add(40*day))
		wantErr(t, err, change.ErrContested)
	}
	reviewed := o.sight("reviewed", change.Replace, Start.Add(2*day))
	reviewed.Spec.Recovery = "request-1"
	o.freeze(reviewed)
	o.must(o.provenNew("reviewed", Start.Add(2*day)))
	r := o.must(o.apply("reviewed", thirty.Add(2*day)))
	equal(t, "reviewed", r.State(thirty), change.Applied)
	for _, name := range []string{"c", "rival"} {
		equal(t, name, mustGet[change.Record](t)(b.Change(t.Context(), o.key(name))).End.Reason, change.ByReview)
	}
	o.wantContacts("new-reviewed")
}

// clear has somebody of the help desk ask for a Clear.
func (o *owner) clear(name, by string, now time.Time) change.Record {
	o.t.Helper()
	s := o.sight(name, change.Clear, now)
	s.Spec.RequestedBy = by
	return o.freeze(s)
}

func cleared(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.clear("one", "jane", Start)
	equal(t, "the same person again", o.clear("two", "jane", Start).State(Start), change.AwaitingCode)
	o.wantState("one", Start, change.AwaitingCode)
	third := o.clear("three", "joe", Start.Add(time.Hour))
	equal(t, "joined", third.Joined, "one")
	equal(t, "state", third.State(Start), change.OnHold)
	lead := mustGet[change.Record](t)(b.Change(t.Context(), o.key("one")))
	equal(t, "until", lead.HoldUntil, Start.Add(25*time.Hour))
	equal(t, "told", o.told(change.NoticeHeld), 2)
	_, err := o.apply("three", Start.Add(25*time.Hour))
	wantErr(t, err, change.ErrEarly)
	o.must(o.apply("one", Start.Add(25*time.Hour)))
	o.wantState("three", Start, change.Applied)
	book := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account))
	equal(t, "absent", book.Absent(), true)
	equal(t, "cleared", book.Cleared, true)
	now := Start.Add(26 * time.Hour)
	asked, _ := mustGet[recheck.Record](t)(b.Recheck(t.Context(), tenant, account)).Prompt(now)
	equal(t, "asked", asked, recheck.MustRegister)
	o.freeze(o.sight("accomplice", change.Add, now))
	o.must(o.provenNew("accomplice", now))
	c, _ := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account)).Find("new-accomplice")
	equal(t, "whoever registers is junior", c.Standing, contact.Junior)
	asked, _ = mustGet[recheck.Record](t)(b.Recheck(t.Context(), tenant, account)).Prompt(now)
	equal(t, "asked after", asked, recheck.None)
}

func clearWithdrawn(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.clear("one", "jane", Start)
	o.clear("two", "joe", Start)
	o.must(b.DeleteChange(t.Context(), change.Visit{Key: o.key("two"), Now: Start.Add(time.Hour)}, "uid-of-two"))
	o.wantState("one", Start, change.Cancelled)
	equal(t, "told", o.told(change.NoticeCancelled), 2)
	o.wantContacts("a", "b")
}

func holdsAfterRestart(t *testing.T, b Backend) {
	o := held(t, b)
	o.freeze(o.sight("d", change.Add, Start))
	o.removal("over", Start, "no-such-contact")
	wakes := mustGet[[]change.Wake](t)(b.Reopen(t).Wakes(t.Context()))
	equal(t, "wakes", wakes, []change.Wake{{Key: o.key("c"), At: Start.Add(day)}, {Key: o.key("d"), At: Start.Add(change.ProveWithin)}})
}

func holdsFeed(t *testing.T, b Backend) {
	o := newOwner(t, b)
	f := follow(t, b.Store, Start)
	f.wantReplay(t)
	first := o.freeze(o.sight("c", change.Replace, Start))
	f.wantNext(t, fact.Fact{Change: &first})
	onHold := o.must(o.provenNew("c", Start))
	f.wantNext(t, fact.Fact{Change: &onHold})
	late := follow(t, b.replica(t), Start)
	late.wantReplay(t, fact.Fact{Change: &onHold})
	must(t, o.cancel("c", "a", false, Start))
	over := mustGet[change.Record](t)(b.Change(t.Context(), o.key("c")))
	late.wantNext(t, fact.Fact{Change: &over})
	follow(t, b.Store, Start.Add(day)).wantReplay(t)
}

func holdsPruned(t *testing.T, b Backend) {
	o := held(t, b)
	must(t, o.cancel("c", "a", false, Start))
	o.freeze(o.sight("open", change.Add, Start))
	prune := func(now time.Time) {
		t.Helper()
		_, err := b.Prune(t.Context(), now, now)
		must(t, err)
	}
	year := Start.Add(365 * day)
	prune(year)
	o.wantState("c", year, change.Cancelled) // its object is still there
	o.must(b.DeleteChange(t.Context(), change.Visit{Key: o.key("c"), Now: Start}, "uid-of-c"))
	prune(Start.Add(29 * day)) // its contacts may still cancel others
	o.wantState("c", year, change.Cancelled)
	prune(Start.Add(31 * day))
	_, err := b.Change(t.Context(), o.key("c"))
	wantErr(t, err, rules.ErrNotFound)
	equal(t, "addresses left", count(t, b.DB, `SELECT COUNT(*) FROM change_contacts`), 3)
	equal(t, "notices left", count(t, b.DB, `SELECT COUNT(*) FROM change_notices`), 0)
	equal(t, "who has cancelled", count(t, b.DB, `SELECT COUNT(*) FROM change_cancels`), 1)
}

func holdsResealed(t *testing.T, b Backend) {
	o := held(t, b)
	rotating := beside(t, b, presentKey, formerKey)
	_, err := rotating.Reseal(t.Context(), 2, Start.Add(day), carryOn)
	must(t, err)
	o.Backend = beside(t, b, presentKey)
	o.must(o.apply("c", thirty))
	c, _ := mustGet[contact.Book](t)(o.Book(t.Context(), tenant, account)).Find("new-c")
	equal(t, "address", c.Address, "c"+newAddress)
}

func recheckRound(t *testing.T, b Backend) {
	newOwner(t, b)
	terms := recheck.DefaultTerms()
	f := follow(t, b.Store, Start)
	within(t, f.caughtUp, "the replay")
	mustGet[recheck.Record](t)(b.SeeSignIn(t.Context(), tenant, account, terms, Start))
	back := Start.Add(terms.Absence)
	r := mustGet[recheck.Record](t)(b.SeeSignIn(t.Context(), tenant, account, terms, back))
	f.wantNext(t, fact.Fact{Recheck: &r})
	r = mustGet[recheck.Record](t)(b.SkipRecheck(t.Context(), tenant, account, terms, back))
	equal(t, "skipped until", r.SkippedUntil, back.Add(day))
	f.wantNext(t, fact.Fact{Recheck: &r})
	late := follow(t, b.replica(t), back)
	late.wantReplay(t, fact.Fact{Recheck: &r})
	_, err := b.SkipRecheck(t.Context(), tenant, account, terms, back.Add(7*day))
	wantErr(t, err, rules.ErrOrder)
	r = mustGet[recheck.Record](t)(b.ProveRecheck(t.Context(), tenant, account, back.Add(7*day)))
	f.wantNext(t, fact.Fact{Recheck: &r})
	asked, _ := r.Prompt(back.Add(8 * day))
	equal(t, "asked", asked, recheck.None)
}

func recheckQuiet(t *testing.T, b Backend) {
	newOwner(t, b)
	for i := range 5 {
		r := mustGet[recheck.Record](t)(b.SeeSignIn(t.Context(), tenant, account, recheck.DefaultTerms(), Start.Add(time.Duration(i)*day)))
		asked, _ := r.Prompt(Start.Add(time.Duration(i) * day))
		equal(t, "asked", asked, recheck.None)
	}
	equal(t, "facts", count(t, b.DB, `SELECT COUNT(*) FROM facts`), 0)
}
