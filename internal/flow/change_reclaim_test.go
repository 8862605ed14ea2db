package flow_test

import (
	"errors"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// stolen is an account on whose replacement a thief with the password waits.
func stolen(t *testing.T) (b *besieged, thief flow.Visit, id string) {
	b = newBesieged(t)
	b.has(anna, mail, cell)
	b.policies[shop].Identity.Adapter = "webhook"
	thief = b.enter(anna)
	id = b.replaces(&thief, thiefMail)
	b.sync()
	return b, thief, id
}

func (b *besieged) signInIs(want decision.Verdict) flow.Decision {
	b.t.Helper()
	b.sync()
	out := b.decide(anna, decision.SignIn)
	if out.Verdict != want {
		b.t.Fatalf("SignIn is answered %+v, want %s", out.Answer, want)
	}
	return out
}

// seed 34, 4: whoever was told cancels without a password. The thief still knows the old
// one: the account is blocked, his session too, until a code and a new password open it.
func TestACancellationByLinkBlocksTheOldPassword(t *testing.T) {
	b, thief, _ := stolen(t)
	owner := b.follow(b.notice(annaMail))
	b.must(&owner, flow.Ask{Purpose: code.Cancel, To: toMail, Change: b.onlyChange(owner)})
	out := b.signInIs(decision.Deny)
	if out.Ticket == "" || out.Links["unblock"] == "" {
		t.Fatalf("nobody is led on: %+v", out)
	}
	if _, err := b.SecurityInfo(t.Context(), thief); !errors.Is(err, rules.ErrNoFlow) {
		t.Errorf("the thief looks at the security info: %v", err)
	}
	credential, err := b.Open(t.Context(), host, out.Ticket, false)
	is(t, err, nil)
	v := b.prove(flow.Visit{Host: host, Credential: credential, Network: network}, toCell)
	is(t, b.SetPassword(t.Context(), v, strong), nil)
	b.signInIs(decision.Allow)
}

// Whoever has signed in and cancels finishes there: the new password ends the block. The
// session stays, that of the thief does not.
func TestACancellationInASessionEndsWithANewPassword(t *testing.T) {
	b, thief, id := stolen(t)
	owner := b.enterHeld(anna)
	b.must(&owner, flow.Ask{Purpose: code.Cancel, Change: id, To: toMail})
	b.signInIs(decision.Deny)
	b.info(owner)
	if _, err := b.SecurityInfo(t.Context(), thief); !errors.Is(err, rules.ErrNoFlow) {
		t.Errorf("the thief looks at the security info: %v", err)
	}
	is(t, b.SetPasswordAfterCancel(t.Context(), owner, id, strong), nil)
	b.signInIs(decision.Allow)
	b.info(owner)
	if b.letters(annaMail, message.NoticeReleased) == 0 {
		t.Error("the contacts were not told (law 8)")
	}
}

// seed 34: a step-up is a sign-in with the old info: it cancels, and says that a new
// password is next. Left undone, the next sign-in takes a code and a new password.
func TestAStepUpThatCancelsWantsANewPassword(t *testing.T) {
	b, _, id := stolen(t)
	owner := b.enterHeld(anna)
	view, err := b.RequestStepUp(t.Context(), owner, toMail)
	is(t, err, nil)
	done, err := b.SubmitStepUp(t.Context(), owner, view.ID, b.code(view.ID))
	if is(t, err, nil); done.Cancelled.ID != id {
		t.Fatalf("it has cancelled %+v", done.Cancelled)
	}
	b.clock.step(block.ReleaseWindow)
	out := b.signInIs(decision.Deny)
	if out.Block.Name == "" || out.Ticket == "" {
		t.Fatalf("after the session: %+v", out)
	}
	b.clock.step(24 * time.Hour)
	b.signInIs(decision.Allow) // seed 30: it ends by itself
}

// An unblock by code and new password cancels too (seed 34): nothing more is to be done.
func TestAnUnblockThatCancelsLeavesNoBlock(t *testing.T) {
	b, _, _ := stolen(t)
	b.applied("Account", "")
	v := b.prove(b.open(anna), toMail)
	is(t, b.SetPassword(t.Context(), v, strong), nil)
	b.signInIs(decision.Allow)
}

// Two cancellations around the full hour begin two blocks: one new password ends both.
func TestTwoCancellationsEndWithOnePassword(t *testing.T) {
	b, thief, first := stolen(t)
	second := b.replaces(&thief, newMail)
	b.clock.step(start.Truncate(time.Hour).Add(time.Hour - time.Minute).Sub(b.Now()))
	owner := b.enterHeld(anna)
	b.must(&owner, flow.Ask{Purpose: code.Cancel, Change: first, To: toMail})
	b.clock.step(2 * time.Minute)
	b.must(&owner, flow.Ask{Purpose: code.Cancel, Change: second, To: toMail})
	if n := len(b.own()); n != 2 {
		t.Fatalf("%d blocks, want 2", n)
	}
	is(t, b.SetPasswordAfterCancel(t.Context(), owner, second, strong), nil)
	b.signInIs(decision.Allow)
}

// Where nobody sets passwords a code alone opens the account again.
func TestACancellationWithoutAnAdapter(t *testing.T) {
	b, _, id := stolen(t)
	b.policies[shop].Identity.Adapter = ""
	owner := b.enterHeld(anna)
	b.must(&owner, flow.Ask{Purpose: code.Cancel, Change: id, To: toMail})
	b.info(owner)
	b.clock.step(2 * time.Minute)
	ticket := b.signInIs(decision.Deny).Ticket
	credential, err := b.Open(t.Context(), host, ticket, false)
	is(t, err, nil)
	b.prove(flow.Visit{Host: host, Credential: credential, Network: network}, toMail)
	b.signInIs(decision.Allow)
}

// In mode Shadow holds are as real as ever, and so is their cancellation; the block that
// follows denies nobody.
func TestACancellationInShadowDeniesNobody(t *testing.T) {
	b, _, id := stolen(t)
	b.policies[shop].Mode = policy.Shadow
	owner := b.enter(anna)
	b.must(&owner, flow.Ask{Purpose: code.Cancel, Change: id, To: toMail})
	b.signInIs(decision.Allow)
	is(t, b.SetPasswordAfterCancel(t.Context(), owner, id, strong), nil)
}

// onlyChange is the one that a flow was opened to cancel.
func (d *desk) onlyChange(v flow.Visit) string {
	d.t.Helper()
	shown, err := d.Cancelling(d.t.Context(), v, "")
	is(d.t, err, nil)
	return shown.Change.ID
}

// letters counts the notices of a name that an address got.
func (d *desk) letters(address, name string) (n int) {
	d.t.Helper()
	d.collect()
	for _, m := range d.mail {
		if m.Address == address && m.Notice == name {
			n++
		}
	}
	return n
}
