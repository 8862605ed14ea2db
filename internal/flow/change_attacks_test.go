package flow_test

import (
	"errors"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// follow opens the link of a notice, which can do nothing but cancel.
func (d *desk) follow(messageID string) flow.Visit {
	d.t.Helper()
	v := flow.Visit{Host: host, Network: network}
	credential, err := d.OpenCancel(d.t.Context(), v, messageID)
	is(d.t, err, nil)
	v.Credential = credential
	return v
}

// The thief with the password adds his own address, waits until it is full, and removes
// the owner's contacts one by one: each removal of a known contact by one that only a
// password vouched for goes on hold, and the owner cancels it.
func TestTheThiefWhoWaits(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	thief := d.enter(anna)
	id := d.add(&thief, thiefMail)
	_, err := d.Affirm(t.Context(), thief, id, change.WithoutFull)
	is(t, err, nil)
	his := d.changed(id).Spec.New[0].ID
	if d.notice(annaMail) == "" {
		t.Fatal("the owner was not told")
	}
	d.clock.step(month)
	thief = d.enter(anna)
	first, err := d.removes(&thief, his, "mail")
	if is(t, err, nil); first.State != change.OnHold {
		t.Fatalf("the removal of a known contact is %+v", first)
	}
	told := d.notice(annaMail)
	var frozen *change.FrozenError
	if _, err := d.StartRemove(t.Context(), thief, []string{"cell"}); !errors.As(err, &frozen) {
		t.Fatalf("a removal while another is on hold: %v", err) // seed 53
	}
	d.clock.step(29 * 24 * time.Hour)
	owner := d.follow(told)
	shown, err := d.Cancelling(t.Context(), owner, "")
	is(t, err, nil)
	for _, way := range shown.Destinations {
		if way.ContactID == his {
			t.Error("the thief's own address may cancel")
		}
	}
	if got := d.must(&owner, flow.Ask{Purpose: code.Cancel, Change: first.ID, To: toMail}); got.State != change.Cancelled {
		t.Fatalf("the owner's code makes it %+v", got)
	}
	thief = d.enter(anna)
	rest, err := d.removes(&thief, his, "cell")
	if is(t, err, nil); rest.State != change.OnHold {
		t.Fatalf("the removal of the other is %+v", rest)
	}
	// Signing in with a code to old info ends it too (seed 34).
	d.clock.step(2 * time.Minute)
	d.stepUp(d.enterHeld(anna), toMail)
	if r := d.changed(rest.ID); r.End.State != change.Cancelled {
		t.Errorf("the other removal ended %+v", r.End)
	}
	d.clock.step(2 * month)
	_, err = d.runOut(rest.ID)
	is(t, err, change.ErrEnded)
}

// The thief cannot cancel the owner's replacement: neither with the password, nor by the
// link that he does not get, nor with a contact of his own that is junior or new.
func TestTheThiefWhoCancelsTheReplacement(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	thief := d.enter(anna)
	added := d.add(&thief, thiefMail)
	_, err := d.Affirm(t.Context(), thief, added, change.WithoutFull)
	is(t, err, nil)
	his := flow.Target{ContactID: d.changed(added).Spec.New[0].ID}
	owner := d.enter(anna)
	id := d.replaces(&owner, newMail)
	shown, err := d.Cancelling(t.Context(), thief, id)
	is(t, err, nil)
	if len(shown.Destinations) != 1 || shown.Destinations[0].ContactID != "mail" {
		t.Fatalf("the thief may cancel by %+v", shown.Destinations)
	}
	_, err = d.ask(&thief, flow.Ask{Purpose: code.Cancel, Change: id, To: his})
	is(t, err, rules.ErrDestination)
	d.clock.step(month - time.Hour)
	late := d.enterHeld(anna)
	_, err = d.ask(&late, flow.Ask{Purpose: code.Cancel, Change: id, To: his})
	is(t, err, rules.ErrDestination) // grown full meanwhile, but not before the change
	is(t, second(d.OpenCancel(t.Context(), late, "guessed")), rules.ErrNotFound)
	d.clock.step(time.Hour)
	_, err = d.runOut(id)
	is(t, err, nil)
	d.lists("an•••@••• Full")
}

// Whoever has got the owner's recycled number cancels once by the link; from then on it
// takes the password too.
func TestTheHolderOfARecycledNumber(t *testing.T) {
	d := newDesk(t)
	d.has(anna, cell)
	owner := d.enter(anna)
	id := d.replaces(&owner, newMail)
	holder := d.follow(d.notice(annaCell))
	if got := d.must(&holder, flow.Ask{Purpose: code.Cancel, Change: id}); got.State != change.Cancelled {
		t.Fatalf("the first time makes it %+v", got)
	}
	is(t, d.SetPasswordAfterCancel(t.Context(), holder, id, strong), rules.ErrNoFlow) // no password by a link
	d.clock.step(time.Hour)
	owner = d.enter(anna)
	id = d.replaces(&owner, newMail)
	holder = d.follow(d.notice(annaCell))
	shown, err := d.Cancelling(t.Context(), holder, "")
	if is(t, err, nil); !shown.SignIn || len(shown.Destinations) != 0 {
		t.Fatalf("the second time is shown %+v", shown)
	}
	_, err = d.ask(&holder, flow.Ask{Purpose: code.Cancel, Change: id, To: toCell})
	is(t, err, change.ErrFirstFactor)
	// Signed in, the owner cancels however often, and sets a new password.
	owner = d.enterHeld(anna)
	is(t, d.SetPasswordAfterCancel(t.Context(), owner, id, strong), rules.ErrOrder)
	d.must(&owner, flow.Ask{Purpose: code.Cancel, Change: id, To: toCell})
	is(t, d.SetPasswordAfterCancel(t.Context(), owner, id, strong), nil)
	if len(d.idp.calls) != 1 || d.idp.calls[0].Password != strong {
		t.Errorf("the IdP was told %+v", d.idp.calls)
	}
	d.clock.step(time.Hour)
	owner = d.enter(anna)
	is(t, d.SetPasswordAfterCancel(t.Context(), owner, id, stronger), rules.ErrOrder) // another session cancelled
}

// A thief who signed in with the password waits for the owner to cancel elsewhere: that
// gives his own session no new password.
func TestTheThiefWhoWaitsForACancellation(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	thief := d.enter(anna)
	id := d.replaces(&thief, thiefMail)
	owner := d.follow(d.notice(annaMail))
	d.must(&owner, flow.Ask{Purpose: code.Cancel, Change: id, To: toMail})
	is(t, d.SetPasswordAfterCancel(t.Context(), thief, id, strong), rules.ErrNoFlow)
	if len(d.idp.calls) != 0 {
		t.Errorf("the IdP was told %+v", d.idp.calls)
	}
}

// Two replacements race: neither applies, however long they wait, until the owner's old
// info or a cancellation of one decides.
func TestTwoReplacementsRace(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	owner, thief := d.enter(anna), d.enter(anna)
	hers, his := d.replaces(&owner, newMail), d.replaces(&thief, thiefMail)
	d.clock.step(2 * month)
	for _, id := range []string{hers, his} {
		_, err := d.runOut(id)
		is(t, err, change.ErrContested)
	}
	v := d.enterHeld(anna)
	all, err := d.Changes(t.Context(), v)
	if is(t, err, nil); len(all.Open) != 2 || !all.Open[0].Contested {
		t.Fatalf("open are %+v", all.Open)
	}
	d.must(&v, flow.Ask{Purpose: code.Cancel, Change: his, To: toMail})
	_, err = d.runOut(hers)
	is(t, err, nil)
	d.lists("an•••@••• Full")
}

// law 7, law 6: looking at a notice's link changes nothing and opens nothing; a flow that
// cancels does nothing else and ends nothing else.
func TestAFlowThatCancels(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	owner := d.enter(anna)
	id := d.replaces(&owner, newMail)
	link := d.notice(annaMail)
	for range 3 {
		shown, err := d.PeekNotice(t.Context(), host, link)
		if is(t, err, nil); shown.Change.State != change.OnHold || len(shown.Destinations) != 0 {
			t.Fatalf("the link shows %+v", shown)
		}
	}
	is(t, second(d.PeekNotice(t.Context(), "help.bank.example", link)), rules.ErrNotFound)
	v := d.follow(link)
	ctx := t.Context()
	d.shut(v, "x", rules.ErrNoFlow)
	is(t, second(d.Changes(ctx, v)), rules.ErrNoFlow)
	is(t, second(d.StartAdd(ctx, v, thiefMail)), rules.ErrNoFlow)
	is(t, d.SkipRecheck(ctx, v), rules.ErrNoFlow)
	for _, p := range []code.Purpose{code.AddContact, code.StepUp, code.Recheck} {
		if _, err := d.RequestProof(ctx, v, flow.Ask{Purpose: p, Change: id}); err == nil {
			t.Errorf("a flow that cancels gets a code for %s", p)
		}
	}
	view, err := d.RequestProof(ctx, v, flow.Ask{Purpose: code.Cancel, Change: id})
	is(t, err, nil)
	is(t, second(d.SubmitProof(ctx, owner, view.ID, d.code(view.ID))), rules.ErrNotFound) // another flow's
	is(t, second(d.SubmitProof(ctx, v, view.ID, d.wrong(view.ID))), rules.ErrWrongCode)
	done, err := d.SubmitProof(ctx, v, view.ID, d.code(view.ID))
	if is(t, err, nil); done.Change.State != change.Cancelled {
		t.Fatalf("the code brings about %+v", done)
	}
	is(t, second(d.OpenCancel(ctx, v, link)), change.ErrEnded)
	d.clock.step(15 * time.Minute)
	v.Credential = done.Credential
	is(t, second(d.Cancelling(ctx, v, "")), rules.ErrNoFlow)
}

// seed 38, 39: after long absence the person is asked, may skip for 24 h at a time, and
// after 7 days must prove that a code arrives; a junior contact will do.
func TestRecheck(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	signsIn := func() decision.Answer {
		t.Helper()
		is(t, d.Report(t.Context(), fact.Signal{Tenant: shop, Account: anna, Type: fact.SignIn}), nil)
		return d.decide(anna, decision.SignIn).Answer
	}
	if got := signsIn(); got.Prompt != "" {
		t.Fatalf("the first sign-in is asked %q", got.Prompt)
	}
	d.clock.step(89 * 24 * time.Hour)
	if got := signsIn(); got.Prompt != "" {
		t.Fatalf("after 89 days: %q", got.Prompt)
	}
	d.clock.step(90 * 24 * time.Hour)
	if got := signsIn(); got.Prompt != "VerifySecurityInfo" || got.Verdict != decision.Allow {
		t.Fatalf("after 90 days away: %+v", got)
	}
	v := d.enter(anna)
	asked, err := d.Recheck(t.Context(), v)
	if is(t, err, nil); asked.Skip != 24*time.Hour || len(asked.Destinations) != 3 {
		t.Fatalf("the question is %+v", asked)
	}
	is(t, d.SkipRecheck(t.Context(), v), nil)
	is(t, d.SkipRecheck(t.Context(), v), rules.ErrOrder) // it is not asked now
	if got := signsIn(); got.Prompt != "" {
		t.Fatalf("skipped: %q", got.Prompt)
	}
	d.clock.step(7 * 24 * time.Hour)
	if got := signsIn(); got.Prompt != "MustVerifySecurityInfo" || got.Verdict != decision.Challenge {
		t.Fatalf("after 7 days: %+v", got)
	}
	v = d.enter(anna)
	is(t, d.SkipRecheck(t.Context(), v), rules.ErrOrder)
	added := d.add(&v, newMail)
	d.must(&v, flow.Ask{Purpose: code.Recheck, To: toCell})
	if got := signsIn(); got.Prompt != "" || got.Verdict != decision.Allow {
		t.Fatalf("proven: %+v", got)
	}
	if step, err := d.ChangeStep(t.Context(), v, added); err != nil || step.Next != change.FullContactCode {
		t.Errorf("a recheck's code served the change: %+v, %v", step, err)
	}
}
