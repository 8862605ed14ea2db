package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SecurityInfoChange adds, removes, replaces or clears the contacts that protect an
// account. Dangerous changes are held for 30 days. Deleting an open change cancels it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=sic,categories=holdfast
// +kubebuilder:selectablefield:JSONPath=`.spec.account`
// +kubebuilder:selectablefield:JSONPath=`.spec.action`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.spec.account`
// +kubebuilder:printcolumn:name="Action",type=string,JSONPath=`.spec.action`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Until",type=string,JSONPath=`.status.holdUntilTime`
// +kubebuilder:printcolumn:name="Restricted",type=string,JSONPath=`.status.restricted`,priority=1
// +kubebuilder:printcolumn:name="By",type=string,JSONPath=`.spec.requestedBy`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SecurityInfoChange struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is what shall change.
	// +required
	Spec SecurityInfoChangeSpec `json:"spec"`

	// Status mirrors where the change stands.
	// +optional
	Status SecurityInfoChangeStatus `json:"status,omitzero"`
}

// SecurityInfoChangeList is a list of changes.
//
// +kubebuilder:object:root=true
type SecurityInfoChangeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SecurityInfoChange `json:"items"`
}

// ChangeAction says what a change does.
//
// +kubebuilder:validation:Enum=Add;Remove;Replace;Clear
type ChangeAction string

// The actions of a change.
const (
	// ActionAdd adds a contact; it needs a code to the new one, and one to a full contact,
	// else the new one is junior (seed 51).
	ActionAdd ChangeAction = "Add"
	// ActionRemove removes contacts after a step-up and a second confirmation (seed 31, 52).
	ActionRemove ChangeAction = "Remove"
	// ActionReplace replaces all contacts by new ones (seed 32, 33).
	ActionReplace ChangeAction = "Replace"
	// ActionClear removes the contacts of a work account whose device was lost (seed 45).
	ActionClear ChangeAction = "Clear"
)

// SecurityInfoChangeSpec is the intent of a change. It cannot change.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a change cannot be changed: delete it, which cancels it, and create another"
// +kubebuilder:validation:XValidation:rule="self.action == 'Clear' ? !has(self.contacts) || size(self.contacts) == 0 : has(self.contacts) && size(self.contacts) > 0",message="contacts are required for Add, Remove and Replace and forbidden for Clear"
// +kubebuilder:validation:XValidation:rule="self.action != 'Add' || !has(self.contacts) || size(self.contacts) <= 1",message="Add takes one contact: each needs a code of its own"
// +kubebuilder:validation:XValidation:rule="self.action != 'Remove' || !has(self.contacts) || self.contacts.all(c, has(c.id))",message="Remove names contacts by id: a secretKeyRef is for a new contact"
// +kubebuilder:validation:XValidation:rule="self.action != 'Clear' || has(self.requestedBy)",message="Clear needs requestedBy: it takes two requesters"
// +kubebuilder:validation:XValidation:rule="!has(self.recoveryRequestName) || self.action == 'Replace'",message="only a Replace comes from a RecoveryRequest"
type SecurityInfoChangeSpec struct {
	// Account whose contacts change.
	//
	// +required
	Account AccountID `json:"account"`

	// Action says what the change does.
	//
	// +required
	Action ChangeAction `json:"action"`

	// Contacts that are added (Add: one), removed (Remove), or that replace all present
	// ones (Replace). A new contact is named by secretKeyRef, or by the ID under which the
	// public page stored it.
	//
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	// +optional
	Contacts []ContactReference `json:"contacts,omitempty"`

	// RequestedBy is the user who asks; admission pins it to the caller (law 9). It
	// proves nothing about the person, whose own code stays needed.
	//
	// +optional
	RequestedBy Username `json:"requestedBy,omitempty"`

	// RecoveryRequestName is the RecoveryRequest of this namespace whose approval made
	// this change.
	//
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	RecoveryRequestName string `json:"recoveryRequestName,omitempty"`
}

// ChangeState is where a change stands.
//
// +kubebuilder:validation:Enum=AwaitingCode;OnHold;Applied;Cancelled;Expired;Rejected
type ChangeState string

// The states of a change: AwaitingCode -> Applied or OnHold -> Applied | Cancelled; also
// Expired and Rejected.
const (
	// ChangeAwaitingCode: a code or a confirmation of the person is missing.
	ChangeAwaitingCode ChangeState = "AwaitingCode"
	// ChangeOnHold: proven; it applies when the hold ends (seed 32, 33, 53).
	ChangeOnHold ChangeState = "OnHold"
	// ChangeApplied: the contacts are changed.
	ChangeApplied ChangeState = "Applied"
	// ChangeCancelled: a contact of the snapshot, a sign-in with one, or a deletion ended
	// it (seed 34).
	ChangeCancelled ChangeState = "Cancelled"
	// ChangeExpired: the missing code did not come in time.
	ChangeExpired ChangeState = "Expired"
	// ChangeRejected: a rule refuses it; the reason of Ready says which.
	ChangeRejected ChangeState = "Rejected"
)

// Finished reports whether a change in this state is over for good.
func (s ChangeState) Finished() bool {
	return s == ChangeApplied || s == ChangeCancelled || s == ChangeExpired || s == ChangeRejected
}

// ContactStanding says what a contact may do.
//
// +kubebuilder:validation:Enum=Pending;Full;Junior;Disabled
type ContactStanding string

// The standings of a contact.
const (
	// ContactPending: its own code is not yet proven; it counts for nothing (N12).
	ContactPending ContactStanding = "Pending"
	// ContactFull: steps up, releases, cancels and recovers.
	ContactFull ContactStanding = "Full"
	// ContactJunior: satisfies recheck only, for 720h.
	ContactJunior ContactStanding = "Junior"
	// ContactDisabled: told of changes, but gets no code (N4).
	ContactDisabled ContactStanding = "Disabled"
)

// RequiredProof is one thing that the person has still to do for a change.
//
// +kubebuilder:validation:Enum=NewContactCode;FullContactCode;Confirmation
type RequiredProof string

// The proofs of a change.
const (
	// ProofNewContactCode: a code to the new contact (seed 51).
	ProofNewContactCode RequiredProof = "NewContactCode"
	// ProofFullContactCode: a code to a full contact; without it the new one is junior.
	ProofFullContactCode RequiredProof = "FullContactCode"
	// ProofConfirmation: the second confirmation of a removal (seed 31).
	ProofConfirmation RequiredProof = "Confirmation"
)

// SecurityInfoChangeStatus mirrors where the change stands.
type SecurityInfoChangeStatus struct {
	// State of the change.
	//
	// +optional
	State ChangeState `json:"state,omitempty"`

	// ObservedGeneration is the generation of the spec that this status speaks of.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions: Ready, Stalled, OwnDomain, Contested.
	//
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// StartTime is when the change was first recorded.
	//
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// HoldStartTime is when the hold began, frozen with its length.
	//
	// +optional
	HoldStartTime *metav1.Time `json:"holdStartTime,omitempty"`

	// HoldUntilTime is when the hold ends and the change applies. A deleted change keeps
	// its restriction to this date; one that a code cancelled restricts nothing more.
	//
	// +optional
	HoldUntilTime *metav1.Time `json:"holdUntilTime,omitempty"`

	// Restricted says what is denied until then (seed 33, 53).
	//
	// +optional
	Restricted Restriction `json:"restricted,omitempty"`

	// RemainingProofs are what the person has still to do.
	//
	// +kubebuilder:validation:MaxItems=3
	// +listType=set
	// +optional
	RemainingProofs []RequiredProof `json:"remainingProofs,omitempty"`

	// Contacts of the change, each as opaque ID and mask (law 2).
	//
	// +kubebuilder:validation:MaxItems=20
	// +listType=map
	// +listMapKey=id
	// +optional
	Contacts []ContactStatus `json:"contacts,omitempty"`

	// NoticesSent is how many notices the old contacts were sent (law 8).
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	NoticesSent int32 `json:"noticesSent,omitempty"`

	// FinishedTime is when the change was applied, cancelled, rejected or expired.
	//
	// +optional
	FinishedTime *metav1.Time `json:"finishedTime,omitempty"`
}

// ContactStatus is one contact of a change, without its address.
type ContactStatus struct {
	// ID of the contact in the store.
	//
	// +required
	ID ContactID `json:"id"`

	// Mask shows the last two digits of a number or the first two characters of an email
	// address and nothing else (seed 22).
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +optional
	Mask string `json:"mask,omitempty"`

	// Channel of the contact.
	//
	// +optional
	Channel Channel `json:"channel,omitempty"`

	// Standing of the contact.
	//
	// +optional
	Standing ContactStanding `json:"standing,omitempty"`

	// Language of the contact, frozen when it was added (seed 40).
	//
	// +optional
	Language LanguageTag `json:"language,omitempty"`
}
