package securityinfochange

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
)

const (
	// soonest keeps a wake that is due from being none at all.
	soonest = time.Millisecond
	// skewAgain is when clocks that differ are compared anew.
	skewAgain = 30 * time.Second
	// earlyAgain is when a hold is tried again that by the slowest clock still runs: they
	// tell whole seconds.
	earlyAgain = time.Second
	// secretAgain is when a Secret that is at fault is read again.
	secretAgain = time.Minute
	// contestedAgain is when a contested hold past its date is looked at, should the fact
	// that frees it not come.
	contestedAgain = time.Hour
)

// outcome says when to look again.
func (c *Controller) outcome(ctx context.Context, s *scope, err error) (reconcile.Result, error) {
	var invalid *invalidError
	switch {
	case errors.As(err, &invalid) && invalid.secret():
		return reconcile.Result{RequeueAfter: secretAgain}, nil
	case invalid != nil:
		return reconcile.Result{}, reconcile.TerminalError(err)
	case err != nil:
		return reconcile.Result{}, err
	case s.untold():
		return reconcile.Result{RequeueAfter: tellAgain}, nil
	case s.record.End.State != "":
		return c.retain(ctx, s)
	case s.skewed:
		return reconcile.Result{RequeueAfter: skewAgain}, nil
	case s.early:
		return reconcile.Result{RequeueAfter: earlyAgain}, nil
	case s.contested && !s.now.Before(s.record.HoldUntil):
		return reconcile.Result{RequeueAfter: contestedAgain}, nil
	}
	return wakeAt(wholeSecond(s.wake()), s.now), nil
}

// wake is the next instant at which the change calls for something by itself, or its
// status is no longer true; zero if never.
func (s *scope) wake() time.Time {
	wake := s.record.Wake(s.now)
	ends := []time.Time{s.freeAt()}
	if s.frozen != nil {
		ends = append(ends, s.frozen.Until)
	}
	for _, at := range ends {
		if at.After(s.now) && (wake.IsZero() || at.Before(wake)) {
			wake = at
		}
	}
	return wake
}

// freeAt is when what the change restricts is free; zero where that is not known.
func (s *scope) freeAt() time.Time {
	_, until := s.record.Restricts(s.now)
	return until
}

// wholeSecond is the first whole second not before at: only then does a hold end by clocks
// that tell nothing finer.
func wholeSecond(at time.Time) time.Time {
	return at.Add(time.Second - 1).Truncate(time.Second)
}

// retain deletes a finished change that Holdfast itself created once the policy's
// retention has passed and nothing of it restricts any more.
func (c *Controller) retain(ctx context.Context, s *scope) (reconcile.Result, error) {
	sic := s.object
	if sic.Labels[v1alpha1.LabelCreatedBy] != v1alpha1.LabelCreatedByHoldfast {
		return wakeAt(wholeSecond(s.freeAt()), s.now), nil
	}
	due := s.record.End.At.Add(s.policy.Retention)
	if until := s.freeAt(); until.After(due) {
		due = until
	}
	if s.now.Before(due) {
		return wakeAt(due, s.now), nil
	}
	unchanged := client.Preconditions{UID: &sic.UID, ResourceVersion: &sic.ResourceVersion}
	if err := c.Client.Delete(ctx, sic, unchanged); client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("delete the finished change %s: %w", s.key(), err)
	}
	return reconcile.Result{}, nil
}

// wakeAt never wakes where at is zero.
func wakeAt(at, now time.Time) reconcile.Result {
	if at.IsZero() {
		return reconcile.Result{}
	}
	return reconcile.Result{RequeueAfter: max(at.Sub(now), soonest)}
}

// create makes the object of a change that a person made at the pages. One that has ended
// before it had an object gets it for what follows from the end; else it has gone.
func (c *Controller) create(ctx context.Context, key change.Key) error {
	record, err := c.Store.Change(ctx, key)
	switch {
	case errors.Is(err, rules.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("read the record of change %s: %w", key, err)
	case !key.Own() || record.Deleted:
		return nil
	case record.End.State != "" && len(record.Effects()) == 0:
		if _, err := c.Store.DeleteChange(ctx, change.Visit{Key: key, Now: c.Now()}, ""); err != nil {
			return fmt.Errorf("record that change %s, which has ended, has no object: %w", key, err)
		}
		return nil
	}
	err = c.Client.Create(ctx, kube.OwnChange(record), kube.FieldOwner)
	switch {
	case err == nil, apierrors.IsAlreadyExists(err):
		return nil
	case apierrors.IsInvalid(err), apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return reconcile.TerminalError(fmt.Errorf("create SecurityInfoChange %s: %w", key, err))
	default:
		return fmt.Errorf("create SecurityInfoChange %s: %w", key, err)
	}
}
