package verificationpolicy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// status turns the findings into a status. Conditions and providers keep their
// transition times where nothing changed.
func (f findings) status(old v1alpha1.VerificationPolicyStatus, generation int64, now time.Time) v1alpha1.VerificationPolicyStatus {
	s := *old.DeepCopy()
	s.ObservedGeneration = generation
	stamp := second(now)
	set := func(kind string, status metav1.ConditionStatus, reason, message string) {
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{
			Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: generation, LastTransitionTime: stamp,
		})
	}
	s.ConflictsWith, s.Providers, s.Regions = f.conflicts, f.health(old.Providers, stamp), f.regions
	set(v1alpha1.ConditionAccepted, truth(len(f.conflicts) == 0), pick(len(f.conflicts) == 0, v1alpha1.ReasonAccepted, v1alpha1.ReasonConflicted), f.conflictMessage())
	set(v1alpha1.ConditionHostsGranted, truth(len(f.refused) == 0), pick(len(f.refused) == 0, v1alpha1.ReasonHostsGranted, v1alpha1.ReasonHostNotGranted), f.refusedMessage())
	ok, why, says := f.providersReady()
	set(v1alpha1.ConditionProvidersReady, truth(ok), why, says)
	if f.delivering != nil {
		set(f.delivering.Type, f.delivering.Status, f.delivering.Reason, f.delivering.Message)
	}
	if f.testing != nil {
		set(f.testing.Type, f.testing.Status, f.testing.Reason, f.testing.Message)
	} else {
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionTestNumbers)
	}
	reason, message, stalled := f.worst()
	set(v1alpha1.ConditionReady, truth(well(reason)), reason, message)
	set(v1alpha1.ConditionStalled, truth(stalled), pick(stalled, reason, v1alpha1.ReasonNotStalled), pick(stalled, message, ""))
	s.State = f.state(reason, stalled)
	return s
}

// worst is the reason of Ready: the first thing to mend. stalled says that waiting
// does not help.
func (f findings) worst() (reason, message string, stalled bool) {
	switch {
	case len(f.conflicts) > 0:
		return v1alpha1.ReasonConflicted, f.conflictMessage(), true
	case f.invalid != nil:
		return v1alpha1.ReasonInvalidSpec, f.invalid.Error() + "; this field counts as empty, the rest of the policy holds.", true
	case len(f.refused) > 0:
		return v1alpha1.ReasonHostNotGranted, f.refusedMessage(), true
	}
	broken := slices.DeleteFunc(f.parts(), func(p finding) bool { return p.reason == "" })
	switch {
	case len(broken) == 0 && f.shadow:
		return v1alpha1.ReasonShadow, "The mode is Shadow: decided, recorded and counted, and nothing is denied.", false
	case len(broken) == 0:
		return v1alpha1.ReasonEnforced, "The policy is enforced.", false
	}
	first := broken[0]
	for _, p := range broken {
		if p.reason != v1alpha1.ReasonProviderUnreachable && p.reason != v1alpha1.ReasonProviderFailing {
			return p.reason, sentence(broken), true
		}
	}
	return first.reason, sentence(broken), false
}

// well reports whether a reason of Ready says that nothing is to be mended.
func well(reason string) bool {
	return reason == v1alpha1.ReasonEnforced || reason == v1alpha1.ReasonShadow
}

func (f findings) state(reason string, stalled bool) v1alpha1.PolicyState {
	switch {
	case reason == v1alpha1.ReasonConflicted:
		return v1alpha1.PolicyConflicted
	case stalled:
		return v1alpha1.PolicyInvalid
	case !well(reason) || len(f.providers) == 0:
		return v1alpha1.PolicyDegraded
	default:
		return v1alpha1.PolicyReady
	}
}

func (f findings) providersReady() (ok bool, reason, message string) {
	if len(f.providers) == 0 {
		return false, v1alpha1.ReasonNoProviders, "The policy lists no provider: no code can be sent, and blocks end by time alone."
	}
	broken := slices.DeleteFunc(slices.Clone(f.providers), func(p finding) bool { return p.reason == "" })
	if len(broken) == 0 {
		return true, v1alpha1.ReasonProvidersReady, "Each provider answered and took the credentials."
	}
	return false, broken[0].reason, sentence(broken)
}

// parts are the providers, and the adapter and the sign-in where the policy names them.
func (f findings) parts() []finding {
	parts := slices.Clone(f.providers)
	for _, p := range []*finding{f.adapter, f.signIn} {
		if p != nil {
			parts = append(parts, *p)
		}
	}
	return parts
}

// health is each provider's line; its time moves only with its class.
func (f findings) health(old []v1alpha1.ProviderStatus, stamp metav1.Time) []v1alpha1.ProviderStatus {
	var out []v1alpha1.ProviderStatus
	for _, p := range f.providers {
		line := v1alpha1.ProviderStatus{
			Name: p.name, Ready: p.reason == "", LastErrorClass: v1alpha1.ErrorClass(p.class), LastTransitionTime: stamp,
		}
		for _, was := range old {
			if was.Name == line.Name && was.Ready == line.Ready && was.LastErrorClass == line.LastErrorClass {
				line.LastTransitionTime = was.LastTransitionTime
			}
		}
		out = append(out, line)
	}
	return out
}

func (f findings) conflictMessage() string {
	if len(f.conflicts) == 0 {
		return "No other policy holds a pattern of this one."
	}
	var parts []string
	for _, c := range f.conflicts {
		parts = append(parts, fmt.Sprintf("%s by %s", c.Pattern, c.Policy))
	}
	return "Not enforced, since patterns are held by policies of a lesser name: " + strings.Join(parts, ", ") + "."
}

func (f findings) refusedMessage() string {
	if len(f.refused) == 0 {
		return "Every host is granted to the namespace."
	}
	return "The installation does not grant to this namespace: " + strings.Join(f.refused, ", ") + "."
}

func sentence(broken []finding) string {
	var parts []string
	for _, p := range broken {
		parts = append(parts, p.message)
	}
	text := strings.Join(parts, "; ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func truth(ok bool) metav1.ConditionStatus {
	if ok {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// announced are the conditions whose change of reason is an Event.
var announced = []string{v1alpha1.ConditionReady, v1alpha1.ConditionDelivering, v1alpha1.ConditionTestNumbers}

// announce writes an Event where the reason of one of them changed. That messages are
// delivered from the beginning is no news; test numbers always are a warning.
func (c *Controller) announce(before, after *v1alpha1.VerificationPolicy) {
	for _, kind := range announced {
		was, is := meta.FindStatusCondition(before.Status.Conditions, kind), meta.FindStatusCondition(after.Status.Conditions, kind)
		if is == nil || (was != nil && was.Reason == is.Reason) || (was == nil && is.Reason == v1alpha1.ReasonDelivering) {
			continue
		}
		level := corev1.EventTypeWarning
		if is.Status == metav1.ConditionTrue && kind != v1alpha1.ConditionTestNumbers {
			level = corev1.EventTypeNormal
		}
		c.Recorder.Eventf(after, nil, level, is.Reason, "Check", "%s", is.Message)
	}
}
