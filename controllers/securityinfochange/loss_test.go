package securityinfochange

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
)

// stands fails unless the hold still has its date and its restriction, in status and
// store, and ends at no other instant (law 1).
func (f *fixture) stands(name string, start time.Time, end v1alpha1.ChangeState) {
	f.Helper()
	sic, _ := f.reconcile(name)
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	until := start.Add(month)
	if sic.Status.Restricted != v1alpha1.RestrictSignIn || !sic.Status.HoldUntilTime.Time.Equal(until) || !sic.Status.HoldStartTime.Time.Equal(start) {
		f.Errorf("restricts %q from %v to %v, want SignIn to %v", sic.Status.Restricted, sic.Status.HoldStartTime, sic.Status.HoldUntilTime, until)
	}
	r := f.record(name)
	if what, to := r.Restricts(f.clock.Now()); what != change.SignIn || !to.Equal(until) || !r.HoldUntil.Equal(until) {
		f.Errorf("the store restricts %q to %v and holds to %v, want SignIn to %v", what, to, r.HoldUntil, until)
	}
	f.clock.Set(until.Add(-time.Second))
	sic, _ = f.reconcile(name)
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	f.clock.Set(until)
	sic, _ = f.reconcile(name)
	if sic.Status.State != end {
		f.Errorf("at its date it is %s, want %s: %+v", sic.Status.State, end, sic.Status.Conditions)
	}
}

// law 1: what the status tells is only a mirror.
func TestStatusIsWiped(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	f.clock.Step(10 * day)
	f.wipeStatus("r")
	f.stands("r", start, v1alpha1.ChangeApplied)
}

// law 1: an empty store adopts the hold from the status. It knows no proven address any
// more, and what stands in the Secret by now was proven by nobody: nothing is applied.
func TestStoreIsWiped(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	told := f.get("r").Status
	f.clock.Step(10 * day)
	f.open()
	f.own("a-1")
	sic, _ := f.reconcile("r")
	if diff := cmp.Diff(told.Contacts, sic.Status.Contacts); diff != "" {
		t.Errorf("contacts (-before +after):\n%s", diff)
	}
	if sic.Status.NoticesSent < told.NoticesSent {
		t.Errorf("%d notices, were %d", sic.Status.NoticesSent, told.NoticesSent)
	}
	f.stands("r", start, v1alpha1.ChangeRejected)
	if diff := cmp.Diff([]string{oldAddress}, f.contacts("a-1")); diff != "" {
		t.Errorf("contacts (-want +got):\n%s", diff)
	}
}

// law 1: what is adopted can still be cancelled by the owner.
func TestStoreIsWipedAndTheOwnerCancels(t *testing.T) {
	f := newFixture(t)
	f.hold("r")
	f.clock.Step(10 * day)
	f.open()
	f.own("a-1")
	f.reconcile("r")
	f.clock.Step(time.Hour)
	f.cancelled("r")
	sic, _ := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeCancelled, isTrue, v1alpha1.ReasonCancelled)
}

// law 1: a terminal fact of the status comes back with the store that lost it.
func TestStoreIsWipedAfterTheEnd(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	f.cancelled("r")
	f.reconcile("r")
	f.open()
	f.own("a-1")
	f.clock.Set(start.Add(2 * month))
	sic, _ := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeCancelled, isTrue, v1alpha1.ReasonCancelled)
}

// law 1: the store is empty and so is the account's Secret: the hold is adopted all the
// same.
func TestStoreAndSecretAreLost(t *testing.T) {
	f := newFixture(t)
	f.secret("r", newAddress)
	start := f.create("r").CreationTimestamp.UTC()
	f.reconcile("r")
	f.prove("r")
	sic, _ := f.reconcile("r")
	secret := secretOf(f, "r")
	if err := f.client.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	f.open()
	f.own("a-1")
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	f.stands("r", start, v1alpha1.ChangeRejected)
}

// law 1: objects come back from a backup under other UIDs, with their status or without.
func TestNamespaceIsRestored(t *testing.T) {
	for name, withStatus := range map[string]bool{"with its status": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			start := f.hold("r")
			f.clock.Step(10 * day)
			f.restore(f.vanish("r"), withStatus)
			f.stands("r", start, v1alpha1.ChangeApplied)
		})
	}
	t.Run("and the store is lost", func(t *testing.T) {
		f := newFixture(t)
		start := f.hold("r")
		f.clock.Step(10 * day)
		f.restore(f.vanish("r"), true)
		f.open()
		f.own("a-1")
		f.stands("r", start, v1alpha1.ChangeRejected)
	})
}

// An open change is deleted: its contacts are told, what it restricts stays so to its
// date, and the object goes although only the store answers.
func TestOpenChangeIsDeleted(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	f.said()
	f.clock.Step(day)
	f.delete("r")
	f.controller.Secrets, f.controller.APIServer, f.controller.Contacts = nil, nil, nil
	if sic, _ := f.reconcile("r"); sic != nil {
		t.Fatalf("it is still there: %v", sic.Finalizers)
	}
	r := f.record("r")
	if r.End.State != change.Cancelled || r.End.Reason != change.ByDeletion || r.NoticesSent < 3 {
		t.Errorf("ended %+v after %d notices", r.End, r.NoticesSent)
	}
	until := start.Add(month)
	for at, want := range map[time.Time]change.Restriction{until.Add(-time.Second): change.SignIn, until: ""} {
		if what, _ := r.Restricts(at); what != want {
			t.Errorf("at %v it restricts %q, want %q", at, what, want)
		}
	}
	if got := f.said(); len(got) != 1 || !strings.Contains(got[0], "Warning Cancelled") || !strings.Contains(got[0], until.Format(time.RFC3339)) {
		t.Errorf("events %q", got)
	}
	f.clock.Set(until.Add(day))
	if sic, result := f.reconcile("r"); sic != nil || !result.IsZero() {
		t.Errorf("it came back: %v, %v", sic, result)
	}
}

// A change that is deleted and created again waits for its codes anew; the restriction of
// the first stays. A status of before its deletion revives nothing.
func TestDeletedAndCreatedAgain(t *testing.T) {
	for name, withStatus := range map[string]bool{"by a pipeline": false, "from a backup with its status": true} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			start := f.hold("r")
			f.clock.Step(day)
			was := f.get("r")
			f.delete("r")
			f.reconcile("r")
			f.clock.Step(day)
			f.restore(was, withStatus)
			sic, _ := f.reconcile("r")
			f.state(sic, v1alpha1.ChangeAwaitingCode, isTrue, v1alpha1.ReasonAwaitingCode)
			if sic.Status.Restricted != v1alpha1.RestrictSignIn || sic.Status.HoldUntilTime != nil {
				t.Errorf("restricts %q until %v", sic.Status.Restricted, sic.Status.HoldUntilTime)
			}
			f.prove("r")
			began := f.clock.Now()
			f.clock.Set(start.Add(month))
			sic, _ = f.reconcile("r")
			f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
			if sic.Status.HoldUntilTime.Sub(began) < month {
				t.Errorf("from %v until %v", began, sic.Status.HoldUntilTime)
			}
		})
	}
}

// law 1: the status alone knows of a hold, and the object is deleted: it restricts on.
func TestDeletedWhileOnlyTheStatusKnows(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	f.open()
	f.own("a-1")
	f.delete("r")
	if sic, _ := f.reconcile("r"); sic != nil {
		t.Fatalf("it is still there: %v", sic.Finalizers)
	}
	r := f.record("r")
	if what, until := r.Restricts(f.clock.Now()); what != change.SignIn || !until.Equal(start.Add(month)) || r.End.Reason != change.ByDeletion {
		t.Errorf("restricts %q until %v, ended %+v", what, until, r.End)
	}
}

// The store does not answer: the status says so, and nothing else changes.
func TestStoreIsAway(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	f.store.down = rules.ErrUnavailable
	if _, err := f.try("r"); err == nil {
		t.Fatal("it was not tried again")
	}
	f.state(f.get("r"), v1alpha1.ChangeOnHold, isFalse, v1alpha1.ReasonStoreUnavailable)
	f.store.down = nil
	f.stands("r", start, v1alpha1.ChangeApplied)
}
