package v1alpha1

// BlockPolicy says how accounts are blocked.
type BlockPolicy struct {
	// Reasons are the numbers of single reasons; one that is not listed takes the
	// seeds' numbers.
	//
	// +kubebuilder:validation:MaxItems=5
	// +listType=map
	// +listMapKey=reason
	// +optional
	Reasons []ReasonPolicy `json:"reasons,omitempty"`

	// ObjectBudget is how many AccountBlocks Holdfast itself may have open in the
	// namespace for this policy; beyond it counters hold the rest (law 5). Empty: 1000.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	ObjectBudget int32 `json:"objectBudget,omitempty"`

	// Escalation says when refusals become blocks (seed 15, 28, 29, 47).
	//
	// +optional
	Escalation EscalationPolicy `json:"escalation,omitzero"`
}

// ReasonPolicy is how an account is blocked for one reason, where the AccountBlock itself
// does not say.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.permanent) && self.permanent && (has(self.duration) || has(self.maxDuration)))",message="a permanent block has no duration: give permanent or duration, not both"
// +kubebuilder:validation:XValidation:rule="!has(self.duration) || !has(self.maxDuration) || duration(self.duration) <= duration(self.maxDuration)",message="duration must not be longer than maxDuration"
type ReasonPolicy struct {
	// Reason that these numbers are for (seed 27).
	//
	// +required
	Reason BlockReason `json:"reason"`

	// Duration of a block from its start; at most 168h (seed 30). Empty: 24h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('168h')",message="a timed block lasts at most 168h (seed 30)"
	// +optional
	Duration Duration `json:"duration,omitempty"`

	// MaxDuration is how far from its start attempts may lengthen a block; at most 168h
	// (seed 30). Empty: 168h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('168h')",message="attempts lengthen a block to at most 168h from its start (seed 30)"
	// +optional
	MaxDuration Duration `json:"maxDuration,omitempty"`

	// Permanent makes each block of this reason endless, until it is released or deleted
	// (seed 15). Empty: false.
	//
	// +optional
	Permanent bool `json:"permanent,omitempty"`

	// PermanentAfter is the number of blocks of an account within 720h of which the last
	// becomes permanent (seed 15). Empty: never.
	//
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=100
	// +optional
	PermanentAfter int32 `json:"permanentAfter,omitempty"`

	// Release says what the person does to be released (seed 4). Empty: VerifyCode and
	// ChangePassword for UnusualActivity and HighRequestVolume, no steps for others.
	//
	// +optional
	Release *ReleaseSpec `json:"release,omitempty"`

	// CodeTo says where the code may go (seed 3). Empty: SecurityInfo.
	//
	// +optional
	CodeTo CodeDestination `json:"codeTo,omitempty"`
}

// EscalationPolicy says when refusals become blocks. A known device is never counted.
type EscalationPolicy struct {
	// Window in which refusals are counted; at most 168h. Empty: 24h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('168h')",message="window is at most 168h"
	// +optional
	Window Duration `json:"window,omitempty"`

	// MethodAfter is how many refused requests or wrong codes of one account and method
	// make a Method block (seed 28, 47). Empty: 10.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	// +optional
	MethodAfter int32 `json:"methodAfter,omitempty"`

	// AccountAfter is how many of them over all methods make an Account block (seed 15).
	// Empty: 20.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	// +optional
	AccountAfter int32 `json:"accountAfter,omitempty"`

	// NetworkAfter is how many accounts refused from one network make a Network block
	// (seed 29, law 5). Empty: 20.
	//
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=10000
	// +optional
	NetworkAfter int32 `json:"networkAfter,omitempty"`
}

// Restriction says what a hold keeps from happening.
//
// +kubebuilder:validation:Enum=SensitiveActions;SignIn
type Restriction string

// The restrictions of a hold.
const (
	// RestrictSensitiveActions denies changes of security info and payments, while
	// ordinary use goes on (seed 53).
	RestrictSensitiveActions Restriction = "SensitiveActions"
	// RestrictSignIn denies signing in (seed 33).
	RestrictSignIn Restriction = "SignIn"
)

// NumberRule says whether a kind of number is taken.
//
// +kubebuilder:validation:Enum=Refuse;Allow
type NumberRule string

// The rules for numbers.
const (
	// NumberRefuse refuses the number with a reason.
	NumberRefuse NumberRule = "Refuse"
	// NumberAllow takes it.
	NumberAllow NumberRule = "Allow"
)

// SecurityInfoPolicy says how contacts may change.
type SecurityInfoPolicy struct {
	// Hold is how long a change waits after which no long-known contact remains; at most
	// 8760h. It is frozen when the hold begins (seed 32, 33, 53). Empty: 720h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('8760h')",message="hold is at most 8760h (a year)"
	// +optional
	Hold Duration `json:"hold,omitempty"`

	// Restrict says what is denied during a hold. Empty: by how the hold came about:
	// SignIn where all was lost and replaced (seed 33), else SensitiveActions (seed 53).
	//
	// +optional
	Restrict Restriction `json:"restrict,omitempty"`

	// VoIP says whether internet numbers are taken (seed 20). Empty: Refuse.
	//
	// +optional
	VoIP NumberRule `json:"voip,omitempty"`

	// LookupOutage says whether a number is taken while its carrier cannot be looked up
	// (T5). Empty: Refuse.
	//
	// +optional
	LookupOutage NumberRule `json:"lookupOutage,omitempty"`

	// OwnDomains are mail domains of this provider itself: an address there is taken
	// with the advice to use another (seed 24). Empty: none.
	//
	// +kubebuilder:validation:MaxItems=64
	// +listType=set
	// +optional
	OwnDomains []DomainName `json:"ownDomains,omitempty"`

	// MaxContacts is how many contacts an account may have; at least 2 (N12). Empty: 10.
	//
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=20
	// +optional
	MaxContacts int32 `json:"maxContacts,omitempty"`

	// JuniorFor is how long a contact stays junior that was added without a code to a
	// full contact; at least 24h. Empty: 720h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('24h') && duration(self) <= duration('8760h')",message="juniorFor is from 24h to 8760h"
	// +optional
	JuniorFor Duration `json:"juniorFor,omitempty"`

	// Recheck says when people are asked to make sure that they can receive a code
	// (seed 38, 39).
	//
	// +optional
	Recheck RecheckPolicy `json:"recheck,omitzero"`

	// Clear says whether a help desk may clear the contacts of a work account whose
	// device was lost (seed 45). Empty: nobody may.
	//
	// +optional
	Clear *ClearPolicy `json:"clear,omitempty"`
}

// DomainName is a DNS name of at least two labels in small letters.
//
// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=253
type DomainName string

// RecheckPolicy says when people are asked to make sure that they can receive a code.
//
// +kubebuilder:validation:XValidation:rule="!has(self.skip) || !has(self.mustVerifyAfter) || duration(self.skip) <= duration(self.mustVerifyAfter)",message="skip must not be longer than mustVerifyAfter"
type RecheckPolicy struct {
	// Skip is for how long a person may skip at a time (seed 38). Empty: 24h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('720h')",message="skip is at most 720h"
	// +optional
	Skip Duration `json:"skip,omitempty"`

	// MustVerifyAfter is how long after the first notice nobody signs in without proving
	// or adding a contact (seed 38). Empty: 168h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('8760h')",message="mustVerifyAfter is at most 8760h"
	// +optional
	MustVerifyAfter Duration `json:"mustVerifyAfter,omitempty"`

	// Absence is how long after the last sign-in the person is asked again (seed 39).
	// Empty: 2160h (90 days).
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('87600h')",message="absence is at most 87600h"
	// +optional
	Absence Duration `json:"absence,omitempty"`

	// ProofAge is how old the last proof of a contact may be before the person is asked
	// again (seed 39). Empty: 8760h (a year).
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('87600h')",message="proofAge is at most 87600h"
	// +optional
	ProofAge Duration `json:"proofAge,omitempty"`
}

// ClearPolicy allows Clear on work accounts, after two requesters or the person's own
// loss report (seed 45, 46). Contacts of the snapshot are told, and a code to one cancels.
type ClearPolicy struct {
	// Delay between the last request and the clearing; at least 24h. Empty: 24h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('24h') && duration(self) <= duration('720h')",message="delay is from 24h to 720h"
	// +optional
	Delay Duration `json:"delay,omitempty"`

	// Requesters is how many different people must ask where the person did not report
	// the loss; at least 2. Empty: 2.
	//
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=5
	// +optional
	Requesters int32 `json:"requesters,omitempty"`
}
