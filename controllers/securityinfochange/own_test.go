package securityinfochange

import (
	"errors"
	"testing"
	"time"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// made records a replacement as the pages do: before there is an object.
func (f *fixture) made(request string) (name string) {
	f.Helper()
	name = change.OwnName("a-1", f.namespace, request)
	fresh := change.NewContact{ID: "fresh-1", Channel: contact.Email, Hint: "ca•••@•••", Language: "fr"}
	_, err := f.store.FreezeChange(f.Context(), change.Sight{
		Key: f.key(name), Spec: change.Spec{Account: "a-1", Action: change.Replace, New: []change.NewContact{fresh}},
		Terms: change.DefaultTerms(), Addresses: map[string]string{"fresh-1": newAddress}, Now: f.clock.Now(),
	})
	if err != nil {
		f.Fatal(err)
	}
	return name
}

// A change that a person made at the pages gets its object, and the same hold as one by
// YAML.
func TestOwnChange(t *testing.T) {
	f := newFixture(t)
	f.clock.Set(time.Now().Truncate(time.Second))
	start := f.clock.Now()
	name := f.made("one")
	if sic, _ := f.reconcile(name); sic == nil || sic.Labels[v1alpha1.LabelCreatedBy] != v1alpha1.LabelCreatedByHoldfast {
		t.Fatalf("its object: %+v", sic)
	}
	sic, _ := f.reconcile(name)
	f.state(sic, v1alpha1.ChangeAwaitingCode, isTrue, v1alpha1.ReasonAwaitingCode)
	f.condition(sic, v1alpha1.ConditionStalled, isFalse, v1alpha1.ReasonNotStalled)
	f.silent(sic)
	if r := f.record(name); r.UID != string(sic.UID) {
		t.Errorf("the record is of %q, the object is %s", r.UID, sic.UID)
	}
	f.prove(name)
	// Removed by force: it comes back, and its hold goes on.
	f.vanish(name)
	f.reconcile(name)
	sic, _ = f.reconcile(name)
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	if sic.Status.HoldUntilTime.Sub(start) < month {
		t.Errorf("until %v", sic.Status.HoldUntilTime)
	}
	f.clock.Set(start.Add(month + time.Minute))
	sic, _ = f.reconcile(name)
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
}

// seed 51: a contact for which nobody but a password stood is shown as what it is, junior,
// and stays so where the store was lost (law 1).
func TestAJuniorContactIsShownAsJunior(t *testing.T) {
	f := newFixture(t)
	f.secret("add", newAddress)
	f.create("add", func(sic *v1alpha1.SecurityInfoChange) { sic.Spec.Action = v1alpha1.ActionAdd })
	f.reconcile("add")
	f.prove("add")
	if _, err := f.store.ProveChange(t.Context(), change.Proving{Key: f.key("add"), Proof: change.WithoutFull, Now: f.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, lose := range []func(){func() {}, f.open} {
		lose()
		sic, _ := f.reconcile("add")
		f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
		if c := sic.Status.Contacts; len(c) != 1 || c[0].Standing != v1alpha1.ContactJunior {
			t.Errorf("contacts %+v", c)
		}
	}
}

// Finished changes that Holdfast created go a retention after their end; applied ones of
// others stay.
func TestRetention(t *testing.T) {
	f := newFixture(t)
	f.policy(func(p *v1alpha1.VerificationPolicySpec) { p.Retention.Objects = "24h" })
	theirs := f.hold("theirs")
	name := f.made("one")
	f.reconcile(name)
	f.cancelled("theirs")
	f.reconcile("theirs")
	f.cancelled(name)
	end := f.record(name).End.At
	if _, result := f.reconcile(name); result.RequeueAfter > day || result.RequeueAfter < day-time.Minute {
		t.Errorf("looks again after %v", result.RequeueAfter)
	}
	f.clock.Set(end.Add(day - time.Second))
	if sic, result := f.reconcile(name); sic == nil || result.RequeueAfter != time.Second {
		t.Errorf("a second before: %v, %v", sic, result)
	}
	f.clock.Set(end.Add(day))
	f.reconcile(name)
	f.reconcile(name)
	f.clock.Set(theirs.Add(3 * month))
	f.reconcile("theirs")
	if f.get(name) != nil || f.get("theirs") == nil || f.writes.Deletes.Load() != 1 {
		t.Errorf("own %v, others' %v, %d deletes", f.get(name), f.get("theirs"), f.writes.Deletes.Load())
	}
	if r := f.record(name); r.End.State != change.Cancelled || r.End.Reason != change.ByCode || !r.Deleted {
		t.Errorf("the store says %+v", r.End)
	}
	if sic, _ := f.reconcile(name); sic != nil {
		t.Error("it was created again")
	}
}

// What has ended before it got an object, with nothing to follow, gets none; nothing of it
// stays in the store, nor does the address that somebody typed (law 2).
func TestWhatEndedBeforeItsObjectGoes(t *testing.T) {
	f := newFixture(t)
	name := f.made("one")
	f.cancelled(name)
	if sic, _ := f.reconcile(name); sic != nil {
		t.Errorf("an object for what has ended: %+v", sic.Spec)
	}
	r := f.record(name)
	if !r.Deleted || r.End.State != change.Cancelled || r.End.Reason != change.ByCode {
		t.Errorf("deleted %v, ended %+v", r.Deleted, r.End)
	}
	if sic, _ := f.reconcile(name); sic != nil {
		t.Errorf("an object for what has gone: %+v", sic.Spec)
	}
	late := r.End.At.Add(2 * month)
	if _, err := f.store.Prune(t.Context(), late, late); err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Change(t.Context(), f.key(name)); !errors.Is(err, rules.ErrNotFound) {
		t.Errorf("its record stays: %v", err)
	}
}

// An object that comes after its change has gone tells of the end, and begins nothing anew.
func TestAnObjectThatComesLateBeginsNothing(t *testing.T) {
	f := newFixture(t)
	name := f.made("one")
	late := kube.OwnChange(f.record(name))
	f.cancelled(name)
	f.reconcile(name)
	if err := f.client.Create(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	sic, _ := f.reconcile(name)
	f.state(sic, v1alpha1.ChangeCancelled, isTrue, v1alpha1.ReasonCancelled)
	if r := f.record(name); !r.Deleted || r.End.Reason != change.ByCode {
		t.Errorf("deleted %v, ended %+v", r.Deleted, r.End)
	}
	f.delete(name)
	f.reconcile(name)
	if f.get(name) != nil {
		t.Error("it does not go")
	}
}

// seed 34: a hold that was cancelled before it had an object gets it: there the IdP is told,
// and it is written down until when.
func TestAHoldCancelledBeforeItsObjectEndsSessions(t *testing.T) {
	f, there := newFixture(t), &idp{away: true}
	f.controller.Identity = there
	f.policy(withAdapter)
	name := f.made("one")
	f.prove(name)
	f.clock.Step(time.Minute)
	f.cancelled(name)
	if sic, _ := f.reconcile(name); sic == nil {
		t.Fatal("it got no object")
	}
	sic, _ := f.reconcile(name)
	f.state(sic, v1alpha1.ChangeCancelled, isTrue, v1alpha1.ReasonCancelled)
	f.condition(sic, v1alpha1.ConditionIdentityTold, isFalse, v1alpha1.ReasonIdentityUnreachable)
	there.away = false
	f.clock.Step(tellAgain)
	sic, _ = f.reconcile(name)
	f.condition(sic, v1alpha1.ConditionIdentityTold, isTrue, v1alpha1.ReasonSessionsEnded)
	if len(there.told) != 2 {
		t.Errorf("told %q", there.told)
	}
	f.clock.Step(2 * month)
	f.reconcile(name)
	f.reconcile(name)
	if f.get(name) != nil || !f.record(name).Deleted {
		t.Error("it stays past its retention")
	}
}

// Nobody else's record gets an object.
func TestOnlyOwnRecordsGetObjects(t *testing.T) {
	f := newFixture(t)
	f.hold("r")
	f.vanish("r")
	if sic, _ := f.reconcile("r"); sic != nil {
		t.Errorf("it was created: %+v", sic.Spec)
	}
	if state := f.record("r").State(f.clock.Now()); state != change.OnHold {
		t.Errorf("the record is %s", state)
	}
}
