package flow_test

import (
	"errors"
	"testing"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/line"
)

// seed 20, 55, T1, T5: a contact by YAML is refused for the reasons that pages have; an
// outage refuses nobody for good, and an address is no number to look up.
func TestContactsByYAML(t *testing.T) {
	mobile := &carriers{kind: line.Mobile}
	for name, c := range map[string]struct {
		channel contact.Channel
		address string
		lines   *carriers
		unasked bool
		reason  change.Reason
		err     error
		asked   int
	}{
		"an address":            {contact.Email, "anna@elsewhere.example", mobile, false, "", nil, 0},
		"no address":            {contact.Email, "anna at home", mobile, false, change.AddressInvalid, nil, 0},
		"a mobile":              {contact.SMS, annaCell, mobile, false, "", nil, 1},
		"no number":             {contact.SMS, "12", mobile, false, change.NumberRefused, nil, 0},
		"a country not reached": {contact.SMS, "+14155552671", mobile, false, change.NumberRefused, nil, 0},
		"VoIP":                  {contact.SMS, annaCell, &carriers{kind: line.VoIP}, false, change.VoIPRefused, nil, 1},
		"premium":               {contact.Voice, annaCell, &carriers{kind: line.Premium}, false, change.NumberRefused, nil, 1},
		"an outage":             {contact.SMS, annaCell, &carriers{err: line.ErrOutage}, false, "", line.ErrOutage, 1},
		"an outage, allowed":    {contact.SMS, annaCell, &carriers{err: line.ErrOutage}, true, "", nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			d, lines := newDesk(t), *c.lines
			d.Lines = &lines
			d.policies[shop].Numbers.Unasked = c.unasked
			got, reason, err := d.ReadContact(t.Context(), flow.NewContact{Tenant: shop, Account: anna, Channel: c.channel, Address: c.address})
			if !errors.Is(err, c.err) || reason != c.reason || len(lines.asked) != c.asked {
				t.Fatalf("reason %q, error %v, %d look-ups", reason, err, len(lines.asked))
			}
			if taken := reason == "" && err == nil; taken != (got.ID != "") || taken != (got.Address == c.address) {
				t.Errorf("read %+v", got)
			}
		})
	}
}
