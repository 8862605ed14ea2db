package flow_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/line"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// carriers answer every look-up alike and keep what they were asked.
type carriers struct {
	kind  line.Kind
	err   error
	asked []line.Query
}

func (c *carriers) Line(_ context.Context, q line.Query) (line.Kind, error) {
	c.asked = append(c.asked, q)
	return c.kind, c.err
}

// entering is anna, who may enter a number, at a desk that looks numbers up.
func entering(t *testing.T, c *carriers) (*desk, flow.Visit) {
	t.Helper()
	d := newDesk(t)
	d.Lines = c
	d.has(anna)
	d.block("b1")
	return d, d.open(anna)
}

// seed 20, 7, T5: an entered number is looked up before a code goes to it; what gets none
// is refused with its reason, and an outage as the policy says.
func TestLinesOfEnteredNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		carriers carriers
		channel  contact.Channel
		rule     policy.NumberRule
		refused  string
	}{
		"a mobile":                      {carriers{kind: line.Mobile}, contact.SMS, policy.NumberRule{}, ""},
		"nobody looks up":               {carriers{}, contact.SMS, policy.NumberRule{}, ""},
		"VoIP":                          {carriers{kind: line.VoIP}, contact.SMS, policy.NumberRule{}, "VoIP"},
		"VoIP by call":                  {carriers{kind: line.VoIP}, contact.Voice, policy.NumberRule{}, "VoIP"},
		"VoIP, which the policy takes":  {carriers{kind: line.VoIP}, contact.SMS, policy.NumberRule{VoIP: true}, ""},
		"a landline, by text":           {carriers{kind: line.Landline}, contact.SMS, policy.NumberRule{}, "choose a call"},
		"a landline, by call":           {carriers{kind: line.Landline}, contact.Voice, policy.NumberRule{}, ""},
		"premium":                       {carriers{kind: line.Premium}, contact.Voice, policy.NumberRule{VoIP: true, Unasked: true}, "premium"},
		"an outage":                     {carriers{err: line.ErrOutage}, contact.SMS, policy.NumberRule{}, "cannot be asked"},
		"an outage, allowed":            {carriers{err: line.ErrOutage}, contact.SMS, policy.NumberRule{Unasked: true}, ""},
		"carriers do not know":          {carriers{kind: line.Unknown}, contact.SMS, policy.NumberRule{}, "cannot be asked"},
		"carriers do not know, allowed": {carriers{kind: line.Unknown}, contact.SMS, policy.NumberRule{Unasked: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, v := entering(t, &c.carriers)
			d.policies[shop].Numbers = c.rule
			_, err := d.RequestCode(t.Context(), v, flow.Target{Channel: c.channel, Number: number})
			sent := len(d.collect())
			if c.refused == "" {
				is(t, err, nil)
			} else {
				is(t, err, rules.ErrDestination)
				hides(t, err, number)
			}
			if (c.refused == "") != (sent == 1) || (err != nil && !strings.Contains(err.Error(), c.refused)) {
				t.Errorf("%d messages, %v; want %q", sent, err, c.refused)
			}
			if len(c.carriers.asked) != 1 || c.carriers.asked[0].Number != number || c.carriers.asked[0].Account != anna || c.carriers.asked[0].Tenant != shop {
				t.Errorf("asked %+v", c.carriers.asked)
			}
		})
	}
}

// A look-up costs: strangers cause none, nor does what is refused without it, goes to a
// contact or repeats a code.
func TestWhatIsNotLookedUp(t *testing.T) {
	c := &carriers{kind: line.Mobile}
	d, v := entering(t, c)
	stranger := flow.Visit{Host: host, Credential: "guessed", Network: network}
	_, err := d.RequestCode(t.Context(), stranger, toNumber)
	is(t, err, rules.ErrNoFlow)
	for _, refused := range []flow.Target{
		{Channel: contact.SMS, Number: "+12015550123"},                 // no provider serves its country
		{Channel: contact.SMS, Number: "+4930123456"},                  // a landline by the plan
		{Channel: contact.SMS, Number: "+445612345678", Country: "GB"}, // VoIP by the plan
		{Channel: contact.Email, Number: number},
		{ContactID: "cell"},
	} {
		if _, err := d.RequestCode(t.Context(), v, refused); err == nil {
			t.Errorf("%+v was taken", refused)
		}
	}
	if len(c.asked) != 0 {
		t.Fatalf("asked %+v", c.asked)
	}
	view := d.request(v, toNumber)
	d.clock.step(time.Minute)
	_, err = d.Resend(t.Context(), v, view.ID, flow.Target{})
	is(t, err, nil)
	if len(c.asked) != 1 {
		t.Errorf("asked %d times, want once", len(c.asked))
	}
}

// T5: carriers know nothing of mailboxes.
func TestAnAddressThatIsAddedIsNotLookedUp(t *testing.T) {
	c := &carriers{kind: line.Unknown}
	d := newDesk(t)
	d.Lines = c
	d.has(anna)
	_, err := d.StartAdd(t.Context(), d.enter(anna), flow.NewContact{Channel: contact.Email, Address: "anna@elsewhere.example"})
	is(t, err, nil)
	if len(c.asked) != 0 {
		t.Errorf("asked %+v", c.asked)
	}
}

// A refusal for too many look-ups is nobody's attempt on the account: it lengthens no
// block.
func TestTooManyLookups(t *testing.T) {
	c := &carriers{err: &rules.LimitError{Subject: "lookup", RetryAfter: time.Minute}}
	d, v := entering(t, c)
	before := d.record(theKey).Expires
	d.clock.step(time.Minute)
	_, err := d.RequestCode(t.Context(), v, toNumber)
	if got := limited(t, err, "lookup"); got != time.Minute {
		t.Errorf("wait %v", got)
	}
	if after := d.record(theKey).Expires; !after.Equal(before) || len(d.collect()) != 0 {
		t.Errorf("the block ends at %v instead of %v", after, before)
	}
}

// The meter sees kinds and no number.
func TestLookupsAreCounted(t *testing.T) {
	c := &carriers{err: line.ErrOutage}
	d, v := entering(t, c)
	counted := &tally{}
	d.Meter = counted
	if _, err := d.RequestCode(t.Context(), v, toNumber); !errors.Is(err, rules.ErrDestination) {
		t.Fatal(err)
	}
	if len(counted.asked) != 1 || counted.asked[0] != line.Unknown {
		t.Errorf("counted %v", counted.asked)
	}
}
