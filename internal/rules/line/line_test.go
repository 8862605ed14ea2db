package line

import (
	"testing"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// seed 20, T5: what is refused by default, with a reason each.
func TestRefusals(t *testing.T) {
	var strict policy.NumberRule
	open := policy.NumberRule{VoIP: true, Unasked: true}
	for _, c := range []struct {
		kind    Kind
		channel contact.Channel
		rule    policy.NumberRule
		want    rules.Reason
	}{
		{Unasked, contact.SMS, strict, ""},
		{Mobile, contact.SMS, strict, ""},
		{Mobile, contact.Voice, strict, ""},
		{Landline, contact.SMS, strict, rules.Landline},
		{Landline, contact.Voice, strict, ""},
		{Landline, contact.SMS, open, rules.Landline},
		{VoIP, contact.SMS, strict, rules.VoIP},
		{VoIP, contact.Voice, strict, rules.VoIP},
		{VoIP, contact.SMS, open, ""},
		{Unknown, contact.SMS, strict, rules.CarrierSilent},
		{Unknown, contact.SMS, open, ""},
		{Premium, contact.Voice, open, rules.PremiumRate},
		{SharedCost, contact.Voice, open, rules.SharedCost},
		{TollFree, contact.Voice, open, rules.TollFree},
		{Pager, contact.SMS, open, rules.Pager},
		{Personal, contact.SMS, open, rules.Personal},
		{Company, contact.SMS, open, rules.Company},
		{Voicemail, contact.Voice, open, rules.Voicemail},
		{Invalid, contact.SMS, open, rules.Unassigned},
	} {
		if got := c.kind.Refusal(c.channel, c.rule); got != c.want {
			t.Errorf("%s by %s under %+v: %q, want %q", c.kind, c.channel, c.rule, got, c.want)
		}
	}
}
