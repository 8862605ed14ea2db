package securityinfochange

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// wakeTenant looks again at the holds of a tenant whose policies have changed: they tell
// the mode. In mode Shadow holds run as ever, and decisions alone change.
func (w *wakes) wakeTenant(ctx context.Context, q queue, tenant string) {
	var objects v1alpha1.SecurityInfoChangeList
	if err := w.Client.List(ctx, &objects, client.InNamespace(tenant), client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Changes are not looked at again after a change of policy", "namespace", tenant)
		return
	}
	w.wakeMoved(q, objects.Items)
}

// wakeMoved looks again at the holds that tell of another mode than their policy has.
func (w *wakes) wakeMoved(q queue, objects []v1alpha1.SecurityInfoChange) {
	for i := range objects {
		sic := &objects[i]
		ready := meta.FindStatusCondition(sic.Status.Conditions, v1alpha1.ConditionReady)
		if resting(sic) && (ready.Reason == v1alpha1.ReasonShadow) != w.shadowed(sic) {
			q.Add(request(kube.KeyOfChange(sic)))
		}
	}
}

// shadowed reports whether the mode of a change's policy is Shadow.
func (w *wakes) shadowed(sic *v1alpha1.SecurityInfoChange) bool {
	return w.Policies.For(sic.Namespace, string(sic.Spec.Account)).Mode == policy.Shadow
}
