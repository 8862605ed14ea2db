package v1alpha1

// MessagePolicy is how the product speaks to its people. Messages are never marketing
// (seed 57).
type MessagePolicy struct {
	// ProductName as people know it. Empty: "your account".
	//
	// +kubebuilder:validation:Pattern=`^[^\r\n\t{}<>]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	ProductName string `json:"productName,omitempty"`

	// ProductURL is where people go back to from a page on which they are done: a page of
	// the product, for example its sign-in; https, or http on this machine only. Empty: they
	// are told to go back, without a link.
	//
	// +kubebuilder:validation:Pattern=`^(https://[^\s<>"'@\\]+|http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?(/[^\s<>"'@\\]*)?)$`
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getHostname() != ''",message="productURL must be an absolute URL with a host"
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=512
	// +optional
	ProductURL string `json:"productURL,omitempty"`

	// Sender is the address that mail comes from; people learn to trust it (seed 21).
	// Empty: the address in the provider's Secret.
	//
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._+-]+@([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=254
	// +optional
	Sender string `json:"sender,omitempty"`

	// DefaultLanguage for people whose own is not known (seed 40). Empty: en.
	//
	// +optional
	DefaultLanguage LanguageTag `json:"defaultLanguage,omitempty"`

	// Overrides replace built-in texts.
	//
	// +kubebuilder:validation:MaxItems=128
	// +listType=map
	// +listMapKey=language
	// +listMapKey=channel
	// +listMapKey=message
	// +optional
	Overrides []MessageOverride `json:"overrides,omitempty"`
}

// MessageKind names a text.
//
// +kubebuilder:validation:Enum=SecurityCode;SecurityInfoImported;AccountReleased;AccountReleasedByEnteredNumber;SecurityInfoDisabled;SecurityInfoDisowned;ChangeOnHold;ChangeReminder;ChangeApplied;ChangeHoldEnded;ChangeCancelled;ChangeContested;RecoveryReceived;RecoveryDecided
type MessageKind string

// The texts that can be overridden.
const (
	// MessageSecurityCode carries a security code.
	MessageSecurityCode MessageKind = "SecurityCode"
	// MessageSecurityInfoImported tells a contact that it is now security info.
	MessageSecurityInfoImported MessageKind = "SecurityInfoImported"
	// MessageAccountReleased tells that a block was lifted by a person.
	MessageAccountReleased MessageKind = "AccountReleased"
	// MessageAccountReleasedByEnteredNumber tells that a code to a number that the person
	// entered lifted it, which proves no owner (seed 3).
	MessageAccountReleasedByEnteredNumber MessageKind = "AccountReleasedByEnteredNumber"
	// MessageSecurityInfoDisabled tells that a contact gets no codes for now.
	MessageSecurityInfoDisabled MessageKind = "SecurityInfoDisabled"
	// MessageSecurityInfoDisowned tells that somebody who gets messages at one of the contacts
	// says that the account is not theirs (seed 41).
	MessageSecurityInfoDisowned MessageKind = "SecurityInfoDisowned"
	// MessageChangeOnHold tells the old contacts of a change on hold (law 8).
	MessageChangeOnHold MessageKind = "ChangeOnHold"
	// MessageChangeReminder tells them again before it ends.
	MessageChangeReminder MessageKind = "ChangeReminder"
	// MessageChangeApplied tells that a change applied at once.
	MessageChangeApplied MessageKind = "ChangeApplied"
	// MessageChangeHoldEnded tells that a change applied after its hold, and asks for new
	// security info (seed 54).
	MessageChangeHoldEnded MessageKind = "ChangeHoldEnded"
	// MessageChangeCancelled tells that a change was cancelled (seed 34).
	MessageChangeCancelled MessageKind = "ChangeCancelled"
	// MessageChangeContested tells that another replacement stands against one on hold.
	MessageChangeContested MessageKind = "ChangeContested"
	// MessageRecoveryReceived answers a recovery request (seed 10).
	MessageRecoveryReceived MessageKind = "RecoveryReceived"
	// MessageRecoveryDecided tells the decision.
	MessageRecoveryDecided MessageKind = "RecoveryDecided"
)

// MessageOverride replaces one built-in text. {{.Code}} stands for the code,
// {{.Product}} for the product's name, {{.Minutes}} or {{.Life}} for the code's life,
// {{.Purpose}} for what it is for, {{.Warning}} for "do not share it", {{.When}} for the
// instant that a notice speaks of, {{.HelpURL}} for the help page, {{.NotMeURL}} for the
// link that says "this wasn't me". In notices of changes {{.Until}} is when the hold ends,
// {{.Left}} in how many days, {{.Added}}, {{.Removed}} and {{.Contact}} are masks, and
// {{.Meanwhile}} says what works during the hold; {{.Decision}} is the answer to a request
// for recovery. A line that names an empty value is left out.
//
// +kubebuilder:validation:XValidation:rule="self.message != 'SecurityCode' || self.body.contains('{{.Code}}')",message="the body of SecurityCode must carry {{.Code}} (seed 8)"
// +kubebuilder:validation:XValidation:rule="self.message == 'SecurityCode' || !self.body.contains('.Code')",message="only SecurityCode carries a code"
// +kubebuilder:validation:XValidation:rule="!has(self.subject) || !self.subject.contains('.Code')",message="a code never stands in the subject (seed 8)"
// +kubebuilder:validation:XValidation:rule="!(self.message in ['ChangeOnHold', 'ChangeReminder']) || self.body.contains('{{.Until}}')",message="the body of ChangeOnHold and ChangeReminder must carry {{.Until}} (law 8)"
// +kubebuilder:validation:XValidation:rule="!(self.message in ['ChangeOnHold', 'ChangeReminder', 'ChangeContested']) || self.channel == 'Voice' || self.body.contains('{{.NotMeURL}}')",message="the body of ChangeOnHold, ChangeReminder and ChangeContested must carry {{.NotMeURL}}, but for Voice (law 8)"
// +kubebuilder:validation:XValidation:rule="!has(self.subject) || self.channel == 'Email'",message="only Email has a subject"
// +kubebuilder:validation:XValidation:rule="self.channel != 'App'",message="no message goes to App"
// +kubebuilder:validation:XValidation:rule="self.message == 'SecurityCode' || self.body.matches('^([{]{2}[.](Product|When|Until|Left|Added|Removed|Contact|Meanwhile|Decision|HelpURL|NotMeURL)[}]{2}|[{][^{]|[^{])*[{]?$')",message="the body of a notice knows {{.Product}}, {{.When}}, {{.HelpURL}} and {{.NotMeURL}}, that of a change or a recovery also {{.Until}}, {{.Left}}, {{.Added}}, {{.Removed}}, {{.Contact}}, {{.Meanwhile}} or {{.Decision}}, and nothing else in {{ }}"
// +kubebuilder:validation:XValidation:rule="self.message != 'SecurityCode' || self.body.matches('^([{]{2}[.](Code|Product|Purpose|Life|Minutes|Warning|HelpURL|NotMeURL)[}]{2}|[{][^{]|[^{])*[{]?$')",message="the body of SecurityCode knows {{.Code}}, {{.Product}}, {{.Purpose}}, {{.Life}}, {{.Minutes}}, {{.Warning}}, {{.HelpURL}} and {{.NotMeURL}} and nothing else in {{ }}"
// +kubebuilder:validation:XValidation:rule="!has(self.subject) || self.subject.matches('^([{]{2}[.](Product|When|Until|Left|Purpose|Life|Minutes)[}]{2}|[{][^{]|[^{])*[{]?$')",message="a subject knows {{.Product}}, for a code {{.Purpose}}, {{.Life}} and {{.Minutes}}, for a notice {{.When}}, of a change {{.Until}} and {{.Left}}, and nothing else in {{ }}"
// +kubebuilder:validation:XValidation:rule="!has(self.subject) || (self.message == 'SecurityCode' ? !self.subject.matches('[{]{2}[.](When|Until|Left)[}]{2}') : !self.subject.matches('[{]{2}[.](Purpose|Life|Minutes)[}]{2}'))",message="a subject knows {{.Product}}, for a code {{.Purpose}}, {{.Life}} and {{.Minutes}}, for a notice {{.When}}, of a change {{.Until}} and {{.Left}}, and nothing else in {{ }}"
type MessageOverride struct {
	// Language of the text.
	//
	// +required
	Language LanguageTag `json:"language"`

	// Channel of the text.
	//
	// +required
	Channel Channel `json:"channel"`

	// Message that is replaced.
	//
	// +required
	Message MessageKind `json:"message"`

	// Subject of a mail. Empty: the built-in one.
	//
	// +kubebuilder:validation:Pattern=`^[^\r\n]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	// +optional
	Subject string `json:"subject,omitempty"`

	// Body as plain text. The warning not to share the code, the link "this wasn't me"
	// and the last line "@host #code" of an SMS are added where they are missing.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4000
	// +required
	Body string `json:"body"`
}

// IdentityPolicy says how the identity provider is asked, told and heard. Changing it
// takes the verb trust (law 9).
type IdentityPolicy struct {
	// OIDC is the issuer at which people sign in to see their security info. Empty: they
	// come by ticket or by a code to a contact only.
	//
	// +optional
	OIDC *OIDCClient `json:"oidc,omitempty"`

	// Adapter tells the IdP of new passwords and ended sessions. Empty: it is told
	// nothing, and release steps that need it cannot be done.
	//
	// +optional
	Adapter *IdentityAdapter `json:"adapter,omitempty"`

	// Callers narrow which signals each caller of the service listener may send, and how
	// many, and admit callers from outside the cluster by a key. Empty: every
	// ServiceAccount that holds the verb create on the virtual resource.
	//
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=name
	// +optional
	Callers []Caller `json:"callers,omitempty"`
}

// OIDCClient is Holdfast's registration at the IdP's issuer.
type OIDCClient struct {
	// Issuer URL; https, or http on this machine only.
	//
	// +kubebuilder:validation:Pattern=`^(https://[^\s?#]+|http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?(/[^\s?#]*)?)$`
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=512
	// +required
	Issuer string `json:"issuer"`

	// ClientID at the issuer.
	//
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +required
	ClientID string `json:"clientID"`

	// ClientSecretRef names the key of the client's secret, in a Secret of type
	// holdfast.dev/provider. Empty: a public client with PKCE.
	//
	// +optional
	ClientSecretRef *SecretKeyReference `json:"clientSecretRef,omitempty"`
}

// AdapterType says how the IdP is told.
//
// +kubebuilder:validation:Enum=Webhook;Kratos;Keycloak
type AdapterType string

// The types of identity adapters.
const (
	// AdapterWebhook posts signed events (Standard Webhooks).
	AdapterWebhook AdapterType = "Webhook"
	// AdapterKratos speaks Ory Kratos' admin API.
	AdapterKratos AdapterType = "Kratos"
	// AdapterKeycloak speaks Keycloak's admin API.
	AdapterKeycloak AdapterType = "Keycloak"
)

// IdentityAdapter is how the IdP is told.
type IdentityAdapter struct {
	// Type is the protocol.
	//
	// +required
	Type AdapterType `json:"type"`

	// SecretRef names the Secret of type holdfast.dev/provider with endpoint and
	// credentials both; for Webhook: url and secret.
	//
	// +required
	SecretRef SecretReference `json:"secretRef"`
}

// SignalType names what a caller reports: one of the names below, or one of your own.
//
// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9._-]*$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
type SignalType string

// The signals that Holdfast knows. A signal alone never releases a block or cancels a
// hold.
const (
	// SignalFailedSignIn is a failure past the first factor; it lengthens a block (seed 30).
	SignalFailedSignIn SignalType = "FailedSignIn"
	// SignalSignIn is a sign-in that went through.
	SignalSignIn SignalType = "SignIn"
	// SignalPasswordChanged is a new password set at the IdP.
	SignalPasswordChanged SignalType = "PasswordChanged"
	// SignalUnusualActivity asks for a block for UnusualActivity (seed 1, 14).
	SignalUnusualActivity SignalType = "UnusualActivity"
	// SignalCredentialCompromised reports a leaked password.
	SignalCredentialCompromised SignalType = "CredentialCompromised"
	// SignalTermsOfService asks for a block for TermsOfService (seed 27).
	SignalTermsOfService SignalType = "TermsOfService"
	// SignalDeviceLost is the person's own loss report (seed 46).
	SignalDeviceLost SignalType = "DeviceLost"
	// SignalAccountDeleted says that the account is gone.
	SignalAccountDeleted SignalType = "AccountDeleted"
)

// Caller is one IdP, app or gateway.
//
// +kubebuilder:validation:XValidation:rule="has(self.username) != has(self.keySecretRef)",message="a caller is known by exactly one of username and keySecretRef"
type Caller struct {
	// Name of the caller in metrics and in the audit.
	//
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// Username of a caller in the cluster, such as system:serviceaccount:shop:frontend.
	//
	// +optional
	Username Username `json:"username,omitempty"`

	// KeySecretRef names the key of a caller outside the cluster, in a Secret of type
	// holdfast.dev/provider.
	//
	// +optional
	KeySecretRef *SecretKeyReference `json:"keySecretRef,omitempty"`

	// Signals that the caller may send. Empty: every type.
	//
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	// +optional
	Signals []SignalType `json:"signals,omitempty"`

	// Budget of the caller's signals; those beyond get 429. Empty: 36000 per 1h, burst
	// 1000.
	//
	// +optional
	Budget *Rate `json:"budget,omitempty"`
}

// RetentionPolicy says how long finished things are kept.
type RetentionPolicy struct {
	// Objects is how long finished objects stay that Holdfast itself created; applied
	// ones stay for ever, since a pipeline would create them anew. At least 24h. Empty:
	// 720h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('24h') && duration(self) <= duration('87600h')",message="objects is from 24h (a block is not opened again within 24h of its release) to 87600h"
	// +optional
	Objects Duration `json:"objects,omitempty"`

	// History is how long spent challenges, sent messages and counters stay in the
	// store. At least 720h. Empty: 2160h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('720h') && duration(self) <= duration('87600h')",message="history is from 720h (holds and budgets look back that far) to 87600h"
	// +optional
	History Duration `json:"history,omitempty"`

	// Audit is how long the audit stays in the store. At least 720h. Empty: 8760h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('720h') && duration(self) <= duration('87600h')",message="audit is from 720h to 87600h"
	// +optional
	Audit Duration `json:"audit,omitempty"`
}

// HelpContacts is where people are sent whom the pages cannot help: an organisation's
// public addresses, never a person's (seed 49).
type HelpContacts struct {
	// URL of a help page.
	//
	// +kubebuilder:validation:Pattern=`^https?://[^\s<>"]+$`
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=512
	// +optional
	URL string `json:"url,omitempty"`

	// Email of the help desk.
	//
	// +kubebuilder:validation:Pattern=`^[^@\s<>"]+@[^@\s<>"]+$`
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=254
	// +optional
	Email string `json:"email,omitempty"`

	// Phone of the help desk, as people dial it.
	//
	// +kubebuilder:validation:Pattern=`^\+?[0-9][0-9 ()/.-]*$`
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=32
	// +optional
	Phone string `json:"phone,omitempty"`
}
