// Package line holds the rules for what a phone number belongs to, as its carrier tells.
// The numbering plans tell some of it (internal/phone); a carrier knows better.
package line

import (
	"errors"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Kind is what a number belongs to.
type Kind string

// The kinds of lines.
const (
	// Unasked: no provider of the policy looks numbers up.
	Unasked Kind = ""
	Mobile  Kind = "Mobile"
	// Landline takes calls only.
	Landline Kind = "Landline"
	// VoIP is an internet number, bound to a place or not.
	VoIP       Kind = "VoIP"
	Premium    Kind = "Premium"
	SharedCost Kind = "SharedCost"
	TollFree   Kind = "TollFree"
	Pager      Kind = "Pager"
	// Personal forwards at the caller's cost.
	Personal Kind = "Personal"
	// Company is a company's common number.
	Company   Kind = "Company"
	Voicemail Kind = "Voicemail"
	// Invalid is a number that nobody has.
	Invalid Kind = "Invalid"
	// Unknown: whoever was asked does not know it.
	Unknown Kind = "Unknown"
)

// ErrOutage says that a number should have been looked up and nobody answered.
var ErrOutage = errors.New("the line cannot be looked up now")

// Query asks for the line of one number.
type Query struct {
	Tenant, Account string
	// Number is in E.164 form.
	Number string
	// Providers are the policy's, in the order of use: the first that looks numbers up is
	// asked, then the next.
	Providers []policy.Provider
	// PerAccount bounds the look-ups of one account, PerTenant those of all: each one costs.
	PerAccount, PerTenant limit.Rate
}

// refusals are the kinds that no code goes to and why (seed 20, T5).
var refusals = map[Kind]rules.Reason{
	Premium:    rules.PremiumRate,
	SharedCost: rules.SharedCost,
	TollFree:   rules.TollFree,
	Pager:      rules.Pager,
	Personal:   rules.Personal,
	Company:    rules.Company,
	Voicemail:  rules.Voicemail,
	Invalid:    rules.Unassigned,
}

// Refusal is why a line gets no code on a channel under the policy's rule; empty where it
// gets one.
func (k Kind) Refusal(channel contact.Channel, rule policy.NumberRule) rules.Reason {
	switch {
	case k == VoIP && !rule.VoIP:
		return rules.VoIP
	case k == Landline && channel != contact.Voice:
		return rules.Landline
	case k == Unknown && !rule.Unasked:
		return rules.CarrierSilent
	default:
		return refusals[k]
	}
}
