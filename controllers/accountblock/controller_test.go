package accountblock

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
)

const (
	enforced = v1alpha1.ReasonEnforced
	isTrue   = metav1.ConditionTrue
	isFalse  = metav1.ConditionFalse
)

// seed 30: a block ends exactly at its second, with one write at each change.
func TestExpiresAtItsSecond(t *testing.T) {
	f := newFixture(t)
	start := f.create("b").CreationTimestamp.Time

	ab, result := f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if !ab.Status.StartTime.Time.Equal(start) || !ab.Status.ExpiresTime.Time.Equal(start.Add(24*time.Hour)) {
		t.Errorf("from %v to %v", ab.Status.StartTime, ab.Status.ExpiresTime)
	}
	if diff := cmp.Diff([]v1alpha1.ReleaseStep{"VerifyCode", "ChangePassword"}, ab.Status.RemainingSteps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if result.RequeueAfter != latest {
		t.Errorf("looks again after %v, want %v", result.RequeueAfter, latest)
	}

	f.clock.Set(start.Add(24*time.Hour - time.Second))
	ab, result = f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if result.RequeueAfter != time.Second {
		t.Errorf("looks again after %v, want 1s", result.RequeueAfter)
	}
	if got := f.writes.Status.Load(); got != 1 {
		t.Errorf("%d status writes for one activation", got)
	}

	f.clock.Step(time.Second)
	ab, result = f.reconcile("b")
	f.state(ab, v1alpha1.BlockExpired, isTrue, v1alpha1.ReasonExpired)
	if !ab.Status.FinishedTime.Time.Equal(start.Add(24*time.Hour)) || ab.Status.RemainingSteps != nil || !result.IsZero() {
		t.Errorf("finished at %v, steps %v, result %v", ab.Status.FinishedTime, ab.Status.RemainingSteps, result)
	}
	if got := f.record("b").End; got.State != block.Expired {
		t.Errorf("the store says %q", got.State)
	}

	// A restart looks at everything once more, and a resync again and again.
	f.clock.Step(time.Hour)
	f.reconcile("b")
	f.reconcile("b")
	if status, meta := f.writes.Status.Load(), f.writes.Meta.Load(); status != 2 || meta != 1 {
		t.Errorf("%d status writes and %d others in all, want 2 and 1", status, meta)
	}
	if got := f.said(); len(got) != 1 || !strings.HasPrefix(got[0], "Normal Expired Expired at") {
		t.Errorf("events %q", got)
	}
}

// said are the Events so far.
func (f *fixture) said() []string {
	var out []string
	for {
		select {
		case e := <-f.events.Events:
			out = append(out, e)
		default:
			return out
		}
	}
}

// seed 30: attempts lengthen a block, never beyond 168h from its start.
func TestLengthenedAndCapped(t *testing.T) {
	f := newFixture(t)
	start := f.create("b").CreationTimestamp.Time
	f.reconcile("b")

	f.clock.Step(10 * time.Hour)
	f.attempt("b")
	ab, _ := f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if !ab.Status.ExpiresTime.Time.Equal(start.Add(34*time.Hour)) || ab.Status.Extensions != 1 {
		t.Errorf("until %v after %d extensions", ab.Status.ExpiresTime, ab.Status.Extensions)
	}
	for f.clock.Now().Before(start.Add(160 * time.Hour)) {
		f.clock.Step(10 * time.Hour)
		f.attempt("b")
	}
	end := start.Add(168 * time.Hour)
	f.clock.Set(end.Add(-time.Second))
	f.attempt("b")
	ab, result := f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if !ab.Status.ExpiresTime.Time.Equal(end) || result.RequeueAfter != time.Second {
		t.Errorf("until %v, looks again after %v", ab.Status.ExpiresTime, result.RequeueAfter)
	}
	f.clock.Set(end)
	ab, _ = f.reconcile("b")
	f.state(ab, v1alpha1.BlockExpired, isTrue, v1alpha1.ReasonExpired)
}

func (f *fixture) attempt(name string) {
	f.Helper()
	r := f.record(name)
	if _, err := f.store.LengthenBlock(f.Context(), r.Key, r.UID, r.Spec, f.clock.Now(), block.MaxLength); err != nil {
		f.Fatal(err)
	}
}

// seed 4: what a person did is a fact of the store; the controller mirrors it.
func TestReleaseIsMirrored(t *testing.T) {
	f := newFixture(t)
	start := f.create("b").CreationTimestamp.Time
	f.reconcile("b")
	f.clock.Step(time.Hour)
	f.release("b")
	ab, _ := f.reconcile("b")
	f.state(ab, v1alpha1.BlockReleased, isTrue, v1alpha1.ReasonReleased)
	if !ab.Status.FinishedTime.Time.Equal(start.Add(time.Hour)) {
		t.Errorf("finished at %v", ab.Status.FinishedTime)
	}
	f.clock.Step(24 * time.Hour)
	ab, _ = f.reconcile("b")
	f.state(ab, v1alpha1.BlockReleased, isTrue, v1alpha1.ReasonReleased)
}

func (f *fixture) release(name string) {
	f.Helper()
	r := f.record(name)
	end := block.End{State: block.Released, At: f.clock.Now()}
	if _, err := f.store.EndBlock(f.Context(), r.Key, r.UID, r.Spec, end, false); err != nil {
		f.Fatal(err)
	}
}

// seed 15: a permanent block has no end of its own.
func TestPermanent(t *testing.T) {
	f := newFixture(t)
	f.create("b", func(ab *v1alpha1.AccountBlock) { ab.Spec.Permanent = true })
	ab, result := f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if ab.Status.ExpiresTime != nil || !result.IsZero() {
		t.Errorf("until %v, result %v", ab.Status.ExpiresTime, result)
	}
	f.clock.Step(10 * 365 * 24 * time.Hour)
	ab, _ = f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
}

// A spec may be lengthened or made permanent, and nothing else.
func TestASpecIsLengthened(t *testing.T) {
	f := newFixture(t)
	start := f.create("b", func(ab *v1alpha1.AccountBlock) { ab.Spec.Duration = "24h" }).CreationTimestamp.Time
	f.reconcile("b")
	f.edit("b", func(ab *v1alpha1.AccountBlock) { ab.Spec.Duration = "48h" })
	ab, _ := f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if !ab.Status.ExpiresTime.Time.Equal(start.Add(48 * time.Hour)) {
		t.Errorf("until %v", ab.Status.ExpiresTime)
	}
	f.edit("b", func(ab *v1alpha1.AccountBlock) { ab.Spec.Duration, ab.Spec.Permanent = "", true })
	ab, _ = f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if ab.Status.ExpiresTime != nil {
		t.Errorf("until %v", ab.Status.ExpiresTime)
	}
}

func (f *fixture) edit(name string, change func(*v1alpha1.AccountBlock)) {
	f.Helper()
	ab := f.get(name)
	before := ab.DeepCopy()
	change(ab)
	if err := f.client.Patch(f.Context(), ab, client.MergeFrom(before)); err != nil {
		f.Fatal(err)
	}
}

// policy replaces the namespace's policy in the controller's cache.
func (f *fixture) policy(duration v1alpha1.Duration, steps ...v1alpha1.ReleaseStep) {
	f.Helper()
	vp := &v1alpha1.VerificationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: "all"}}
	vp.Spec.Accounts.Patterns = []v1alpha1.AccountPattern{"*"}
	vp.Spec.Blocks.Reasons = []v1alpha1.ReasonPolicy{{
		Reason: v1alpha1.BlockReasonUnusualActivity, Duration: duration, Release: &v1alpha1.ReleaseSpec{Steps: steps},
	}}
	vp.Spec.Retention.Objects = "24h"
	if err := f.policies.Apply(vp); err != nil {
		f.Fatal(err)
	}
}

// seed 16, 28, 29: every scope is frozen and ended alike; only an account's own blocks
// can be released.
func TestScopes(t *testing.T) {
	f := newFixture(t)
	scoped := func(account v1alpha1.AccountID, scope v1alpha1.BlockScope, value string) func(*v1alpha1.AccountBlock) {
		return func(ab *v1alpha1.AccountBlock) {
			ab.Spec.Account, ab.Spec.Scope, ab.Spec.Value = account, scope, value
		}
	}
	start := f.create("method", scoped("a-1", v1alpha1.ScopeMethod, "SMS")).CreationTimestamp.Time
	f.create("network", scoped("", v1alpha1.ScopeNetwork, "192.0.2.0/24"))
	f.create("region", scoped("", v1alpha1.ScopeRegion, "DE"))
	for name, steps := range map[string]int{"method": 2, "network": 0, "region": 0} {
		f.clock.Set(start.Add(time.Minute))
		ab, _ := f.reconcile(name)
		f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
		if len(ab.Status.RemainingSteps) != steps {
			t.Errorf("%s: steps %v", name, ab.Status.RemainingSteps)
		}
		f.clock.Set(start.Add(25 * time.Hour))
		ab, _ = f.reconcile(name)
		f.state(ab, v1alpha1.BlockExpired, isTrue, v1alpha1.ReasonExpired)
	}
}

// Only objects that Holdfast itself created are deleted, a retention after their end.
func TestRetention(t *testing.T) {
	f := newFixture(t)
	f.policy("2h")
	own := func(ab *v1alpha1.AccountBlock) {
		ab.Labels = map[string]string{v1alpha1.LabelCreatedBy: v1alpha1.LabelCreatedByHoldfast}
	}
	start := f.create("own", own).CreationTimestamp.Time
	f.create("applied")
	end := start.Add(2 * time.Hour)
	f.clock.Set(start)
	f.reconcile("own")
	f.reconcile("applied")
	f.clock.Set(end.Add(time.Minute))
	f.reconcile("applied")
	_, result := f.reconcile("own")
	if result.RequeueAfter != latest {
		t.Errorf("looks again after %v", result.RequeueAfter)
	}
	f.clock.Set(end.Add(24*time.Hour - time.Second))
	if _, result = f.reconcile("own"); result.RequeueAfter != time.Second {
		t.Errorf("looks again after %v, want 1s", result.RequeueAfter)
	}
	f.clock.Set(end.Add(24 * time.Hour))
	f.reconcile("own")
	f.reconcile("own")
	f.reconcile("applied")
	if ab := f.get("own"); ab != nil {
		t.Errorf("its own block is still there: %v", ab.Finalizers)
	}
	if f.get("applied") == nil || f.writes.Deletes.Load() != 1 {
		t.Errorf("the applied block was deleted too (%d deletes)", f.writes.Deletes.Load())
	}
	if r := f.record("own"); r.End.State != block.Expired || !r.Deleted {
		t.Errorf("the store says %+v, deleted %v", r.End, r.Deleted)
	}
	for _, e := range f.said() {
		if strings.Contains(e, "Revoked") {
			t.Errorf("a finished block was told as revoked: %s", e)
		}
	}
}

// A spec that cannot be enforced passes no admission of ours; an older schema may have
// let it in.
func TestInvalidSpecStalls(t *testing.T) {
	f := newFixture(t)
	ab := f.create("b")
	ab.Spec.Duration = "999999h999999h"
	s := &scope{block: ab, now: f.clock.Now()}
	err := s.run(t.Context(), f.controller.gather, f.controller.freeze)
	s.report(err)
	f.state(ab, "", isFalse, v1alpha1.ReasonInvalidSpec)
	if stalled := meta.FindStatusCondition(ab.Status.Conditions, v1alpha1.ConditionStalled); stalled == nil || !strings.Contains(stalled.Message, "spec.duration") {
		t.Errorf("Stalled: %+v", stalled)
	}
	if _, err := f.controller.Store.Block(t.Context(), f.key("b")); !errors.Is(err, rules.ErrNotFound) {
		t.Errorf("it was recorded: %v", err)
	}
}
