package accountblock

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
)

const (
	// soonest keeps a wake that is due from being none at all.
	soonest = time.Millisecond
	// latest looks at every block now and then, whatever its own time.
	latest = 12 * time.Hour
)

// outcome says when to look again: at once after a failure, when the block changes by
// itself, when a finished one has been kept long enough.
func (c *Controller) outcome(ctx context.Context, s *scope, err error) (reconcile.Result, error) {
	switch {
	case errors.As(err, new(*invalidError)):
		return reconcile.Result{}, reconcile.TerminalError(err)
	case err != nil:
		return reconcile.Result{}, err
	case s.record.End.State.Terminal():
		return c.retain(ctx, s)
	}
	return wakeAt(s.record.Wake(s.now), s.now), nil
}

// retain deletes a finished block that Holdfast itself created once the policy's
// retention has passed. Applied ones stay: a pipeline would create them anew.
func (c *Controller) retain(ctx context.Context, s *scope) (reconcile.Result, error) {
	ab := s.block
	if ab.Labels[v1alpha1.LabelCreatedBy] != v1alpha1.LabelCreatedByHoldfast {
		return reconcile.Result{}, nil
	}
	due := s.record.End.At.Add(s.policy.Retention)
	if s.now.Before(due) {
		return wakeAt(due, s.now), nil
	}
	unchanged := client.Preconditions{UID: &ab.UID, ResourceVersion: &ab.ResourceVersion}
	if err := c.Client.Delete(ctx, ab, unchanged); client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("delete the finished block %s: %w", s.key(), err)
	}
	return reconcile.Result{}, nil
}

// wakeAt never wakes where at is zero.
func wakeAt(at, now time.Time) reconcile.Result {
	if at.IsZero() {
		return reconcile.Result{}
	}
	return reconcile.Result{RequeueAfter: min(max(at.Sub(now), soonest), latest)}
}

// announce writes an Event for a change of state, and a warning where the block stalls. A
// block that begins is no change: under an attack they come by the thousand, and the
// status says the same.
func (c *Controller) announce(before, after *v1alpha1.AccountBlock) {
	stalled := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionStalled)
	if stalled != nil && stalled.Status == "True" && !meta.IsStatusConditionTrue(before.Status.Conditions, v1alpha1.ConditionStalled) {
		c.Recorder.Eventf(after, nil, corev1.EventTypeWarning, stalled.Reason, "Reconcile", "%s", stalled.Message)
	}
	begins := before.Status.State == "" && after.Status.State == v1alpha1.BlockActive
	if before.Status.State == after.Status.State || begins {
		return
	}
	ready := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady)
	c.Recorder.Eventf(after, nil, corev1.EventTypeNormal, string(after.Status.State), action(after.Status.State), "%s", ready.Message)
}

func (c *Controller) announceRevoked(ab *v1alpha1.AccountBlock) {
	c.Recorder.Eventf(ab, nil, corev1.EventTypeNormal, string(block.Revoked), action(v1alpha1.BlockRevoked),
		"The block was deleted before its end and binds no more.")
}

// action says what was done, in the words of events.k8s.io.
func action(state v1alpha1.BlockState) string {
	switch state {
	case v1alpha1.BlockActive:
		return "Block"
	case v1alpha1.BlockReleasing:
		return "ProveCode"
	default:
		return "Unblock"
	}
}
