package main

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// bareWorkers are as many as the AccountBlock controller has.
const bareWorkers = 8

// bareController writes a status of the same size and looks again at its end.
type bareController struct{ client.Client }

// startBare runs it on a cache that keeps the objects as they come.
func startBare(_ context.Context, config *rest.Config, _ string) (ctrl.Manager, func() bool, func() error, error) {
	mgr, err := newManager(config, cache.Options{})
	if err != nil {
		return nil, nil, nil, err
	}
	err = ctrl.NewControllerManagedBy(mgr).For(&v1alpha1.AccountBlock{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: bareWorkers}).Complete(&bareController{mgr.GetClient()})
	return mgr, nil, func() error { return nil }, err
}

// Reconcile patches the status once.
func (c *bareController) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	ab := &v1alpha1.AccountBlock{}
	if err := c.Get(ctx, request.NamespacedName, ab); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	expires := ab.CreationTimestamp.Add(24 * time.Hour)
	if ab.Status.State == "" {
		before := ab.DeepCopy()
		ab.Status = bareStatus(ab.CreationTimestamp, metav1.NewTime(expires))
		if err := c.Status().Patch(ctx, ab, client.MergeFrom(before)); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
	}
	return reconcile.Result{RequeueAfter: time.Until(expires)}, nil
}

func bareStatus(start, expires metav1.Time) v1alpha1.AccountBlockStatus {
	condition := func(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return metav1.Condition{
			Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: 1, LastTransitionTime: start,
		}
	}
	return v1alpha1.AccountBlockStatus{
		State: v1alpha1.BlockActive, ObservedGeneration: 1, StartTime: &start, ExpiresTime: &expires,
		RemainingSteps: []v1alpha1.ReleaseStep{v1alpha1.StepVerifyCode},
		Conditions: []metav1.Condition{
			condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonEnforced, "Enforced until "+expires.UTC().Format(time.RFC3339)+"."),
			condition(v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNotStalled, ""),
			condition(v1alpha1.ConditionReleasable, metav1.ConditionTrue, v1alpha1.ReasonStepsLeft, "The person can release the block by the remaining steps."),
		},
	}
}
