package flow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

func numbered(i int) flow.NewContact {
	return flow.NewContact{Channel: contact.Email, Address: fmt.Sprintf("x%d@post.example", i), Language: "en"}
}

// law 5: a sign-in earns a bounded number of changes, begun one after the other or at once.
func TestASignInEarnsSoManyChanges(t *testing.T) {
	t.Run("one after the other", func(t *testing.T) {
		d := newDesk(t)
		d.has(anna, mail)
		v := d.enter(anna)
		for i := range change.BegunPerDay {
			id, err := d.StartAdd(t.Context(), v, numbered(i))
			is(t, err, nil)
			is(t, d.Forget(t.Context(), v, id), nil)
		}
		limited(t, second(d.StartAdd(t.Context(), v, numbered(change.BegunPerDay))), "changes")
		d.clock.step(24 * time.Hour)
		v = d.enter(anna)
		is(t, second(d.StartAdd(t.Context(), v, numbered(change.BegunPerDay))), nil)
	})
	t.Run("at once", func(t *testing.T) {
		d := newDesk(t)
		d.has(anna, mail)
		v := d.enter(anna)
		done := make(chan error)
		for i := range 2 * change.MaxOpen {
			go func() { done <- second(d.StartAdd(t.Context(), v, numbered(i))) }()
		}
		for range 2 * change.MaxOpen {
			if err := <-done; err != nil && !errors.Is(err, rules.ErrOpenMatter) {
				t.Error(err)
			}
		}
		open, err := d.memory.OpenChanges(t.Context(), shop, anna)
		if is(t, err, nil); len(open) != change.MaxOpen {
			t.Errorf("%d changes are open, want %d", len(open), change.MaxOpen)
		}
	})
}

// What the help desk asks for keeps no person from changes of their own.
func TestOthersFillNobodysList(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	d.policies[shop].Changes.Requesters = 2
	for i := range change.MaxOpen {
		_, err := d.memory.FreezeChange(t.Context(), change.Sight{
			Key: change.Key{Tenant: shop, Name: fmt.Sprintf("clear-%d", i)}, UID: fmt.Sprint(i),
			Spec:  change.Spec{Account: anna, Action: change.Clear, RequestedBy: "agent"},
			Terms: d.policies[shop].Changes, Created: d.Now(), Now: d.Now(),
		})
		is(t, err, nil)
	}
	v := d.enter(anna)
	if all, err := d.Changes(t.Context(), v); err != nil || all.Full {
		t.Errorf("the list is full: %v", err)
	}
	is(t, second(d.StartReplace(t.Context(), v, newMail)), nil)
}

// meanwhile does something just before a change is forgotten.
type meanwhile struct {
	flow.Store
	deed func()
}

func (m *meanwhile) ForgetChange(ctx context.Context, v change.Visit) error {
	m.deed()
	return m.Store.ForgetChange(ctx, v)
}

// A change that has gone on hold meanwhile is not forgotten: a password cancels nothing.
func TestForgettingIsNoCancelling(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	owner, thief := d.enter(anna), d.enter(anna)
	id, err := d.StartReplace(t.Context(), owner, newMail)
	is(t, err, nil)
	late := *d.Desk
	late.Store = &meanwhile{d.Store, func() { d.must(&owner, flow.Ask{Purpose: code.AddContact, Change: id}) }}
	is(t, late.Forget(t.Context(), thief, id), rules.ErrOrder)
	if r := d.changed(id); r.State(d.Now()) != change.OnHold {
		t.Errorf("it is %s", r.State(d.Now()))
	}
}

// Nobody but whoever entered the codes says yes: another session with the password neither
// makes a new contact junior nor confirms a removal.
func TestAnotherSessionSaysYesForNobody(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	owner, thief := d.enter(anna), d.enter(anna)
	add := d.add(&owner, newMail)
	is(t, second(d.Affirm(t.Context(), thief, add, change.WithoutFull)), rules.ErrOrder)
	remove, err := d.StartRemove(t.Context(), owner, []string{"cell"})
	is(t, err, nil)
	is(t, second(d.ask(&owner, flow.Ask{Purpose: code.StepUp, Change: remove, To: toMail})), nil)
	is(t, second(d.Affirm(t.Context(), thief, remove, change.Confirmation)), rules.ErrOrder)
	for _, id := range []string{add, remove} {
		step, err := d.ChangeStep(t.Context(), thief, id)
		if is(t, err, nil); step.Next != change.FullContactCode || step.Without {
			t.Errorf("his page says %s next, without: %v", step.Next, step.Without)
		}
	}
	if step, err := d.ChangeStep(t.Context(), owner, add); err != nil || !step.Without {
		t.Errorf("the owner cannot go on without: %v", err)
	}
	is(t, second(d.Affirm(t.Context(), owner, remove, change.Confirmation)), nil)
	is(t, second(d.Affirm(t.Context(), owner, add, change.WithoutFull)), nil)
}

// The owner cancels and chooses a new password: the thief's session is over, and so is the
// ticket that he kept.
func TestACancellationEndsOtherSessions(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	thief := d.enter(anna)
	id := d.replaces(&thief, thiefMail)
	kept := d.decide(anna, "ChangeSecurityInfo").Ticket
	d.clock.step(2 * time.Minute)
	owner := d.enterHeld(anna)
	d.must(&owner, flow.Ask{Purpose: code.Cancel, Change: id, To: toMail})
	is(t, d.SetPasswordAfterCancel(t.Context(), owner, id, strong), nil)
	is(t, second(d.StartReplace(t.Context(), thief, thiefMail)), rules.ErrNoFlow)
	is(t, second(d.OpenSession(t.Context(), flow.Visit{Host: host, Network: network}, kept, false)), ticket.ErrInvalid)
	d.info(owner)
	d.info(d.enter(anna))
}
