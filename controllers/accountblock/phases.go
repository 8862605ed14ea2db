package accountblock

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
)

// invalidError is a spec that only its author can mend.
type invalidError struct{ cause error }

func (e *invalidError) Error() string { return e.cause.Error() }

func (e *invalidError) Unwrap() error { return e.cause }

// gather reads the record and fills the spec from it, or from the policy where the
// block has none yet.
func (c *Controller) gather(ctx context.Context, s *scope) error {
	intent, invalid := kube.ReadIntent(s.block)
	s.policy = c.Policies.For(s.block.Namespace, string(s.block.Spec.Account))
	defaults := s.policy.Blocks[block.Reason(s.block.Spec.Reason)]
	record, err := c.Store.Block(ctx, s.key())
	switch {
	case errors.Is(err, rules.ErrNotFound):
		s.spec = intent.Spec(s.uid(), nil, defaults)
		s.record = block.NewRecord(s.key(), s.uid(), s.spec)
	case err != nil:
		return fmt.Errorf("read the record of block %s: %w", s.key(), err)
	default:
		s.spec = intent.Spec(s.uid(), &record, defaults)
		s.record = record.Merge(s.uid(), s.spec)
	}
	if invalid != nil {
		return &invalidError{invalid}
	}
	return nil
}

// freeze records the block. What the status remembers and the store lost comes back
// with it: an earlier start, a later end, a terminal state (law 1).
func (c *Controller) freeze(ctx context.Context, s *scope) error {
	remembered := kube.ReadMemory(s.block.Status)
	var err error
	if lost := !reflect.DeepEqual(s.record, remembered.Into(s.record)); lost {
		s.record, err = c.Store.AdoptBlock(ctx, s.key(), s.uid(), s.spec, remembered)
	} else {
		s.record, err = c.Store.FreezeBlock(ctx, s.key(), s.uid(), s.spec)
	}
	if err != nil {
		return fmt.Errorf("record block %s: %w", s.key(), err)
	}
	return nil
}

// expire writes the end of a block whose time is over. An attempt that lengthened it
// meanwhile wins.
func (c *Controller) expire(ctx context.Context, s *scope) error {
	if s.record.End.State.Terminal() || s.record.State(s.now) != block.Expired {
		return nil
	}
	end := block.End{State: block.Expired, At: s.record.Expires}
	var err error
	if s.record, err = c.Store.EndBlock(ctx, s.key(), s.uid(), s.spec, end, false); err != nil {
		return fmt.Errorf("end block %s: %w", s.key(), err)
	}
	return nil
}

// revoke records the deletion, which ends an open block, and lets the object go. It
// needs the store alone.
func (c *Controller) revoke(ctx context.Context, ab *v1alpha1.AccountBlock) error {
	before := ab.DeepCopy()
	if !controllerutil.RemoveFinalizer(ab, v1alpha1.Finalizer) {
		return nil
	}
	s := &scope{block: ab, now: c.Now()}
	if err := c.gather(ctx, s); err != nil && !errors.As(err, new(*invalidError)) {
		return err
	}
	wasOpen := !s.record.State(s.now).Terminal()
	end := block.End{State: block.Revoked, At: s.now}
	record, err := c.Store.EndBlock(ctx, s.key(), s.uid(), s.spec, end, true)
	if err != nil {
		return fmt.Errorf("record the deletion of block %s: %w", s.key(), err)
	}
	if wasOpen && record.End.State == block.Revoked {
		c.announceRevoked(ab)
	}
	return kube.PatchMeta(ctx, c.Client, before, ab)
}

// ensureFinalizer makes sure that the block's deletion will be seen.
func (c *Controller) ensureFinalizer(ctx context.Context, ab *v1alpha1.AccountBlock) error {
	before := ab.DeepCopy()
	if !controllerutil.AddFinalizer(ab, v1alpha1.Finalizer) {
		return nil
	}
	return kube.PatchMeta(ctx, c.Client, before, ab)
}

// report writes what was found into the object's status.
func (s *scope) report(err error) {
	old, generation := s.block.Status, s.block.Generation
	var invalid *invalidError
	switch {
	case errors.As(err, &invalid):
		s.block.Status = kube.StalledBlock(old, v1alpha1.ReasonInvalidSpec, invalid, generation, s.now)
	case err != nil:
		s.block.Status = kube.WaitingBlock(old, generation, s.now)
	default:
		status := kube.BlockReport{
			Record: kube.ReadMemory(old).Into(s.record), Spec: s.spec, Policy: s.policy, Generation: generation, Now: s.now,
		}.Status(old)
		if !equality.Semantic.DeepEqual(old, status) {
			s.block.Status = status
		}
	}
}
