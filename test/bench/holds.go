package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/securityinfochange"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

const (
	// heldChanges are on hold, endingChanges end while somebody looks.
	heldChanges, endingChanges = 10_000, 100
	// endsAfter is how long those still hold when they are recorded.
	endsAfter = 20 * time.Second
)

// openHolds measures what changes on hold cost: there is nothing to compare it with.
func openHolds(ctx context.Context, o options) (suite, error) {
	n := heldChanges
	if o.quick {
		n = 1000
	}
	return suite{shut: func() {}, after: func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, legPatience)
		defer cancel()
		return holdsOf(ctx, n)
	}}, nil
}

// holds are n changes on hold, in a store and on an apiserver.
type holds struct {
	n         int
	config    *rest.Config
	client    client.Client
	memory    *store.Store
	apiserver *kube.APIServerClock
	told      strings.Builder
}

func holdsOf(ctx context.Context, n int) (told string, err error) {
	env := environment()
	config, err := env.Start()
	if err != nil {
		return "", fmt.Errorf("start the apiserver from %s: %w", env.BinaryAssetsDirectory, err)
	}
	defer func() { err = errors.Join(err, env.Stop()) }()
	config.QPS = -1
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	keys, err := seal.Generate()
	if err != nil {
		return "", err
	}
	h := &holds{n: n, config: config}
	if h.memory, err = sqlite.Open(ctx, filepath.Join(dir, "holdfast.db"), sqlite.Options{Sealer: keys, Now: clock.Wall}); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, h.memory.Close()) }()
	if err := h.prepare(ctx); err != nil {
		return "", err
	}
	for _, part := range []func(context.Context) error{h.first, h.second} {
		if err := part(ctx); err != nil {
			return "", err
		}
	}
	return h.told.String(), nil
}

// prepare makes the tenant and records the changes, all in the midst of their hold.
func (h *holds) prepare(ctx context.Context) error {
	scheme, err := kube.Scheme()
	if err != nil {
		return err
	}
	if h.client, err = client.New(h.config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if h.apiserver, err = kube.NewAPIServerClock(h.config); err != nil {
		return err
	}
	if err := h.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant}}); err != nil {
		return err
	}
	if err := h.client.Create(ctx, policyOfShop()); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(createdAtOnce)
	for i := range h.n {
		group.Go(func() error { return h.hold(ctx, fmt.Sprintf("held-%d", i), 10*24*time.Hour) })
	}
	return group.Wait()
}

// hold records a change of the pages that holds for a while longer.
func (h *holds) hold(ctx context.Context, account string, longer time.Duration) error {
	now := clock.Wall()
	start := now.Add(longer - change.DefaultHold)
	_, err := h.memory.AdoptChange(ctx, change.Sight{
		Key: change.Key{Tenant: tenant, Name: change.OwnName(account, "bench", "")}, Terms: change.DefaultTerms(), Now: now,
		Spec: change.Spec{Account: account, Action: change.Remove, Removed: []string{"old"}},
	}, change.Memory{
		Created: start, HoldStart: start, HoldUntil: start.Add(change.DefaultHold), Restricted: change.SensitiveActions, NoticesSent: 1,
	})
	return err
}

// looked counts the looks of one leader at each change, and times its list of wakes.
type looked struct {
	*store.Store
	mu     sync.Mutex
	at     map[string]int
	listed time.Duration
	lists  int
}

func (l *looked) Change(ctx context.Context, key change.Key) (change.Record, error) {
	l.mu.Lock()
	l.at[key.Name]++
	l.mu.Unlock()
	return l.Store.Change(ctx, key)
}

func (l *looked) Wakes(ctx context.Context) ([]change.Wake, error) {
	begin := time.Now()
	due, err := l.Store.Wakes(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed, l.lists = time.Since(begin), l.lists+1
	return due, err
}

// sum is how often the changes of some accounts were looked at.
func (l *looked) sum(prefix string, n int) (total int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range n {
		total += l.at[change.OwnName(fmt.Sprint(prefix, i), "bench", "")]
	}
	return total
}

// lead runs a leader while do runs.
func (h *holds) lead(ctx context.Context, do func(context.Context, *looked, *kube.Feed) error) error {
	tenants := kube.Tenants{tenant: {host}}
	mgr, err := newManager(h.config, kube.CacheOptions(tenants))
	if err != nil {
		return err
	}
	l := &looked{Store: h.memory, at: map[string]int{}}
	policies := kube.NewPolicies(tenants)
	feed := kube.NewFeed(mgr.GetCache(), kube.NewIndex(policies.For), policies, h.memory, clock.Wall)
	controller := &securityinfochange.Controller{
		Client: mgr.GetClient(), Secrets: mgr.GetAPIReader(), Store: l, Policies: policies, Wakes: feed, APIServer: h.apiserver,
		Now: clock.Wall, Recorder: mgr.GetEventRecorder("holdfast"),
	}
	if err := errors.Join(mgr.Add(feed), controller.SetupWithManager(mgr)); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	err = do(ctx, l, feed)
	stop()
	return errors.Join(err, <-ended)
}

// first gives every record its object.
func (h *holds) first(ctx context.Context) error {
	begin, used := time.Now(), cpuUsed()
	return h.lead(ctx, func(ctx context.Context, l *looked, _ *kube.Feed) error {
		if err := h.until(ctx, v1alpha1.ChangeOnHold, h.n); err != nil {
			return err
		}
		took := time.Since(begin)
		fmt.Fprintf(&h.told, "%d changes recorded while nobody led: after %.1f s each has its object and its status (%.0f a second, %s ms of CPU "+
			"and %.2f looks each).\n", h.n, took.Seconds(), float64(h.n)/took.Seconds(), millis((cpuUsed()-used)/time.Duration(h.n)),
			float64(l.sum("held-", h.n))/float64(h.n))
		return nil
	})
}

// second is a leader that finds them all on hold.
func (h *holds) second(ctx context.Context) error {
	begin, used := time.Now(), cpuUsed()
	return h.lead(ctx, func(ctx context.Context, l *looked, feed *kube.Feed) error {
		err := wait.PollUntilContextCancel(ctx, 5*time.Millisecond, true, func(context.Context) (bool, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.lists > 0 && feed.Synced(), nil
		})
		if err != nil {
			return err
		}
		ready, cpu := time.Since(begin), cpuUsed()-used
		fmt.Fprintf(&h.told, "\nA leader that finds %d holds: after %.2f s and %.2f s of CPU it has scheduled them and decisions know them; "+
			"its %d list of wakes took %s ms.\n", h.n, ready.Seconds(), cpu.Seconds(), l.lists, millis(l.listed))
		if err := h.ending(ctx); err != nil {
			return err
		}
		late, err := h.lateness(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(&h.told, "\nOf %d further holds that end meanwhile each was applied %s / %s ms after its second (p50 / p99), with %.2f looks "+
			"each from record to end; the other %d were looked at %d times.\n", endingChanges, millis(late[len(late)/2]), millis(late[len(late)*99/100]),
			float64(l.sum("ending-", endingChanges))/endingChanges, h.n, l.sum("held-", h.n))
		return nil
	})
}

// ending records holds that end soon, of accounts with contacts that are told, and waits
// for their end.
func (h *holds) ending(ctx context.Context) error {
	for i := range endingChanges {
		account := fmt.Sprintf("ending-%d", i)
		old := []contact.Contact{{ID: "old", Channel: contact.Email, Address: account + "@post.example", Standing: contact.Full, Language: "en"}}
		if err := h.memory.ImportContacts(ctx, tenant, account, old, nil, clock.Wall()); err != nil {
			return err
		}
		if err := h.hold(ctx, account, endsAfter); err != nil {
			return err
		}
	}
	return h.until(ctx, v1alpha1.ChangeApplied, endingChanges)
}

// lateness is how long after its date each hold ended, the shortest first.
func (h *holds) lateness(ctx context.Context) ([]time.Duration, error) {
	var late []time.Duration
	for i := range endingChanges {
		r, err := h.memory.Change(ctx, change.Key{Tenant: tenant, Name: change.OwnName(fmt.Sprint("ending-", i), "bench", "")})
		if err != nil {
			return nil, err
		}
		late = append(late, r.End.At.Sub(r.HoldUntil))
	}
	slices.Sort(late)
	return late, nil
}

// until waits for n objects in a state.
func (h *holds) until(ctx context.Context, state v1alpha1.ChangeState, n int) error {
	found := 0
	err := wait.PollUntilContextCancel(ctx, time.Second, true, func(ctx context.Context) (bool, error) {
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SecurityInfoChangeList"))
		err := h.client.List(ctx, &list, client.InNamespace(tenant), client.MatchingFields{"status.state": string(state)}, client.Limit(n))
		found = len(list.Items)
		return found >= n, err
	})
	if err != nil {
		return fmt.Errorf("%d of %d changes are %s: %w", found, n, state, err)
	}
	return nil
}
