package v1alpha1

// ProviderType says which protocol a provider speaks.
//
// +kubebuilder:validation:Enum=SMTP;Twilio;Webhook
type ProviderType string

// The types of providers.
const (
	// ProviderSMTP sends mail. Secret keys: host, port, username, password, tls.
	ProviderSMTP ProviderType = "SMTP"
	// ProviderTwilio sends SMS and calls.
	ProviderTwilio ProviderType = "Twilio"
	// ProviderWebhook posts signed messages (Standard Webhooks) to any other gateway.
	ProviderWebhook ProviderType = "Webhook"
)

// Provider is one way of sending. Its endpoint and credentials live in the Secret, so
// whoever may edit the policy cannot send codes elsewhere without writing that Secret.
//
// +kubebuilder:validation:XValidation:rule="self.type != 'SMTP' || self.channels.all(c, c == 'Email')",message="a provider of type SMTP carries only the channel Email"
// +kubebuilder:validation:XValidation:rule="self.type != 'Twilio' || self.channels.all(c, c in ['SMS', 'Voice'])",message="a provider of type Twilio carries only the channels SMS and Voice"
// +kubebuilder:validation:XValidation:rule="!self.channels.exists(c, c in ['SMS', 'Voice']) || (has(self.countries) && size(self.countries) > 0)",message="countries is required for SMS and Voice: numbers elsewhere are refused, so a provider without the list would send nothing (T1)"
type Provider struct {
	// Name of the provider within the policy, as status and metrics show it.
	//
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// Type is the protocol that the provider speaks.
	//
	// +required
	Type ProviderType `json:"type"`

	// SecretRef names the Secret of type holdfast.dev/provider with endpoint and
	// credentials both. A rotated Secret takes effect without a restart.
	//
	// +required
	SecretRef SecretReference `json:"secretRef"`

	// Channels that the provider carries (seed 3, 7).
	//
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +listType=set
	// +required
	Channels []Channel `json:"channels"`

	// Countries to whose numbers the provider may send SMS or call, by ISO code; all
	// others are refused (T1). To allow different ones for SMS and Voice, list the
	// provider twice with the same Secret. Email knows no countries.
	//
	// +kubebuilder:validation:MaxItems=250
	// +listType=set
	// +optional
	Countries []CountryCode `json:"countries,omitempty"`

	// Order of use within a channel: lesser first, on ties the lesser name. The next
	// one takes over where a provider fails. Empty: 0.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Order int32 `json:"order,omitempty"`
}

// CodePolicy are the numbers of security codes.
type CodePolicy struct {
	// Length in decimal digits (N1). Empty: 6.
	//
	// +kubebuilder:validation:Minimum=6
	// +kubebuilder:validation:Maximum=10
	// +optional
	Length int32 `json:"length,omitempty"`

	// TTL is how long a code lives, on every channel without a number of its own; at
	// most 10m (N2, N11). Empty: 10m.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('10m')",message="a code lives at most 10m (N11); emailTTL may be longer"
	// +optional
	TTL Duration `json:"ttl,omitempty"`

	// EmailTTL is how long an emailed code for recovery, unblock or confirmation lives;
	// at most 24h (N11). Empty: 10m.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('24h')",message="an emailed code lives at most 24h (N11)"
	// +optional
	EmailTTL Duration `json:"emailTTL,omitempty"`

	// MaxAttempts is how many codes may be entered for one challenge. Empty: 5.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	// +optional
	MaxAttempts int32 `json:"maxAttempts,omitempty"`

	// ResendAfter is the wait before the first resend (seed 6). Empty: 60s.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('1h')",message="resendAfter is at most 1h"
	// +optional
	ResendAfter Duration `json:"resendAfter,omitempty"`

	// MaxWrongPerDay is how many wrong codes an account may have within 24h, over all
	// challenges; a resend or a parallel challenge adds none (law 3, N3). Empty: 10.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	MaxWrongPerDay int32 `json:"maxWrongPerDay,omitempty"`

	// DisableContactAfter is how many wrong codes in a row disable a contact until
	// another steps up (N4). Empty: 100.
	//
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=100
	// +optional
	DisableContactAfter int32 `json:"disableContactAfter,omitempty"`
}

// Rate allows burst events at once and count events in each per on the long run (GCRA).
type Rate struct {
	// Count of events in each per.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +required
	Count int32 `json:"count"`

	// Per is the span in which count events may happen; at most 720h.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('720h')",message="per is at most 720h"
	// +required
	Per Duration `json:"per"`

	// Burst is how many may come at once. Empty: 1, so that they are spread evenly.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	Burst int32 `json:"burst,omitempty"`
}

// LimitPolicy are the rates at which codes may be asked for; over one of them the answer
// is 429 with Retry-After (seed 15). They follow account, contact and so on across
// challenges, replicas and restarts.
type LimitPolicy struct {
	// Account limits codes to one account. Empty: 10 per 1h, burst 5.
	//
	// +optional
	Account *Rate `json:"account,omitempty"`

	// Contact limits codes to one address. Empty: 10 per 1h, burst 5.
	//
	// +optional
	Contact *Rate `json:"contact,omitempty"`

	// Network limits codes asked for from one /24 (IPv4) or /64 (IPv6). Empty: 60 per
	// 1h, burst 20.
	//
	// +optional
	Network *Rate `json:"network,omitempty"`

	// Prefix limits codes to numbers that differ in their last four digits only (T3).
	// Empty: 60 per 1h, burst 20.
	//
	// +optional
	Prefix *Rate `json:"prefix,omitempty"`

	// Country limits codes to numbers of one country, without one in countries (T3).
	// Empty: 3600 per 1h, burst 600.
	//
	// +optional
	Country *Rate `json:"country,omitempty"`

	// Countries are rates and spend of single countries.
	//
	// +kubebuilder:validation:MaxItems=250
	// +listType=map
	// +listMapKey=country
	// +optional
	Countries []CountryLimit `json:"countries,omitempty"`

	// ResendWaits are the waits before the second, third and each later resend to one
	// contact (T4); the last repeats. Empty: 2m, 4m, 8m, 16m, 32m.
	//
	// +kubebuilder:validation:MaxItems=12
	// +listType=atomic
	// +optional
	ResendWaits []Duration `json:"resendWaits,omitempty"`

	// AccountsPerNumber limits how many accounts one entered number releases. Empty: 3
	// per 720h, burst 3.
	//
	// +optional
	AccountsPerNumber *Rate `json:"accountsPerNumber,omitempty"`

	// MinConversionPercent is the line under which a country's codes are slowed, then
	// stopped by a Region block: verified codes of a hundred sent (T2, seed 16). 0
	// watches no country. Empty: 10.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +optional
	MinConversionPercent *int32 `json:"minConversionPercent,omitempty"`

	// SpendPerHour caps SMS and calls of the whole policy in an hour, in messages (T6).
	// Empty: 10000.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	// +optional
	SpendPerHour int32 `json:"spendPerHour,omitempty"`
}

// CountryLimit is the rate and the spend cap of one country.
type CountryLimit struct {
	// Country by ISO code.
	//
	// +required
	Country CountryCode `json:"country"`

	// Rate of codes to its numbers. Empty: limits.country.
	//
	// +optional
	Rate *Rate `json:"rate,omitempty"`

	// SpendPerHour caps SMS and calls to its numbers in an hour, in messages (T6).
	// Empty: only limits.spendPerHour.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	// +optional
	SpendPerHour int32 `json:"spendPerHour,omitempty"`
}

// TestingPolicy lists numbers of the platform's own QA. No message to them ever leaves;
// their code is the one that an authenticator shows for the number's seed (TOTP, RFC 6238:
// SHA-1, 30 s, codes.length digits), so that no code stands anywhere (law 2). Everything
// else is as with any number: attempts, budgets, what a code proves.
type TestingPolicy struct {
	// Numbers, of ranges that regulators keep free of people.
	//
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +listType=set
	// +required
	Numbers []TestNumber `json:"numbers"`

	// SecretRef names the Secret of type holdfast.dev/provider with a seed for each number:
	// the key is the number without its plus sign, the value base32 of at least 16 random
	// bytes.
	//
	// +required
	SecretRef SecretReference `json:"secretRef"`

	// InEnforce says for the second time that test numbers are wanted beside real
	// providers in mode Enforce. Empty: false.
	//
	// +optional
	InEnforce bool `json:"inEnforce,omitempty"`
}

// TestNumber is a number in E.164 form with its plus sign that can belong to nobody: one
// that a regulator keeps free for fiction. So no edit of a policy takes away a person's
// number.
//
// +kubebuilder:validation:MinLength=12
// +kubebuilder:validation:MaxLength=14
// +kubebuilder:validation:XValidation:rule="self.matches('^[+](1[2-9][0-9]{2}55501[0-9]{2}|46701740(60[5-9]|6[1-9][0-9])|4917139200[0-9]{2}|49176040690[0-9]{2}|61491570(006|110|15[6-9]))$')",message="a test number lies in a range kept free for fiction, so that it belongs to nobody: +1 NXX 555 01XX, +46 70 174 06 05 to 99, +49 171 39200 XX, +49 176 040690 XX, +61 491 570 006, 110 or 156 to 159"
type TestNumber string
