// Package kube translates between the API's objects and the rules, and keeps what a
// replica needs of them in memory: the block index, the policies and the provider
// Secrets.
package kube

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Intent is what an AccountBlock's spec says, with gaps where it is silent. Until the
// first record they are filled from the policy, afterwards from the record: a policy
// edit never changes a block that stands (law 1).
type Intent struct {
	spec       block.Spec
	stepsGiven bool
}

// ReadIntent reads the spec. An error says which field cannot be enforced; the rest of
// the intent is usable for ending the block.
func ReadIntent(ab *v1alpha1.AccountBlock) (Intent, error) {
	i := Intent{spec: block.Spec{
		Account: string(ab.Spec.Account), Reason: block.Reason(ab.Spec.Reason), Scope: scopeOf(ab.Spec.Scope),
		Value: ab.Spec.Value, Start: startOf(ab), Permanent: ab.Spec.Permanent, CodeTo: block.CodeTo(ab.Spec.CodeTo),
	}}
	if ab.Spec.Release != nil {
		i.stepsGiven, i.spec.Steps = true, steps(ab.Spec.Release.Steps)
	}
	var err error
	if i.spec.Duration, err = blockDuration(ab.Spec.Duration); err != nil {
		return i, fmt.Errorf("spec.duration: %w", err)
	}
	if i.spec.Scope == block.Network {
		if _, err = block.ParseNetwork(i.spec.Value); err != nil {
			return i, fmt.Errorf("spec.value: %w", err)
		}
	}
	return i, nil
}

// Fill fills the gaps from a policy, for a block without a record.
func (i Intent) Fill(p policy.Block) block.Spec {
	s := i.spec
	if s.Duration == 0 && !s.Permanent {
		s.Duration, s.Permanent = p.Duration, p.Permanent
	}
	if !i.stepsGiven {
		s.Steps = p.Steps
	}
	if s.Account == "" {
		// A network or a region has nobody who could prove a code.
		s.Steps = nil
	}
	s.CodeTo = narrower(p.CodeTo, s.CodeTo)
	return s
}

// Adopt fills the gaps from what was frozen, the start with it: an object restored
// later than it was first created neither shortens nor lengthens its block.
func (i Intent) Adopt(frozen block.Spec) block.Spec {
	s := i.Fill(policy.Block{
		Duration: frozen.Duration, Permanent: frozen.Permanent, Steps: frozen.Steps, CodeTo: frozen.CodeTo,
	})
	if frozen.Start.Before(s.Start) {
		s.Start = frozen.Start
	}
	return s
}

// Spec fills the gaps from the record where it belongs to the object's incarnation,
// else from the policy.
func (i Intent) Spec(uid string, record *block.Record, p policy.Block) block.Spec {
	if record == nil || (record.Deleted && record.UID != uid) {
		return i.Fill(p)
	}
	return i.Adopt(record.Spec)
}

// KeyOf is the key of an object's block.
func KeyOf(ab *v1alpha1.AccountBlock) block.Key {
	return block.Key{Tenant: ab.Namespace, Name: ab.Name}
}

// ReadMemory reads what a status remembers of a record.
func ReadMemory(s v1alpha1.AccountBlockStatus) block.Memory {
	m := block.Memory{Start: instant(s.StartTime), Expires: instant(s.ExpiresTime), Extensions: int(s.Extensions)}
	m.Permanent = !m.Start.IsZero() && m.Expires.IsZero()
	if s.State.Finished() {
		m.End = block.End{
			State: block.State(s.State), At: instant(s.FinishedTime), EnteredNumber: s.ReleasedBy == v1alpha1.ProofEnteredNumber,
		}
	}
	return m
}

// startOf is spec.startTime where it lies before the creation, else the creation.
func startOf(ab *v1alpha1.AccountBlock) time.Time {
	created := ab.CreationTimestamp.UTC()
	if given := instant(ab.Spec.StartTime); !given.IsZero() && given.Before(created) {
		return given
	}
	return created
}

func blockDuration(d v1alpha1.Duration) (time.Duration, error) {
	span, err := d.Parse()
	if err != nil {
		return 0, err
	}
	if d != "" && (span <= 0 || span > block.MaxLength) {
		return 0, fmt.Errorf("%q is not from 1s to 168h: use permanent for longer", string(d))
	}
	return span, nil
}

func scopeOf(s v1alpha1.BlockScope) block.Scope {
	if s == "" {
		return block.Account
	}
	return block.Scope(s)
}

// steps puts the steps in the order in which they are done.
func steps(list []v1alpha1.ReleaseStep) []block.Step {
	var out []block.Step
	for _, step := range []block.Step{block.VerifyCode, block.ChangePassword} {
		if slices.Contains(list, v1alpha1.ReleaseStep(step)) {
			out = append(out, step)
		}
	}
	return out
}

// narrower is where codes go: a block alone never widens what the policy allows.
func narrower(allowed, wanted block.CodeTo) block.CodeTo {
	if allowed == block.AnyNumber && wanted != block.SecurityInfo {
		return block.AnyNumber
	}
	return block.SecurityInfo
}

func instant(t *metav1.Time) time.Time {
	if t == nil || t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
