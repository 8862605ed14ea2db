package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
// (seed 20, T1, T5); an error is no refusal: asking
// again may help.
func (d *Desk) ReadContact(ctx context.Context, in NewContact) (contact.Contact, change.Reason, error) {
	p := d.Policies.For(in.Tenant, in.Account)
	address, err := d.address(in.Channel, in.Address, in.Country, p.Numbers)
	if err == nil && dialled(in.Channel) {
		err = d.Numbers.Takes(address, in.Channel, p.Numbers)
	}
	switch {
	case errors.Is(err, rules.ErrDestination):
		return contact.Contact{}, d.refusal(in, p), nil
	case err != nil:
		return contact.Contact{}, "", err
	case dialled(in.Channel) && !d.reaches(p, in.Channel, address):
		return contact.Contact{}, change.NumberRefused, nil
	}
	if reason, err := d.lineRefusal(ctx, in, p, address); reason != "" || err != nil {
		return contact.Contact{}, reason, err
	}
	id, err := d.token(12)
	return contact.Contact{
		ID: id, Channel: in.Channel, Address: address, Standing: contact.Pending, Language: in.Language, Added: d.Now(),
	}, "", err
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

// reaches reports whether a provider sends to the number's country (T1).
func (d *Desk) reaches(p policy.Policy, channel contact.Channel, number string) bool {
	country := d.Numbers.Plan(number)
	return slices.ContainsFunc(p.Providers, func(one policy.Provider) bool { return one.Carries(channel, country) }) || p.Tests(number)
}

// lineRefusal asks the carrier, where the policy's providers can.
func (d *Desk) lineRefusal(ctx context.Context, in NewContact, p policy.Policy, number string) (change.Reason, error) {
	if d.Lines == nil || !dialled(in.Channel) || p.Tests(number) {
		return "", nil
	}
	kind, err := d.Lines.Line(ctx, line.Query{
		Tenant: in.Tenant, Account: in.Account, Number: number, Providers: p.Providers,
		PerAccount: p.Limits.Account, PerTenant: p.Limits.Spend,
	})
	if errors.Is(err, line.ErrOutage) && p.Numbers.Unasked {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look up the line of a new contact: %w", err)
	}
	switch kind.Refusal(in.Channel, p.Numbers) {
	case "":
		return "", nil
	default:
		if kind == line.VoIP {
			return change.VoIPRefused, nil
		}
		return change.NumberRefused, nil
	}
}
