package storetest

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
)

var standingTests = map[string]func(*testing.T, Backend){
	"changes/seed 51: the record keeps the standing with which a contact came in": standingKept,
	"changes/seed 45: after a Clear it keeps that whoever registers is junior":    standingAfterClear,
	"changes/after a release by an entered number the first contact is junior":    standingAfterEnteredNumber,
}

// registers is an account that adds its new contact at now, with the proofs that it gives
// beside the code there.
func (o *owner) registers(name string, now time.Time, proofs ...change.Proof) {
	o.t.Helper()
	o.freeze(o.sight(name, change.Add, now))
	equal(o.t, "standing of what waits", mustGet[change.Record](o.t)(o.Change(o.t.Context(), o.key(name))).Standing, "")
	r := o.must(o.provenNew(name, now))
	for _, p := range proofs {
		r = o.must(o.prove(name, p, now))
	}
	equal(o.t, "state", r.State(now), change.Applied)
}

// wantStanding is that of the contact which a change brought, by its record and the book.
func (o *owner) wantStanding(name string, want contact.Standing) {
	o.t.Helper()
	c, found := mustGet[contact.Book](o.t)(o.Book(o.t.Context(), tenant, o.account)).Find("new-" + name)
	equal(o.t, "it is listed", found, true)
	equal(o.t, "standing in the book", c.Standing, want)
	equal(o.t, "standing by the record", mustGet[change.Record](o.t)(o.Change(o.t.Context(), o.key(name))).Standing, want)
}

func standingKept(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.registers("alone", Start, change.WithoutFull)
	o.wantStanding("alone", contact.Junior)
	o.freeze(o.sight("vouched", change.Add, Start))
	o.must(o.steppedUp("vouched", "a", Start))
	o.must(o.provenNew("vouched", Start))
	o.wantStanding("vouched", contact.Full)
	o.freeze(o.sight("held", change.Replace, Start))
	equal(t, "standing during the hold", o.must(o.provenNew("held", Start)).Standing, "")
	o.must(o.apply("held", thirty))
	o.wantStanding("held", contact.Full)
	first := &owner{Backend: b, t: t, account: "emil"}
	must(t, b.ImportContacts(t.Context(), tenant, first.account, nil, nil, Start))
	first.registers("first", Start)
	first.wantStanding("first", contact.Full)
}

func standingAfterClear(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.clear("one", "jane", Start)
	o.clear("two", "joe", Start)
	o.must(o.apply("one", Start.Add(day)))
	o.registers("accomplice", Start.Add(day))
	o.wantStanding("accomplice", contact.Junior)
}

func standingAfterEnteredNumber(t *testing.T, b Backend) {
	o := &owner{Backend: b, t: t, account: "emil"}
	must(t, b.ImportContacts(t.Context(), tenant, o.account, nil, nil, Start))
	spec := block.Spec{Account: o.account, Reason: block.Administrative, Scope: block.Account, Duration: day}
	key := block.Key{Tenant: tenant, Name: "released"}
	mustGet[block.Record](t)(b.FreezeBlock(t.Context(), key, "uid", spec))
	mustGet[block.Record](t)(b.AdoptBlock(t.Context(), key, "uid", spec, block.Memory{
		End: block.End{State: block.Released, At: Start, EnteredNumber: true},
	}))
	o.registers("number", Start.Add(time.Hour))
	o.wantStanding("number", contact.Junior)
}
