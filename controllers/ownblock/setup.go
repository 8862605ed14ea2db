package ownblock

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/block"
)

const (
	// soonest and latest bound the wait before another try while the apiserver is away.
	soonest = 100 * time.Millisecond
	latest  = time.Minute

	namespaceTerminating = corev1.NamespaceTerminatingCause
)

// SetupWithManager starts the controller with the manager, on the leader alone.
func (c *Controller) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("ownblock").
		For(&v1alpha1.AccountBlock{}, builder.WithPredicates(vanished())).
		WatchesRawSource(&wakes{c}).
		WithOptions(controller.Options{
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](soonest, latest),
		}).
		Complete(c)
}

// vanished passes the disappearance of objects of Holdfast's own: one whose deletion
// the store did not see comes back (law 1).
func vanished() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		DeleteFunc: func(e event.DeleteEvent) bool {
			ab, ok := e.Object.(*v1alpha1.AccountBlock)
			return ok && kube.KeyOf(ab).Own()
		},
	}
}

// wakes is the source of records: those that stand when this replica begins to lead,
// and each of which a fact comes from then on.
type wakes struct{ *Controller }

// Start listens before it lists, so that no record falls in between.
func (w *wakes) Start(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	add := func(key block.Key) {
		if key.Own() {
			q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: key.Tenant, Name: key.Name}})
		}
	}
	w.Wakes.OnBlock(ctx, add)
	standing, err := w.Store.OwnBlocks(ctx, w.Now())
	if err != nil {
		return fmt.Errorf("list the blocks of Holdfast's own: %w", err)
	}
	for _, key := range standing {
		add(key)
	}
	return nil
}
