package accountblock

import (
	"context"
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
	"holdfast.dev/holdfast/internal/rules/block"
)

// workers reconcile side by side: each waits for the apiserver most of the time.
const workers = 8

// settle is the wait before a fact is mirrored. Facts that this controller commits
// itself come back while its own patch is still on the way to the cache.
const settle = 250 * time.Millisecond

// SetupWithManager starts the controller with the manager, on the leader alone.
func (c *Controller) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("accountblock").
		For(&v1alpha1.AccountBlock{}, builder.WithPredicates(changed())).
		WatchesRawSource(&wakes{c.Wakes, c.Client}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(reconcile.AsReconciler(c.Client, c))
}

// changed passes what others did to the object and drops Holdfast's own mirror.
func changed() predicate.Predicate {
	tampered := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, ok := e.ObjectOld.(*v1alpha1.AccountBlock)
		is, also := e.ObjectNew.(*v1alpha1.AccountBlock)
		return ok && also && (is.Status.ObservedGeneration < was.Status.ObservedGeneration ||
			len(is.Finalizers) < len(was.Finalizers))
	}}
	return predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, tampered)
}

// wakes is the source of what no object tells: facts of the store and changed policies.
type wakes struct {
	from   Wakes
	client client.Reader
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Start adds to the queue from now on; what was there before comes with the objects.
func (w *wakes) Start(ctx context.Context, q queue) error {
	w.from.OnBlock(ctx, func(key block.Key) { q.AddAfter(request(key.Tenant, key.Name), settle) })
	w.from.OnPolicy(ctx, func(tenant string) { w.wakeTenant(ctx, q, tenant) })
	return nil
}

// WaitForSync keeps blocks from being frozen before their policies are known.
func (w *wakes) WaitForSync(ctx context.Context) error { return w.from.WaitForPolicies(ctx) }

// wakeTenant looks again at the tenant's blocks: whether a person can release one, and
// how long a finished one is kept, follow the policy.
func (w *wakes) wakeTenant(ctx context.Context, q queue, tenant string) {
	var blocks v1alpha1.AccountBlockList
	if err := w.client.List(ctx, &blocks, client.InNamespace(tenant), client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Blocks are not looked at again after a change of policy", "namespace", tenant)
		return
	}
	for i := range blocks.Items {
		q.Add(request(tenant, blocks.Items[i].Name))
	}
}

func request(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}
