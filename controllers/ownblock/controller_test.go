package ownblock

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	managerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/accountblock"
	"holdfast.dev/holdfast/controllers/controllertest"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
	"holdfast.dev/holdfast/internal/store/storetest"
)

var config *rest.Config

func TestMain(m *testing.M) {
	os.Exit(controllertest.Run(m, func(c *rest.Config) { config = c }))
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	sealer, err := storetest.NewSealer("own")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlite.Options{Sealer: sealer, Now: clock.Wall})
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

// attack fails for an account until its method is blocked, and returns the record.
func attack(t *testing.T, s *store.Store, tenant, account string, now time.Time) block.Record {
	t.Helper()
	p := policy.Default()
	p.Escalation.MethodAfter = 1
	if _, err := s.Fail(t.Context(), nil, escalation.Failure{Tenant: tenant, Account: account, Method: "SMS", PastFirst: true, Policy: p, Now: now}); err != nil {
		t.Fatal(err)
	}
	keys, err := s.OwnBlocks(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if r, err := s.Block(t.Context(), key); err == nil && r.Spec.Account == account {
			return r
		}
	}
	t.Fatalf("no block of %s among %v", account, keys)
	return block.Record{}
}

func get(t *testing.T, c client.Client, key block.Key) *v1alpha1.AccountBlock {
	t.Helper()
	ab := &v1alpha1.AccountBlock{}
	err := c.Get(t.Context(), client.ObjectKey{Namespace: key.Tenant, Name: key.Name}, ab)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return ab
}

// The object says what the record froze; a second look, or another replica's, adopts
// it; what is over gets none.
func TestReconcile(t *testing.T) {
	direct, _ := controllertest.NewClient(t, config)
	namespace, s := controllertest.Namespace(t, direct), openStore(t)
	now := clock.Wall()
	c := &Controller{Client: direct, Store: s, Now: func() time.Time { return now }}
	look := func(key block.Key) {
		t.Helper()
		if _, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Namespace: key.Tenant, Name: key.Name}}); err != nil {
			t.Fatal(err)
		}
	}
	r := attack(t, s, namespace, "anna", now)
	look(r.Key)
	ab := get(t, direct, r.Key)
	if ab == nil || ab.Labels[v1alpha1.LabelCreatedBy] != v1alpha1.LabelCreatedByHoldfast || len(ab.Finalizers) != 1 {
		t.Fatalf("object %+v", ab)
	}
	intent, err := kube.ReadIntent(ab)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Spec, intent.Fill(policy.Block{Duration: time.Hour})); diff != "" {
		t.Errorf("the object against the record (-record +object):\n%s", diff)
	}
	look(r.Key)
	if again := get(t, direct, r.Key); again.ResourceVersion != ab.ResourceVersion {
		t.Error("a second look wrote the object")
	}
	late := attack(t, s, namespace, "bert", now)
	now = now.Add(24 * time.Hour)
	look(late.Key)
	look(block.Key{Tenant: namespace, Name: "unknown"})
	if get(t, direct, late.Key) != nil {
		t.Error("a block that is over got an object")
	}
}

// lead runs index, feed and both controllers until the test or stop ends it.
func lead(t *testing.T, s *store.Store, tenant string) (*kube.Index, func()) {
	t.Helper()
	scheme, err := kube.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	skip, tenants := true, kube.Tenants{tenant: nil}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Cache: kube.CacheOptions(tenants), Metrics: server.Options{BindAddress: "0"},
		Controller: managerconfig.Controller{SkipNameValidation: &skip}, Logger: testr.New(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	policies := kube.NewPolicies(tenants)
	index := kube.NewIndex(policies.For)
	feed := kube.NewFeed(mgr.GetCache(), index, policies, s, clock.Wall)
	blocks := &accountblock.Controller{Client: mgr.GetClient(), Store: s, Policies: policies, Wakes: feed, Now: clock.Wall, Recorder: mgr.GetEventRecorder("holdfast")}
	own := &Controller{Client: mgr.GetClient(), Store: s, Wakes: feed, Now: clock.Wall}
	for _, err := range []error{mgr.Add(feed), blocks.SetupWithManager(mgr), own.SetupWithManager(mgr)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(log.IntoContext(context.Background(), testr.New(t)))
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	ended := false
	end := func() {
		if ended {
			return
		}
		ended = true
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	return index, end
}

func binds(index *kube.Index, tenant, account string) bool {
	for _, r := range index.Blocks(tenant, account, "sms", netip.Addr{}, "") {
		if r.Enforced(clock.Wall()) {
			return true
		}
	}
	return false
}

// The whole way: records made before and while a replica leads get their objects, whose
// deletion unblocks for good (law 4, 10); an object that vanished unseen comes back
// (law 1).
func TestTheWholeWay(t *testing.T) {
	direct, _ := controllertest.NewClient(t, config)
	namespace, s := controllertest.Namespace(t, direct), openStore(t)
	early := attack(t, s, namespace, "early", clock.Wall())
	index, stop := lead(t, s, namespace)
	late := attack(t, s, namespace, "late", clock.Wall())
	for _, r := range []block.Record{early, late} {
		controllertest.Eventually(t, "an object that mirrors "+r.Spec.Account, func() bool {
			ab := get(t, direct, r.Key)
			return ab != nil && ab.Status.State == v1alpha1.BlockActive && binds(index, namespace, r.Spec.Account)
		})
		if ab := get(t, direct, r.Key); meta.IsStatusConditionTrue(ab.Status.Conditions, v1alpha1.ConditionStalled) {
			t.Errorf("the object of %s drifted from its record: %+v", r.Spec.Account, ab.Status.Conditions)
		}
	}

	if err := direct.Delete(t.Context(), get(t, direct, early.Key)); err != nil {
		t.Fatal(err)
	}
	controllertest.Eventually(t, "the end of the deleted block", func() bool {
		r, err := s.Block(t.Context(), early.Key)
		return err == nil && r.Deleted && get(t, direct, early.Key) == nil && !binds(index, namespace, "early")
	})

	stop()
	vanished := get(t, direct, late.Key)
	before := vanished.DeepCopy()
	vanished.Finalizers = nil
	if err := direct.Patch(t.Context(), vanished, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	if err := direct.Delete(t.Context(), vanished); err != nil {
		t.Fatal(err)
	}
	index, _ = lead(t, s, namespace)
	controllertest.Eventually(t, "the vanished object", func() bool {
		return get(t, direct, late.Key) != nil && binds(index, namespace, "late")
	})
	if get(t, direct, early.Key) != nil || binds(index, namespace, "early") {
		t.Error("a block that was lifted came back")
	}
}
