package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccountBlock blocks an account, one of its methods, a network or a region for a time.
// It is enforced by every replica from the moment it is seen. Deleting it unblocks.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ab,categories=holdfast
// +kubebuilder:selectablefield:JSONPath=`.spec.account`
// +kubebuilder:selectablefield:JSONPath=`.spec.reason`
// +kubebuilder:selectablefield:JSONPath=`.spec.scope`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.spec.account`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Until",type=string,JSONPath=`.status.expiresTime`
// +kubebuilder:printcolumn:name="Scope",type=string,JSONPath=`.spec.scope`,priority=1
// +kubebuilder:printcolumn:name="Value",type=string,JSONPath=`.spec.value`,priority=1
// +kubebuilder:printcolumn:name="Extensions",type=integer,JSONPath=`.status.extensions`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AccountBlock struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is who is blocked, why and for how long.
	// +required
	Spec AccountBlockSpec `json:"spec"`

	// Status mirrors where the block stands.
	// +optional
	Status AccountBlockStatus `json:"status,omitzero"`
}

// AccountBlockList is a list of blocks.
//
// +kubebuilder:object:root=true
type AccountBlockList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccountBlock `json:"items"`
}

// BlockReason says why something is blocked (seed 27).
//
// +kubebuilder:validation:Enum=UnusualActivity;HighRequestVolume;TermsOfService;CompromisedTraffic;Administrative
type BlockReason string

// The reasons of a block.
const (
	// BlockReasonUnusualActivity: sign-ins, sign-ups or interactions deviate (seed 1, 14).
	BlockReasonUnusualActivity BlockReason = "UnusualActivity"
	// BlockReasonHighRequestVolume: too many codes were asked for or entered wrong (seed 15).
	BlockReasonHighRequestVolume BlockReason = "HighRequestVolume"
	// BlockReasonTermsOfService: the terms of service were broken (seed 27).
	BlockReasonTermsOfService BlockReason = "TermsOfService"
	// BlockReasonCompromisedTraffic: the region or network sends compromised traffic (seed 16).
	BlockReasonCompromisedTraffic BlockReason = "CompromisedTraffic"
	// BlockReasonAdministrative: the security team decided so.
	BlockReasonAdministrative BlockReason = "Administrative"
)

// BlockScope says what a block binds.
//
// +kubebuilder:validation:Enum=Account;Method;Network;Region
type BlockScope string

// The scopes of a block.
const (
	// ScopeAccount binds everything that the account does.
	ScopeAccount BlockScope = "Account"
	// ScopeMethod binds one method of the account; another may be tried (seed 28, 47).
	ScopeMethod BlockScope = "Method"
	// ScopeNetwork binds every account coming from a network (seed 29).
	ScopeNetwork BlockScope = "Network"
	// ScopeRegion binds every account coming from a country (seed 16).
	ScopeRegion BlockScope = "Region"
)

// ReleaseStep is one thing that the person does to be released.
//
// +kubebuilder:validation:Enum=VerifyCode;ChangePassword
type ReleaseStep string

// The release steps, always done in this order (seed 4).
const (
	// StepVerifyCode is proving a security code.
	StepVerifyCode ReleaseStep = "VerifyCode"
	// StepChangePassword is choosing a strong new password; passwordless accounts give a
	// fresh second proof instead (seed 43).
	StepChangePassword ReleaseStep = "ChangePassword"
)

// CodeDestination says where the code of an unblock may go.
//
// +kubebuilder:validation:Enum=SecurityInfo;AnyNumber
type CodeDestination string

// The destinations of an unblock code.
const (
	// CodeToSecurityInfo: to the account's full contacts where it has security info, else
	// to a number that the person enters.
	CodeToSecurityInfo CodeDestination = "SecurityInfo"
	// CodeToAnyNumber: to any number that the person enters (seed 3). It proves no owner.
	CodeToAnyNumber CodeDestination = "AnyNumber"
)

// ReleaseSpec says how a person is released.
type ReleaseSpec struct {
	// Steps of the release. An empty list releases nobody before the time is over.
	//
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:XValidation:rule="!('ChangePassword' in self) || 'VerifyCode' in self",message="ChangePassword needs VerifyCode: a password alone proves nothing about who changes it"
	// +listType=set
	// +required
	Steps []ReleaseStep `json:"steps"`
}

// AccountBlockSpec is the intent of a block. It cannot change, but for being lengthened or
// made permanent.
//
// +kubebuilder:validation:XValidation:rule="has(self.scope) && self.scope in ['Network', 'Region'] ? !has(self.account) : has(self.account)",message="account is required for the scopes Account and Method and forbidden for Network and Region"
// +kubebuilder:validation:XValidation:rule="has(self.scope) && self.scope != 'Account' ? has(self.value) : !has(self.value)",message="value is required for the scopes Method, Network and Region and forbidden for Account"
// +kubebuilder:validation:XValidation:rule="!has(self.scope) || self.scope != 'Method' || !has(self.value) || self.value.matches('^[A-Za-z0-9][-A-Za-z0-9_.]{0,62}$')",message="value of the scope Method is a method's name, such as SMS"
// +kubebuilder:validation:XValidation:rule="!has(self.scope) || self.scope != 'Network' || !has(self.value) || (isCIDR(self.value) ? cidr(self.value).prefixLength() >= (cidr(self.value).ip().family() == 4 ? 8 : 19) : isIP(self.value))",message="value of the scope Network is an address, or a CIDR of at least /8 (IPv4) or /19 (IPv6)"
// +kubebuilder:validation:XValidation:rule="!has(self.scope) || self.scope != 'Region' || !has(self.value) || self.value.matches('^[A-Z]{2}$')",message="value of the scope Region is an ISO country code in capitals, such as DE"
// +kubebuilder:validation:XValidation:rule="!(has(self.permanent) && self.permanent && has(self.duration))",message="a permanent block has no duration: give permanent or duration, not both"
// +kubebuilder:validation:XValidation:rule="has(self.account) == has(oldSelf.account) && (!has(self.account) || self.account == oldSelf.account)",message="account cannot change: delete the block and create another"
// +kubebuilder:validation:XValidation:rule="self.reason == oldSelf.reason",message="reason cannot change: delete the block and create another"
// +kubebuilder:validation:XValidation:rule="(has(self.scope) ? self.scope : 'Account') == (has(oldSelf.scope) ? oldSelf.scope : 'Account')",message="scope cannot change: delete the block and create another"
// +kubebuilder:validation:XValidation:rule="has(self.value) == has(oldSelf.value) && (!has(self.value) || self.value == oldSelf.value)",message="value cannot change: delete the block and create another"
// +kubebuilder:validation:XValidation:rule="has(self.release) == has(oldSelf.release) && (!has(self.release) || self.release == oldSelf.release)",message="release cannot change: delete the block and create another"
// +kubebuilder:validation:XValidation:rule="has(self.codeTo) == has(oldSelf.codeTo) && (!has(self.codeTo) || self.codeTo == oldSelf.codeTo)",message="codeTo cannot change: delete the block and create another"
// +kubebuilder:validation:XValidation:rule="has(self.startTime) == has(oldSelf.startTime) && (!has(self.startTime) || self.startTime == oldSelf.startTime)",message="startTime cannot change: delete the block and create another"
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.permanent) && oldSelf.permanent) || (has(self.permanent) && self.permanent)",message="a permanent block stays permanent: delete it to unblock"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.duration) || (has(self.permanent) && self.permanent) || (has(self.duration) && duration(self.duration) >= duration(oldSelf.duration))",message="a block can be lengthened or made permanent, never shortened: delete it to unblock"
// +kubebuilder:validation:XValidation:rule="has(oldSelf.duration) || (has(oldSelf.permanent) && oldSelf.permanent) || !has(self.duration) || duration(self.duration) >= duration('24h')",message="a block that took the policy's duration can be set to 24h or more, never shortened: delete it to unblock"
type AccountBlockSpec struct {
	// Account that is blocked; absent exactly for the scopes Network and Region.
	//
	// +optional
	Account AccountID `json:"account,omitempty"`

	// Reason of the block (seed 27).
	//
	// +required
	Reason BlockReason `json:"reason"`

	// Scope says what the block binds (seed 16, 28, 29). Empty: Account.
	//
	// +optional
	Scope BlockScope `json:"scope,omitempty"`

	// Value of the scope: a method's name, an address or a CIDR, or an ISO country code.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Value string `json:"value,omitempty"`

	// Duration from the start; at most 168h, attempts may lengthen it to that (seed 30).
	// Empty: the policy's number for the reason, else 24h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('168h')",message="a timed block lasts at most 168h (seed 30): use permanent for longer"
	// +optional
	Duration Duration `json:"duration,omitempty"`

	// Permanent blocks never end by time (seed 15). Empty: false.
	//
	// +optional
	Permanent bool `json:"permanent,omitempty"`

	// Release says what the person does to be released (seed 4). Empty: the policy's
	// steps for the reason.
	//
	// +optional
	Release *ReleaseSpec `json:"release,omitempty"`

	// CodeTo says where the code may go (seed 3). AnyNumber holds only where the policy
	// allows it too. Empty: the policy's, else SecurityInfo.
	//
	// +optional
	CodeTo CodeDestination `json:"codeTo,omitempty"`

	// StartTime is when the block begins, where that was before the object's creation;
	// blocks that Holdfast creates carry it. Empty: the creation.
	//
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
}

// BlockState is where a block stands.
//
// +kubebuilder:validation:Enum=Active;Releasing;Released;Expired;Revoked
type BlockState string

// The states of a block: Active -> Releasing -> Released | Expired | Revoked.
const (
	// BlockActive: enforced.
	BlockActive BlockState = "Active"
	// BlockReleasing: enforced; a person proved a code and has 15 minutes to finish.
	BlockReleasing BlockState = "Releasing"
	// BlockReleased: the person did every step.
	BlockReleased BlockState = "Released"
	// BlockExpired: the time is over.
	BlockExpired BlockState = "Expired"
	// BlockRevoked: the object was deleted, or another fact ended the block.
	BlockRevoked BlockState = "Revoked"
)

// Finished reports whether a block in this state is over for good.
func (s BlockState) Finished() bool {
	return s == BlockReleased || s == BlockExpired || s == BlockRevoked
}

// AccountBlockStatus mirrors where the block stands.
type AccountBlockStatus struct {
	// State of the block.
	//
	// +optional
	State BlockState `json:"state,omitempty"`

	// ObservedGeneration is the generation of the spec that this status speaks of.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions: Ready, Stalled, Releasable.
	//
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// StartTime is when the block began, frozen at its first record.
	//
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// ExpiresTime is when the block ends by itself; absent for a permanent one.
	//
	// +optional
	ExpiresTime *metav1.Time `json:"expiresTime,omitempty"`

	// Extensions is how many times attempts lengthened the block (seed 30).
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	Extensions int32 `json:"extensions,omitempty"`

	// RemainingSteps are what the person has still to do.
	//
	// +kubebuilder:validation:MaxItems=2
	// +listType=set
	// +optional
	RemainingSteps []ReleaseStep `json:"remainingSteps,omitempty"`

	// FinishedTime is when the block was released, expired or revoked.
	//
	// +optional
	FinishedTime *metav1.Time `json:"finishedTime,omitempty"`

	// ReleasedBy is how a Released block was released. EnteredNumber proves no owner: the
	// account's payments are denied for 720h from finishedTime.
	//
	// +optional
	ReleasedBy ReleaseProof `json:"releasedBy,omitempty"`
}

// ReleaseProof is what released a block: a code to the account's own contact, or to a
// number that the person entered (seed 3).
//
// +kubebuilder:validation:Enum=SecurityInfo;EnteredNumber
type ReleaseProof string

// The proofs of a release.
const (
	ProofSecurityInfo  ReleaseProof = "SecurityInfo"
	ProofEnteredNumber ReleaseProof = "EnteredNumber"
)
