package securityinfochange

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
)

// workers reconcile side by side: each waits for the apiserver most of the time.
const workers = 4

// mirrorAfter is the wait before a fact is mirrored. Facts that this controller commits
// itself come back while its own patch is still on the way to the cache.
const mirrorAfter = 250 * time.Millisecond

// SetupWithManager starts the controller with the manager, on the leader alone.
func (c *Controller) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("securityinfochange").
		For(&v1alpha1.SecurityInfoChange{}, builder.WithPredicates(changed())).
		WatchesRawSource(&wakes{c}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(c)
}

// changed passes what others did to the object, and at the start those of which the
// store's list of wakes cannot tell: new ones, and holds that only the status knows.
func changed() predicate.Predicate {
	tampered := predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, ok := e.ObjectOld.(*v1alpha1.SecurityInfoChange)
			is, also := e.ObjectNew.(*v1alpha1.SecurityInfoChange)
			return ok && also && (is.Status.ObservedGeneration < was.Status.ObservedGeneration || len(is.Finalizers) < len(was.Finalizers))
		},
	}
	return predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, tampered)
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// wakes is the source of what no object tells: facts of the store, and instants.
type wakes struct{ *Controller }

// Start listens before it lists, so that no record falls in between. One list schedules
// every hold.
func (w *wakes) Start(ctx context.Context, q queue) error {
	w.Wakes.OnChange(ctx, func(key change.Key) { q.AddAfter(request(key), mirrorAfter) })
	due, err := w.Store.Wakes(ctx)
	if err != nil {
		return fmt.Errorf("list the changes of security info that wait: %w", err)
	}
	now := w.Now()
	for _, wake := range due {
		q.AddAfter(request(wake.Key), max(wake.At.Sub(now), 0))
	}
	return nil
}

// WaitForSync keeps changes from being frozen before their policies are known.
func (w *wakes) WaitForSync(ctx context.Context) error { return w.Wakes.WaitForPolicies(ctx) }

func request(key change.Key) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: key.Tenant, Name: key.Name}}
}
