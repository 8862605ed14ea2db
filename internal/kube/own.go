package kube

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
)

// OwnBlock is the object of a block that Holdfast itself made. It says everything that
// the record froze, so that no policy fills a gap, and has the finalizer from the
// first, so that its deletion is seen.
func OwnBlock(r block.Record) *v1alpha1.AccountBlock {
	ab := &v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.Key.Tenant, Name: r.Key.Name, Finalizers: []string{v1alpha1.Finalizer},
			Labels: map[string]string{v1alpha1.LabelCreatedBy: v1alpha1.LabelCreatedByHoldfast},
		},
		Spec: v1alpha1.AccountBlockSpec{
			Account: v1alpha1.AccountID(r.Spec.Account), Reason: v1alpha1.BlockReason(r.Spec.Reason),
			Scope: v1alpha1.BlockScope(r.Spec.Scope), Value: r.Spec.Value, Permanent: r.Spec.Permanent,
			Release:   &v1alpha1.ReleaseSpec{Steps: []v1alpha1.ReleaseStep{}},
			CodeTo:    v1alpha1.CodeDestination(r.Spec.CodeTo),
			StartTime: timestamp(r.Spec.Start),
		},
	}
	if !r.Spec.Permanent {
		ab.Spec.Duration = v1alpha1.Duration(r.Spec.Duration.String())
	}
	for _, step := range r.Spec.Steps {
		ab.Spec.Release.Steps = append(ab.Spec.Release.Steps, v1alpha1.ReleaseStep(step))
	}
	return ab
}
