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

// law 1: status is a mirror.
func TestAWipedStatusComesBack(t *testing.T) {
	f := newFixture(t)
	f.create("b")
	want, _ := f.reconcile("b")
	f.clock.Step(time.Hour)
	wiped := want.DeepCopy()
	wiped.Status = v1alpha1.AccountBlockStatus{}
	if err := f.client.Status().Patch(t.Context(), wiped, client.MergeFrom(want)); err != nil {
		t.Fatal(err)
	}
	got, _ := f.reconcile("b")
	ignoreTimes(want, got)
	if diff := cmp.Diff(want.Status, got.Status); diff != "" {
		t.Errorf("status (-before +after):\n%s", diff)
	}
}

// ignoreTimes makes two statuses alike but for when their conditions were written.
func ignoreTimes(objects ...*v1alpha1.AccountBlock) {
	for _, ab := range objects {
		for i := range ab.Status.Conditions {
			ab.Status.Conditions[i].LastTransitionTime = metav1.Time{}
		}
	}
}

// law 1: where the store was lost, the status is adopted and nothing gets shorter.
func TestALostStoreAdoptsTheStatus(t *testing.T) {
	f := newFixture(t)
	start := f.create("open").CreationTimestamp.Time
	f.create("done")
	f.create("endless", func(ab *v1alpha1.AccountBlock) { ab.Spec.Permanent = true })
	f.clock.Set(start)
	for _, name := range []string{"open", "done", "endless"} {
		f.reconcile(name)
	}
	f.clock.Step(10 * time.Hour)
	f.attempt("open")
	f.release("done")
	f.reconcile("open")
	f.reconcile("done")

	f.store = openStore(t, f.clock.Now)
	f.controller.Store = f.store
	f.clock.Step(time.Hour)
	ab, _ := f.reconcile("open")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if r := f.record("open"); !r.Expires.Equal(start.Add(34*time.Hour)) || !r.Spec.Start.Equal(start) || ab.Status.Extensions != 1 {
		t.Errorf("the store has %v from %v, %d extensions", r.Expires, r.Spec.Start, ab.Status.Extensions)
	}
	ab, _ = f.reconcile("done")
	f.state(ab, v1alpha1.BlockReleased, isTrue, v1alpha1.ReasonReleased)
	if end := f.record("done").End; end.State != block.Released || !end.At.Equal(start.Add(10*time.Hour)) {
		t.Errorf("the store says %+v", end)
	}
	f.reconcile("endless")
	if !f.record("endless").Spec.Permanent {
		t.Error("a permanent block became a timed one")
	}
}

// law 1: an object restored under another UID adopts its old fact.
func TestARestoredObjectAdoptsItsFact(t *testing.T) {
	f := newFixture(t)
	start := f.create("open").CreationTimestamp.Time
	f.create("done")
	f.clock.Set(start)
	f.reconcile("open")
	f.reconcile("done")
	f.release("done")
	f.vanish("open")
	f.vanish("done")

	f.create("open")
	f.create("done")
	f.clock.Set(start.Add(24*time.Hour - time.Second))
	ab, _ := f.reconcile("open")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if !ab.Status.StartTime.Time.Equal(start) || !ab.Status.ExpiresTime.Time.Equal(start.Add(24*time.Hour)) {
		t.Errorf("from %v to %v", ab.Status.StartTime, ab.Status.ExpiresTime)
	}
	ab, _ = f.reconcile("done")
	f.state(ab, v1alpha1.BlockReleased, isTrue, v1alpha1.ReasonReleased)
}

// law 1: after a deletion that was seen, the same name begins anew.
func TestDeletionEndsTheIncarnation(t *testing.T) {
	f := newFixture(t)
	f.create("b")
	f.reconcile("b")
	f.clock.Step(time.Hour)
	f.delete("b")
	if ab, _ := f.reconcile("b"); ab != nil {
		t.Fatalf("the object is still there with the finalizers %v", ab.Finalizers)
	}
	r := f.record("b")
	if r.End.State != block.Revoked || !r.End.At.Equal(f.clock.Now()) || !r.Deleted {
		t.Errorf("the store says %+v, deleted %v", r.End, r.Deleted)
	}
	if got := f.said(); len(got) != 1 || !strings.HasPrefix(got[0], "Normal Revoked") {
		t.Errorf("events %q", got)
	}

	again := f.create("b")
	ab, _ := f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if !ab.Status.StartTime.Equal(&again.CreationTimestamp) {
		t.Errorf("began at %v, created at %v", ab.Status.StartTime, again.CreationTimestamp)
	}
}

// The finalizer waits for the store and for nothing else.
func TestFinalizerNeedsOnlyTheStore(t *testing.T) {
	f := newFixture(t)
	flaky := &flakyStore{Store: f.store}
	f.controller.Store = flaky
	f.create("b")
	f.reconcile("b")
	f.delete("b")
	flaky.down = rules.ErrUnavailable
	if _, err := f.try("b"); !errors.Is(err, rules.ErrUnavailable) {
		t.Errorf("error %v while the store is away", err)
	}
	if f.get("b") == nil {
		t.Fatal("the object went before its deletion was recorded")
	}
	flaky.down = nil
	if ab, _ := f.reconcile("b"); ab != nil {
		t.Error("the object is still there")
	}
	// One that was never seen before its deletion goes too.
	f.create("c", func(ab *v1alpha1.AccountBlock) { ab.Finalizers = []string{v1alpha1.Finalizer} })
	f.delete("c")
	if ab, _ := f.reconcile("c"); ab != nil || !f.record("c").Deleted {
		t.Errorf("object %v, record %+v", ab, f.record("c"))
	}
}

func TestTheStoreIsAwayAtTheFirstVisit(t *testing.T) {
	f := newFixture(t)
	flaky := &flakyStore{Store: f.store, down: rules.ErrUnavailable}
	f.controller.Store = flaky
	f.create("b")
	if _, err := f.try("b"); !errors.Is(err, rules.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	ready := meta.FindStatusCondition(f.get("b").Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != isFalse || ready.Reason != v1alpha1.ReasonStoreUnavailable {
		t.Errorf("Ready: %+v", ready)
	}
	flaky.down = nil
	ab, _ := f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
}

// law 1: a policy edit changes no block that stands.
func TestAPolicyEditChangesNothingFrozen(t *testing.T) {
	f := newFixture(t)
	start := f.create("b").CreationTimestamp.Time
	f.policy("2h", v1alpha1.StepVerifyCode)
	f.reconcile("b")
	f.policy("96h")
	f.clock.Step(time.Hour)
	ab, _ := f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isTrue, enforced)
	if !ab.Status.ExpiresTime.Time.Equal(start.Add(2*time.Hour)) || len(ab.Status.RemainingSteps) != 1 {
		t.Errorf("until %v, steps %v", ab.Status.ExpiresTime, ab.Status.RemainingSteps)
	}
	if meta.IsStatusConditionTrue(ab.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Error("a policy edit looks like drift of the spec")
	}
}

// law 1: what must not change is ignored and shown.
func TestDriftStalls(t *testing.T) {
	f := newFixture(t)
	f.create("b")
	f.reconcile("b")
	f.vanish("b")
	f.create("b", func(ab *v1alpha1.AccountBlock) { ab.Spec.Account = "someone-else" })
	ab, _ := f.reconcile("b")
	f.state(ab, v1alpha1.BlockActive, isFalse, v1alpha1.ReasonSpecDrifted)
	if !meta.IsStatusConditionTrue(ab.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Error("not stalled")
	}
	if got := f.record("b").Spec.Account; got != "a-1" {
		t.Errorf("the store blocks %s", got)
	}
	if got := f.said(); len(got) != 1 || !strings.HasPrefix(got[0], "Warning SpecDrifted") {
		t.Errorf("events %q", got)
	}
}
