package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VerificationPolicy says which accounts of the namespace are protected and by which
// numbers: how codes are sent, what blocks, what holds and who may ask.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=vp,categories=holdfast
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Accounts",type=string,JSONPath=`.spec.accounts.patterns`,priority=1
// +kubebuilder:printcolumn:name="Hosts",type=string,JSONPath=`.spec.hosts`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type VerificationPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is what the platform team wants.
	// +required
	Spec VerificationPolicySpec `json:"spec"`

	// Status is what Holdfast found.
	// +optional
	Status VerificationPolicyStatus `json:"status,omitzero"`
}

// VerificationPolicyList is a list of policies.
//
// +kubebuilder:object:root=true
type VerificationPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []VerificationPolicy `json:"items"`
}

// Mode says whether decisions bind.
//
// +kubebuilder:validation:Enum=Enforce;Shadow
type Mode string

// The modes of a policy.
const (
	// ModeEnforce denies what is blocked or held.
	ModeEnforce Mode = "Enforce"
	// ModeShadow decides, records and counts, and enforces nothing.
	ModeShadow Mode = "Shadow"
)

// Host is a DNS name in small letters, with a port only where pages are not served on 443.
//
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*(:[1-9][0-9]{0,4})?$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=259
type Host string

// VerificationPolicySpec is the intent of a policy. Each empty optional field means the
// seeds' number.
//
// +kubebuilder:validation:XValidation:rule="!has(self.testing) || !has(self.providers) || size(self.providers) == 0 || (has(self.mode) && self.mode == 'Shadow') || (has(self.testing.inEnforce) && self.testing.inEnforce)",message="test numbers beside real providers in mode Enforce must be said twice: set testing.inEnforce to true, or use mode Shadow"
// +kubebuilder:validation:XValidation:rule="!has(self.testing) || !has(self.codes) || !has(self.codes.length) || self.codes.length <= 8",message="with test numbers codes.length is at most 8: authenticators show no longer codes"
type VerificationPolicySpec struct {
	// Accounts says which accounts of the namespace this policy is for.
	//
	// +required
	Accounts AccountSelector `json:"accounts"`

	// Hosts serve the tenant's public pages; the first stands in links and in the last
	// line of an SMS. Only hosts that the installation grants to the namespace are
	// served; a request for any other gets 421. Empty: no pages.
	//
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	// +optional
	Hosts []Host `json:"hosts,omitempty"`

	// Mode says whether decisions bind. Empty: Enforce.
	//
	// +optional
	Mode Mode `json:"mode,omitempty"`

	// Providers send messages. Empty: nothing can be sent, so no code can be proven and
	// blocks end by time alone.
	//
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	Providers []Provider `json:"providers,omitempty"`

	// Codes are the numbers of security codes.
	//
	// +optional
	Codes CodePolicy `json:"codes,omitzero"`

	// Limits are the rates at which codes may be asked for (seed 15).
	//
	// +optional
	Limits LimitPolicy `json:"limits,omitzero"`

	// Blocks says how accounts are blocked, for each reason (seed 27, 30).
	//
	// +optional
	Blocks BlockPolicy `json:"blocks,omitzero"`

	// SecurityInfo says how contacts may change and when they are asked for again.
	//
	// +optional
	SecurityInfo SecurityInfoPolicy `json:"securityInfo,omitzero"`

	// Recovery says how people who lost everything are taken through (seed 9, 10, 35).
	//
	// +optional
	Recovery RecoveryPolicy `json:"recovery,omitzero"`

	// Password says which new passwords are taken (seed 4, 5).
	//
	// +optional
	Password PasswordPolicy `json:"password,omitzero"`

	// Messages is how the product speaks to its people.
	//
	// +optional
	Messages MessagePolicy `json:"messages,omitzero"`

	// Identity says how the identity provider is asked, told and heard.
	//
	// +optional
	Identity IdentityPolicy `json:"identity,omitzero"`

	// Retention says how long finished things are kept.
	//
	// +optional
	Retention RetentionPolicy `json:"retention,omitzero"`

	// Help is where pages and messages send people whom they cannot help (seed 49).
	//
	// +optional
	Help HelpContacts `json:"help,omitzero"`

	// Testing lists the platform team's own test numbers. Empty: none.
	//
	// +optional
	Testing *TestingPolicy `json:"testing,omitempty"`
}

// AccountType tells personal accounts from work or school accounts (seed 13).
//
// +kubebuilder:validation:Enum=Personal;Work
type AccountType string

// The types of accounts.
const (
	// AccountTypePersonal is an account that its person owns; nobody clears it.
	AccountTypePersonal AccountType = "Personal"
	// AccountTypeWork is an account with a help desk, which may be allowed to clear (seed 45).
	AccountTypeWork AccountType = "Work"
)

// AccountSelector says which accounts a policy is for. Where several policies name an
// account the longest literal wins, on ties the policy of the lesser name; the other is
// Conflicted. For an account that none names the seeds' numbers hold, with no providers.
type AccountSelector struct {
	// Patterns are exact IDs, or prefixes with one trailing star.
	//
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +listType=set
	// +required
	Patterns []AccountPattern `json:"patterns"`

	// Type of these accounts (seed 13). Empty: Personal.
	//
	// +optional
	Type AccountType `json:"type,omitempty"`
}
