package storetest

import (
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

var changeUpkeepTests = map[string]func(*testing.T, Backend){
	"holds/law 1: an emptied store adopts the hold from the mirror":      holdAdopted,
	"holds/law 1: an ended change stays ended":                           endStays,
	"holds/two replacements wait for review":                             contested,
	"holds/seed 45: two people clear, and registration is forced":        cleared,
	"holds/seed 45: two ask at once, at two replicas":                    clearedAtOnce,
	"holds/seed 45: who asked takes it back":                             clearWithdrawn,
	"holds/after a restart one list knows all":                           holdsAfterRestart,
	"holds/law 4: the feed tells of each change and replays what stands": holdsFeed,
	"holds/prune keeps what still matters":                               holdsPruned,
	"holds/what ended at the pages is listed until it goes, then pruned": holdsEndedOwn,
	"holds/addresses move to new keys":                                   holdsResealed,
	"rechecks/seed 38: skipped for a day at a time, must after a week":   recheckRound,
	"rechecks/a sign-in that asks nothing tells nothing":                 recheckQuiet,
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

func clearedAtOnce(t *testing.T, b Backend) {
	other := b.replica(t)
	for i := range 5 {
		o := &owner{Backend: b, t: t, account: fmt.Sprint("user-", i)}
		must(t, b.ImportContacts(t.Context(), tenant, o.account, []contact.Contact{email("a", Address)}, nil, Start))
		names := []string{fmt.Sprint("one-", i), fmt.Sprint("two-", i)}
		race(func(who int) bool {
			s := o.sight(names[who%2], change.Clear, Start)
			s.Spec.RequestedBy = names[who%2]
			_, err := []Store{b.Store, other}[who%2].FreezeChange(t.Context(), s)
			return err == nil
		})
		for _, name := range names {
			o.must(b.VisitChange(t.Context(), change.Visit{Key: o.key(name), Now: Start}))
		}
		for _, name := range names {
			o.wantState(name, Start, change.OnHold)
		}
		equal(t, "told", o.told(change.NoticeHeld), 1)
	}
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

func holdsEndedOwn(t *testing.T, b Backend) {
	o := newOwner(t, b)
	own := func(request string) change.Key {
		s := o.sight(change.OwnName(account, "flow", request), change.Add, Start)
		s.UID = ""
		o.freeze(s)
		return s.Key
	}
	listed := func() []change.Key { return mustGet[[]change.Key](t)(b.EndedOwn(t.Context())) }
	own("open")
	late := own("late")
	o.freeze(o.sight("theirs", change.Add, Start))
	after := Start.Add(change.ProveWithin)
	equal(t, "listed while open", len(listed()), 0)
	for _, name := range []string{late.Name, "theirs"} {
		o.must(b.VisitChange(t.Context(), change.Visit{Key: o.key(name), Now: after}))
	}
	equal(t, "ended", listed(), []change.Key{late})
	prune := func() {
		_, err := b.Prune(t.Context(), Start.Add(365*day), Start.Add(365*day))
		must(t, err)
	}
	addresses := func() int { return count(t, b.DB, `SELECT COUNT(*) FROM change_contacts WHERE name = '`+late.Name+`'`) }
	prune()
	equal(t, "kept while it may get its object", addresses() > 0, true)
	o.must(b.DeleteChange(t.Context(), change.Visit{Key: late, Now: after}, ""))
	equal(t, "gone from the list", len(listed()), 0)
	prune()
	_, err := b.Change(t.Context(), late)
	wantErr(t, err, rules.ErrNotFound)
	equal(t, "sealed addresses left", addresses(), 0)
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

func contested(t *testing.T, b Backend) {
	o := held(t, b)
	rival := o.sight("rival", change.Replace, Start.Add(day))
	o.freeze(rival)
	o.must(o.provenNew("rival", Start.Add(day)))
	// law 8: the contacts before and the new one are told of the contest, and not that the
	// rival takes effect; those of the first at its next look, which its rival has woken.
	equal(t, "told of the rival", o.told(change.NoticeHeld), 2)
	equal(t, "told of the contest", o.told(change.NoticeContested), 3)
	for range 2 {
		o.must(b.VisitChange(t.Context(), change.Visit{Key: o.key("c"), Now: Start.Add(day)}))
		equal(t, "told once of both, and after a day of the first", o.told(change.NoticeContested), 8)
	}
	equal(t, "told that it takes effect", o.told(change.NoticeReminder), 0)
	brought := 0
	for _, about := range o.abouts(change.NoticeContested) {
		if about.Brought {
			brought++
			equal(t, "masks of the others", len(about.Removed), 0)
		}
	}
	equal(t, "told as new contacts", brought, 2)
	for _, name := range []string{"c", "rival"} {
		_, err := o.apply(name, thirty.Add(40*day))
		wantErr(t, err, change.ErrContested)
	}
	reviewed := o.sight("reviewed", change.Replace, Start.Add(2*day))
	reviewed.Spec.Recovery = "request-1"
	o.freeze(reviewed)
	o.must(o.provenNew("reviewed", Start.Add(2*day)))
	equal(t, "one that was reviewed contests nothing", o.told(change.NoticeContested), 8)
	r := o.must(o.apply("reviewed", thirty.Add(2*day)))
	equal(t, "reviewed", r.State(thirty), change.Applied)
	for _, name := range []string{"c", "rival"} {
		equal(t, name, mustGet[change.Record](t)(b.Change(t.Context(), o.key(name))).End.Reason, change.ByReview)
	}
	o.wantContacts("new-reviewed")
}
