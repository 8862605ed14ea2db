// Package verificationpolicy tells platform teams whether a VerificationPolicy can do
// what it says: whether it is accepted beside the others, its hosts are granted, its
// Secrets are complete and its providers answer. What holds is resolved elsewhere, by
// every replica.
package verificationpolicy

import (
	"context"
	"time"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Secrets reads the provider Secrets of a tenant; one that is not there gives
// rules.ErrNotFound.
type Secrets interface {
	Secret(tenant, name string) (map[string][]byte, error)
}

// Checker reaches a provider and proves its credentials; nothing is sent. Its error
// unwraps to *message.Error.
type Checker interface {
	Check(ctx context.Context, tenant string, p policy.Provider) error
}

// Validate judges the keys of a Secret for a type of provider or adapter. Its error
// names keys and never a value.
type Validate func(kind string, data map[string][]byte) error

// Intervals say how often and how long providers are checked. A zero one means its
// default.
type Intervals struct {
	// Healthy is the wait before a healthy policy is checked again: 5 minutes.
	Healthy time.Duration
	// Unhealthy is the wait where a provider is not usable: 30 seconds.
	Unhealthy time.Duration
	// Timeout bounds one check: 15 seconds.
	Timeout time.Duration
	// Look is the wait between two looks at what the couriers saw: 5 seconds.
	Look time.Duration
}

// Controller reconciles VerificationPolicies.
type Controller struct {
	Client  client.Client
	Tenants kube.Tenants
	Secrets Secrets
	// SecretInformers tells of changed Secrets: the cache that Secrets reads from. Nil
	// means the manager's.
	SecretInformers cache.Informers
	Checker         Checker
	// ValidateProvider and ValidateAdapter judge Secrets by the type that the policy names.
	ValidateProvider, ValidateAdapter Validate
	// Outbox tells of messages that were given up; nil leaves Delivering out.
	Outbox Outbox
	// Health tells what couriers saw of providers, and which countries are stopped; nil
	// leaves both out.
	Health    Health
	Intervals Intervals
	Now       func() time.Time
	Recorder  events.EventRecorder

	sights sights
}

// Reconcile looks at one policy, and at the ones beside it, and tells what it found.
func (c *Controller) Reconcile(ctx context.Context, vp *v1alpha1.VerificationPolicy) (reconcile.Result, error) {
	if !vp.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	if _, known := c.sights.tenant(vp.Namespace); c.Health != nil && !known {
		return reconcile.Result{RequeueAfter: c.Intervals.look()}, nil // a new leader says nothing that the last one knew better
	}
	before := vp.DeepCopy()
	found, err := c.gather(ctx, vp)
	if err != nil {
		return reconcile.Result{}, err
	}
	vp.Status = found.status(vp.Status, vp.Generation, c.Now())
	wrote, err := kube.PatchStatus(ctx, c.Client, before, vp)
	if err != nil {
		return kube.Again(err)
	}
	if wrote {
		c.announce(before, vp)
	}
	return c.outcome(found), nil
}

// outcome checks again in time: soon while something does not work.
func (c *Controller) outcome(f findings) reconcile.Result {
	switch {
	case len(f.providers) == 0 && f.healthy():
		return reconcile.Result{}
	case f.healthy():
		return reconcile.Result{RequeueAfter: c.Intervals.healthy()}
	default:
		return reconcile.Result{RequeueAfter: c.Intervals.unhealthy()}
	}
}

func (i Intervals) healthy() time.Duration   { return orDefault(i.Healthy, 5*time.Minute) }
func (i Intervals) unhealthy() time.Duration { return orDefault(i.Unhealthy, 30*time.Second) }
func (i Intervals) timeout() time.Duration   { return orDefault(i.Timeout, 15*time.Second) }
func (i Intervals) look() time.Duration      { return orDefault(i.Look, 5*time.Second) }

func orDefault(given, fallback time.Duration) time.Duration {
	if given > 0 {
		return given
	}
	return fallback
}
