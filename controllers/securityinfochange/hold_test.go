package securityinfochange

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
)

// seed 33: a replacement waits 30 days, nothing sooner, and is then applied once. law 8:
// each of its instants costs one status write and no more.
func TestAppliesAfterThirtyDays(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	end := start.Add(month)
	sic := f.get("r")
	if !sic.Status.HoldUntilTime.Time.Equal(end) || sic.Status.Restricted != v1alpha1.RestrictSignIn || sic.Status.NoticesSent != 1 {
		t.Errorf("until %v, restricted %q, %d notices", sic.Status.HoldUntilTime, sic.Status.Restricted, sic.Status.NoticesSent)
	}
	for i, at := range []time.Duration{day, 14 * day, 27 * day, 29 * day} {
		f.clock.Set(start.Add(at - time.Second))
		if sic, result := f.reconcile("r"); result.RequeueAfter != time.Second || int(sic.Status.NoticesSent) != 1+i {
			t.Errorf("a second before %v: wakes after %v, %d notices", at, result.RequeueAfter, sic.Status.NoticesSent)
		}
		f.clock.Step(time.Second)
		if sic, _ := f.reconcile("r"); int(sic.Status.NoticesSent) != 2+i {
			t.Errorf("at %v: %d notices", at, sic.Status.NoticesSent)
		}
	}
	f.clock.Set(end.Add(-time.Minute)) // 29 days 23 h 59 min
	sic, result := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	if result.RequeueAfter != time.Minute {
		t.Errorf("wakes after %v", result.RequeueAfter)
	}
	f.clock.Set(end.Add(-time.Millisecond))
	sic, _ = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	if diff := cmp.Diff([]string{oldAddress}, f.contacts("a-1")); diff != "" {
		t.Errorf("contacts (-want +got):\n%s", diff)
	}

	f.clock.Set(end)
	sic, result = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
	if !sic.Status.FinishedTime.Time.Equal(end) || sic.Status.Restricted != "" || !result.IsZero() {
		t.Errorf("finished at %v, restricted %q, result %v", sic.Status.FinishedTime, sic.Status.Restricted, result)
	}
	if diff := cmp.Diff([]string{newAddress}, f.contacts("a-1")); diff != "" {
		t.Errorf("contacts (-want +got):\n%s", diff)
	}
	once := f.record("r")
	f.clock.Step(time.Hour)
	f.reconcile("r")
	f.reconcile("r")
	if diff := cmp.Diff(once, f.record("r")); diff != "" {
		t.Errorf("looked at again (-then +now):\n%s", diff)
	}
	// The finalizer; then AwaitingCode, OnHold, four reminders, Applied.
	if status, meta := f.writes.Status.Load(), f.writes.Meta.Load(); status != 7 || meta != 1 {
		t.Errorf("%d status writes and %d others, want 7 and 1", status, meta)
	}
	if got := f.said(); len(got) != 2 || !strings.HasPrefix(got[0], "Normal OnHold") || !strings.HasPrefix(got[1], "Normal Applied") {
		t.Errorf("events %q", got)
	}
}

// The operator is down over the deadline: at its return the change is applied at once.
func TestOperatorDownOverTheDeadline(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	f.clock.Set(start.Add(month - time.Second)) // it returns a second early, and goes down again
	sic, _ := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	f.clock.Set(start.Add(month + 50*time.Hour))
	sic, _ = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
}

// seed 34: cancel and deadline in the same instant settle to exactly one, whichever is
// first, and raced.
func TestCancelAtTheDeadline(t *testing.T) {
	t.Run("the code is first", func(t *testing.T) {
		f := newFixture(t)
		f.clock.Set(f.hold("r").Add(month))
		f.cancelled("r")
		sic, result := f.reconcile("r")
		f.state(sic, v1alpha1.ChangeCancelled, isTrue, v1alpha1.ReasonCancelled)
		if got := f.contacts("a-1"); got[0] != oldAddress || sic.Status.Restricted != "" || !result.IsZero() {
			t.Errorf("contacts %v, restricted %q, result %v", got, sic.Status.Restricted, result)
		}
	})
	t.Run("the deadline is first", func(t *testing.T) {
		f := newFixture(t)
		f.clock.Set(f.hold("r").Add(month))
		by := f.cancelling("r")
		sic, _ := f.reconcile("r")
		f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
		if _, err := f.store.CancelChange(t.Context(), by, block.Spec{}); err == nil {
			t.Error("it was cancelled after it was applied")
		}
	})
	f := newFixture(t)
	for i := range 8 {
		name := "race-" + string(rune('a'+i))
		account := v1alpha1.AccountID(name)
		f.own(name)
		f.clock.Set(f.hold(name, func(sic *v1alpha1.SecurityInfoChange) { sic.Spec.Account = account }).Add(month))
		by := f.cancelling(name)
		cancelled := make(chan error)
		go func() {
			_, err := f.store.CancelChange(t.Context(), by, block.Spec{})
			cancelled <- err
		}()
		if _, err := f.try(name); err != nil {
			t.Fatal(err)
		}
		lost := <-cancelled != nil
		sic, _ := f.reconcile(name)
		applied := f.record(name).End.State == change.Applied
		if applied != lost || applied != (sic.Status.State == v1alpha1.ChangeApplied) || applied != (f.contacts(name)[0] == newAddress) {
			t.Errorf("%s: applied %v, cancel refused %v, status %s, contacts %v", name, applied, lost, sic.Status.State, f.contacts(name))
		}
	}
}

// law 11: by a clock a day ahead no hold is shorter than 30 days.
func TestClockADayAhead(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	f.skew = day
	f.clock.Set(start.Add(month - day)) // this process believes that it is over
	sic, result := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeOnHold, isFalse, v1alpha1.ReasonClockSkew)
	if result.RequeueAfter != skewAgain {
		t.Errorf("compares again after %v", result.RequeueAfter)
	}
	f.clock.Set(start.Add(month + time.Hour)) // even when it is over
	sic, _ = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeOnHold, isFalse, v1alpha1.ReasonClockSkew)
	f.skew = 0
	sic, _ = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
}

// law 11: a clock that is ahead when a hold begins makes it longer.
func TestClockADayAheadAtTheStart(t *testing.T) {
	f := newFixture(t)
	f.secret("r", newAddress)
	start := f.create("r").CreationTimestamp.UTC()
	f.skew = day
	f.reconcile("r")
	f.clock.Set(start.Add(time.Minute))
	f.prove("r")
	f.skew = 0
	sic, _ := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	if until := sic.Status.HoldUntilTime; until.Before(&sic.CreationTimestamp) || until.Sub(start) < month {
		t.Errorf("until %v", until)
	}
}

// Clocks that tell whole seconds may say for a moment that a hold still runs: it is tried
// again a second later, and not at every millisecond.
func TestTheSlowestClockCounts(t *testing.T) {
	f := newFixture(t)
	start := f.hold("r")
	f.controller.APIServer = clockOf(func() time.Time { return f.clock.Now().Add(-20 * time.Second) })
	f.clock.Set(start.Add(month))
	sic, result := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	if result.RequeueAfter != earlyAgain {
		t.Errorf("looks again after %v", result.RequeueAfter)
	}
	f.clock.Step(20 * time.Second)
	sic, _ = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
}

// law 1: the length of a hold is frozen with the change's first record.
func TestThePolicyIsEditedToOneMinute(t *testing.T) {
	f := newFixture(t)
	f.secret("r", newAddress)
	start := f.create("r").CreationTimestamp.UTC()
	f.reconcile("r")
	f.policy(func(p *v1alpha1.VerificationPolicySpec) { p.SecurityInfo.Hold = "1m" })
	f.prove("r")
	f.reconcile("r")
	f.clock.Set(start.Add(month - time.Second))
	sic, _ := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	if !sic.Status.HoldUntilTime.Time.Equal(start.Add(month)) {
		t.Errorf("until %v", sic.Status.HoldUntilTime)
	}
}

// Of two competing replacements neither applies; cancelling one frees the other.
func TestContested(t *testing.T) {
	f := newFixture(t)
	start := f.hold("first")
	f.hold("second")
	end := f.clock.Now().Add(month)
	for _, name := range []string{"first", "second"} {
		sic, _ := f.reconcile(name)
		f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonCompetingChange)
		f.condition(sic, v1alpha1.ConditionContested, isTrue, v1alpha1.ReasonCompetingChange)
	}
	if got := strings.Count(strings.Join(f.said(), "\n"), "Warning CompetingChange"); got != 2 {
		t.Errorf("%d warnings, want one for each", got)
	}
	// law 8: the old contact and the new one are told once; the second's beginning says no more.
	for name, want := range map[string]int32{"first": 1 + 2, "second": 2} {
		for range 2 {
			if sic, _ := f.reconcile(name); sic.Status.NoticesSent != want {
				t.Errorf("%s: %d notices, want %d", name, sic.Status.NoticesSent, want)
			}
		}
		if told := f.record(name).Told; !slices.Contains(told, change.Contest) {
			t.Errorf("%s has told %v", name, told)
		}
	}
	f.clock.Set(end.Add(day))
	for _, name := range []string{"first", "second"} {
		f.reconcile(name) // the last notice
		sic, result := f.reconcile(name)
		f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonCompetingChange)
		if result.RequeueAfter != contestedAgain {
			t.Errorf("%s: looks again after %v", name, result.RequeueAfter)
		}
		clocks := change.Clocks{Process: f.clock.Now(), APIServer: f.clock.Now(), Database: f.clock.Now()}
		if _, err := f.store.ApplyChange(t.Context(), f.key(name), clocks); !errors.Is(err, change.ErrContested) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.cancelled("second")
	f.reconcile("second")
	if diff := cmp.Diff(f.controller.rivals(t.Context(), f.get("second")), []reconcile.Request{request(f.key("first"))}); diff != "" {
		t.Errorf("looked at when the second moved (-got +want):\n%s", diff)
	}
	sic, _ := f.reconcile("first")
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
	f.condition(sic, v1alpha1.ConditionContested, isFalse, v1alpha1.ReasonNotContested)
	if f.clock.Now().Sub(start) < month {
		t.Error("it was applied early")
	}
}

// seed 31, 53: removing the last contact takes its codes, then it waits, and it leaves
// the use of the account.
func TestRemovingTheLast(t *testing.T) {
	f := newFixture(t)
	start := f.create("r", func(sic *v1alpha1.SecurityInfoChange) {
		sic.Spec.Action, sic.Spec.Contacts = v1alpha1.ActionRemove, []v1alpha1.ContactReference{{ID: "old"}}
	}).CreationTimestamp.UTC()
	sic, _ := f.reconcile("r")
	f.state(sic, v1alpha1.ChangeAwaitingCode, isTrue, v1alpha1.ReasonAwaitingCode)
	if diff := cmp.Diff([]v1alpha1.RequiredProof{v1alpha1.ProofFullContactCode, v1alpha1.ProofConfirmation}, sic.Status.RemainingProofs); diff != "" {
		t.Errorf("proofs (-want +got):\n%s", diff)
	}
	id := f.accepted(code.StepUp, "a-1", "r", "old", oldAddress)
	for _, p := range []change.Proving{{Proof: change.FullContactCode, ChallengeID: id}, {Proof: change.Confirmation}} {
		p.Key, p.Now = f.key("r"), f.clock.Now()
		if _, err := f.store.ProveChange(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	sic, _ = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	if sic.Status.Restricted != v1alpha1.RestrictSensitiveActions || len(sic.Status.RemainingProofs) != 0 {
		t.Errorf("restricted %q, proofs %v", sic.Status.Restricted, sic.Status.RemainingProofs)
	}
	f.clock.Set(start.Add(month))
	sic, _ = f.reconcile("r")
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
	if got := f.contacts("a-1"); len(got) != 0 {
		t.Errorf("contacts %v", got)
	}
}

// seed 53: while another change of the account restricts it, a change that waits for its
// person says so and until when; once that time has come, no more. It is looked at then by
// itself.
func TestFrozenByAnother(t *testing.T) {
	f := newFixture(t)
	until := f.hold("holds").Add(month)
	f.secret("waits", "another-"+newAddress)
	f.create("waits", func(sic *v1alpha1.SecurityInfoChange) { sic.Spec.Action = v1alpha1.ActionAdd })
	sic, result := f.reconcile("waits")
	f.state(sic, v1alpha1.ChangeAwaitingCode, isTrue, v1alpha1.ReasonAwaitingCode)
	f.says(sic, "Another change of this account restricts it until "+until.Format(time.RFC3339)+": nothing can be proven before.")
	if result.RequeueAfter != change.ProveWithin {
		t.Errorf("looks again after %v, want when it expires", result.RequeueAfter)
	}

	// Deleted, it restricts to its date: the object that told of it is gone.
	f.clock.Set(until.Add(-day))
	f.delete("holds")
	f.reconcile("holds")
	f.secret("late", "another-"+newAddress)
	f.create("late", func(sic *v1alpha1.SecurityInfoChange) { sic.Spec.Action = v1alpha1.ActionAdd })
	f.clock.Set(until.Add(-day))
	sic, result = f.reconcile("late")
	f.says(sic, "nothing can be proven before")
	if result.RequeueAfter != day {
		t.Errorf("looks again after %v, want when the other restricts no more", result.RequeueAfter)
	}
	f.clock.Set(until)
	sic, _ = f.reconcile("late")
	f.says(sic, "a code to a full contact of the account.")
	if ready := meta.FindStatusCondition(sic.Status.Conditions, v1alpha1.ConditionReady); strings.Contains(ready.Message, "proven before") {
		t.Errorf("it is free, and says %q", ready.Message)
	}
}

// says fails unless Ready's message ends with a text.
func (f *fixture) says(sic *v1alpha1.SecurityInfoChange, want string) {
	f.Helper()
	ready := meta.FindStatusCondition(sic.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || !strings.Contains(ready.Message, want) {
		f.Errorf("Ready is %+v, want %q in it", ready, want)
	}
}
