package phone

import (
	"errors"
	"strings"
	"testing"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// seed 20: a landline is called and never texted; the rest is refused on every channel.
func TestKindsTakeTheirChannels(t *testing.T) {
	for number, want := range map[string]struct {
		kind         Kind
		texted, rung bool
	}{
		"+4915123456789": {Mobile, true, true},
		"+447400123456":  {Mobile, true, true},
		"+4930123456":    {Landline, false, true},
		"+33123456789":   {Landline, false, true},
		"+39066982":      {Landline, false, true},
		"+12015550123":   {Either, true, true},
		"+445612345678":  {VoIP, false, false},
		"+19002345678":   {Other, false, false}, // premium rate
		"+80023456789":   {Other, false, false}, // toll-free
		"+4916412345":    {Other, false, false}, // a pager
		"+447012345678":  {Other, false, false}, // forwards at the caller's cost
		"015123456789":   {Other, false, false},
		"":               {Other, false, false},
	} {
		if got := (Numbers{}).Kind(number); got != want.kind {
			t.Errorf("%s: %s, want %s", number, got, want.kind)
		}
		for channel, taken := range map[contact.Channel]bool{contact.SMS: want.texted, contact.Voice: want.rung} {
			err := Numbers{}.Takes(number, channel, policy.NumberRule{})
			if (err == nil) != taken || (err != nil && !errors.Is(err, rules.ErrDestination)) {
				t.Errorf("%s by %s: %v", number, channel, err)
			}
			if err != nil && number != "" && strings.Contains(err.Error(), number) {
				t.Errorf("the refusal shows the number: %v", err)
			}
		}
	}
}

// What Parse takes can be rung, whatever its kind.
func TestEveryParsedNumberCanBeRung(t *testing.T) {
	for _, number := range []string{"+441212345678", "+4930123456", "+12015550123", "+33612345678"} {
		parsed, err := Numbers{}.Parse(number, "", policy.NumberRule{})
		if err == nil {
			err = Numbers{}.Takes(parsed, contact.Voice, policy.NumberRule{})
		}
		if err != nil {
			t.Errorf("%s: %v", number, err)
		}
	}
}

// seed 20: the policy may take internet numbers, and nothing else that is refused.
func TestAPolicyMayTakeInternetNumbers(t *testing.T) {
	rule := policy.NumberRule{VoIP: true}
	for number, taken := range map[string]bool{"+445612345678": true, "+19002345678": false, "+80023456789": false, "+4916412345": false} {
		parsed, err := Numbers{}.Parse(number, "", rule)
		if err == nil {
			err = Numbers{}.Takes(parsed, contact.SMS, rule)
		}
		if (err == nil) != taken {
			t.Errorf("%s: %v", number, err)
		}
	}
}
