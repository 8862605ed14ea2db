package kube

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// Facts is the store's feed.
type Facts interface {
	// Follow calls each with every fact committed since an instant, zero for all, then
	// caughtUp once, then each with what is committed from now on, until ctx ends or
	// the store does not answer.
	Follow(ctx context.Context, since time.Time, caughtUp func(), each func(fact.Fact)) error
}

const (
	followAgain = time.Second
	pruneEvery  = time.Minute
)

// Feed keeps a replica's index and policies up to date, on every replica whether or
// not it leads: it is a manager.Runnable and a manager.LeaderElectionRunnable.
type Feed struct {
	informers cache.Informers
	index     *Index
	policies  *Policies
	facts     Facts
	now       func() time.Time

	policiesSeen chan struct{}
	blocksSeen   atomic.Bool
	caughtUp     atomic.Bool

	onBlock  listeners[block.Key]
	onChange listeners[change.Record]
}

// NewFeed returns a feed that has not begun. Policies come before blocks, so that a
// block is never filled from the seeds' numbers while its policy is on the way.
func NewFeed(informers cache.Informers, index *Index, policies *Policies, facts Facts, now func() time.Time) *Feed {
	return &Feed{
		informers: informers, index: index, policies: policies, facts: facts, now: now,
		policiesSeen: make(chan struct{}),
	}
}

// Start feeds until ctx ends.
func (f *Feed) Start(ctx context.Context) error {
	logger := log.FromContext(ctx).WithName("feed")
	var background wait.Group
	defer background.Wait()
	background.StartWithContext(ctx, func(ctx context.Context) {
		wait.UntilWithContext(ctx, func(ctx context.Context) { f.follow(ctx, logger) }, followAgain)
	})
	background.StartWithContext(ctx, func(ctx context.Context) {
		wait.UntilWithContext(ctx, func(context.Context) { f.index.Prune(f.now()) }, pruneEvery)
	})
	if err := f.watch(ctx, &v1alpha1.VerificationPolicy{}, f.policyHandler(logger)); err != nil {
		return ignoreEnd(ctx, err)
	}
	close(f.policiesSeen)
	if err := f.watch(ctx, &v1alpha1.AccountBlock{}, f.blockHandler(logger)); err != nil {
		return ignoreEnd(ctx, err)
	}
	if err := f.watch(ctx, &v1alpha1.SecurityInfoChange{}, handler(f.index.ApplyChange, f.index.RemoveChange)); err != nil {
		return ignoreEnd(ctx, err)
	}
	f.blocksSeen.Store(true)
	<-ctx.Done()
	return nil
}

// NeedLeaderElection is false: decisions are answered by every replica.
func (f *Feed) NeedLeaderElection() bool { return false }

// Synced reports whether the index holds every policy, block and fact that was there
// at the start. Before that nothing may be answered.
func (f *Feed) Synced() bool { return f.blocksSeen.Load() && f.caughtUp.Load() }

// WaitForPolicies returns once the policies that were there at the start are known.
func (f *Feed) WaitForPolicies(ctx context.Context) error {
	select {
	case <-f.policiesSeen:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the policies: %w", ctx.Err())
	}
}

// OnBlock calls wake with the key of each block of which a fact comes, until ctx ends.
// It must not block.
func (f *Feed) OnBlock(ctx context.Context, wake func(block.Key)) { f.onBlock.add(ctx, wake) }

// OnChange calls tell with the record of each SecurityInfoChange of which a fact comes,
// until ctx ends. It must not block.
func (f *Feed) OnChange(ctx context.Context, tell func(change.Record)) { f.onChange.add(ctx, tell) }

// OnPolicy calls wake with the tenant of which a policy changed, until ctx ends. It must
// not block.
func (f *Feed) OnPolicy(ctx context.Context, wake func(tenant string)) {
	f.policies.OnChange(ctx, wake)
}

func (f *Feed) follow(ctx context.Context, logger logr.Logger) {
	// Everything is asked for again after a break: facts may come twice, never too few.
	err := f.facts.Follow(ctx, time.Time{}, func() { f.caughtUp.Store(true) }, f.take)
	if err != nil && ctx.Err() == nil {
		logger.Error(err, "The store's feed broke off; following it again", "in", followAgain.String())
	}
}

func (f *Feed) take(one fact.Fact) {
	f.index.Fact(one)
	if one.Block != nil {
		f.onBlock.tell(one.Block.Key)
	}
	if one.Change != nil {
		f.onChange.tell(*one.Change)
	}
}

// watch adds a handler and returns once it has seen the initial list.
func (f *Feed) watch(ctx context.Context, kind client.Object, handler toolscache.ResourceEventHandler) error {
	informer, err := f.informers.GetInformer(ctx, kind)
	if err != nil {
		return fmt.Errorf("watch %T: %w", kind, err)
	}
	registration, err := informer.AddEventHandler(handler)
	if err != nil {
		return fmt.Errorf("watch %T: %w", kind, err)
	}
	select {
	case <-registration.HasSyncedChecker().Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ignoreEnd drops the error of a feed that was asked to stop.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (f *Feed) policyHandler(logger logr.Logger) toolscache.ResourceEventHandler {
	return handler(func(vp *v1alpha1.VerificationPolicy) {
		if err := f.policies.Apply(vp); err != nil {
			logger.Error(err, "A policy holds but for a field")
		}
	}, func(vp *v1alpha1.VerificationPolicy) { f.policies.Remove(vp.Namespace, vp.Name) })
}

func (f *Feed) blockHandler(logger logr.Logger) toolscache.ResourceEventHandler {
	return handler(func(ab *v1alpha1.AccountBlock) {
		if err := f.index.Apply(ab); err != nil {
			logger.Error(err, "A block cannot be enforced")
		}
	}, func(ab *v1alpha1.AccountBlock) { f.index.Remove(KeyOf(ab)) })
}

// handler turns informer events into sights and disappearances of one kind.
func handler[T client.Object](apply, remove func(T)) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(in any) {
			if object, ok := in.(T); ok {
				apply(object)
			}
		},
		UpdateFunc: func(_, in any) {
			if object, ok := in.(T); ok {
				apply(object)
			}
		},
		DeleteFunc: func(in any) {
			if last, ok := in.(toolscache.DeletedFinalStateUnknown); ok {
				in = last.Obj
			}
			if object, ok := in.(T); ok {
				remove(object)
			}
		},
	}
}
