package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PolicyState is a policy's state in one word.
//
// +kubebuilder:validation:Enum=Ready;Degraded;Conflicted;Invalid
type PolicyState string

// The states of a policy.
const (
	// PolicyReady: accepted, and every provider is usable.
	PolicyReady PolicyState = "Ready"
	// PolicyDegraded: accepted and enforced, but a provider is not usable, or there is none.
	PolicyDegraded PolicyState = "Degraded"
	// PolicyConflicted: another policy holds one of its patterns.
	PolicyConflicted PolicyState = "Conflicted"
	// PolicyInvalid: the spec or a Secret cannot be used as it stands.
	PolicyInvalid PolicyState = "Invalid"
)

// VerificationPolicyStatus mirrors what Holdfast found.
type VerificationPolicyStatus struct {
	// State in one word.
	//
	// +optional
	State PolicyState `json:"state,omitempty"`

	// ObservedGeneration is the generation of the spec that this status speaks of.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions: Ready, Stalled, Accepted, ProvidersReady, HostsGranted, Delivering,
	// TestNumbers.
	//
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// ConflictsWith lists the patterns that another policy of the namespace holds.
	//
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=pattern
	// +optional
	ConflictsWith []PolicyConflict `json:"conflictsWith,omitempty"`

	// Providers tells each provider's health, written when its class changes.
	//
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	Providers []ProviderStatus `json:"providers,omitempty"`

	// Regions tells how SMS and calls with codes go to countries where they do not go as
	// usual (seed 16, 18). They lift by themselves.
	//
	// +kubebuilder:validation:MaxItems=250
	// +listType=map
	// +listMapKey=country
	// +optional
	Regions []RegionStatus `json:"regions,omitempty"`
}

// PolicyConflict is one pattern that another policy holds.
type PolicyConflict struct {
	// Pattern that both policies name.
	//
	// +required
	Pattern AccountPattern `json:"pattern"`

	// Policy that holds it: the lesser name.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Policy string `json:"policy"`
}

// ErrorClass is the kind of a provider's last failure. Never its text, which may carry
// an address or a credential (law 2).
//
// +kubebuilder:validation:Enum=Temporary;Rejected;Misconfigured;Unreachable;Unknown
type ErrorClass string

// The classes of failures.
const (
	// ErrorTemporary: the provider asked to try later.
	ErrorTemporary ErrorClass = "Temporary"
	// ErrorRejected: the provider refused the message for good.
	ErrorRejected ErrorClass = "Rejected"
	// ErrorMisconfigured: Secret missing or incomplete, credentials refused, endpoint not allowed.
	ErrorMisconfigured ErrorClass = "Misconfigured"
	// ErrorUnreachable: no connection, no TLS or no answer in time.
	ErrorUnreachable ErrorClass = "Unreachable"
	// ErrorUnknown: messages were handed over and no answer came.
	ErrorUnknown ErrorClass = "Unknown"
)

// ProviderStatus is the health of one provider.
type ProviderStatus struct {
	// Name of the provider in the spec.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// Ready says that the provider answers the check and takes messages, as far as any
	// replica has seen.
	//
	// +required
	Ready bool `json:"ready"`

	// LastErrorClass is the kind of the last failure; empty after a success.
	//
	// +optional
	LastErrorClass ErrorClass `json:"lastErrorClass,omitempty"`

	// LastTransitionTime is when Ready or LastErrorClass last changed.
	//
	// +required
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
}

// RegionState says how codes are treated in a country.
//
// +kubebuilder:validation:Enum=Slowed;Stopped
type RegionState string

// The states of a region; one that is not listed is as usual.
const (
	// RegionSlowed: fewer codes are verified than the policy's line, so for an hour none is
	// sent; then a sample goes out (seed 16).
	RegionSlowed RegionState = "Slowed"
	// RegionStopped: no codes are sent until the Region block ends by itself (seed 16).
	RegionStopped RegionState = "Stopped"
)

// RegionStatus is how SMS and calls with codes go to one country.
type RegionStatus struct {
	// Country by ISO code.
	//
	// +required
	Country CountryCode `json:"country"`

	// State of the region.
	//
	// +required
	State RegionState `json:"state"`

	// Reason of the Region block: CompromisedTraffic where Holdfast itself counted.
	//
	// +required
	Reason BlockReason `json:"reason"`

	// ConversionPercent is how many of a hundred accounts that were sent a code verified
	// one, when the block began; absent where the country was not judged by it.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +optional
	ConversionPercent *int32 `json:"conversionPercent,omitempty"`

	// UntilTime is when codes are sent again; absent where the block is permanent.
	//
	// +optional
	UntilTime *metav1.Time `json:"untilTime,omitempty"`

	// LastTransitionTime is when State last changed.
	//
	// +required
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
}
