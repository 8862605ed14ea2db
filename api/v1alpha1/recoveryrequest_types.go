package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RecoveryRequest takes a person who lost everything back to an account: evidence, human
// reviews, then a SecurityInfoChange on hold.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=rr,categories=holdfast
// +kubebuilder:selectablefield:JSONPath=`.spec.account`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.spec.account`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="RespondBy",type=string,JSONPath=`.status.respondByTime`
// +kubebuilder:printcolumn:name="Until",type=string,JSONPath=`.status.holdUntilTime`
// +kubebuilder:printcolumn:name="Approvals",type=integer,JSONPath=`.status.approvals`,priority=1
// +kubebuilder:printcolumn:name="Change",type=string,JSONPath=`.status.changeName`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type RecoveryRequest struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is who claims which account, and what reviewers say.
	// +required
	Spec RecoveryRequestSpec `json:"spec"`

	// Status mirrors where the request stands.
	// +optional
	Status RecoveryRequestStatus `json:"status,omitzero"`
}

// RecoveryRequestList is a list of requests.
//
// +kubebuilder:object:root=true
type RecoveryRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RecoveryRequest `json:"items"`
}

// RecoveryRequestSpec is the claim and its reviews. The claim cannot change; reviews are
// only added, one a request.
//
// +kubebuilder:validation:XValidation:rule="self.account == oldSelf.account",message="account cannot change: create another request"
// +kubebuilder:validation:XValidation:rule="self.contact == oldSelf.contact",message="contact cannot change: create another request"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.evidence) || (has(self.evidence) && self.evidence == oldSelf.evidence)",message="evidence is given once and cannot change: create another request"
// +kubebuilder:validation:XValidation:rule="has(self.requestedBy) == has(oldSelf.requestedBy) && (!has(self.requestedBy) || self.requestedBy == oldSelf.requestedBy)",message="requestedBy cannot change: create another request"
// +kubebuilder:validation:XValidation:rule="oldSelf.hasValue() || !has(self.reviews) || size(self.reviews) == 0",optionalOldSelf=true,message="a new request carries no reviews: each reviewer adds their own"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.reviews) || (has(self.reviews) && oldSelf.reviews.all(o, self.reviews.exists(n, n == o)))",message="a review cannot be changed or removed"
// +kubebuilder:validation:XValidation:rule="(has(self.reviews) ? size(self.reviews) : 0) <= (has(oldSelf.reviews) ? size(oldSelf.reviews) : 0) + 1",message="add one review at a time: each reviewer adds their own"
// +kubebuilder:validation:XValidation:rule="!has(self.reviews) || !has(self.requestedBy) || !self.reviews.exists(r, r.reviewer == self.requestedBy)",message="nobody reviews a request of their own"
type RecoveryRequestSpec struct {
	// Account that the person claims.
	//
	// +required
	Account AccountID `json:"account"`

	// Contact at which the person is answered within 24h (seed 10), by reference.
	//
	// +required
	Contact ContactReference `json:"contact"`

	// Evidence that the person gave (seed 9), by reference; given once. Empty: the form
	// was not filled in yet.
	//
	// +optional
	Evidence *EvidenceReference `json:"evidence,omitempty"`

	// RequestedBy is the user who created the request; admission pins it to the caller
	// (law 9). Empty on requests that Holdfast creates for a person at the public page.
	//
	// +optional
	RequestedBy Username `json:"requestedBy,omitempty"`

	// Reviews are what human reviewers decided. They are only added, one in each update,
	// each by its own reviewer, who needs the verb approve.
	//
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=reviewer
	// +optional
	Reviews []Review `json:"reviews,omitempty"`
}

// EvidenceReference points at evidence: an ID in the store, or a Secret of type
// holdfast.dev/contact.
//
// +kubebuilder:validation:XValidation:rule="has(self.id) != has(self.secretRef)",message="name the evidence by exactly one of id and secretRef"
type EvidenceReference struct {
	// ID of the evidence in the store.
	//
	// +kubebuilder:validation:Pattern=`^[-_0-9]*[A-Za-z][-_A-Za-z0-9]*$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	ID string `json:"id,omitempty"`

	// SecretRef names a Secret of type holdfast.dev/contact whose keys are the policy's
	// evidence fields.
	//
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
}

// ReviewDecision is what a reviewer decided.
//
// +kubebuilder:validation:Enum=Approve;Deny
type ReviewDecision string

// The decisions of a reviewer.
const (
	// ReviewApprove counts towards the policy's approvals.
	ReviewApprove ReviewDecision = "Approve"
	// ReviewDeny ends the request: support cannot override it (seed 64).
	ReviewDeny ReviewDecision = "Deny"
)

// Review is one reviewer's decision.
type Review struct {
	// Reviewer is the user who decided; admission pins it to the caller. A ServiceAccount
	// never reviews.
	//
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:')",message="a reviewer is a person: ServiceAccounts and system users never review"
	// +required
	Reviewer Username `json:"reviewer"`

	// Decision of the reviewer.
	//
	// +required
	Decision ReviewDecision `json:"decision"`
}

// RecoveryState is where a request stands.
//
// +kubebuilder:validation:Enum=Submitted;UnderReview;Approved;OnHold;Completed;Denied;Expired
type RecoveryState string

// The states of a request: Submitted -> UnderReview -> Approved -> OnHold -> Completed |
// Denied | Expired.
const (
	// RecoverySubmitted: the claim is here, the contact or the evidence is not yet proven.
	RecoverySubmitted RecoveryState = "Submitted"
	// RecoveryUnderReview: reviewers may decide.
	RecoveryUnderReview RecoveryState = "UnderReview"
	// RecoveryApproved: enough reviewers approved; the change is being created.
	RecoveryApproved RecoveryState = "Approved"
	// RecoveryOnHold: the change is on hold.
	RecoveryOnHold RecoveryState = "OnHold"
	// RecoveryCompleted: the change applied.
	RecoveryCompleted RecoveryState = "Completed"
	// RecoveryDenied: a reviewer denied it, or the change was cancelled (seed 64).
	RecoveryDenied RecoveryState = "Denied"
	// RecoveryExpired: it was not decided in time.
	RecoveryExpired RecoveryState = "Expired"
)

// Finished reports whether a request in this state is over for good.
func (s RecoveryState) Finished() bool {
	return s == RecoveryCompleted || s == RecoveryDenied || s == RecoveryExpired
}

// RecoveryRequestStatus mirrors where the request stands.
type RecoveryRequestStatus struct {
	// State of the request.
	//
	// +optional
	State RecoveryState `json:"state,omitempty"`

	// ObservedGeneration is the generation of the spec that this status speaks of.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions: Ready, Stalled, Answered.
	//
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// SubmittedTime is when the request was first recorded.
	//
	// +optional
	SubmittedTime *metav1.Time `json:"submittedTime,omitempty"`

	// RespondByTime is when the person must have an answer: 24h after submission, or the
	// policy's respondWithin (seed 10).
	//
	// +optional
	RespondByTime *metav1.Time `json:"respondByTime,omitempty"`

	// Approvals is how many reviewers approved.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=16
	// +optional
	Approvals int32 `json:"approvals,omitempty"`

	// ChangeName is the SecurityInfoChange that the approval made. It is a reference and
	// never an owner: garbage collection would end the hold.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ChangeName string `json:"changeName,omitempty"`

	// HoldUntilTime is when that change applies.
	//
	// +optional
	HoldUntilTime *metav1.Time `json:"holdUntilTime,omitempty"`

	// FinishedTime is when the request was completed, denied or expired.
	//
	// +optional
	FinishedTime *metav1.Time `json:"finishedTime,omitempty"`
}
