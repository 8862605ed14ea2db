package flow_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// N4: junior and disabled contacts are neither shown nor sent a code, and neither
// is another account's.
func TestOnlyFullContactsGetACode(t *testing.T) {
	d := newDesk(t)
	junior, off := cell, mail
	junior.ID, junior.Standing = "junior", contact.Junior
	off.ID, off.Standing = "off", contact.Disabled
	d.has(anna, junior, off, mail)
	foreign := contact.Contact{ID: "foreign", Channel: contact.Email, Address: "bert@post.example", Standing: contact.Full}
	d.has("bert", foreign)
	d.block("b1")
	v := d.open(anna)
	if o := d.overview(v); len(o.Destinations) != 1 || o.Destinations[0].ContactID != "mail" || o.EnterNumber {
		t.Errorf("offered are %v, a number %t", o.Destinations, o.EnterNumber)
	}
	for _, id := range []string{"junior", "off", "foreign", "none"} {
		_, err := d.RequestCode(t.Context(), v, flow.Target{ContactID: id})
		is(t, err, rules.ErrDestination)
	}
	if sent := d.collect(); len(sent) != 0 {
		t.Errorf("%d messages were sent", len(sent))
	}
}

// law 13, seed 3: a number of one's own only where absence is a written fact, or
// the policy allows any. Contacts that were never recorded, or that may get no
// code, are not absence.
func TestWhereANumberMayBeEntered(t *testing.T) {
	off := cell
	off.Standing = contact.Disabled
	for _, c := range []struct {
		name string
		book []contact.Contact
		// written is whether the book is recorded at all.
		written bool
		any     bool
		want    error
	}{
		{"nothing recorded", nil, false, false, rules.ErrDestination},
		{"absence recorded", nil, true, false, nil},
		{"a contact", []contact.Contact{mail}, true, false, rules.ErrDestination},
		{"a disabled contact alone", []contact.Contact{off}, true, false, rules.ErrDestination},
		{"nothing recorded, any number", nil, false, true, nil},
		{"a contact, any number", []contact.Contact{mail}, true, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			if c.written {
				d.has(anna, c.book...)
			}
			codeTo := block.SecurityInfo
			if c.any {
				codeTo = block.AnyNumber
			}
			d.block("b1", func(s *block.Spec) { s.CodeTo = codeTo })
			v := d.open(anna)
			o := d.overview(v)
			if o.EnterNumber != (c.want == nil) || (len(o.Channels) > 0) != (c.want == nil) {
				t.Errorf("the page offers a number: %t on %v", o.EnterNumber, o.Channels)
			}
			view, err := d.RequestCode(t.Context(), v, flow.Target{Channel: contact.SMS, Number: "0151 98765432", Country: "DE"})
			is(t, err, c.want)
			if err == nil && (d.letter(view.ID).Address != number || view.Hint != "•••• 32") {
				t.Errorf("the code goes to %s, shown as %s", d.letter(view.ID).Address, view.Hint)
			}
		})
	}
}

// seed 3, 7, 20: a number takes texts or calls, and is no internet number; what was
// typed stands in no error.
func TestNumbersThatGetNoCode(t *testing.T) {
	d := newDesk(t)
	d.has(anna)
	d.block("b1")
	v := d.open(anna)
	for name, to := range map[string]flow.Target{
		"as an email":    {Channel: contact.Email, Number: number},
		"in an app":      {Channel: contact.App, Number: number},
		"no channel":     {Number: number},
		"no number":      {Channel: contact.SMS, Number: "call me", Country: "DE"},
		"VoIP (seed 20)": {Channel: contact.SMS, Number: "+445600123456"},
		"no country":     {Channel: contact.SMS, Number: "015198765432"},
		"a landline":     {Channel: contact.SMS, Number: "+4930123456"},
	} {
		_, err := d.RequestCode(t.Context(), v, to)
		if is(t, err, rules.ErrDestination); to.Number != "" {
			hides(t, err, to.Number)
		}
		if len(d.collect()) != 0 {
			t.Errorf("%s: a message was sent", name)
		}
	}
	view := d.request(v, flow.Target{Channel: contact.Voice, Number: number})
	if view.Channel != contact.Voice {
		t.Errorf("the automated call (seed 3) became %s", view.Channel)
	}
	d.clock.step(time.Minute)
	again, err := d.Resend(t.Context(), v, view.ID, flow.Target{})
	is(t, err, nil)
	if m := d.letter(again.ID); m.Address != number || m.Channel != contact.Voice || again.Hint != "•••• 32" {
		t.Errorf("the resend goes to %s by %s, shown as %s", m.Address, m.Channel, again.Hint)
	}
}

// seed 3: one number serves 3 accounts in 720 hours; asking for a fourth is volume
// (seed 15, 30).
func TestANumberServesThreeAccounts(t *testing.T) {
	d := newDesk(t)
	for name := range d.policies {
		d.policies[name].Limits = policy.Limits{AccountsPerNumber: policy.Default().Limits.AccountsPerNumber}
	}
	var accounts []string
	for i := range 4 {
		account := fmt.Sprintf("guest-%d", i)
		accounts = append(accounts, account)
		d.has(account)
		d.block("b"+account, of(account), lasting(2000*time.Hour))
	}
	for _, account := range accounts[:3] {
		d.prove(d.open(account), toNumber)
	}
	d.prove(d.open(accounts[0]), toNumber) // again the same account
	fourth := block.Key{Tenant: shop, Name: "b" + accounts[3]}
	_, err := d.RequestCode(t.Context(), d.open(accounts[3]), toNumber)
	if wait := limited(t, err, "number"); wait != 720*time.Hour {
		t.Errorf("the wait is %s, want 720h", wait)
	}
	hides(t, err, number)
	d.clock.step(720*time.Hour - time.Millisecond)
	_, err = d.RequestCode(t.Context(), d.open(accounts[3]), toNumber)
	limited(t, err, "number")
	d.clock.step(time.Millisecond)
	d.prove(d.open(accounts[3]), toNumber)
	if d.state(fourth) != block.Releasing {
		t.Errorf("the fourth account's block is %s", d.state(fourth))
	}
}

// seed 3: three accounts that hold a code to one number at once do not let a
// fourth through.
func TestANumberServesThreeAccountsAtOnce(t *testing.T) {
	d := newDesk(t)
	d.policies[shop].Limits = policy.Limits{AccountsPerNumber: policy.Default().Limits.AccountsPerNumber}
	views, visits := map[int]flow.ChallengeView{}, map[int]flow.Visit{}
	for i := range 4 {
		account := fmt.Sprintf("guest-%d", i)
		d.has(account)
		d.block("b"+account, of(account))
		visits[i] = d.open(account)
		views[i] = d.request(visits[i], toNumber)
	}
	for i := range 3 {
		is(t, d.submit(visits[i], views[i].ID, d.code(views[i].ID)), nil)
	}
	limited(t, d.submit(visits[3], views[3].ID, d.code(views[3].ID)), "number")
	if got := d.state(block.Key{Tenant: shop, Name: "bguest-3"}); got != block.Active {
		t.Errorf("the fourth block is %s", got)
	}
}

// A channel that no provider serves is neither offered nor taken.
func TestNoProviderNoRoute(t *testing.T) {
	d := blocked(t)
	d.policies[shop].Providers = []policy.Provider{{Name: "mail", Channels: []contact.Channel{contact.Email}}}
	v := d.open(anna)
	if o := d.overview(v); len(o.Destinations) != 1 || o.Destinations[0].Channel != contact.Email {
		t.Errorf("offered are %v", o.Destinations)
	}
	_, err := d.RequestCode(t.Context(), v, toCell)
	is(t, err, rules.ErrNoRoute)
	d.request(v, toMail)

	d.policies[shop].Providers = nil
	v = d.open(anna)
	if o := d.overview(v); len(o.Destinations) != 0 {
		t.Errorf("without providers offered are %v", o.Destinations)
	}
	_, err = d.RequestCode(t.Context(), v, toMail)
	is(t, err, rules.ErrNoRoute)
	if r := d.record(theKey); r.Extensions != 0 {
		t.Error("a missing provider lengthened the block")
	}
}

// seed 20: a landline is called instead.
func TestALandlineIsCalled(t *testing.T) {
	d := newDesk(t)
	d.has(anna)
	d.block("b1")
	if view := d.request(d.open(anna), flow.Target{Channel: contact.Voice, Number: "+4930123456"}); view.Channel != contact.Voice {
		t.Errorf("it goes by %s", view.Channel)
	}
}

// standards T1: a code goes to the numbers of listed countries only.
func TestACountryThatIsNotListedGetsNoCode(t *testing.T) {
	d := blocked(t)
	d.policies[shop].Providers = []policy.Provider{
		{Name: "mail", Channels: []contact.Channel{contact.Email}},
		{Name: "texts", Channels: []contact.Channel{contact.SMS}, Countries: []string{"FR"}},
	}
	v := d.open(anna)
	if o := d.overview(v); len(o.Destinations) != 1 || o.Destinations[0].Channel != contact.Email {
		t.Errorf("offered are %v", o.Destinations)
	}
	_, err := d.RequestCode(t.Context(), v, toCell)
	is(t, err, rules.ErrNoRoute)
	d.request(v, toMail)
}

// seed 18: a number is offered on the channels that a provider serves.
func TestANumberIsOfferedOnServedChannels(t *testing.T) {
	d := newDesk(t)
	d.has(anna)
	d.block("b1")
	d.policies[shop].Providers = []policy.Provider{{Name: "calls", Channels: []contact.Channel{contact.Voice}, Countries: []string{"FR"}}}
	o := d.overview(d.open(anna))
	if diff := cmp.Diff([]contact.Channel{contact.Voice}, o.Channels); diff != "" || !o.EnterNumber {
		t.Errorf("channels (-want +got):\n%s", diff)
	}
}

// law 13: once contacts are recorded, a number entered before gets no further code.
func TestNoResendToANumberOnceContactsAreKnown(t *testing.T) {
	d := newDesk(t)
	d.has(anna)
	d.block("b1")
	v := d.open(anna)
	view := d.request(v, toNumber)
	d.has(anna, mail)
	d.clock.step(2 * time.Minute)
	_, err := d.Resend(t.Context(), v, view.ID, flow.Target{})
	is(t, err, rules.ErrDestination)
}
