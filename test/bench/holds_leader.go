package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/securityinfochange"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/store"
)

// leader is one process that leads. It counts its looks at each change, times its list of
// wakes and notes what the watch tells.
type leader struct {
	*store.Store
	feed *kube.Feed

	mu     sync.Mutex
	looked map[string]int
	// applied is when the store had applied a change.
	applied map[string]time.Time
	listed  time.Duration
	lists   int
	// told is when an object was first seen in a state, states how many were.
	told   map[sight]time.Time
	states map[v1alpha1.ChangeState]int
}

// sight is an object in a state.
type sight struct {
	name  string
	state v1alpha1.ChangeState
}

// lead runs a leader while do runs.
func (h *holds) lead(ctx context.Context, config *rest.Config, do func(context.Context, *leader) error) error {
	l := &leader{
		Store: h.memory, looked: map[string]int{}, applied: map[string]time.Time{},
		told: map[sight]time.Time{}, states: map[v1alpha1.ChangeState]int{},
	}
	mgr, err := l.manager(ctx, config)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	err = do(ctx, l)
	stop()
	return errors.Join(err, <-ended)
}

func (l *leader) manager(ctx context.Context, config *rest.Config) (ctrl.Manager, error) {
	tenants := kube.Tenants{tenant: {host}}
	mgr, err := newManager(config, kube.CacheOptions(tenants))
	if err != nil {
		return nil, err
	}
	apiserver, err := kube.NewAPIServerClock(config)
	if err != nil {
		return nil, err
	}
	policies := kube.NewPolicies(tenants)
	l.feed = kube.NewFeed(mgr.GetCache(), kube.NewIndex(policies.For), policies, l.Store, clock.Wall)
	controller := &securityinfochange.Controller{
		Client: mgr.GetClient(), Secrets: mgr.GetAPIReader(), Store: l, Policies: policies, Wakes: l.feed, APIServer: apiserver,
		Now: clock.Wall, Recorder: mgr.GetEventRecorder("holdfast"),
	}
	return mgr, errors.Join(mgr.Add(l.feed), controller.SetupWithManager(mgr), l.watch(ctx, mgr.GetCache()))
}

// Change counts a look.
func (l *leader) Change(ctx context.Context, key change.Key) (change.Record, error) {
	l.mu.Lock()
	l.looked[key.Name]++
	l.mu.Unlock()
	return l.Store.Change(ctx, key)
}

// Wakes times the list.
func (l *leader) Wakes(ctx context.Context) ([]change.Wake, error) {
	begin := time.Now()
	due, err := l.Store.Wakes(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed, l.lists = time.Since(begin), l.lists+1
	return due, err
}

// ApplyChange notes when a change was applied.
func (l *leader) ApplyChange(ctx context.Context, key change.Key, clocks change.Clocks) (change.Record, error) {
	r, err := l.Store.ApplyChange(ctx, key, clocks)
	if err == nil {
		l.mu.Lock()
		l.applied[key.Name] = time.Now()
		l.mu.Unlock()
	}
	return r, err
}

// looks is how often the changes of some accounts were looked at.
func (l *leader) looks(prefix string, n int) (total int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range n {
		total += l.looked[keyOf(account(prefix, i)).Name]
	}
	return total
}

// watch notes the states on the cache's own watch, which costs the apiserver nothing.
func (l *leader) watch(ctx context.Context, objects cache.Cache) error {
	informer, err := objects.GetInformer(ctx, &v1alpha1.SecurityInfoChange{}, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    l.note,
		UpdateFunc: func(_, in any) { l.note(in) },
	})
	return err
}

func (l *leader) note(in any) {
	sic, ok := in.(*v1alpha1.SecurityInfoChange)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := sight{sic.Name, sic.Status.State}
	if _, known := l.told[at]; !known {
		l.told[at] = time.Now()
		l.states[at.state]++
	}
}

// seen is when the watch first told of an object in a state.
func (l *leader) seen(name string, state v1alpha1.ChangeState) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told[sight{name, state}]
}

func (l *leader) appliedAt(name string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.applied[name]
}

// until waits for n objects in a state.
func (l *leader) until(ctx context.Context, state v1alpha1.ChangeState, n int) error {
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.states[state]
	}
	since(ctx, time.Now(), func() bool { return count() >= n })
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%d of %d changes are %s: %w", count(), n, state, err)
	}
	return nil
}

// ready waits until the wakes are scheduled and decisions know the holds.
func (l *leader) ready(ctx context.Context) error {
	since(ctx, time.Now(), func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.lists > 0 && l.feed.Synced()
	})
	return ctx.Err()
}
