// Package v1alpha1 holds the four kinds of the group holdfast.dev: VerificationPolicy,
// AccountBlock, SecurityInfoChange and RecoveryRequest. A namespace is a tenant.
//
// In every spec an empty optional field means the seeds' number, told in its comment
// ("Empty: …"). Nothing is written into objects by defaulting, so a later release may
// carry a better number without touching what the platform team applied.
//
// +kubebuilder:object:generate=true
// +groupName=holdfast.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of all kinds.
const GroupName = "holdfast.dev"

var (
	// GroupVersion is the group and version of the kinds in this package.
	GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

	// SchemeBuilder collects what AddToScheme adds.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme adds the kinds to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&VerificationPolicy{}, &VerificationPolicyList{},
		&AccountBlock{}, &AccountBlockList{},
		&SecurityInfoChange{}, &SecurityInfoChangeList{},
		&RecoveryRequest{}, &RecoveryRequestList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
