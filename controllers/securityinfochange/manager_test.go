package securityinfochange

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
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
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/phone"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/store"
)

// looks counts how often a leader looks at each change.
type looks struct {
	*store.Store
	// hidden is missing in the list of wakes, as if the store had lost it.
	hidden string

	mu sync.Mutex
	at map[string]int
	// follows are how often the feed was followed from its beginning; cut breaks it off.
	follows int
	cut     context.CancelFunc
}

// Follow can be cut off; it is followed again then.
func (l *looks) Follow(ctx context.Context, since time.Time, caughtUp func(), each func(fact.Fact)) error {
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	return l.Store.Follow(ctx, since, func() {
		l.mu.Lock()
		l.follows, l.cut = l.follows+1, cut
		l.mu.Unlock()
		caughtUp()
	}, each)
}

// repeat has the feed tell all that stands once more.
func (l *looks) repeat(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	was := l.follows
	l.cut()
	l.mu.Unlock()
	controllertest.Eventually(t, "the feed has repeated what stands", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.follows > was
	})
}

func (l *looks) Change(ctx context.Context, key change.Key) (change.Record, error) {
	l.mu.Lock()
	l.at[key.Name]++
	l.mu.Unlock()
	return l.Store.Change(ctx, key)
}

// Clock is the wall's, as the leader's own.
func (l *looks) Clock(context.Context) (time.Time, error) { return clock.Wall(), nil }

func (l *looks) Wakes(ctx context.Context) ([]change.Wake, error) {
	all, err := l.Store.Wakes(ctx)
	return slices.DeleteFunc(all, func(w change.Wake) bool { return w.Key.Name == l.hidden }), err
}

func (l *looks) count(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at[name]
}

// leader is one process that leads, until stop.
type leader struct {
	*looks
	feed *kube.Feed
	stop func()
}

func (f *fixture) lead(hidden string) leader {
	f.Helper()
	scheme, err := kube.Scheme()
	if err != nil {
		f.Fatal(err)
	}
	tenants := kube.Tenants{f.namespace: nil}
	skip := true
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Cache: kube.CacheOptions(tenants), Metrics: server.Options{BindAddress: "0"},
		Controller: managerconfig.Controller{SkipNameValidation: &skip}, Logger: testr.New(f.T),
	})
	if err != nil {
		f.Fatal(err)
	}
	apiserver, err := kube.NewAPIServerClock(config)
	if err != nil {
		f.Fatal(err)
	}
	policies := kube.NewPolicies(tenants)
	l := leader{looks: &looks{Store: f.store.Store, hidden: hidden, at: map[string]int{}}}
	l.feed = kube.NewFeed(mgr.GetCache(), kube.NewIndex(policies.For), policies, l.looks, clock.Wall)
	c := &Controller{
		Client: mgr.GetClient(), Secrets: mgr.GetAPIReader(), Store: l.looks, Policies: policies, Wakes: l.feed, APIServer: apiserver,
		Contacts: &flow.Desk{Policies: policies, Numbers: phone.Numbers{}, Random: rand.Reader, Now: clock.Wall},
		Now:      clock.Wall, Recorder: mgr.GetEventRecorder("holdfast"),
	}
	if err := mgr.Add(l.feed); err != nil {
		f.Fatal(err)
	}
	if err := c.SetupWithManager(mgr); err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(log.IntoContext(context.Background(), testr.New(f.T)))
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			f.Error(err)
		}
	})
	f.Cleanup(l.stop)
	return l
}

// page has a person ask for a replacement at the pages and prove it, at the wall's time.
func (f *fixture) page(account string, hold time.Duration) (name string) {
	f.Helper()
	f.clock.Set(clock.Wall())
	if book, err := f.store.Book(f.Context(), f.namespace, account); err != nil {
		f.Fatal(err)
	} else if !book.Recorded {
		f.own(account)
	}
	f.codes++
	name = change.OwnName(account, f.namespace, fmt.Sprint(f.codes))
	terms := change.DefaultTerms()
	terms.Hold = hold
	_, err := f.store.FreezeChange(f.Context(), change.Sight{
		Key: f.key(name), Terms: terms, Addresses: map[string]string{"fresh": newAddress}, Now: f.clock.Now(),
		Spec: change.Spec{Account: account, Action: change.Replace, New: []change.NewContact{{ID: "fresh", Channel: contact.Email}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.prove(name)
	return name
}

func (f *fixture) eventually(name string, want v1alpha1.ChangeState) {
	f.Helper()
	controllertest.Eventually(f.T, name+" is "+string(want), func() bool {
		sic := f.get(name)
		return sic != nil && sic.Status.State == want
	})
}

func (f *fixture) eventuallyContested(name string, want bool) {
	f.Helper()
	controllertest.Eventually(f.T, fmt.Sprintf("%s: contested is %v", name, want), func() bool {
		sic := f.get(name)
		return sic != nil && meta.IsStatusConditionTrue(sic.Status.Conditions, v1alpha1.ConditionContested) == want
	})
}

// After a restart of the leader no hold is looked at before its own wake, but for what
// nobody saw while there was none: an end, a record without an object, which may have ended,
// an object without a record.
func TestLeaderRestarts(t *testing.T) {
	f := newFixture(t)
	first := f.lead("")
	var resting []string
	for i := range 20 {
		resting = append(resting, f.page(fmt.Sprint("user-", i), month))
	}
	ended, lost := f.page("ended", month), f.page("lost", month)
	for _, name := range append(slices.Clone(resting), ended, lost) {
		f.eventually(name, v1alpha1.ChangeOnHold)
	}
	controllertest.Eventually(t, "the first leader has seen it all", first.feed.Synced)
	first.stop()

	f.cancelled(ended)
	unseen := f.page("unseen", month)
	short := f.page("short", 8*time.Second)
	stopped, dropped := f.page("stopped", month), f.made("dropped")
	f.cancelled(stopped)
	f.cancelled(dropped)

	second := f.lead(lost)
	f.eventually(ended, v1alpha1.ChangeCancelled)
	f.eventually(unseen, v1alpha1.ChangeOnHold)
	f.eventually(stopped, v1alpha1.ChangeCancelled)
	controllertest.Eventually(t, "the dropped one has gone", func() bool { return f.record(dropped).Deleted })
	controllertest.Eventually(t, "the lost one was looked at", func() bool { return second.count(lost) > 0 })
	controllertest.Eventually(t, "the second leader has seen it all", second.feed.Synced)
	second.repeat(t)
	// What was queued before goes before it: its fact waits as long as theirs would.
	f.eventually(f.page("sentinel", month), v1alpha1.ChangeOnHold)
	f.eventually(short, v1alpha1.ChangeApplied)
	if got := f.contacts("short"); len(got) != 1 || got[0] != newAddress {
		t.Errorf("contacts %v", got)
	}
	for _, name := range resting {
		if n := second.count(name); n != 0 {
			t.Errorf("%s was looked at %d times", name, n)
		}
	}
}

// Of two rivals each hears of what becomes of the other, with nobody waiting for a date.
func TestRivalsHearOfEachOther(t *testing.T) {
	f := newFixture(t)
	f.lead("")
	one := f.page("a-1", month)
	f.eventually(one, v1alpha1.ChangeOnHold)
	other := f.page("a-1", month)
	f.eventuallyContested(one, true)
	f.eventuallyContested(other, true)
	f.cancelled(other)
	f.eventually(other, v1alpha1.ChangeCancelled)
	f.eventuallyContested(one, false)
	third := f.page("a-1", month)
	f.eventuallyContested(one, true)
	if err := f.client.Delete(t.Context(), f.get(third)); err != nil {
		t.Fatal(err)
	}
	f.eventuallyContested(one, false)
}

// An Add that waits hears of the hold that freezes it (seed 53), and of its end.
func TestAWaitingChangeHearsOfAHold(t *testing.T) {
	f := newFixture(t)
	f.lead("")
	f.secret("waits", "another-"+newAddress)
	f.create("waits", func(sic *v1alpha1.SecurityInfoChange) { sic.Spec.Action = v1alpha1.ActionAdd })
	f.eventuallyFrozen("waits", false)
	holds := f.page("a-1", month)
	f.eventuallyFrozen("waits", true)
	f.cancelled(holds)
	f.eventuallyFrozen("waits", false)
}

func (f *fixture) eventuallyFrozen(name string, want bool) {
	f.Helper()
	controllertest.Eventually(f.T, fmt.Sprintf("%s: frozen is %v", name, want), func() bool {
		ready := meta.FindStatusCondition(f.get(name).Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Reason == v1alpha1.ReasonAwaitingCode && strings.Contains(ready.Message, "nothing can be proven before") == want
	})
}

// A hold tells the mode of its policy: Shadow, and Enforce again, with nothing else of it
// changed.
func TestAHoldTellsTheModeOfItsPolicy(t *testing.T) {
	f := newFixture(t)
	f.lead("")
	name := f.page("a-1", month)
	f.eventually(name, v1alpha1.ChangeOnHold)
	was := f.get(name).Status.HoldUntilTime
	vp := &v1alpha1.VerificationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: "all"}}
	vp.Spec.Accounts.Patterns, vp.Spec.Mode = []v1alpha1.AccountPattern{"*"}, v1alpha1.ModeShadow
	if err := f.client.Create(t.Context(), vp); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{v1alpha1.ReasonShadow, v1alpha1.ReasonOnHold} {
		controllertest.Eventually(t, "its reason is "+want, func() bool {
			ready := meta.FindStatusCondition(f.get(name).Status.Conditions, v1alpha1.ConditionReady)
			return ready.Reason == want && ready.Status == isTrue
		})
		if sic := f.get(name); sic.Status.State != v1alpha1.ChangeOnHold || !sic.Status.HoldUntilTime.Equal(was) || sic.Status.Restricted == "" {
			t.Errorf("%s: %s until %v, restricted %q", want, sic.Status.State, sic.Status.HoldUntilTime, sic.Status.Restricted)
		}
		before := vp.DeepCopy()
		vp.Spec.Mode = v1alpha1.ModeEnforce
		if err := f.client.Patch(t.Context(), vp, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
}
