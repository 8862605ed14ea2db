package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/courier"
	"holdfast.dev/holdfast/internal/courier/words"
	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/identity"
	"holdfast.dev/holdfast/internal/identity/oidc"
	"holdfast.dev/holdfast/internal/identity/webhook"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/password"
	"holdfast.dev/holdfast/internal/phone"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/service"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/web"
)

func serveCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "serve", Short: "Run controllers, pages and decisions", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.read()
			if err != nil {
				return err
			}
			return serve(cmd.Context(), s)
		},
	}
	o.bind(cmd.Flags())
	return cmd
}

// serve runs until ctx ends or a part of it breaks.
func serve(ctx context.Context, s settings) (err error) {
	log := zap.New(zap.StacktraceLevel(zapcore.PanicLevel), zap.JSONEncoder(func(e *zapcore.EncoderConfig) {
		e.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	}))
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	ctx = logr.NewContext(ctx, log)
	config, err := restConfig(s)
	if err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("clients for the apiserver: %w", err)
	}
	keys, err := loadKeys(ctx, clients, s)
	if err != nil {
		return err
	}
	memory, err := openStore(ctx, s, keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	if err := memory.CheckSeal(ctx); err != nil {
		return fmt.Errorf("keys in Secret %s/%s: %w", s.namespace, s.keysSecret, err)
	}
	r, err := newReplica(ctx, s, config, clients, keys, memory)
	if err != nil {
		return err
	}
	log.Info("holdfast starts", "version", version, "tenants", len(s.tenants))
	return r.run(ctx)
}

func restConfig(s settings) (*rest.Config, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: s.kubeconfig}, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reach the apiserver (--kubeconfig): %w", err)
	}
	config.QPS = -1 // the apiserver's own priority and fairness is the limit
	config.UserAgent = "holdfast/" + version
	return config, nil
}

// replica is one process: what it knows and whom it serves.
type replica struct {
	settings
	log     logr.Logger
	desk    *flow.Desk
	access  *kube.Access
	caches  []cache.Cache
	feed    *kube.Feed
	courier *courier.Courier
	// dispatcher holds the courier's connections to the providers.
	dispatcher *deliver.Dispatcher
	memory     *store.Store
	epochs     *epochWatch
	keeper     *keeper
	leader     leader
}

func newReplica(ctx context.Context, s settings, config *rest.Config, clients kubernetes.Interface, keys *seal.Keys, memory *store.Store) (*replica, error) {
	log := logr.FromContextOrDiscard(ctx)
	scheme, err := kube.Scheme()
	if err != nil {
		return nil, err
	}
	objects, err := newCache(config, scheme, kube.CacheOptions(s.tenants))
	if err != nil {
		return nil, err
	}
	// Secrets have a cache of their own: a tenant without its Role holds up no other.
	secretObjects, err := newCache(config, scheme, kube.SecretCacheOptions(s.tenants))
	if err != nil {
		return nil, err
	}
	epochs := &epochWatch{store: memory, copy: kube.Marks{ConfigMaps: clients.CoreV1().ConfigMaps(s.namespace)}, log: log.WithName("epoch")}
	if err := epochs.begin(ctx, clock.Wall()); err != nil {
		return nil, err
	}
	policies := kube.NewPolicies(s.tenants)
	index := kube.NewIndex(policies.For)
	secrets := kube.Secrets{Tenants: s.tenants, Cache: secretObjects}
	dispatcher := deliver.New(secrets, s.endpoints, deliver.Options{Now: clock.Wall})
	metrics.Registry.MustRegister(courier.DeadLetters{Graveyard: memory, Now: clock.Wall})
	feed := kube.NewFeed(objects, index, policies, epochs, clock.Wall)
	desk := &flow.Desk{
		Store: memory, Index: index, Policies: policies, Sealer: keys,
		Identity:  identity.New(secrets, s.endpoints, webhook.Options{Now: clock.Wall}),
		SignIns:   oidc.New(secrets, s.endpoints, oidc.Options{Now: clock.Wall}),
		Passwords: password.New(), Numbers: phone.Numbers{}, Seeds: secrets, Lines: dispatcher, Receipts: dispatcher,
		Now: clock.Wall, Random: rand.Reader, Issuer: s.issuer, Epoch: epochs.epoch, Scheme: s.publicScheme,
		Meter: newMeter(metrics.Registry),
	}
	return &replica{
		settings: s, log: log, caches: []cache.Cache{objects, secretObjects}, feed: feed, memory: memory, epochs: epochs, dispatcher: dispatcher,
		keeper: &keeper{
			secrets: clients.CoreV1().Secrets(s.namespace), name: s.keysSecret, keys: keys, memory: memory, log: log.WithName("keys"),
		},
		access: kube.NewAccess(clients, clock.Wall),
		desk:   desk,
		courier: &courier.Courier{
			Outbox: memory, Policies: policies, Coder: keys, Sender: dispatcher, Numbers: phone.Numbers{}, NotMe: desk.NotMeLink, NoticeURL: desk.NoticeURL,
			ReceiptURL: desk.ReceiptURL,
			Health:     memory, Replica: rand.Text(),
			Now: clock.Wall, After: clock.WallTimer, Random: rand.Reader,
			Metrics: courier.NewMetrics(metrics.Registry), Log: slog.New(logr.ToSlogHandler(log.WithName("courier"))),
		},
		leader: leader{
			config: config, scheme: scheme, cache: objects, namespace: s.namespace, election: s.leaderElection,
			log: log.WithName("controllers"), setup: controllers{memory, desk, policies, secrets, secretObjects, feed, dispatcher, s.tenants}.setup,
		},
	}, nil
}

func newCache(config *rest.Config, scheme *runtime.Scheme, o cache.Options) (cache.Cache, error) {
	o.Scheme = scheme
	objects, err := cache.New(config, o)
	if err != nil {
		return nil, fmt.Errorf("cache of the apiserver's objects: %w", err)
	}
	return objects, nil
}

// run starts every part; the first that breaks ends them all.
func (r *replica) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range r.listeners() {
		if err := l.start(ctx, group); err != nil {
			return err
		}
	}
	if err := r.serveMetrics(ctx, group); err != nil {
		return err
	}
	for _, objects := range r.caches {
		group.Go(func() error { return objects.Start(ctx) })
	}
	group.Go(func() error { return r.feed.Start(ctx) })
	group.Go(func() error {
		defer r.dispatcher.Close()
		return r.courier.Run(ctx)
	})
	group.Go(func() error { return r.leader.run(ctx) })
	group.Go(func() error { return r.prune(ctx) })
	group.Go(func() error { return r.epochs.run(ctx, clock.Wall) })
	group.Go(func() error { return r.keeper.run(ctx, clock.Wall) })
	return group.Wait()
}

func (r *replica) listeners() []listener {
	return []listener{
		{name: "public", addr: r.publicAddr, handler: web.New(web.Config{
			Desk: r.desk, Tenant: r.desk.Policies.Tenant, Countries: countries(), Languages: words.Languages(),
			ClientAddr: web.ClientAddr(r.proxies),
			Scheme:     r.publicScheme, Now: clock.Wall, Log: r.log.WithName("public"),
		})},
		{name: "service", addr: r.serviceAddr, cert: r.serviceCert, key: r.serviceKey, handler: service.New(service.Config{
			Desk: r.desk, Access: r.access, Synced: r.feed.Synced, Log: r.log.WithName("service"),
		})},
		{name: "probes", addr: r.probesAddr, handler: probes(r.ready)},
	}
}

func (r *replica) ready() error {
	if !r.feed.Synced() {
		return errors.New("not every block has been seen yet")
	}
	return nil
}

const (
	// pruneEvery is how often what nobody needs any more is deleted.
	pruneEvery = 10 * time.Minute
	// historyLife is how long it is kept all the same: 30 days.
	historyLife = 720 * time.Hour
)

func (r *replica) prune(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pruneEvery):
		}
		now := clock.Wall()
		if _, err := r.memory.Prune(ctx, now, now.Add(-historyLife)); err != nil && ctx.Err() == nil {
			r.log.Error(err, "old rows stay; trying again", "in", pruneEvery.String())
		}
	}
}

func countries() []web.Country {
	var list []web.Country
	for _, c := range phone.Countries("en") {
		list = append(list, web.Country{ISO: c.ISO, Name: c.Name, CallingCode: c.CallingCode})
	}
	return list
}
