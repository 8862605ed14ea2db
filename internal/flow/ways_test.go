package flow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

var (
	byMail = flow.Destination{ContactID: "mail", Channel: contact.Email, Hint: "an•••@•••"}
	byText = flow.Destination{ContactID: "cell", Channel: contact.SMS, Hint: "•••• 78"}
	byCall = flow.Destination{ContactID: "cell", Channel: contact.Voice, Hint: "•••• 78"}
)

// same wants two lists alike.
func same[T any](t *testing.T, what string, want, got []T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// seed 3, 6: a call in place of a text to the same number, and back; it is another code
// under the same attempts.
func TestACallInPlaceOfAText(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	view := d.request(v, toCell)
	is(t, d.submit(v, view.ID, d.wrong(view.ID)), rules.ErrWrongCode)
	d.clock.step(time.Minute)
	called, err := d.Resend(t.Context(), v, view.ID, flow.Target{Channel: contact.Voice})
	is(t, err, nil)
	if m := d.letter(called.ID); m.Channel != contact.Voice || m.Address != annaCell || m.Language != "pl" {
		t.Errorf("the code goes to %s by %s in %s", m.Address, m.Channel, m.Language)
	}
	if called.AttemptsLeft != 4 || !called.Repeatable || called.ContactID != "cell" {
		t.Errorf("the call is %+v", called)
	}
	same(t, "beside the call", []flow.Destination{byMail, byText}, called.Alternatives)
	is(t, d.submit(v, view.ID, d.code(view.ID)), rules.ErrGone)

	d.clock.step(2 * time.Minute)
	again, err := d.Resend(t.Context(), v, called.ID, flow.Target{})
	is(t, err, nil)
	if again.Channel != contact.Voice {
		t.Errorf("the call is repeated by %s", again.Channel)
	}
	d.clock.step(4 * time.Minute)
	text, err := d.Resend(t.Context(), v, again.ID, flow.Target{ContactID: "cell", Channel: contact.SMS})
	is(t, err, nil)
	if text.Channel != contact.SMS {
		t.Errorf("back by %s", text.Channel)
	}
	is(t, d.submit(v, text.ID, d.code(text.ID)), nil)
}

// Nothing goes on a channel that its contact is not on: a number that was added for
// calls (seed 56) gets no text, an address no call, and a call needs a provider.
func TestAContactKeepsToItsChannels(t *testing.T) {
	d := newDesk(t)
	calls := cell
	calls.ID, calls.Channel = "calls", contact.Voice
	d.has(anna, mail, calls)
	d.block("b1")
	v := d.open(anna)
	for _, to := range []flow.Target{{ContactID: "mail", Channel: contact.Voice}, {ContactID: "mail", Channel: contact.SMS}, {ContactID: "calls", Channel: contact.SMS}, {ContactID: "calls", Channel: contact.App}} {
		_, err := d.RequestCode(t.Context(), v, to)
		is(t, err, rules.ErrDestination)
	}
	d.policies[shop].Providers = []policy.Provider{{Name: "texts", Channels: []contact.Channel{contact.SMS}, Countries: []string{"DE"}}}
	d.has("bert", cell)
	d.block("b2", of("bert"))
	v = d.open("bert")
	same(t, "without calls", []flow.Destination{byText}, d.overview(v).Destinations)
	_, err := d.RequestCode(t.Context(), v, flow.Target{ContactID: "cell", Channel: contact.Voice})
	is(t, err, rules.ErrNoRoute)
}

// seed 3: the number that was entered can be called instead; it stays in the store.
func TestACallToTheEnteredNumber(t *testing.T) {
	d := newDesk(t)
	d.has(anna)
	d.block("b1")
	v := d.open(anna)
	view := d.request(v, toNumber)
	same(t, "beside the text", []flow.Destination{{Channel: contact.Voice, Hint: "•••• 32"}}, view.Alternatives)
	shown := d.overview(v)
	same(t, "on the page", view.Alternatives, shown.Challenge.Alternatives)
	same(t, "countries", []string{"DE"}, shown.Countries)
	d.clock.step(time.Minute)
	called, err := d.Resend(t.Context(), v, view.ID, flow.Target{Channel: contact.Voice})
	is(t, err, nil)
	if m := d.letter(called.ID); m.Address != number || m.Channel != contact.Voice || called.Hint != "•••• 32" || !called.Repeatable {
		t.Errorf("the code goes to %s by %s: %+v", m.Address, m.Channel, called)
	}
	d.clock.step(2 * time.Minute)
	for _, channel := range []contact.Channel{contact.SMS, contact.Email} { // it may be a landline; it is no address
		_, err = d.Resend(t.Context(), v, called.ID, flow.Target{Channel: channel})
		is(t, err, rules.ErrDestination)
	}
}

// seed 28, 47: what is blocked is no choice, and says until when; it is one again where
// no other way is open.
func TestABlockedMethodIsNoChoice(t *testing.T) {
	d := blocked(t)
	until := start.Add(6 * time.Hour)
	d.block("texts", scoped(block.Method, "SMS"), lasting(6*time.Hour))
	v := d.open(anna)
	o := d.overview(v)
	same(t, "open", []flow.Destination{byMail, byCall}, o.Destinations)
	same(t, "resting", []flow.Resting{{Destination: byText, Until: until}}, o.Resting)
	view := d.request(v, toMail)
	same(t, "beside the mail", []flow.Destination{byCall}, view.Alternatives)

	d.block("mails", scoped(block.Method, "email"), func(s *block.Spec) { s.Permanent = true })
	o = d.overview(v)
	same(t, "with no other way", []flow.Destination{byMail, byText, byCall}, o.Destinations)
	same(t, "nothing rests", nil, o.Resting)
}

// seed 16: a country that is stopped is no choice either; where nothing else is left the
// page says until when, and asking says the same.
func TestAStoppedCountryIsNoChoice(t *testing.T) {
	d := newDesk(t)
	d.has(anna, cell)
	d.block("b1")
	d.block("country", scoped(block.Region, "DE"), lasting(3*time.Hour))
	d.block("longer", scoped(block.Region, "DE"), lasting(5*time.Hour))
	v := d.open(anna)
	o := d.overview(v)
	until := start.Add(5 * time.Hour)
	same(t, "open", nil, o.Destinations)
	same(t, "resting", []flow.Resting{{Destination: byText, Until: until}, {Destination: byCall, Until: until}}, o.Resting)
	_, err := d.RequestCode(t.Context(), v, toCell)
	if wait := limited(t, err, "country"); wait != 5*time.Hour {
		t.Errorf("the wait is %s", wait)
	}
	d.policies[shop].Mode = policy.Shadow
	same(t, "in shadow", []flow.Destination{byText, byCall}, d.overview(v).Destinations)
	d.policies[shop].Mode = policy.Enforce
	d.clock.step(5 * time.Hour)
	same(t, "afterwards", []flow.Destination{byText, byCall}, d.overview(d.open(anna)).Destinations)
}

// A blocked method whose only other is in a stopped country stays open: nobody is left
// without any.
func TestAStoppedCountryIsNoOtherWay(t *testing.T) {
	d := blocked(t)
	d.block("country", scoped(block.Region, "DE"))
	d.block("mails", scoped(block.Method, "Email"))
	same(t, "open", []flow.Destination{byMail}, d.overview(d.open(anna)).Destinations)
}

// standards T1: an entered number of a country out of reach is refused with what helps,
// and without the number.
func TestACountryOutOfReachSaysWhatHelps(t *testing.T) {
	d := newDesk(t)
	d.has(anna)
	d.block("b1")
	d.policies[shop].Providers = []policy.Provider{
		{Name: "texts", Channels: []contact.Channel{contact.SMS}, Countries: []string{"FR"}},
		{Name: "calls", Channels: []contact.Channel{contact.Voice}, Countries: []string{"DE"}},
	}
	v := d.open(anna)
	for to, want := range map[flow.Target]string{
		{Channel: contact.SMS, Number: number}:           "choose a call",
		{Channel: contact.Voice, Number: "+33612345678"}: "choose a text message",
		{Channel: contact.SMS, Number: "+48512345678"}:   "a country in the list",
	} {
		_, err := d.RequestCode(t.Context(), v, to)
		is(t, err, rules.ErrNoRoute)
		if hides(t, err, to.Number); !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	same(t, "countries", []string{"DE", "FR"}, d.overview(v).Countries)
}
