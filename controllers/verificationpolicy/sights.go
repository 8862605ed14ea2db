package verificationpolicy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/health"
	"holdfast.dev/holdfast/internal/rules/message"
)

// Health is the memory of how providers and countries fare, as all replicas saw it.
type Health interface {
	// HealthReports lists the circuits of all tenants that fail at now.
	HealthReports(ctx context.Context, now time.Time) ([]health.Report, error)
	// Regions lists the countries of all tenants whose codes a block stops at now.
	Regions(ctx context.Context, now time.Time) ([]health.Region, error)
	// Conversion is how a country's codes had fared when a block of it began.
	Conversion(ctx context.Context, tenant, country string, began time.Time) (escalation.Conversion, error)
}

// sight is what was read last of one tenant. While the memory is away it stands.
type sight struct {
	reports []health.Report
	regions []health.Region
}

// same reports whether two sights make the same status: which replica says a thing, and
// until when, makes none.
func (s sight) same(other sight) bool {
	return maps.Equal(s.failures(), other.failures()) && slices.Equal(s.regions, other.regions)
}

type failure struct {
	health.Circuit
	class message.ErrorClass
}

func (s sight) failures() map[failure]bool {
	all := map[failure]bool{}
	for _, r := range s.reports {
		all[failure{r.Circuit, r.Class}] = true
	}
	return all
}

// sights are those of all tenants; the zero sights have seen nothing yet.
type sights struct {
	mu sync.RWMutex
	of map[string]sight
}

// tenant is the sight of one; known is false before the first look.
func (s *sights) tenant(name string) (seen sight, known bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.of[name], s.of != nil
}

// replace takes what was just read and returns the tenants of which it differs.
func (s *sights) replace(now map[string]sight) (changed []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for tenant := range now {
		if !now[tenant].same(s.of[tenant]) {
			changed = append(changed, tenant)
		}
	}
	for tenant := range s.of {
		if _, still := now[tenant]; !still {
			changed = append(changed, tenant)
		}
	}
	s.of = now
	return changed
}

// look reads how all tenants fare and returns those of which that changed.
func (c *Controller) look(ctx context.Context) ([]string, error) {
	now := c.Now()
	reports, err := c.Health.HealthReports(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("read the health of providers: %w", err)
	}
	regions, err := c.Health.Regions(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("read the countries that are stopped: %w", err)
	}
	seen := map[string]sight{}
	for _, r := range reports {
		s := seen[r.Tenant]
		s.reports = append(s.reports, r)
		seen[r.Tenant] = s
	}
	for _, r := range regions {
		s := seen[r.Tenant]
		s.regions = append(s.regions, r)
		seen[r.Tenant] = s
	}
	return c.sights.replace(seen), nil
}

// looks is the source of what the memory tells: small tables, looked at every few seconds
// by the leader alone.
func (c *Controller) looks() source.Source {
	return source.Func(func(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		go wait.UntilWithContext(ctx, func(ctx context.Context) {
			changed, err := c.look(ctx)
			if err != nil && ctx.Err() == nil {
				ctrl.LoggerFrom(ctx).Error(err, "Policies show what was seen before")
			}
			for _, tenant := range changed {
				for _, request := range c.requests(ctx, tenant, func(*v1alpha1.VerificationPolicy) bool { return true }) {
					q.Add(request)
				}
			}
		}, c.Intervals.look())
		return nil
	})
}
