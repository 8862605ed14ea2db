package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	managerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/accountblock"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

const (
	// createdAtOnce bounds the objects that are created at a time before a leg.
	createdAtOnce = 32
	// legPatience bounds one leg.
	legPatience = 20 * time.Minute
)

// openController compares the controllers on a real apiserver, each leg on a fresh one.
func openController(_ context.Context, o options) (suite, error) {
	n := activeBlocks
	if o.quick {
		n = 1000
	}
	name := fmt.Sprintf("%d new blocks until every status is Active", n)
	mutated := leg{n, true, startHoldfast}
	plain, floor := leg{n, false, startHoldfast}, leg{n, false, startBare}
	return suite{floor: "bare", shut: func() {}, comparisons: []comparison{
		{name + ", with config/mutation", goal{ofTime: true, bound: 1.2}, mutated.run, floor.run, 1},
		{name + ", without", goal{ofTime: true}, plain.run, floor.run, 1},
	}}, nil
}

// leg is one start of a controller that finds n blocks.
type leg struct {
	n int
	// mutated has the apiserver give the blocks their finalizer when they are created.
	mutated bool
	// start makes a manager with the controller. synced, if there is any, says whether
	// every block binds decisions; shut is called when the manager has ended.
	start func(ctx context.Context, config *rest.Config, dir string) (mgr ctrl.Manager, synced func() bool, shut func() error, err error)
}

// run is timed from before the manager is made until its cache shows every status.
func (l leg) run(ctx context.Context) (f figures, err error) {
	ctx, cancel := context.WithTimeout(ctx, legPatience)
	defer cancel()
	env := environment()
	config, err := env.Start()
	if err != nil {
		return f, fmt.Errorf("start the apiserver from %s: %w", env.BinaryAssetsDirectory, err)
	}
	defer func() { err = errors.Join(err, env.Stop()) }()
	config.QPS = -1
	if err := l.create(ctx, config); err != nil {
		return f, err
	}
	return l.measure(ctx, config)
}

// environment is an apiserver whose etcd waits for the disk, as in earnest.
func environment() *envtest.Environment {
	env := &envtest.Environment{
		CRDDirectoryPaths:        []string{filepath.Join("config", "crd")},
		ErrorIfCRDPathMissing:    true,
		BinaryAssetsDirectory:    os.Getenv("KUBEBUILDER_ASSETS"),
		ControlPlaneStartTimeout: 3 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	if env.BinaryAssetsDirectory == "" {
		env.BinaryAssetsDirectory = "bin"
	}
	env.ControlPlane.Etcd = &envtest.Etcd{}
	env.ControlPlane.Etcd.Configure().Set("unsafe-no-fsync", "false")
	return env
}

func (l leg) create(ctx context.Context, config *rest.Config) error {
	scheme, err := kube.Scheme()
	if err != nil {
		return err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	if err := c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant, Labels: map[string]string{v1alpha1.LabelTenant: "true"}}}); err != nil {
		return err
	}
	if err := c.Create(ctx, policyOfShop()); err != nil {
		return err
	}
	if l.mutated {
		if err := mutate(ctx, c); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(createdAtOnce)
	for i := range l.n {
		group.Go(func() error {
			return c.Create(ctx, newBlock(tenant, i))
		})
	}
	return group.Wait()
}

// mutate applies config/mutation and waits until it takes effect.
func mutate(ctx context.Context, c client.Client) error {
	if err := apply(ctx, c, filepath.Join("config", "mutation", "finalizer.yaml")); err != nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		trial := newBlock(tenant, 0)
		err := c.Create(ctx, trial, client.DryRunAll) // the apiserver learns of a new kind a moment late
		return err == nil && controllerutil.ContainsFinalizer(trial, v1alpha1.Finalizer), nil
	})
}

// apply creates every object of a manifest.
func apply(ctx context.Context, c client.Client, path string) error {
	manifest, err := os.Open(path)
	if err != nil {
		return err
	}
	defer manifest.Close()
	documents := yaml.NewYAMLOrJSONDecoder(manifest, 4096)
	for {
		object := &unstructured.Unstructured{}
		switch err := documents.Decode(object); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := c.Create(ctx, object); err != nil {
			return err
		}
	}
}

func (l leg) measure(ctx context.Context, config *rest.Config) (f figures, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	used, begin := cpuUsed(), time.Now()
	mgr, synced, shut, err := l.start(ctx, config, dir)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, shut()) }()
	seen := &mirrored{begin: begin, want: l.n, at: map[string]time.Duration{}, all: make(chan struct{})}
	if err := seen.watch(ctx, mgr.GetCache()); err != nil {
		return f, err
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	f.synced = since(ctx, begin, synced)
	select {
	case <-seen.all:
	case <-ctx.Done():
		return f, fmt.Errorf("%d of %d statuses are Active: %w", seen.count(), l.n, ctx.Err())
	case err := <-ended:
		return f, fmt.Errorf("the manager ended: %w", err)
	}
	f.ops, f.took, f.cpu = l.n, time.Since(begin), cpuUsed()-used
	f.each = seen.times()
	stop()
	return f, <-ended
}

// since waits until done says so and returns how long that took; zero for no done.
func since(ctx context.Context, begin time.Time, done func() bool) time.Duration {
	if done == nil {
		return 0
	}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return 0
		case <-look.C:
		}
	}
	return time.Since(begin)
}

// mirrored notes when the watch first told that a block's status is Active.
type mirrored struct {
	begin time.Time
	want  int
	all   chan struct{}

	mu sync.Mutex
	at map[string]time.Duration
}

func (m *mirrored) watch(ctx context.Context, objects cache.Cache) error {
	informer, err := objects.GetInformer(ctx, &v1alpha1.AccountBlock{}, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		UpdateFunc: func(_, in any) {
			if ab, ok := in.(*v1alpha1.AccountBlock); ok && ab.Status.State == v1alpha1.BlockActive {
				m.note(ab.Name)
			}
		},
	})
	return err
}

func (m *mirrored) note(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.at[name]; known {
		return
	}
	m.at[name] = time.Since(m.begin)
	if len(m.at) == m.want {
		close(m.all)
	}
}

func (m *mirrored) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.at)
}

func (m *mirrored) times() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	times := make([]time.Duration, 0, len(m.at))
	for _, at := range m.at {
		times = append(times, at)
	}
	return times
}

// newManager is set up alike for both sides.
func newManager(config *rest.Config, objects cache.Options) (ctrl.Manager, error) {
	scheme, err := kube.Scheme()
	if err != nil {
		return nil, err
	}
	again := true // every leg has a controller of the same name
	return ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Cache: objects, Metrics: server.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Controller: managerconfig.Controller{SkipNameValidation: &again},
	})
}

// startHoldfast runs the controller with its store, its feed and the index.
func startHoldfast(ctx context.Context, config *rest.Config, dir string) (ctrl.Manager, func() bool, func() error, error) {
	tenants := kube.Tenants{tenant: {host}}
	mgr, err := newManager(config, kube.CacheOptions(tenants))
	if err != nil {
		return nil, nil, nil, err
	}
	keys, err := seal.Generate()
	if err != nil {
		return nil, nil, nil, err
	}
	memory, err := sqlite.Open(ctx, filepath.Join(dir, "holdfast.db"), sqlite.Options{Sealer: keys, Now: clock.Wall})
	if err != nil {
		return nil, nil, nil, err
	}
	policies := kube.NewPolicies(tenants)
	feed := kube.NewFeed(mgr.GetCache(), kube.NewIndex(policies.For), policies, memory, clock.Wall)
	controller := &accountblock.Controller{
		Client: mgr.GetClient(), Store: memory, Policies: policies, Wakes: feed, Now: clock.Wall,
		Recorder: mgr.GetEventRecorder("holdfast"),
	}
	if err := errors.Join(mgr.Add(feed), controller.SetupWithManager(mgr)); err != nil {
		return nil, nil, nil, errors.Join(err, memory.Close())
	}
	return mgr, feed.Synced, memory.Close, nil
}
