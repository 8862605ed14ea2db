// Package accountblock freezes AccountBlocks in the store, ends them in time and
// mirrors what the store knows into their status. It enforces nothing: decisions come
// from each replica's index.
package accountblock

import (
	"context"
	"time"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Store is what the controller needs of the memory.
type Store interface {
	// Block reads a record, or rules.ErrNotFound.
	Block(ctx context.Context, key block.Key) (block.Record, error)
	// FreezeBlock records a block at its first sight and merges every later one.
	FreezeBlock(ctx context.Context, key block.Key, uid string, spec block.Spec) (block.Record, error)
	// AdoptBlock freezes the block if it must and takes in what the status remembers.
	AdoptBlock(ctx context.Context, key block.Key, uid string, spec block.Spec, remembered block.Memory) (block.Record, error)
	// EndBlock freezes the block if it must and writes the end; the first one stands.
	EndBlock(ctx context.Context, key block.Key, uid string, spec block.Spec, end block.End, deleted bool) (block.Record, error)
}

// Policies resolves the policy of an account.
type Policies interface {
	For(tenant, account string) policy.Policy
}

// Wakes tells which blocks to look at besides those whose objects changed. *kube.Feed
// satisfies it.
type Wakes interface {
	// OnBlock and OnPolicy call wake until ctx ends.
	OnBlock(ctx context.Context, wake func(block.Key))
	OnPolicy(ctx context.Context, wake func(tenant string))
	WaitForPolicies(ctx context.Context) error
}

// Controller reconciles AccountBlocks.
type Controller struct {
	Client   client.Client
	Store    Store
	Policies Policies
	Wakes    Wakes
	Now      func() time.Time
	Recorder events.EventRecorder
}

// Reconcile takes one block one step further.
func (c *Controller) Reconcile(ctx context.Context, ab *v1alpha1.AccountBlock) (reconcile.Result, error) {
	if !ab.DeletionTimestamp.IsZero() {
		return kube.Again(c.revoke(ctx, ab))
	}
	if err := c.ensureFinalizer(ctx, ab); err != nil {
		return kube.Again(err)
	}
	before := ab.DeepCopy()
	s := &scope{block: ab, now: c.Now()}
	err := s.run(ctx, c.gather, c.freeze, c.expire)
	s.report(err)
	wrote, patchErr := kube.PatchStatus(ctx, c.Client, before, ab)
	if patchErr != nil {
		return kube.Again(patchErr)
	}
	if wrote {
		c.announce(before, ab)
	}
	return c.outcome(ctx, s, err)
}

// scope is one pass over one block, with one now.
type scope struct {
	block  *v1alpha1.AccountBlock
	now    time.Time
	policy policy.Policy
	// spec is the object's spec, its gaps filled from the record or the policy.
	spec block.Spec
	// record is what the store knows.
	record block.Record
}

func (s *scope) run(ctx context.Context, phases ...func(context.Context, *scope) error) error {
	for _, phase := range phases {
		if err := phase(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (s *scope) key() block.Key { return kube.KeyOf(s.block) }

func (s *scope) uid() string { return string(s.block.UID) }
