package phone

import (
	"github.com/nyaruka/phonenumbers"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Kind is what a number belongs to, as far as its digits tell: a carrier knows better.
type Kind string

// The kinds of numbers.
const (
	Mobile   Kind = "Mobile"
	Landline Kind = "Landline"
	// Either is a number of a plan that keeps no ranges apart, as that of North America.
	Either Kind = "Either"
	// VoIP is an internet number, which gets codes only where the policy says so (seed 20).
	VoIP Kind = "VoIP"
	// Other is every kind that gets no code (seed 20), and what is no number.
	Other Kind = "Other"
)

// Kind tells the kind of a number in E.164 form.
func (Numbers) Kind(number string) Kind {
	parsed, err := phonenumbers.Parse(number, "")
	if err != nil {
		return Other
	}
	switch phonenumbers.GetNumberType(parsed) {
	case phonenumbers.MOBILE:
		return Mobile
	case phonenumbers.FIXED_LINE:
		return Landline
	case phonenumbers.FIXED_LINE_OR_MOBILE:
		return Either
	case phonenumbers.VOIP:
		return VoIP
	default:
		return Other
	}
}

// Takes returns nil where a code may go to a number in E.164 form on a channel: to a
// landline by a call only, to an internet number by the policy's rule. The refusal wraps
// rules.ErrDestination with a reason.
func (n Numbers) Takes(number string, channel contact.Channel, rule policy.NumberRule) error {
	switch kind := n.Kind(number); {
	case kind == VoIP && !rule.VoIP:
		return rules.Refuse(refused[phonenumbers.VOIP])
	case kind == Other:
		return rules.Refuse(rules.WrongKind)
	case kind == Landline && channel != contact.Voice:
		return rules.Refuse(rules.Landline)
	default:
		return nil
	}
}
