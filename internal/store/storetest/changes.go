package storetest

import (
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

var changeTests = map[string]func(*testing.T, Backend){
	"changes/law 1: the first sight is frozen":                       changeFrozen,
	"changes/law 2: no record, fact or column carries an address":    changeHidesAddresses,
	"changes/seed 51: Add with both codes lists a full contact":      addedFull,
	"changes/Add without a full contact is junior for 720h":          addedJunior,
	"changes/law 13: the first contact is full where absence stands": addedFirst,
	"changes/Add where nothing was ever written is junior":           addedUnknown,
	"changes/seed 31: Remove takes a step-up and a confirmation":     removedOne,
	"changes/a code for something else proves nothing":               strangeCodes,
	"changes/seed 38: adding a contact ends a recheck":               addedEndsRecheck,
	"changes/an unknown contact is rejected":                         removedUnknown,
	"changes/without its codes a change expires":                     changeExpires,
	"changes/law 11: the database tells its time":                    databaseClock,
}

func changeFrozen(t *testing.T, b Backend) {
	o := newOwner(t, b)
	first := o.freeze(o.sight("c", change.Add, Start))
	edited := o.sight("c", change.Add, Start.Add(time.Hour))
	edited.Terms.JuniorFor, edited.Spec.New[0].Language, edited.Addresses["new-c"] = time.Minute, "xx", "mallory@post.example"
	equal(t, "another sight", o.freeze(edited), first)
	equal(t, "as stored", mustGet[change.Record](t)(b.Change(t.Context(), o.key("c"))), first)
	fresh, old, err := b.ChangeContacts(t.Context(), o.key("c"))
	must(t, err)
	equal(t, "the address", fresh[0].Address, "c"+newAddress)
	equal(t, "standing", fresh[0].Standing, contact.Pending)
	equal(t, "old addresses", []string{old[0].Address, old[1].Address}, []string{Address, secondAddress})
	equal(t, "open", mustGet[[]change.Record](t)(b.OpenChanges(t.Context(), tenant, account)), []change.Record{first})
	equal(t, "facts", count(t, b.DB, `SELECT COUNT(*) FROM facts`), 1)
	o.wantContacts("a", "b")
}

func changeHidesAddresses(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("c", change.Replace, Start))
	o.must(o.provenNew("c", Start))
	for table, column := range map[string]string{"changes": "record", "facts": "fact", "audit": "detail"} {
		equal(t, table, count(t, b.DB, `SELECT COUNT(*) FROM `+table+` WHERE `+column+` LIKE '%post.example%'`), 0)
	}
	equal(t, "sealed rows", count(t, b.DB, `SELECT COUNT(*) FROM change_contacts`), 3)
	equal(t, "has sealed rows", mustGet[bool](t)(b.HasSealedRows(t.Context())), true)
}

func addedFull(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("c", change.Add, Start))
	r := o.must(o.steppedUp("c", "a", Start))
	equal(t, "missing", r.Missing(), []change.Proof{change.NewContactCode})
	o.wantContacts("a", "b")
	r = o.must(o.provenNew("c", Start.Add(time.Minute)))
	equal(t, "state", r.State(Start), change.Applied)
	o.wantContacts("a", "b", "new-c")
	added, _ := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account)).Find("new-c")
	at := Start.Add(time.Minute)
	equal(t, "contact", added, contact.Contact{ID: "new-c", Channel: contact.Email, Address: "c" + newAddress, Standing: contact.Full,
		Language: "fr", Added: at, Proven: at, Origin: contact.Vouched, Since: at})
	equal(t, "law 8: the contacts before are told", o.told(change.NoticeApplied), 2)
	_, err := o.provenNew("c", at)
	wantErr(t, err, change.ErrEnded)
}

func addedJunior(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("c", change.Add, Start))
	equal(t, "state", o.must(o.provenNew("c", Start)).State(Start), change.AwaitingCode)
	equal(t, "state", o.must(o.prove("c", change.WithoutFull, Start)).State(Start), change.Applied)
	standing := func(now time.Time) contact.Standing {
		c, _ := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account)).Find("new-c")
		return c.At(now).Standing
	}
	equal(t, "at once", standing(Start), contact.Junior)
	equal(t, "a second before 720h", standing(Start.Add(720*time.Hour-time.Second)), contact.Junior)
	equal(t, "after 720h", standing(Start.Add(720*time.Hour)), contact.Full)
	equal(t, "told", o.told(change.NoticeApplied), 2)
}

func addedFirst(t *testing.T, b Backend) {
	must(t, b.ImportContacts(t.Context(), tenant, "emil", nil, nil, Start))
	o := &owner{Backend: b, t: t, account: "emil"}
	o.freeze(o.sight("c", change.Add, Start))
	o.must(o.provenNew("c", Start))
	c, _ := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, "emil")).Find("new-c")
	equal(t, "standing", c.Standing, contact.Full)
	equal(t, "origin", c.Origin, contact.First)
}

func addedUnknown(t *testing.T, b Backend) {
	o := &owner{Backend: b, t: t, account: "emil"}
	o.freeze(o.sight("c", change.Add, Start))
	o.must(o.provenNew("c", Start))
	c, _ := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, "emil")).Find("new-c")
	equal(t, "standing", c.Standing, contact.Junior)
	err := b.ImportContacts(t.Context(), tenant, "emil", []contact.Contact{email("x", Address)}, nil, Start)
	wantErr(t, err, rules.ErrRecorded)
}

func removedOne(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.removal("c", Start, "a")
	_, err := o.prove("c", change.Confirmation, Start)
	wantErr(t, err, rules.ErrOrder)
	equal(t, "state", o.must(o.steppedUp("c", "b", Start)).State(Start), change.AwaitingCode)
	o.wantContacts("a", "b")
	equal(t, "state", o.must(o.prove("c", change.Confirmation, Start)).State(Start), change.Applied)
	o.wantContacts("b")
	equal(t, "told, the one that went too", o.told(change.NoticeApplied), 2)
}

func strangeCodes(t *testing.T, b Backend) {
	o := newOwner(t, b)
	must(t, b.ImportContacts(t.Context(), tenant, "mallory", []contact.Contact{email("a", "mallory@post.example")}, nil, Start))
	mallory := &owner{Backend: b, t: t, account: "mallory"}
	o.freeze(o.sight("c", change.Add, Start))
	for name, id := range map[string]string{
		"another account's": mallory.code(code.StepUp, "c", "a", "mallory@post.example", Start),
		"another change's":  o.code(code.StepUp, "other", "a", Address, Start),
		"another purpose's": o.code(code.Recheck, "c", "a", Address, Start),
		"none":              "no-such-challenge",
		"an old one":        o.code(code.StepUp, "c", "a", Address, Start.Add(-change.ProofLife)),
	} {
		_, err := b.ProveChange(t.Context(), change.Proving{Key: o.key("c"), Proof: change.FullContactCode, ChallengeID: id, Now: Start})
		if err == nil {
			t.Fatalf("%s code has proven something", name)
		}
		wantErr(t, err, change.ErrProof)
	}
	elsewhere := o.code(code.AddContact, "c", "", "mallory@post.example", Start)
	_, err := b.ProveChange(t.Context(), change.Proving{Key: o.key("c"), Proof: change.NewContactCode, ChallengeID: elsewhere, Now: Start})
	wantErr(t, err, change.ErrProof) // law 3: a code proves only its destination
}

func addedEndsRecheck(t *testing.T, b Backend) {
	o := newOwner(t, b)
	terms := recheck.DefaultTerms()
	later := Start.Add(terms.ProofAge)
	round := mustGet[recheck.Record](t)(b.SeeSignIn(t.Context(), tenant, account, terms, later))
	equal(t, "first notice", round.FirstNotice, later)
	o.freeze(o.sight("c", change.Add, later))
	o.must(o.steppedUp("c", "a", later))
	o.must(o.provenNew("c", later))
	asked, _ := mustGet[recheck.Record](t)(b.Recheck(t.Context(), tenant, account)).Prompt(later.Add(8 * 24 * time.Hour))
	equal(t, "asked", asked, recheck.None)
}

func removedUnknown(t *testing.T, b Backend) {
	o := newOwner(t, b)
	r := o.removal("c", Start, "a", "no-such-contact")
	equal(t, "state", r.State(Start), change.Rejected)
	equal(t, "reason", r.End.Reason, change.UnknownContact)

	voip := o.sight("voip", change.Add, Start)
	voip.Refused = change.VoIPRefused
	r = o.freeze(voip)
	equal(t, "end", r.End, change.End{State: change.Rejected, At: Start, Reason: change.VoIPRefused})
	equal(t, "kept", mustGet[change.Record](t)(b.Change(t.Context(), voip.Key)), r)
	open := mustGet[[]change.Record](t)(b.OpenChanges(t.Context(), tenant, account))
	equal(t, "open", len(open), 0)
	voip.Refused = ""
	equal(t, "at another sight", o.freeze(voip), r)
	equal(t, "told", o.told(change.NoticeCancelled), 0)
}

func changeExpires(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("c", change.Add, Start))
	end := Start.Add(change.ProveWithin)
	o.must(b.VisitChange(t.Context(), change.Visit{Key: o.key("c"), Now: end.Add(-time.Second)}))
	o.wantState("c", end.Add(-time.Second), change.AwaitingCode)
	equal(t, "due", len(mustGet[[]change.Record](t)(b.PendingNotices(t.Context(), end, 10))), 1)
	r := o.must(b.VisitChange(t.Context(), change.Visit{Key: o.key("c"), Now: end.Add(time.Hour)}))
	equal(t, "end", r.End, change.End{State: change.Expired, At: end})
	_, err := o.provenNew("c", end.Add(time.Hour))
	wantErr(t, err, change.ErrEnded)
}

func databaseClock(t *testing.T, b Backend) {
	equal(t, "time", mustGet[time.Time](t)(b.Clock(t.Context())), Start)
}

// withdrawn takes back what was never on hold: nobody is told, locked out or counted.
func withdrawn(t *testing.T, b Backend) {
	o := newOwner(t, b)
	for i := range 2 {
		name := fmt.Sprint("c", i)
		o.freeze(o.sight(name, change.Add, Start))
		must(t, o.cancel(name, "a", false, Start))
		r := mustGet[change.Record](t)(b.Change(t.Context(), o.key(name)))
		equal(t, "state", r.State(Start), change.Cancelled)
		equal(t, "effects", len(r.Effects()), 0)
	}
	equal(t, "told", o.told(change.NoticeCancelled), 0)
	equal(t, "counted", count(t, b.DB, `SELECT COUNT(*) FROM change_cancels`), 0)
}
