package receipt

import (
	"testing"

	"pgregory.net/rapid"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

func TestAdvice(t *testing.T) {
	sent := message.Delivery{State: message.Sent}
	for name, c := range map[string]struct {
		channel contact.Channel
		d       message.Delivery
		told    Receipt
		want    Advice
	}{
		"nothing is known":                          {contact.SMS, sent, Receipt{}, None},
		"it waits after a failure":                  {contact.SMS, message.Delivery{State: message.Waiting, Class: message.Temporary}, Receipt{}, None},
		"seed 6: it was given up":                   {contact.SMS, message.Delivery{State: message.Dead, Class: message.Rejected}, Receipt{}, AnotherWay},
		"it arrived":                                {contact.SMS, sent, Receipt{Outcome: Delivered}, LookAgain},
		"seed 19: the phone did not take it":        {contact.SMS, sent, Receipt{Outcome: Unreachable}, FreeInbox},
		"seed 19: the mailbox did not take it":      {contact.Email, sent, Receipt{Outcome: Unreachable}, FreeInbox},
		"nobody picked up":                          {contact.Voice, sent, Receipt{Outcome: Unreachable}, AnswerCall},
		"seed 7: a landline takes no text":          {contact.SMS, sent, Receipt{Outcome: Rejected, Reason: Landline}, TakeCall},
		"a landline that took no call either":       {contact.Voice, sent, Receipt{Outcome: Rejected, Reason: Landline}, AnotherWay},
		"seed 55: a number that nobody knows":       {contact.SMS, sent, Receipt{Outcome: Rejected, Reason: UnknownSubscriber}, CheckDestination},
		"seed 17: the phone blocks unknown senders": {contact.SMS, sent, Receipt{Outcome: Rejected, Reason: Blocked}, AllowSender},
		"seed 20: an internet number":               {contact.SMS, sent, Receipt{Outcome: Rejected, Reason: VoIP}, AnotherWay},
		"rejected, nobody said why":                 {contact.SMS, sent, Receipt{Outcome: Rejected}, AnotherWay},
		"it failed":                                 {contact.SMS, sent, Receipt{Outcome: Failed}, AnotherWay},
		"it arrived although we gave it up":         {contact.SMS, message.Delivery{State: message.Dead, Class: message.Unknown}, Receipt{Outcome: Delivered}, LookAgain},
	} {
		if got := Advise(c.channel, c.d, c.told); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestValid(t *testing.T) {
	for _, r := range []Receipt{
		{}, {Outcome: "Read"}, {Outcome: Delivered, Reason: Landline}, {Outcome: Rejected, Reason: "hunter2"}, {Reason: VoIP},
	} {
		if r.Valid() {
			t.Errorf("%+v passes", r)
		}
	}
	for _, r := range []Receipt{{Outcome: Delivered}, {Outcome: Rejected}, {Outcome: Rejected, Reason: Blocked}} {
		if !r.Valid() {
			t.Errorf("%+v does not pass", r)
		}
	}
}

// Whatever receipts come in whatever order: once one said that it arrived, it arrived;
// and the same receipt again changes nothing.
func TestThatItArrivedOutweighsEverything(t *testing.T) {
	outcomes := []Outcome{Delivered, Unreachable, Rejected, Failed}
	rapid.Check(t, func(t *rapid.T) {
		var stands Receipt
		arrived := false
		for _, o := range rapid.SliceOf(rapid.SampledFrom(outcomes)).Draw(t, "outcomes") {
			r := Receipt{Outcome: o}
			if r.Outweighs(stands) {
				stands = r
			}
			arrived = arrived || o == Delivered
			if r.Outweighs(stands) {
				t.Fatalf("%v again outweighs itself", o)
			}
		}
		if arrived != (stands.Outcome == Delivered) {
			t.Fatalf("arrived %v, stands %q", arrived, stands.Outcome)
		}
	})
}
