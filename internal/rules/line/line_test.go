package line

import (
	"strings"
	"testing"

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
		want    string
	}{
		{Unasked, contact.SMS, strict, ""},
		{Mobile, contact.SMS, strict, ""},
		{Mobile, contact.Voice, strict, ""},
		{Landline, contact.SMS, strict, "choose a call"},
		{Landline, contact.Voice, strict, ""},
		{Landline, contact.SMS, open, "choose a call"},
		{VoIP, contact.SMS, strict, "VoIP"},
		{VoIP, contact.Voice, strict, "VoIP"},
		{VoIP, contact.SMS, open, ""},
		{Unknown, contact.SMS, strict, "cannot be asked"},
		{Unknown, contact.SMS, open, ""},
		{Premium, contact.Voice, open, "premium"},
		{SharedCost, contact.Voice, open, "shared-cost"},
		{TollFree, contact.Voice, open, "toll-free"},
		{Pager, contact.SMS, open, "pager"},
		{Personal, contact.SMS, open, "forwards"},
		{Company, contact.SMS, open, "common number"},
		{Voicemail, contact.Voice, open, "voicemail"},
		{Invalid, contact.SMS, open, "check the country"},
	} {
		got := c.kind.Refusal(c.channel, c.rule)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s by %s under %+v: %q, want %q", c.kind, c.channel, c.rule, got, c.want)
		}
	}
}
