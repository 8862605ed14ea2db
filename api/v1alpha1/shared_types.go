package v1alpha1

import (
	"fmt"
	"time"
)

// Types of the Secrets that Holdfast reads. Secrets of other types are never looked at.
const (
	// SecretTypeProvider holds endpoint and credentials of a provider or an identity adapter.
	SecretTypeProvider = "holdfast.dev/provider"
	// SecretTypeContact holds contact addresses that a SecurityInfoChange or a
	// RecoveryRequest names (law 2: no address in etcd outside a Secret).
	SecretTypeContact = "holdfast.dev/contact"
)

// Duration is a span of time in whole hours, minutes and seconds, such as 24h, 10m or
// 1h30m. It is longer than zero.
//
// +kubebuilder:validation:Pattern=`^([0-9]{1,6}(h|m|s))+$`
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="must be longer than zero, such as 24h, 10m or 90s"
type Duration string

// Parse returns the span; an empty Duration is zero, which stands for the seeds' number.
func (d Duration) Parse() (time.Duration, error) {
	if d == "" {
		return 0, nil
	}
	span, err := time.ParseDuration(string(d))
	if err != nil {
		return 0, fmt.Errorf("read duration %q: %w", string(d), err)
	}
	return span, nil
}

// Or returns the span, or fallback where the field is empty or does not parse (the
// apiserver admits nothing that does not).
func (d Duration) Or(fallback time.Duration) time.Duration {
	if span, err := d.Parse(); err == nil && span > 0 {
		return span
	}
	return fallback
}

// AccountID is the IdP's stable subject ID: visible ASCII without a star, at most 255
// characters. An opaque ID is recommended, since it stands in etcd, Events and logs.
//
// +kubebuilder:validation:Pattern=`^[!-)+-~]+$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
type AccountID string

// AccountPattern is an exact AccountID, or a prefix and one trailing star; a star alone
// names every account of the namespace.
//
// +kubebuilder:validation:Pattern=`^[!-)+-~]*\*?$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
type AccountPattern string

// Channel is a way by which a code or a notice reaches a person (seed 3, 7, 43, 59).
//
// +kubebuilder:validation:Enum=Email;SMS;Voice;App
type Channel string

// The channels.
const (
	// ChannelEmail sends mail.
	ChannelEmail Channel = "Email"
	// ChannelSMS sends a text; the number must be able to take texts (seed 7).
	ChannelSMS Channel = "SMS"
	// ChannelVoice calls and speaks the code (seed 3, 56).
	ChannelVoice Channel = "Voice"
	// ChannelApp asks an authenticator app (seed 59).
	ChannelApp Channel = "App"
)

// CountryCode is an ISO 3166-1 alpha-2 code in capitals, such as DE.
//
// +kubebuilder:validation:Pattern=`^[A-Z]{2}$`
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=2
type CountryCode string

// LanguageTag is a BCP 47 tag, such as en, pt-BR or zh-Hant.
//
// +kubebuilder:validation:Pattern=`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$`
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=16
type LanguageTag string

// Username is a user of the Kubernetes API as the apiserver names it, such as
// jane@example.com or system:serviceaccount:shop:frontend.
//
// +kubebuilder:validation:Pattern=`^[!-~]+$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
type Username string

// ContactID is the opaque ID of a contact in Holdfast's store. It carries at least one
// letter, so that a phone number cannot stand here by mistake (law 2).
//
// +kubebuilder:validation:Pattern=`^[-_0-9]*[A-Za-z][-_A-Za-z0-9]*$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
type ContactID string

// SecretReference names a Secret in the object's own namespace.
type SecretReference struct {
	// Name of the Secret.
	//
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
}

// SecretKeyReference names one key of a Secret in the object's own namespace.
type SecretKeyReference struct {
	// Name of the Secret.
	//
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key within the Secret's data.
	//
	// +kubebuilder:validation:Pattern=`^[-._A-Za-z0-9]+$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Key string `json:"key"`
}

// ContactReference points at a contact without carrying its address (law 2): either an ID
// that the store knows, or a key of a Secret of type holdfast.dev/contact.
//
// +kubebuilder:validation:XValidation:rule="has(self.id) != has(self.secretKeyRef)",message="name the contact by exactly one of id and secretKeyRef"
// +kubebuilder:validation:XValidation:rule="has(self.secretKeyRef) == has(self.channel)",message="channel goes with secretKeyRef: it says how the address is reached, and a contact named by id already has one"
// +kubebuilder:validation:XValidation:rule="!has(self.language) || has(self.secretKeyRef)",message="language goes with secretKeyRef: a contact's language is frozen when it is added (seed 40)"
type ContactReference struct {
	// ID of a contact that the store knows.
	//
	// +optional
	ID ContactID `json:"id,omitempty"`

	// SecretKeyRef names the Secret (type holdfast.dev/contact) and key that hold the
	// address: an email address, or a phone number in E.164 form with its plus sign.
	//
	// +optional
	SecretKeyRef *SecretKeyReference `json:"secretKeyRef,omitempty"`

	// Channel by which the address in the Secret is reached; Voice is chosen here, when
	// the contact is added (seed 56).
	//
	// +optional
	Channel Channel `json:"channel,omitempty"`

	// Language in which the contact is written to, frozen when it is added (seed 40).
	// Empty: the policy's messages.defaultLanguage.
	//
	// +optional
	Language LanguageTag `json:"language,omitempty"`
}
