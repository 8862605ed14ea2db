package kube

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

func frozen(edits ...func(*block.Record)) block.Record {
	r := block.NewRecord(block.Key{Tenant: "shop", Name: "b"}, "uid-1", block.Spec{
		Account: "a-1", Reason: block.UnusualActivity, Scope: block.Account, Start: noon, Duration: 24 * time.Hour,
		Steps: []block.Step{block.VerifyCode, block.ChangePassword}, CodeTo: block.SecurityInfo,
	})
	for _, e := range edits {
		e(&r)
	}
	return r
}

func mailing() policy.Policy {
	p := policy.Default()
	p.Providers = []policy.Provider{{Name: "mail", Channels: []contact.Channel{contact.Email}}}
	return p
}

func report(r block.Record, now time.Time) BlockReport {
	return BlockReport{Record: r, Spec: r.Spec, Policy: mailing(), Generation: 3, Now: now}
}

func TestStatusOfEachState(t *testing.T) {
	end := func(state block.State, at time.Time) func(*block.Record) {
		return func(r *block.Record) { r.End = block.End{State: state, At: at} }
	}
	proved := func(r *block.Record) { r.Proof = block.Proof{Flow: "f", At: noon.Add(time.Hour)} }
	permanent := func(r *block.Record) { r.Spec.Permanent, r.Expires = true, time.Time{} }
	cases := map[string]struct {
		report   BlockReport
		state    v1alpha1.BlockState
		ready    string
		message  string
		release  string
		steps    []v1alpha1.ReleaseStep
		finished time.Time
	}{
		"active": {report(frozen(), noon), v1alpha1.BlockActive, v1alpha1.ReasonEnforced,
			"Enforced until 2026-05-02T12:00:00Z.", v1alpha1.ReasonStepsLeft, []v1alpha1.ReleaseStep{"VerifyCode", "ChangePassword"}, time.Time{}},
		"one second before the end (seed 30)": {report(frozen(), noon.Add(24*time.Hour-time.Second)), v1alpha1.BlockActive, v1alpha1.ReasonEnforced,
			"Enforced until 2026-05-02T12:00:00Z.", v1alpha1.ReasonStepsLeft, []v1alpha1.ReleaseStep{"VerifyCode", "ChangePassword"}, time.Time{}},
		"permanent (seed 15)": {report(frozen(permanent), noon), v1alpha1.BlockActive, v1alpha1.ReasonEnforced,
			"Enforced until it is released or deleted.", v1alpha1.ReasonStepsLeft, []v1alpha1.ReleaseStep{"VerifyCode", "ChangePassword"}, time.Time{}},
		"releasing (seed 4)": {report(frozen(proved), noon.Add(time.Hour)), v1alpha1.BlockReleasing, v1alpha1.ReasonEnforced,
			"A code was proved; the person can finish until 2026-05-01T13:15:00Z. Enforced until 2026-05-02T12:00:00Z.",
			v1alpha1.ReasonStepsLeft, []v1alpha1.ReleaseStep{"ChangePassword"}, time.Time{}},
		"not finished within 15 minutes": {report(frozen(proved), noon.Add(75*time.Minute)), v1alpha1.BlockActive, v1alpha1.ReasonEnforced,
			"Enforced until 2026-05-02T12:00:00Z.", v1alpha1.ReasonStepsLeft, []v1alpha1.ReleaseStep{"VerifyCode", "ChangePassword"}, time.Time{}},
		"released (seed 4)": {report(frozen(end(block.Released, noon.Add(time.Hour))), noon.Add(2*time.Hour)), v1alpha1.BlockReleased,
			v1alpha1.ReasonReleased, "Released by the person at 2026-05-01T13:00:00Z.", v1alpha1.ReasonFinished, nil, noon.Add(time.Hour)},
		"expired (seed 30)": {report(frozen(end(block.Expired, noon.Add(24*time.Hour))), noon.Add(24*time.Hour)), v1alpha1.BlockExpired,
			v1alpha1.ReasonExpired, "Expired at 2026-05-02T12:00:00Z.", v1alpha1.ReasonFinished, nil, noon.Add(24 * time.Hour)},
		"revoked": {report(frozen(end(block.Revoked, noon)), noon), v1alpha1.BlockRevoked,
			v1alpha1.ReasonRevoked, "Revoked at 2026-05-01T12:00:00Z.", v1alpha1.ReasonFinished, nil, noon},
		"without steps": {report(frozen(func(r *block.Record) { r.Spec.Steps = nil }), noon), v1alpha1.BlockActive, v1alpha1.ReasonEnforced,
			"Enforced until 2026-05-02T12:00:00Z.", v1alpha1.ReasonNoSteps, nil, time.Time{}},
		"without a provider": {BlockReport{Record: frozen(), Spec: frozen().Spec, Policy: policy.Default(), Generation: 3, Now: noon},
			v1alpha1.BlockActive, v1alpha1.ReasonEnforced, "Enforced until 2026-05-02T12:00:00Z.", v1alpha1.ReasonNoChannel,
			[]v1alpha1.ReleaseStep{"VerifyCode", "ChangePassword"}, time.Time{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := c.report.Status(v1alpha1.AccountBlockStatus{})
			if s.State != c.state || s.ObservedGeneration != 3 || !s.StartTime.Time.Equal(noon) {
				t.Errorf("state %s of generation %d since %v", s.State, s.ObservedGeneration, s.StartTime)
			}
			if diff := cmp.Diff(c.steps, s.RemainingSteps); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if got := instant(s.FinishedTime); !got.Equal(c.finished) {
				t.Errorf("finished at %v, want %v", got, c.finished)
			}
			ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
			if ready.Status != metav1.ConditionTrue || ready.Reason != c.ready || ready.Message != c.message {
				t.Errorf("Ready %s %s %q", ready.Status, ready.Reason, ready.Message)
			}
			if got := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReleasable).Reason; got != c.release {
				t.Errorf("Releasable: %s, want %s", got, c.release)
			}
			if !meta.IsStatusConditionFalse(s.Conditions, v1alpha1.ConditionStalled) {
				t.Error("stalled")
			}
		})
	}
}

// Time alone changes no status, so a restart or a resync writes nothing.
func TestStatusIsTheSameAsLongAsTheStateIs(t *testing.T) {
	first := report(frozen(), noon).Status(v1alpha1.AccountBlockStatus{})
	later := report(frozen(), noon.Add(23*time.Hour)).Status(*first.DeepCopy())
	if diff := cmp.Diff(first, later); diff != "" {
		t.Errorf("status (-first +later):\n%s", diff)
	}
}

// Half seconds are cut, as the apiserver cuts them: else every pass would see a change.
func TestStatusTimesAreWholeSeconds(t *testing.T) {
	r := frozen(func(r *block.Record) { r.Expires = r.Expires.Add(2500 * time.Millisecond) })
	if got := report(r, noon).Status(v1alpha1.AccountBlockStatus{}).ExpiresTime.Nanosecond(); got != 0 {
		t.Errorf("%d ns", got)
	}
	if back := ReadMemory(report(r, noon).Status(v1alpha1.AccountBlockStatus{})).Into(r); !back.Expires.Equal(r.Expires) {
		t.Errorf("the mirror moved the end to %v", back.Expires)
	}
}

// law 1: drift is ignored and shown.
func TestDriftIsShownAsStalled(t *testing.T) {
	b := report(frozen(), noon)
	b.Spec.Account = "someone-else"
	s := b.Status(v1alpha1.AccountBlockStatus{})
	ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
	if ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReasonSpecDrifted {
		t.Errorf("Ready %s %s", ready.Status, ready.Reason)
	}
	if !meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionStalled) || s.State != v1alpha1.BlockActive {
		t.Errorf("state %s, conditions %v", s.State, s.Conditions)
	}
}

func TestShadowIsShown(t *testing.T) {
	b := report(frozen(), noon)
	b.Policy.Mode = policy.Shadow
	ready := meta.FindStatusCondition(b.Status(v1alpha1.AccountBlockStatus{}).Conditions, v1alpha1.ConditionReady)
	if ready.Reason != v1alpha1.ReasonShadow || ready.Status != metav1.ConditionTrue {
		t.Errorf("Ready %s %s", ready.Status, ready.Reason)
	}
}

func TestStatusOfABlockThatCannotBeReadOrRecorded(t *testing.T) {
	s := StalledBlock(v1alpha1.AccountBlockStatus{}, v1alpha1.ReasonInvalidSpec, errors.New("spec.duration: wrong"), 4, noon)
	stalled := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionStalled)
	if stalled.Status != metav1.ConditionTrue || !strings.Contains(stalled.Message, "spec.duration") || s.ObservedGeneration != 4 {
		t.Errorf("%+v", s)
	}
	if !meta.IsStatusConditionFalse(s.Conditions, v1alpha1.ConditionReady) {
		t.Error("Ready is not False")
	}
	waiting := WaitingBlock(v1alpha1.AccountBlockStatus{}, 4, noon)
	if got := meta.FindStatusCondition(waiting.Conditions, v1alpha1.ConditionReady).Reason; got != v1alpha1.ReasonStoreUnavailable {
		t.Errorf("Ready: %s", got)
	}
	known := report(frozen(), noon).Status(v1alpha1.AccountBlockStatus{})
	if diff := cmp.Diff(known, WaitingBlock(known, 4, noon)); diff != "" {
		t.Errorf("a recorded block's status changed while the store is away:\n%s", diff)
	}
}
