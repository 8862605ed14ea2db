// Package ownblock creates the objects of the blocks that Holdfast itself made. Such a
// block binds from its record on; the object lets people see it, and lift it by
// deleting it.
package ownblock

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
)

// Store is what the controller needs of the memory.
type Store interface {
	// Block reads a record, or rules.ErrNotFound.
	Block(ctx context.Context, key block.Key) (block.Record, error)
	// OwnBlocks lists the blocks of Holdfast's own that bind at now.
	OwnBlocks(ctx context.Context, now time.Time) ([]block.Key, error)
}

// Wakes tells of which blocks a fact came. *kube.Feed satisfies it.
type Wakes interface {
	OnBlock(ctx context.Context, wake func(block.Key))
}

// Controller mirrors records of Holdfast's own into AccountBlocks.
type Controller struct {
	Client client.Client
	Store  Store
	Wakes  Wakes
	Now    func() time.Time
}

// Reconcile creates the object of a record that stands. One that exists is adopted:
// its name says that it is the same block.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	key := block.Key{Tenant: request.Namespace, Name: request.Name}
	record, err := c.Store.Block(ctx, key)
	switch {
	case errors.Is(err, rules.ErrNotFound):
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("read the record of block %s: %w", key, err)
	case record.Deleted || record.State(c.Now()).Terminal():
		return reconcile.Result{}, nil
	}
	err = c.Client.Get(ctx, request.NamespacedName, &v1alpha1.AccountBlock{})
	if apierrors.IsNotFound(err) {
		err = c.Client.Create(ctx, kube.OwnBlock(record), kube.FieldOwner)
	}
	switch {
	case err == nil, apierrors.IsAlreadyExists(err):
		return reconcile.Result{}, nil
	case apierrors.IsInvalid(err), apierrors.IsNotFound(err), apierrors.HasStatusCause(err, namespaceTerminating):
		// No later try would do better: it binds without an object until its time is over.
		return reconcile.Result{}, reconcile.TerminalError(fmt.Errorf("create AccountBlock %s: %w", key, err))
	default:
		return reconcile.Result{}, fmt.Errorf("create AccountBlock %s: %w", key, err)
	}
}
