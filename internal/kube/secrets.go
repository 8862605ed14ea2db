package kube

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules"
)

// firstList is how long a read waits for an informer that has just begun.
const firstList = 3 * time.Second

// Secrets reads provider Secrets from the cache, so that a rotated one takes effect at
// once.
type Secrets struct {
	// Tenants are the namespaces of which Secrets are read.
	Tenants Tenants
	// Cache holds only what SecretCacheOptions lets in.
	Cache client.Reader
}

// Secret returns the data of a tenant's provider Secret. One that is missing, has
// another type or lies outside the granted namespaces gives rules.ErrNotFound.
func (s Secrets) Secret(tenant, name string) (map[string][]byte, error) {
	if _, granted := s.Tenants[tenant]; !granted {
		return nil, fmt.Errorf("Secret %s/%s: the namespace is not granted to Holdfast: %w", tenant, name, rules.ErrNotFound)
	}
	var secret corev1.Secret
	// The cache answers from memory, but for the time before its first list.
	ctx, cancel := context.WithTimeout(context.Background(), firstList)
	defer cancel()
	err := s.Cache.Get(ctx, types.NamespacedName{Namespace: tenant, Name: name}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("Secret %s/%s of type %s: %w", tenant, name, v1alpha1.SecretTypeProvider, rules.ErrNotFound)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("Secret %s/%s is not known yet: may Holdfast list Secrets of the namespace (config/tenant)? %w", tenant, name, rules.ErrUnavailable)
	case err != nil:
		return nil, fmt.Errorf("read Secret %s/%s: %w", tenant, name, err)
	case string(secret.Type) != v1alpha1.SecretTypeProvider:
		return nil, fmt.Errorf("Secret %s/%s is not of type %s: %w", tenant, name, v1alpha1.SecretTypeProvider, rules.ErrNotFound)
	}
	return secret.Data, nil
}
