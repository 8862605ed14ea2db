package securityinfochange

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// recall reads the record, and what the status remembers of it.
func (c *Controller) recall(ctx context.Context, s *scope) error {
	s.spec = kube.ReadChange(s.object)
	s.policy = c.Policies.For(s.object.Namespace, s.spec.Account)
	s.remembered = kube.ReadChangeMemory(s.object.Status)
	record, err := c.Store.Change(ctx, s.key())
	switch {
	case errors.Is(err, rules.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("read the record of change %s: %w", s.key(), err)
	}
	s.record = record
	s.known = record.Of(s.uid())
	if !s.known && s.remembered.End.State == "" && !s.remembered.Created.After(record.Created) {
		s.remembered = change.Memory{} // of the incarnation whose deletion has cancelled it
	}
	return nil
}

// gather reads the record; at the first sight also the Secrets with the new addresses.
func (c *Controller) gather(ctx context.Context, s *scope) error {
	if err := c.recall(ctx, s); err != nil || s.known {
		return err
	}
	if !s.remembered.HoldStart.IsZero() || s.remembered.End.State != "" {
		// It was proven, then the store lost it: whatever stands in the Secrets by now was not.
		s.spec.New = kube.RememberedContacts(s.object)
		return nil
	}
	if s.spec.Recovery != "" {
		return &invalidError{v1alpha1.ReasonInvalidSpec,
			fmt.Errorf("spec.recoveryRequestName: no RecoveryRequest %q of this namespace was approved for this account", s.spec.Recovery)}
	}
	return c.readContacts(ctx, s)
}

// freeze records the change, or its rejection. What the status remembers and the store
// lost comes back with it (law 1).
func (c *Controller) freeze(ctx context.Context, s *scope) error {
	var err error
	if s.lost() {
		err = c.adopt(ctx, s)
	} else {
		s.record, err = c.Store.FreezeChange(ctx, s.sight())
	}
	if err != nil {
		return fmt.Errorf("record change %s: %w", s.key(), err)
	}
	return nil
}

func (c *Controller) adopt(ctx context.Context, s *scope) (err error) {
	s.record, err = c.Store.AdoptChange(ctx, s.sight(), s.remembered)
	return err
}

func (s *scope) sight() change.Sight {
	seen := change.Sight{
		Key: s.key(), UID: s.uid(), Spec: s.spec, Terms: s.policy.Changes, Addresses: s.addresses, Refused: s.refused,
		Created: s.object.CreationTimestamp.UTC(), Now: s.now,
	}
	if s.known && !s.foreign() {
		seen.Spec, seen.Terms = s.record.Spec, s.record.Terms
	}
	return seen
}

// lost reports whether the status remembers what the store has lost. It tells whole
// seconds, so it is compared with what it would tell of the record.
func (s *scope) lost() bool {
	switch {
	case !s.remembered.Remembers():
		return false
	case !s.known:
		return true
	case s.foreign(), s.record.End.State != "":
		return false
	}
	mirrored := kube.ReadChangeMemory(s.mirror(s.object.Status))
	return mirrored.Merge(s.remembered) != mirrored
}

// foreign reports whether the record is of another account: nothing of the status goes
// into it.
func (s *scope) foreign() bool { return s.known && s.record.Spec.Account != s.spec.Account }

// settle does what is due: notices, the end of a wait, the end of a hold.
func (c *Controller) settle(ctx context.Context, s *scope) error {
	if s.record.End.State != "" {
		return nil
	}
	var err error
	if s.record, err = c.Store.VisitChange(ctx, change.Visit{Key: s.key(), Now: s.now}); err != nil {
		return fmt.Errorf("visit change %s: %w", s.key(), err)
	}
	switch s.record.State(s.now) {
	case change.OnHold:
		return c.hold(ctx, s)
	case change.AwaitingCode:
		return c.await(ctx, s)
	default:
		return nil
	}
}

// hold ends a hold whose time has come, unless another replacement stands against it.
func (c *Controller) hold(ctx context.Context, s *scope) error {
	others, err := c.Store.OpenChanges(ctx, s.object.Namespace, s.record.Spec.Account)
	if err != nil {
		return fmt.Errorf("read the other changes of the account of %s: %w", s.key(), err)
	}
	s.contested = s.record.Contested(others, s.now)
	if s.now.Before(s.record.HoldUntil) || s.contested || s.record.Joined != "" {
		return nil
	}
	return c.apply(ctx, s)
}

// await finds out whether another change of the account keeps this one from being proven
// (seed 53).
func (c *Controller) await(ctx context.Context, s *scope) error {
	tenant, account := s.object.Namespace, s.record.Spec.Account
	others, err := c.Store.Restricting(ctx, tenant, account, s.now)
	if err != nil {
		return fmt.Errorf("read the other changes of the account of %s: %w", s.key(), err)
	}
	book, err := c.Store.Book(ctx, tenant, account)
	if err != nil {
		return fmt.Errorf("read the contacts of the account of %s: %w", s.key(), err)
	}
	others = slices.DeleteFunc(others, func(r change.Record) bool { return r.Key == s.key() })
	errors.As(s.record.Frozen(book, others, s.now), &s.frozen)
	return nil
}

// apply ends a hold by the clocks of all three: none may be far from the others, and the
// earliest counts (law 11).
func (c *Controller) apply(ctx context.Context, s *scope) error {
	clocks := change.Clocks{Process: c.Now()}
	clocks.APIServer, _ = c.APIServer.Now(ctx) // a clock that does not answer counts as skewed
	clocks.Database, _ = c.Store.Clock(ctx)
	record, err := c.Store.ApplyChange(ctx, s.key(), clocks)
	switch {
	case errors.Is(err, change.ErrClockSkew):
		s.skewed = true
	case errors.Is(err, change.ErrContested):
		s.contested = true
	case errors.Is(err, change.ErrEarly):
		s.early = true // another clock is behind, by less than the bound
	case errors.Is(err, change.ErrEnded):
		// Somebody was first: the next look tells.
	case err != nil:
		return fmt.Errorf("apply change %s: %w", s.key(), err)
	default:
		s.record = record
	}
	return nil
}

// finalize records the deletion, which cancels an open change, and lets the object go. It
// needs the store alone.
func (c *Controller) finalize(ctx context.Context, sic *v1alpha1.SecurityInfoChange) error {
	before := sic.DeepCopy()
	if !controllerutil.RemoveFinalizer(sic, v1alpha1.Finalizer) {
		return nil
	}
	s := &scope{object: sic, now: c.Now()}
	if err := c.recall(ctx, s); err != nil {
		return err
	}
	if s.lost() && !s.remembered.HoldStart.IsZero() {
		// A hold that only the status knows restricts on to its date.
		s.spec.New = kube.RememberedContacts(sic)
		if err := c.adopt(ctx, s); err != nil {
			return fmt.Errorf("record change %s before its deletion: %w", s.key(), err)
		}
	}
	record, err := c.Store.DeleteChange(ctx, change.Visit{Key: s.key(), Now: s.now}, s.uid())
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return fmt.Errorf("record the deletion of change %s: %w", s.key(), err)
	}
	if err := kube.PatchMeta(ctx, c.Client, before, sic); err != nil {
		return err
	}
	if record.End.Reason == change.ByDeletion {
		c.announceDeleted(sic, record)
	}
	return nil
}

// ensureFinalizer makes sure that the change's deletion will be seen.
func (c *Controller) ensureFinalizer(ctx context.Context, sic *v1alpha1.SecurityInfoChange) error {
	before := sic.DeepCopy()
	if !controllerutil.AddFinalizer(sic, v1alpha1.Finalizer) {
		return nil
	}
	return kube.PatchMeta(ctx, c.Client, before, sic)
}

// report writes what was found into the object's status.
func (s *scope) report(err error) {
	old, generation := s.object.Status, s.object.Generation
	var invalid *invalidError
	var unread *unreadError
	switch {
	case errors.As(err, &invalid):
		s.object.Status = kube.StalledChange(old, invalid.reason, invalid, generation, s.now)
	case errors.As(err, &unread):
		s.object.Status = kube.WaitingChange(old, v1alpha1.ReasonReconciling, unread.says(), generation, s.now)
	case err != nil:
		s.object.Status = kube.WaitingChange(old, v1alpha1.ReasonStoreUnavailable, storeAway, generation, s.now)
	default:
		if status := s.mirror(old); !equality.Semantic.DeepEqual(old, status) {
			s.object.Status = status
		}
	}
}

const storeAway = "The store does not answer, so nothing about the change can be recorded; a hold restricts on."

// mirror is the status that tells of the record.
func (s *scope) mirror(old v1alpha1.SecurityInfoChangeStatus) v1alpha1.SecurityInfoChangeStatus {
	return kube.ChangeReport{
		Record: s.record, Spec: s.spec, Contested: s.contested, Skewed: s.skewed, Shadow: s.policy.Mode == policy.Shadow, Frozen: s.frozen,
		OwnDomain: s.ownDomain, Told: s.told, Generation: s.object.Generation, Now: s.now,
	}.Status(old)
}
