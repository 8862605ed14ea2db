package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// standBy is the pause before this replica runs for leader again.
const standBy = 2 * time.Second

// leader runs the controllers while this replica leads. It loses no page and no
// decision with its Lease: those do not depend on it.
type leader struct {
	config    *rest.Config
	scheme    *runtime.Scheme
	cache     cache.Cache
	namespace string
	election  bool
	log       logr.Logger
	// setup adds the controllers to a manager of each term.
	setup func(ctrl.Manager) error
}

// run serves one term after another until ctx ends.
func (l leader) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := l.term(ctx); err != nil && ctx.Err() == nil {
			l.log.Info("the controllers stopped; standing by to lead again", "cause", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(standBy):
		}
	}
	return nil
}

func (l leader) term(ctx context.Context) error {
	skip := true
	manager, err := ctrl.NewManager(l.config, ctrl.Options{
		Scheme: l.scheme, Logger: l.log,
		NewCache:       func(*rest.Config, cache.Options) (cache.Cache, error) { return lentCache{l.cache}, nil },
		LeaderElection: l.election, LeaderElectionID: "holdfast", LeaderElectionNamespace: l.namespace,
		LeaderElectionReleaseOnCancel: true,
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:        "0",
		Controller:                    config.Controller{SkipNameValidation: &skip},
	})
	if err != nil {
		return fmt.Errorf("prepare the controllers: %w", err)
	}
	if err := l.setup(manager); err != nil {
		return fmt.Errorf("set up the controllers: %w", err)
	}
	return manager.Start(ctx)
}

// lentCache is the replica's cache, which outlives every term.
type lentCache struct{ cache.Cache }

// Start leaves the starting to the owner.
func (lentCache) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
