package kube

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// BlockReport is all that an AccountBlock's status is made of.
type BlockReport struct {
	Record block.Record
	// Spec is the object's spec as it reads now; it differs from the record's where it
	// drifted.
	Spec       block.Spec
	Policy     policy.Policy
	Generation int64
	Now        time.Time
}

// Status mirrors the record into a status. Conditions keep their transition times where
// nothing changed; messages tell absolute times only, so that time alone writes nothing.
func (r BlockReport) Status(old v1alpha1.AccountBlockStatus) v1alpha1.AccountBlockStatus {
	state := r.Record.State(r.Now)
	s := v1alpha1.AccountBlockStatus{
		State: v1alpha1.BlockState(state), ObservedGeneration: r.Generation, Conditions: copyOf(old.Conditions),
		StartTime: timestamp(r.Record.Spec.Start), ExpiresTime: timestamp(r.Record.Expires),
		Extensions: int32(r.Record.Extensions), FinishedTime: timestamp(r.finished(state)), ReleasedBy: r.releasedBy(),
	}
	if !state.Terminal() {
		for _, step := range r.Record.Remaining(r.Record.Proof.Flow, r.Now) {
			s.RemainingSteps = append(s.RemainingSteps, v1alpha1.ReleaseStep(step))
		}
	}
	stalled := r.stalled()
	ready := r.ready(state)
	if stalled.Status == metav1.ConditionTrue {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, stalled.Reason, stalled.Message
	}
	setConditions(&s.Conditions, r.Generation, r.Now, ready, stalled, r.releasable(state))
	return s
}

// StalledBlock is the status of a block whose spec cannot be enforced.
func StalledBlock(old v1alpha1.AccountBlockStatus, reason string, cause error, generation int64, now time.Time) v1alpha1.AccountBlockStatus {
	old.ObservedGeneration, old.Conditions = generation, copyOf(old.Conditions)
	setConditions(&old.Conditions, generation, now,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, cause.Error()),
		condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, cause.Error()))
	return old
}

// WaitingBlock is the status of a block that the store could not record yet. One that
// was recorded before keeps its status: it stays enforced from the index.
func WaitingBlock(old v1alpha1.AccountBlockStatus, generation int64, now time.Time) v1alpha1.AccountBlockStatus {
	if old.State != "" {
		return old
	}
	old.Conditions = copyOf(old.Conditions)
	setConditions(&old.Conditions, generation, now,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonStoreUnavailable,
			"The block is enforced; the store does not answer, so nothing about it can be recorded yet."),
		condition(v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNotStalled, ""))
	return old
}

func (r BlockReport) ready(state block.State) metav1.Condition {
	c := condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonEnforced, "")
	switch {
	case state == block.Released:
		c.Reason, c.Message = v1alpha1.ReasonReleased, "Released by the person at "+at(r.finished(state))+"."
	case state == block.Expired:
		c.Reason, c.Message = v1alpha1.ReasonExpired, "Expired at "+at(r.finished(state))+"."
	case state == block.Revoked:
		c.Reason, c.Message = v1alpha1.ReasonRevoked, "Revoked at "+at(r.finished(state))+"."
	case r.Policy.Mode == policy.Shadow:
		c.Reason, c.Message = v1alpha1.ReasonShadow, "Decided and counted, enforced nowhere: the policy's mode is Shadow."
	case state == block.Releasing:
		c.Message = "A code was proved; the person can finish until " + at(r.Record.Proof.At.Add(block.ReleaseWindow)) + ". Enforced" + r.until()
	default:
		c.Message = "Enforced" + r.until()
	}
	return c
}

// finished is when the block was over; zero while it is open.
func (r BlockReport) finished(state block.State) time.Time {
	if state == block.Expired && r.Record.End.At.IsZero() {
		return r.Record.Expires
	}
	return r.Record.End.At
}

func (r BlockReport) releasedBy() v1alpha1.ReleaseProof {
	switch {
	case r.Record.End.State != block.Released:
		return ""
	case r.Record.End.EnteredNumber:
		return v1alpha1.ProofEnteredNumber
	default:
		return v1alpha1.ProofSecurityInfo
	}
}

func (r BlockReport) until() string {
	if r.Record.Spec.Permanent {
		return " until it is released or deleted."
	}
	return " until " + at(r.Record.Expires) + "."
}

func (r BlockReport) stalled() metav1.Condition {
	if r.Record.Drifted(r.Spec) {
		return condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonSpecDrifted,
			"The spec differs from the one recorded first, which stays enforced: delete the block and create another to change it.")
	}
	return condition(v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNotStalled, "")
}

func (r BlockReport) releasable(state block.State) metav1.Condition {
	c := condition(v1alpha1.ConditionReleasable, metav1.ConditionFalse, v1alpha1.ReasonFinished, "")
	switch {
	case state.Terminal():
		c.Message = "The block is over."
	case !r.Record.Releasable():
		c.Reason, c.Message = v1alpha1.ReasonNoSteps, "Nobody is released before the time is over."
	case !r.codeCanBeSent():
		c.Reason, c.Message = v1alpha1.ReasonNoChannel, "The policy has no provider by which a code could be sent."
	default:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonStepsLeft
		c.Message = "The person can release the block by the remaining steps."
	}
	return c
}

func (r BlockReport) codeCanBeSent() bool {
	for _, channel := range []contact.Channel{contact.Email, contact.SMS, contact.Voice, contact.App} {
		if r.Policy.Serves(channel) {
			return true
		}
	}
	return false
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

// setConditions sets each condition at now; one whose status holds keeps its time.
func setConditions(list *[]metav1.Condition, generation int64, now time.Time, conditions ...metav1.Condition) {
	for _, c := range conditions {
		c.ObservedGeneration, c.LastTransitionTime = generation, *timestamp(now)
		meta.SetStatusCondition(list, c)
	}
}

func copyOf(list []metav1.Condition) []metav1.Condition {
	return append([]metav1.Condition(nil), list...)
}

func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// timestamp has whole seconds, as it comes back from the apiserver.
func timestamp(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	out := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &out
}
