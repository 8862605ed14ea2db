package flow

import (
	"context"
	"errors"
	"fmt"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/line"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// NewContact is an address that a change brings.
type NewContact struct {
	Tenant, Account string
	Channel         contact.Channel
	// Address is an email address or a phone number; Country (ISO 3166 alpha-2) is the one
	// in which the number was typed, empty for E.164.
	Address, Country string
	Language         string
}

// ReadContact reads a new contact and gives it an ID. A reason says which rule refuses it
// (seed 20, T1, T5); an error is no refusal: asking again may help.
func (d *Desk) ReadContact(ctx context.Context, in NewContact) (contact.Contact, change.Reason, error) {
	p := d.Policies.For(in.Tenant, in.Account)
	address, err := d.typed(in, p.Numbers)
	fresh := contact.Contact{Channel: in.Channel, Address: address, Standing: contact.Pending, Language: in.Language, Added: d.Now()}
	switch {
	case errors.Is(err, rules.ErrDestination):
		return contact.Contact{}, d.refusal(in, p), nil
	case err != nil:
		return contact.Contact{}, "", err
	case dialled(in.Channel) && !p.Reaches(in.Channel, d.plan(fresh)):
		return contact.Contact{}, change.NumberRefused, nil
	}
	kind, err := d.line(ctx, in.Tenant, in.Account, p, fresh)
	if errors.Is(err, line.ErrOutage) && p.Numbers.Unasked {
		kind, err = line.Unasked, nil
	}
	switch {
	case err != nil:
		return contact.Contact{}, "", fmt.Errorf("look up the line of a new contact: %w", err)
	case kind.Refusal(in.Channel, p.Numbers) == "":
		fresh.ID, err = d.token(12)
		return fresh, "", err
	case kind == line.VoIP:
		return contact.Contact{}, change.VoIPRefused, nil
	default:
		return contact.Contact{}, change.NumberRefused, nil
	}
}

// refusal is why an address was refused: it would pass where internet numbers are taken,
// it is another number, or no address at all.
func (d *Desk) refusal(in NewContact, p policy.Policy) change.Reason {
	if !dialled(in.Channel) {
		return change.AddressInvalid
	}
	rule := p.Numbers
	rule.VoIP = true
	number, err := d.Numbers.Parse(in.Address, in.Country, rule)
	if err == nil && d.Numbers.Takes(number, in.Channel, rule) == nil {
		return change.VoIPRefused
	}
	return change.NumberRefused
}
