package securityinfochange

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
)

// workers reconcile side by side: each waits for the apiserver most of the time, whose etcd
// takes what is written at once to the disk together.
const workers = 16

// SetupWithManager starts the controller with the manager, on the leader alone.
func (c *Controller) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("securityinfochange").
		For(&v1alpha1.SecurityInfoChange{}, builder.WithPredicates(changed())).
		Watches(&v1alpha1.SecurityInfoChange{}, handler.EnqueueRequestsFromMapFunc(c.rivals), builder.WithPredicates(moved())).
		WatchesRawSource(&wakes{c}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(c)
}

// changed passes what others did to the object, and at the start those of which the
// store's list of wakes cannot tell.
func changed() predicate.Predicate {
	tampered := predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, ok := e.ObjectOld.(*v1alpha1.SecurityInfoChange)
			is, also := e.ObjectNew.(*v1alpha1.SecurityInfoChange)
			return ok && also && (is.Status.ObservedGeneration < was.Status.ObservedGeneration || len(is.Finalizers) < len(was.Finalizers))
		},
	}
	unrested := predicate.Funcs{CreateFunc: func(e event.CreateEvent) bool {
		sic, ok := e.Object.(*v1alpha1.SecurityInfoChange)
		return ok && (!e.IsInInitialList || !resting(sic))
	}}
	return predicate.And(unrested, predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, tampered))
}

// resting reports whether a hold is mirrored whole: nothing is to be done before its wake,
// as long as the store has it.
func resting(sic *v1alpha1.SecurityInfoChange) bool {
	return sic.Status.State == v1alpha1.ChangeOnHold && sic.Status.ObservedGeneration == sic.Generation &&
		sic.DeletionTimestamp.IsZero() && controllerutil.ContainsFinalizer(sic, v1alpha1.Finalizer) &&
		meta.IsStatusConditionTrue(sic.Status.Conditions, v1alpha1.ConditionReady) &&
		!meta.IsStatusConditionTrue(sic.Status.Conditions, v1alpha1.ConditionContested)
}

// moved passes replacements whose state changed, changes that restrict another thing than
// before, and either once gone: others of the account may be contested or frozen now, or
// free.
func moved() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, ok := e.ObjectOld.(*v1alpha1.SecurityInfoChange)
			is, also := e.ObjectNew.(*v1alpha1.SecurityInfoChange)
			return ok && also && (was.Status.Restricted != is.Status.Restricted ||
				is.Spec.Action == v1alpha1.ActionReplace && was.Status.State != is.Status.State)
		},
		DeleteFunc: func(e event.DeleteEvent) bool {
			sic, ok := e.Object.(*v1alpha1.SecurityInfoChange)
			return ok && (sic.Spec.Action == v1alpha1.ActionReplace || sic.Status.Restricted != "")
		},
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// rivals are the other open changes of an object's account that it may stop: replacements,
// and whatever waits for its person.
func (c *Controller) rivals(ctx context.Context, o client.Object) []reconcile.Request {
	sic, ok := o.(*v1alpha1.SecurityInfoChange)
	if !ok {
		return nil
	}
	open, err := c.Store.OpenChanges(ctx, sic.Namespace, string(sic.Spec.Account))
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "The other changes of an account are not looked at again", "namespace", sic.Namespace, "name", sic.Name)
		return nil
	}
	var others []reconcile.Request
	for _, r := range open {
		if r.Key.Name != sic.Name && (r.Spec.Action == change.Replace || r.HoldStart.IsZero()) {
			others = append(others, request(r.Key))
		}
	}
	return others
}

func request(key change.Key) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: key.Tenant, Name: key.Name}}
}
