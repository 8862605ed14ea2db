package accountblock

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	managerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/controllertest"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/store"
)

// replica is what runs in one process: the index with its feed and, where it leads, the
// controller.
type replica struct {
	index *kube.Index
	feed  *kube.Feed
}

func startReplica(t *testing.T, s *store.Store, tenant string, leads bool) replica {
	t.Helper()
	tenants := kube.Tenants{tenant: nil}
	scheme, err := kube.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	skip := true
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Cache: kube.CacheOptions(tenants), Metrics: server.Options{BindAddress: "0"},
		Controller: managerconfig.Controller{SkipNameValidation: &skip}, Logger: testr.New(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	policies := kube.NewPolicies(tenants)
	r := replica{index: kube.NewIndex(policies.For)}
	r.feed = kube.NewFeed(mgr.GetCache(), r.index, policies, s, clock.Wall)
	if err := mgr.Add(r.feed); err != nil {
		t.Fatal(err)
	}
	if leads {
		c := &Controller{
			Client: mgr.GetClient(), Store: s, Policies: policies, Wakes: r.feed, Now: clock.Wall,
			Recorder: mgr.GetEventRecorder("holdfast"),
		}
		if err := c.SetupWithManager(mgr); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(log.IntoContext(context.Background(), testr.New(t)))
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r replica) blocks(tenant, account string) bool {
	for _, b := range r.index.Blocks(tenant, account, "", netip.Addr{}, "") {
		if b.Enforced(clock.Wall()) {
			return true
		}
	}
	return false
}

// The whole way with two replicas, of which one leads: objects bind both at once, facts
// reach both, and the leader alone mirrors.
func TestTwoReplicas(t *testing.T) {
	c, _ := controllertest.NewClient(t, config)
	namespace := controllertest.Namespace(t, c)
	s := openStore(t, clock.Wall)
	create := func(o client.Object) {
		t.Helper()
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	vp := &v1alpha1.VerificationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "all"}}
	vp.Spec.Accounts.Patterns = []v1alpha1.AccountPattern{"*"}
	vp.Spec.Blocks.Reasons = []v1alpha1.ReasonPolicy{{Reason: v1alpha1.BlockReasonUnusualActivity, Duration: "2h"}}
	create(vp)
	newBlock := func(name string, account v1alpha1.AccountID, start time.Time) *v1alpha1.AccountBlock {
		return &v1alpha1.AccountBlock{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: v1alpha1.AccountBlockSpec{
				Account: account, Reason: v1alpha1.BlockReasonUnusualActivity, StartTime: &metav1.Time{Time: start},
			},
		}
	}
	create(newBlock("early", "early", clock.Wall().Add(-time.Hour)))

	follower := startReplica(t, s, namespace, false)
	controllertest.Eventually(t, "the follower is synced", follower.feed.Synced)
	early, ok := follower.index.Block(block.Key{Tenant: namespace, Name: "early"})
	if !ok || early.Spec.Duration != 2*time.Hour || !follower.blocks(namespace, "early") {
		t.Errorf("without any controller: %+v, known %v", early, ok)
	}
	if early := read(t, c, namespace, "early"); early.Status.State != "" {
		t.Errorf("a follower wrote the state %s", early.Status.State)
	}

	leader := startReplica(t, s, namespace, true)
	controllertest.Eventually(t, "the leader is synced", leader.feed.Synced)
	controllertest.Eventually(t, "early is Active", func() bool {
		return read(t, c, namespace, "early").Status.State == v1alpha1.BlockActive
	})

	// seed 30: it expires by itself; both replicas know at its second.
	create(newBlock("short", "short", clock.Wall().Add(-2*time.Hour+5*time.Second)))
	controllertest.Eventually(t, "short binds on both", func() bool {
		return follower.blocks(namespace, "short") && leader.blocks(namespace, "short")
	})
	controllertest.Eventually(t, "short is Expired", func() bool {
		return read(t, c, namespace, "short").Status.State == v1alpha1.BlockExpired
	})
	if follower.blocks(namespace, "short") || leader.blocks(namespace, "short") {
		t.Error("an expired block binds")
	}

	// law 4: a release reaches every replica by the feed, then the object.
	r, err := s.Block(t.Context(), block.Key{Tenant: namespace, Name: "early"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.EndBlock(t.Context(), r.Key, r.UID, r.Spec, block.End{State: block.Released, At: clock.Wall()}, false); err != nil {
		t.Fatal(err)
	}
	controllertest.Eventually(t, "early binds nowhere", func() bool {
		return !follower.blocks(namespace, "early") && !leader.blocks(namespace, "early")
	})
	controllertest.Eventually(t, "early is Released", func() bool {
		return read(t, c, namespace, "early").Status.State == v1alpha1.BlockReleased
	})

	// A policy that gets a provider makes standing blocks releasable.
	create(newBlock("long", "long", clock.Wall()))
	releasable := func(want string) func() bool {
		return func() bool {
			c := meta.FindStatusCondition(read(t, c, namespace, "long").Status.Conditions, v1alpha1.ConditionReleasable)
			return c != nil && c.Reason == want
		}
	}
	controllertest.Eventually(t, "long has no channel", releasable(v1alpha1.ReasonNoChannel))
	before := vp.DeepCopy()
	vp.Spec.Providers = []v1alpha1.Provider{{
		Name: "mail", Type: v1alpha1.ProviderSMTP, SecretRef: v1alpha1.SecretReference{Name: "mail"}, Channels: []v1alpha1.Channel{v1alpha1.ChannelEmail},
	}}
	if err := c.Patch(t.Context(), vp, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	controllertest.Eventually(t, "long is releasable", releasable(v1alpha1.ReasonStepsLeft))

	if err := c.Delete(t.Context(), read(t, c, namespace, "long")); err != nil {
		t.Fatal(err)
	}
	controllertest.Eventually(t, "long binds nowhere and is gone", func() bool {
		return !follower.blocks(namespace, "long") && !leader.blocks(namespace, "long") && read(t, c, namespace, "long") == nil
	})
}

func read(t *testing.T, c client.Client, namespace, name string) *v1alpha1.AccountBlock {
	t.Helper()
	ab := &v1alpha1.AccountBlock{}
	err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, ab)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return ab
}
