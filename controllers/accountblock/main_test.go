package accountblock

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/controllertest"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

var config *rest.Config

func TestMain(m *testing.M) {
	os.Exit(controllertest.Run(m, func(c *rest.Config) { config = c }))
}

// sealer seals nothing: blocks hold nothing secret.
type sealer struct{}

func (sealer) Seal(plain []byte, _ string) ([]byte, error)  { return plain, nil }
func (sealer) Open(sealed []byte, _ string) ([]byte, error) { return sealed, nil }
func (sealer) Current([]byte) bool                          { return true }
func (sealer) Lookup(tenant, address string) string         { return tenant + address }
func (sealer) FormerLookups(string, string) []string        { return nil }
func (sealer) CodeKey() uint32                              { return 0 }

func openStore(t *testing.T, now func() time.Time) *store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlite.Options{Sealer: sealer{}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fixture is a controller over a real apiserver and a real store, without a manager:
// the test says when it looks and what time it is.
type fixture struct {
	*testing.T
	client     client.WithWatch
	writes     *controllertest.Writes
	clock      *controllertest.Clock
	store      *store.Store
	policies   *kube.Policies
	events     *events.FakeRecorder
	namespace  string
	controller *Controller
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, clock: &controllertest.Clock{}, events: events.NewFakeRecorder(100), policies: kube.NewPolicies(nil)}
	f.client, f.writes = controllertest.NewClient(t, config)
	f.namespace = controllertest.Namespace(t, f.client)
	f.store = openStore(t, f.clock.Now)
	f.controller = &Controller{
		Client: f.client, Store: f.store, Policies: f.policies, Now: f.clock.Now, Recorder: f.events,
	}
	return f
}

// create creates a block and sets the clock to its creation.
func (f *fixture) create(name string, edits ...func(*v1alpha1.AccountBlock)) *v1alpha1.AccountBlock {
	f.Helper()
	ab := &v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name},
		Spec:       v1alpha1.AccountBlockSpec{Account: "a-1", Reason: v1alpha1.BlockReasonUnusualActivity},
	}
	for _, edit := range edits {
		edit(ab)
	}
	if err := f.client.Create(f.Context(), ab); err != nil {
		f.Fatal(err)
	}
	f.clock.Set(ab.CreationTimestamp.Time)
	return ab
}

// reconcile looks at the block once and returns it as it is then.
func (f *fixture) reconcile(name string) (*v1alpha1.AccountBlock, reconcile.Result) {
	f.Helper()
	result, err := f.try(name)
	if err != nil {
		f.Fatal(err)
	}
	return f.get(name), result
}

func (f *fixture) try(name string) (reconcile.Result, error) {
	return reconcile.AsReconciler(f.client, f.controller).Reconcile(f.Context(), request(f.namespace, name))
}

// get reads the block; nil where it is gone.
func (f *fixture) get(name string) *v1alpha1.AccountBlock {
	f.Helper()
	ab := &v1alpha1.AccountBlock{}
	err := f.client.Get(f.Context(), client.ObjectKey{Namespace: f.namespace, Name: name}, ab)
	if client.IgnoreNotFound(err) != nil {
		f.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return ab
}

// vanish removes the object behind the controller's back, as the loss of etcd would.
func (f *fixture) vanish(name string) {
	f.Helper()
	ab := f.get(name)
	before := ab.DeepCopy()
	ab.Finalizers = nil
	if err := f.client.Patch(f.Context(), ab, client.MergeFrom(before)); err != nil {
		f.Fatal(err)
	}
	if err := f.client.Delete(f.Context(), ab); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) delete(name string) {
	f.Helper()
	if err := f.client.Delete(f.Context(), f.get(name)); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) key(name string) block.Key { return block.Key{Tenant: f.namespace, Name: name} }

func (f *fixture) record(name string) block.Record {
	f.Helper()
	r, err := f.store.Block(f.Context(), f.key(name))
	if err != nil {
		f.Fatal(err)
	}
	return r
}

// state fails unless the block is in a state and its conditions say ready.
func (f *fixture) state(ab *v1alpha1.AccountBlock, want v1alpha1.BlockState, ready metav1.ConditionStatus, reason string) {
	f.Helper()
	if ab == nil {
		f.Fatalf("the block is gone, want %s", want)
	}
	if ab.Status.State != want || ab.Status.ObservedGeneration != ab.Generation {
		f.Errorf("state %q of generation %d, want %s of %d", ab.Status.State, ab.Status.ObservedGeneration, want, ab.Generation)
	}
	for _, c := range ab.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady && (c.Status != ready || c.Reason != reason) {
			f.Errorf("Ready is %s %s (%s), want %s %s", c.Status, c.Reason, c.Message, ready, reason)
		}
	}
}

// flakyStore does not answer while down.
type flakyStore struct {
	Store
	down error
}

func (s *flakyStore) Block(ctx context.Context, key block.Key) (block.Record, error) {
	if s.down != nil {
		return block.Record{}, s.down
	}
	return s.Store.Block(ctx, key)
}
