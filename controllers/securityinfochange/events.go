package securityinfochange

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
)

// announce writes an Event for a change of state, and a warning where the change has come
// to need people.
func (c *Controller) announce(before, after *v1alpha1.SecurityInfoChange) {
	stalled := false
	for _, is := range after.Status.Conditions {
		was := meta.FindStatusCondition(before.Status.Conditions, is.Type)
		if calls(is) && (was == nil || !calls(*was) || was.Reason != is.Reason) {
			c.Recorder.Eventf(after, nil, corev1.EventTypeWarning, is.Reason, "Reconcile", "%s", is.Message)
			stalled = stalled || is.Type == v1alpha1.ConditionStalled
		}
	}
	if stalled || before.Status.State == after.Status.State || after.Status.State == v1alpha1.ChangeAwaitingCode {
		return
	}
	ready := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady)
	c.Recorder.Eventf(after, nil, corev1.EventTypeNormal, string(after.Status.State), string(after.Spec.Action), "%s", ready.Message)
}

// calls reports whether a condition calls for people: what stalls, replacements that stop
// each other, clocks that differ, sessions that nobody has ended.
func calls(c metav1.Condition) bool {
	switch c.Type {
	case v1alpha1.ConditionStalled, v1alpha1.ConditionContested:
		return c.Status == metav1.ConditionTrue
	case v1alpha1.ConditionIdentityTold:
		return c.Status == metav1.ConditionFalse
	default:
		return c.Reason == v1alpha1.ReasonClockSkew
	}
}

func (c *Controller) announceDeleted(sic *v1alpha1.SecurityInfoChange, r change.Record) {
	message := "The change was deleted before it was applied, which cancels it."
	if !r.RestrictedUntil.IsZero() {
		message += " What it restricted stays so until " + r.RestrictedUntil.UTC().Format(time.RFC3339) + "."
	}
	c.Recorder.Eventf(sic, nil, corev1.EventTypeWarning, string(change.Cancelled), string(sic.Spec.Action), "%s", message)
}
