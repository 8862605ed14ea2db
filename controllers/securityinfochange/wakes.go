package securityinfochange

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/change"
)

// listAgain is when a store that did not answer is asked again for its wakes.
const listAgain = 5 * time.Second

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// wakes is the source of what no object tells: facts of the store, and instants.
type wakes struct{ *Controller }

// Start listens before it lists, so that no record falls in between. A store that does
// not answer keeps nothing else from starting.
func (w *wakes) Start(ctx context.Context, q queue) error {
	told := newFacts(ctx)
	w.Wakes.OnChange(ctx, told.add)
	go told.each(func(r change.Record) {
		if !w.mirrored(ctx, r) {
			q.Add(request(r.Key))
		}
	})
	w.Wakes.OnPolicy(ctx, func(tenant string) { w.wakeTenant(ctx, q, tenant) })
	go func() {
		_ = wait.PollUntilContextCancel(ctx, listAgain, true, func(ctx context.Context) (bool, error) {
			err := w.schedule(ctx, q)
			if err != nil && ctx.Err() == nil {
				ctrl.LoggerFrom(ctx).Error(err, "Holds are not scheduled yet", "again", listAgain.String())
			}
			return err == nil, nil
		})
	}()
	return nil
}

// WaitForSync keeps changes from being frozen before their policies are known.
func (w *wakes) WaitForSync(ctx context.Context) error { return w.Wakes.WaitForPolicies(ctx) }

// schedule sets the wakes of all open changes from one list. Looked at now are the pages'
// without an object, and objects on hold of which the store knows no open change.
func (w *wakes) schedule(ctx context.Context, q queue) error {
	due, err := w.Store.Wakes(ctx)
	if err != nil {
		return fmt.Errorf("list the changes of security info that wait: %w", err)
	}
	ended, err := w.Store.EndedOwn(ctx)
	if err != nil {
		return fmt.Errorf("list the changes of security info that have ended: %w", err)
	}
	var objects v1alpha1.SecurityInfoChangeList
	if err := w.Client.List(ctx, &objects, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list the SecurityInfoChanges: %w", err)
	}
	unknown := make(map[change.Key]*v1alpha1.SecurityInfoChange, len(objects.Items))
	for i := range objects.Items {
		unknown[kube.KeyOfChange(&objects.Items[i])] = &objects.Items[i]
	}
	w.wakeMoved(q, objects.Items)
	for _, key := range ended {
		if _, has := unknown[key]; !has {
			q.Add(request(key))
		}
	}
	now := w.Now()
	for _, wake := range due {
		if _, has := unknown[wake.Key]; !has && wake.Key.Own() {
			q.Add(request(wake.Key))
		} else {
			q.AddAfter(request(wake.Key), max(wholeSecond(wake.At).Sub(now), 0))
		}
		delete(unknown, wake.Key)
	}
	for key, sic := range unknown {
		if resting(sic) {
			q.Add(request(key))
		}
	}
	return nil
}

// mirrored reports whether a record's object tells of it already: after a break the feed
// repeats all that stands.
func (w *wakes) mirrored(ctx context.Context, r change.Record) bool {
	sic := &v1alpha1.SecurityInfoChange{}
	err := w.Client.Get(ctx, request(r.Key).NamespacedName, sic)
	switch {
	case apierrors.IsNotFound(err):
		return !r.Key.Own() || r.Deleted
	case err != nil:
		return false
	}
	told := kube.ChangeReport{
		Record: r, Spec: kube.ReadChange(sic), Generation: sic.Generation, Now: w.Now(), Shadow: w.shadowed(sic),
		Contested: meta.IsStatusConditionTrue(sic.Status.Conditions, v1alpha1.ConditionContested),
	}.Status(sic.Status)
	return equality.Semantic.DeepEqual(sic.Status, told)
}
