package flow_test

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/disowned"
	"holdfast.dev/holdfast/internal/rules/message"
)

// disown presses "this is not my account" by the link of a message.
func (d *desk) disown(token string) {
	d.t.Helper()
	is(d.t, d.ReportCode(d.t.Context(), host, token, code.NotMyAccount), nil)
}

// disowns has a code go to a target, whose reader says that the account is not theirs;
// then the network that asked may ask again.
func (d *desk) disowns(to flow.Target) {
	d.t.Helper()
	d.disown(d.token(d.request(d.open(anna), to).ID))
	d.clock.step(code.ReportPause)
}

// offered are the contacts on which a code can go now.
func offered(all []flow.Destination) string {
	list := ""
	for _, to := range all {
		if to.Channel != contact.Voice {
			list += to.ContactID + " "
		}
	}
	return list
}

// seed 41: codes go elsewhere, as long as there is an elsewhere, for 30 days; the owner is
// told by the other contact and shown it in the list, and proves the contact after a
// step-up by the other.
func TestADisownedContactRestsUntilItIsProven(t *testing.T) {
	d, meter := metered(t)
	d.disowns(toMail)
	if meter.reported != 1 {
		t.Errorf("%d reports are counted, want 1", meter.reported)
	}
	d.told(message.NoticeContactDisowned, annaCell)

	v := d.open(anna)
	o := d.overview(v)
	if got := offered(o.Destinations); got != "cell " || len(o.Resting) != 1 || !o.Resting[0].Until.Equal(start.Add(disowned.Rest)) || o.EnterNumber {
		t.Fatalf("offered are %q, resting %+v, a number %t", got, o.Resting, o.EnterNumber)
	}
	_, err := d.RequestCode(t.Context(), v, toMail)
	if wait := limited(t, err, "disowned"); wait != disowned.Rest-code.ReportPause {
		t.Errorf("it rests for %v", wait)
	}
	v = d.prove(v, toCell)
	is(t, d.SetPassword(t.Context(), v, strong), nil)
	d.told(message.NoticeReleased, annaMail, annaCell) // law 8: notices go on

	d.clock.step(time.Hour)
	in := d.enter(anna)
	if c := d.info(in).Contacts[0]; !c.Disowned.Equal(start) || c.Standing != contact.Full {
		t.Errorf("the list shows %+v", c)
	}
	_, err = d.RequestProof(t.Context(), in, flow.Ask{Purpose: code.Recheck, To: toMail})
	limited(t, err, "disowned")
	in = d.stepUp(in, toCell)
	asked, err := d.Recheck(t.Context(), in)
	if is(t, err, nil); offered(asked.Destinations) != "mail cell " {
		t.Errorf("after a step-up the codes can go to %q", offered(asked.Destinations))
	}
	d.must(&in, flow.Ask{Purpose: code.Recheck, To: toMail})
	if c := d.info(in).Contacts[0]; !c.Disowned.IsZero() {
		t.Errorf("after a proof the list shows %+v", c)
	}
	d.lists("an•••@••• Full, •••• 78 Full")
}

// It ends by itself after 30 days; what was said stays in the list until a proof.
func TestADisownedContactGetsCodesAgain(t *testing.T) {
	d := blocked(t)
	d.disowns(toMail)
	d.clock.set(start.Add(disowned.Rest))
	d.block("b2")
	if got := offered(d.overview(d.open(anna)).Destinations); got != "mail cell " {
		t.Errorf("offered are %q", got)
	}
	if c := d.book().Contacts[0]; !c.Disowned.Equal(start) {
		t.Errorf("of the contact is known %+v", c)
	}
}

// The attack: whoever reads the mailbox once says it of the only contact, or of each. Nobody
// is left without a way, and known contacts never count as absent.
func TestDisowningLeavesNobodyWithoutAWay(t *testing.T) {
	for name, all := range map[string][]contact.Contact{"the only contact": {mail}, "every contact": {mail, {
		ID: "work", Channel: contact.Email, Address: "anna@work.example", Standing: contact.Full, Language: "pl",
	}}} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.has(anna, all...)
			d.block("b1")
			want, links := "", []string{}
			for _, c := range all {
				want += c.ID + " "
				links = append(links, d.token(d.request(d.open(anna), flow.Target{ContactID: c.ID}).ID))
			}
			for _, link := range links {
				d.disown(link)
			}
			d.clock.step(code.ReportPause)
			v := d.open(anna)
			o := d.overview(v)
			if got := offered(o.Destinations); got != want || o.EnterNumber || len(o.Resting) != 0 {
				t.Fatalf("offered are %q, a number %t, resting %+v", got, o.EnterNumber, o.Resting)
			}
			_, err := d.RequestCode(t.Context(), v, toNumber)
			is(t, err, rules.ErrDestination)
			v = d.prove(v, toMail)
			is(t, d.SetPassword(t.Context(), v, strong), nil)
		})
	}
}

// The attack, law 8, seed 34: the thief has the password and reads the mailbox. He says that
// the account is not his and replaces the contacts; the owner is told there all the same,
// and cancels by a code to that mailbox.
func TestDisowningKeepsNobodyFromCancelling(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	thief := d.enter(anna)
	view, err := d.RequestStepUp(t.Context(), thief, toMail)
	is(t, err, nil)
	d.disown(d.token(view.ID))
	is(t, second(d.SubmitStepUp(t.Context(), thief, view.ID, d.code(view.ID))), rules.ErrNoFlow)
	d.clock.step(code.ReportPause)
	thief = d.enter(anna)
	id := d.replaces(&thief, thiefMail)
	before := d.changed(id)
	link := d.notice(annaMail)
	d.disown(link) // and by the notice itself, more than once
	d.disown(link)
	d.told(message.NoticeContactDisowned, annaCell)
	d.told(change.NoticeHeld, annaMail, annaCell)
	if after := d.changed(id); !after.HoldUntil.Equal(before.HoldUntil) || after.State(d.Now()) != change.OnHold {
		t.Fatalf("the hold was %+v and is %+v", before, after)
	}
	d.clock.step(time.Hour)
	owner := d.follow(link)
	if got := d.must(&owner, flow.Ask{Purpose: code.Cancel, Change: id, To: toMail}); got.State != change.Cancelled {
		t.Errorf("the owner's code makes it %+v", got)
	}
	if c := d.book().Contacts[0]; !c.Disowned.IsZero() {
		t.Errorf("after the owner's code the contact is %+v", c)
	}
}

// seed 41, 55: an address that somebody mistyped: its reader says so, the change is over, and
// the person, whose session goes on, types the right one.
func TestAMistypedAddressIsDropped(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	v := d.enter(anna)
	wrong := newMail
	wrong.Address = "ana@elsewhere.example"
	id, err := d.StartAdd(t.Context(), v, wrong)
	is(t, err, nil)
	view, err := d.RequestProof(t.Context(), v, flow.Ask{Purpose: code.AddContact, Change: id})
	is(t, err, nil)
	d.disown(d.token(view.ID))
	_, err = d.SubmitProof(t.Context(), v, view.ID, d.code(view.ID))
	is(t, err, rules.ErrGone)
	if end := d.changed(id).End; end.State != change.Rejected || end.Reason != disowned.NotTheirs {
		t.Errorf("the change ended %+v", end)
	}
	d.told(message.NoticeContactDisowned) // it was never theirs

	d.clock.step(2 * time.Minute)
	again, err := d.StartAdd(t.Context(), v, wrong)
	is(t, err, nil)
	_, err = d.RequestProof(t.Context(), v, flow.Ask{Purpose: code.AddContact, Change: again})
	limited(t, err, "disowned")
	is(t, d.Forget(t.Context(), v, again), nil)
	d.add(&v, newMail)
}

// law 6: whatever is no link of this host's is answered alike and changes nothing.
func TestDisowningByOtherTokensChangesNothing(t *testing.T) {
	d, meter := metered(t)
	held := newDesk(t)
	held.has(anna, mail, cell)
	v := held.enter(anna)
	held.replaces(&v, thiefMail)
	for _, at := range []string{"help.bank.example", "nobody.example"} {
		is(t, held.ReportCode(t.Context(), at, held.notice(annaMail), code.NotMyAccount), nil)
	}
	is(t, held.ReportCode(t.Context(), host, held.notice(annaMail), code.NotMe), nil) // a notice has no code
	if c := held.book().Contacts[0]; !c.Disowned.IsZero() {
		t.Errorf("the contact is %+v", c)
	}
	for _, token := range []string{"", "nonsense", d.ticket(anna), held.notice(annaMail)} {
		d.disown(token)
	}
	if meter.reported != 0 || d.state(theKey) != block.Active {
		t.Errorf("%d reports count, want none", meter.reported)
	}
}
