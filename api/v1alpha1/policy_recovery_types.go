package v1alpha1

// RecoveryPolicy says how people who lost everything are taken through.
type RecoveryPolicy struct {
	// RespondWithin is how long after submission a person is answered at the contact
	// given; at most 168h (seed 10). Empty: 24h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('168h')",message="respondWithin is at most 168h"
	// +optional
	RespondWithin Duration `json:"respondWithin,omitempty"`

	// ExpireAfter ends a request that is neither approved nor denied; at most 8760h.
	// Empty: 720h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('8760h')",message="expireAfter is at most 8760h"
	// +optional
	ExpireAfter Duration `json:"expireAfter,omitempty"`

	// Evidence is what the form asks for (seed 9). The answers stay in the store. Empty:
	// one free text in which the person tells as much as they can.
	//
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	Evidence []EvidenceField `json:"evidence,omitempty"`

	// Approvals is how many reviewers must approve, each another person. Empty: 2.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=8
	// +optional
	Approvals int32 `json:"approvals,omitempty"`

	// Reviewers are the users whose reviews count, beside holding the verb approve;
	// ServiceAccounts never. Empty: everyone who holds the verb.
	//
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(u, !u.startsWith('system:'))",message="a reviewer is a person: ServiceAccounts and system users never review"
	// +listType=set
	// +optional
	Reviewers []Username `json:"reviewers,omitempty"`

	// Rate limits requests for one account. Empty: 3 per 24h, burst 3.
	//
	// +optional
	Rate *Rate `json:"rate,omitempty"`
}

// EvidenceField is one thing that the recovery form asks for.
type EvidenceField struct {
	// Name of the field in the form and in the store.
	//
	// +kubebuilder:validation:Pattern=`^[a-z][A-Za-z0-9]*$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// Prompt that the person reads.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	// +required
	Prompt string `json:"prompt"`

	// Required says that the form is not taken without an answer. Empty: false.
	//
	// +optional
	Required bool `json:"required,omitempty"`
}

// PasswordPolicy says which new passwords are taken. 64 characters and more are always
// accepted, and there are no rules on composition or age (N21).
type PasswordPolicy struct {
	// MinLength in characters (N21). Empty: 8.
	//
	// +kubebuilder:validation:Minimum=8
	// +kubebuilder:validation:Maximum=64
	// +optional
	MinLength int32 `json:"minLength,omitempty"`

	// MinScore is the least estimate of strength, from 0 (anything) to 4 (zxcvbn, seed
	// 4, 5). Empty: 3.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=4
	// +optional
	MinScore *int32 `json:"minScore,omitempty"`

	// Blocklist are further words that are refused as a whole password, in any case,
	// such as the product's name; the built-in list of common passwords always holds
	// (O2). Empty: none.
	//
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +listType=set
	// +optional
	Blocklist []string `json:"blocklist,omitempty"`
}
