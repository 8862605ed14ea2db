package verificationpolicy

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// workers check policies side by side: a check may wait for a dead provider.
const workers = 4

// SetupWithManager starts the controller with the manager, on the leader alone.
func (c *Controller) SetupWithManager(mgr ctrl.Manager) error {
	var secrets cache.Informers = mgr.GetCache()
	if c.SecretInformers != nil {
		secrets = c.SecretInformers
	}
	watches := ctrl.NewControllerManagedBy(mgr).
		Named("verificationpolicy").
		For(&v1alpha1.VerificationPolicy{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.VerificationPolicy{}, handler.EnqueueRequestsFromMapFunc(c.beside),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(c.rotations(secrets)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers})
	if c.Health != nil {
		watches.WatchesRawSource(c.looks())
	}
	return watches.Complete(reconcile.AsReconciler(c.Client, c))
}

// rotations is the source of changed Secrets. Unlike others it lets the controller start
// before its first list: a tenant whose Role is missing must not stop the controllers.
func (c *Controller) rotations(informers cache.Informers) source.Source {
	return source.Func(func(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		informer, err := informers.GetInformer(ctx, &corev1.Secret{}, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch provider Secrets: %w", err)
		}
		secrets := &source.Informer{
			Informer: informer, Handler: handler.EnqueueRequestsFromMapFunc(c.using),
			Predicates: []predicate.Predicate{predicate.ResourceVersionChangedPredicate{}},
		}
		return secrets.Start(ctx, q)
	})
}

// beside are the policies that may be accepted or conflicted anew.
func (c *Controller) beside(ctx context.Context, changed client.Object) []reconcile.Request {
	return c.requests(ctx, changed.GetNamespace(), func(vp *v1alpha1.VerificationPolicy) bool {
		return vp.Name != changed.GetName()
	})
}

// using are the policies that name a Secret: a rotated one is checked at once.
func (c *Controller) using(ctx context.Context, secret client.Object) []reconcile.Request {
	return c.requests(ctx, secret.GetNamespace(), func(vp *v1alpha1.VerificationPolicy) bool {
		for _, p := range vp.Spec.Providers {
			if p.SecretRef.Name == secret.GetName() {
				return true
			}
		}
		if t := vp.Spec.Testing; t != nil && t.SecretRef.Name == secret.GetName() {
			return true
		}
		if o := vp.Spec.Identity.OIDC; o != nil && o.ClientSecretRef != nil && o.ClientSecretRef.Name == secret.GetName() {
			return true
		}
		a := vp.Spec.Identity.Adapter
		return a != nil && a.SecretRef.Name == secret.GetName()
	})
}

func (c *Controller) requests(ctx context.Context, namespace string, wanted func(*v1alpha1.VerificationPolicy) bool) []reconcile.Request {
	var policies v1alpha1.VerificationPolicyList
	if err := c.Client.List(ctx, &policies, client.InNamespace(namespace)); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Policies are not looked at again", "namespace", namespace)
		return nil
	}
	var out []reconcile.Request
	for i := range policies.Items {
		if vp := &policies.Items[i]; wanted(vp) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(vp)})
		}
	}
	return out
}
