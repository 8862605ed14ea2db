package receipts_test

import (
	"net/http"
	"strings"
	"testing"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// seed 7, 17, 19, 55: what the provider tells reaches the person as advice, from the socket
// on which it comes to the JSON of their challenge.
func TestReceiptsReachThePerson(t *testing.T) {
	for name, c := range map[string]struct {
		kind            v1alpha1.ProviderType
		channel, number string
		want            string
	}{
		"Twilio: the text arrives":            {"Twilio", "SMS", "+12025550100", "LookAgain"},
		"Twilio: the phone is off":            {"Twilio", "SMS", "+12025550151", "FreeInbox"},
		"Twilio: nobody has the number":       {"Twilio", "SMS", "+12025550152", "CheckDestination"},
		"Twilio: the phone blocks the sender": {"Twilio", "SMS", "+12025550154", "AllowSender"},
		"Twilio: nobody picks up":             {"Twilio", "Voice", "+12025550151", "AnswerCall"},
		"a gateway: the text arrives":         {"Webhook", "SMS", "+12025550100", "LookAgain"},
		"a gateway: a landline":               {"Webhook", "SMS", "+12025550153", "TakeCall"},
		"a gateway: lost":                     {"Webhook", "Voice", "+12025550155", "AnotherWay"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.kind, v1alpha1.SecurityInfoPolicy{})
			ticket := w.ticket()
			if status, got := w.enter(ticket, c.channel, c.number); status != http.StatusAccepted || got.Advice != "" {
				t.Fatalf("%d %+v", status, got)
			}
			w.awaitAdvice(ticket, c.want)
		})
	}
}

// seed 20, T5: a line that gets no code is refused with its reason before anything is sent;
// what the policy allows is sent.
func TestLinesAreLookedUp(t *testing.T) {
	for name, c := range map[string]struct {
		info            v1alpha1.SecurityInfoPolicy
		channel, number string
		refused         string
	}{
		"a mobile":            {v1alpha1.SecurityInfoPolicy{}, "SMS", "+12025550100", ""},
		"VoIP":                {v1alpha1.SecurityInfoPolicy{}, "SMS", "+12025550161", "internet (VoIP)"},
		"VoIP, allowed":       {v1alpha1.SecurityInfoPolicy{VoIP: v1alpha1.NumberAllow}, "SMS", "+12025550161", ""},
		"premium":             {v1alpha1.SecurityInfoPolicy{VoIP: v1alpha1.NumberAllow}, "Voice", "+12025550162", "premium"},
		"a landline, by text": {v1alpha1.SecurityInfoPolicy{}, "SMS", "+12025550166", "choose a call"},
		"a landline, by call": {v1alpha1.SecurityInfoPolicy{}, "Voice", "+12025550166", ""},
		"an outage":           {v1alpha1.SecurityInfoPolicy{}, "SMS", "+12025550169", "cannot be asked"},
		"an outage, allowed":  {v1alpha1.SecurityInfoPolicy{LookupOutage: v1alpha1.NumberAllow}, "SMS", "+12025550169", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "Twilio", c.info)
			ticket := w.ticket()
			status, got := w.enter(ticket, c.channel, c.number)
			if c.refused != "" {
				if status != http.StatusUnprocessableEntity || !strings.Contains(got.Detail, c.refused) {
					t.Errorf("%d %+v, want %q", status, got, c.refused)
				}
				return
			}
			if status != http.StatusAccepted {
				t.Fatalf("%d %+v", status, got)
			}
			w.awaitAdvice(ticket, "LookAgain")
		})
	}
}
