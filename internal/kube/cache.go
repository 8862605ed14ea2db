package kube

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// Scheme knows Kubernetes' own kinds and Holdfast's.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("build the scheme: %w", err)
		}
	}
	return scheme, nil
}

// CacheOptions are the bounds of the cache of Holdfast's kinds: of every object only
// what is used. Should a Secret be read through it, the bounds of SecretCacheOptions hold.
func CacheOptions(tenants Tenants) cache.Options {
	return cache.Options{
		DefaultTransform: strip,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}:         secretBounds(tenants),
			&v1alpha1.AccountBlock{}: {Transform: stripBlock},
		},
	}
}

// SecretCacheOptions are the bounds of a second cache that holds Secrets alone: only of
// the provider type and only in the tenants' namespaces, so that no role over all
// Secrets is needed. It is a cache of its own, since a cache is synced only as a whole:
// one tenant whose Role is missing would keep every controller from starting.
func SecretCacheOptions(tenants Tenants) cache.Options {
	return cache.Options{
		DefaultTransform: strip,
		ByObject:         map[client.Object]cache.ByObject{&corev1.Secret{}: secretBounds(tenants)},
	}
}

func secretBounds(tenants Tenants) cache.ByObject {
	namespaces := map[string]cache.Config{}
	for namespace := range tenants {
		namespaces[namespace] = cache.Config{}
	}
	return cache.ByObject{
		Namespaces: namespaces, Field: fields.OneTermEqualSelector("type", v1alpha1.SecretTypeProvider), Transform: strip,
	}
}

var _ toolscache.TransformFunc = strip

// strip drops what nobody reads and what may hold a copy of the object.
func strip(in any) (any, error) {
	if object, ok := in.(client.Object); ok {
		object.SetManagedFields(nil)
		object.SetAnnotations(nil)
	}
	return in, nil
}

// stripBlock leaves of an AccountBlock what index and reconciler need: there may be
// very many.
func stripBlock(in any) (any, error) {
	if ab, ok := in.(*v1alpha1.AccountBlock); ok {
		created, own := ab.Labels[v1alpha1.LabelCreatedBy]
		ab.Labels, ab.OwnerReferences = nil, nil
		if own {
			ab.Labels = map[string]string{v1alpha1.LabelCreatedBy: created}
		}
	}
	return strip(in)
}
