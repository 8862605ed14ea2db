package kube

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// FieldOwner is the name under which Holdfast's writes stand in managedFields.
const FieldOwner = client.FieldOwner("holdfast")

// PatchStatus writes the difference of two statuses as one merge patch with an
// optimistic lock, and nothing where there is none. It reports whether it wrote.
func PatchStatus(ctx context.Context, c client.StatusClient, before, after client.Object) (bool, error) {
	changed, err := differs(before, after)
	if err != nil || !changed {
		return false, err
	}
	locked := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := c.Status().Patch(ctx, after, locked, FieldOwner); err != nil {
		return false, fmt.Errorf("write the status of %s/%s: %w", after.GetNamespace(), after.GetName(), err)
	}
	return true, nil
}

// PatchMeta writes the difference of two objects' metadata under the same lock.
func PatchMeta(ctx context.Context, c client.Client, before, after client.Object) error {
	locked := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, after, locked, FieldOwner); err != nil {
		return fmt.Errorf("write the metadata of %s/%s: %w", after.GetNamespace(), after.GetName(), err)
	}
	return nil
}

func differs(before, after client.Object) (bool, error) {
	data, err := client.MergeFrom(before).Data(after)
	return string(data) != "{}", err
}

// behind is the wait after a write that met a newer object: the cache is behind.
const behind = 250 * time.Millisecond

// Again says how a pass ends whose write failed: an object that is gone needs nothing
// more, one that others changed meanwhile is looked at again shortly.
func Again(err error) (reconcile.Result, error) {
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: behind}, nil
	}
	return reconcile.Result{}, client.IgnoreNotFound(err)
}
