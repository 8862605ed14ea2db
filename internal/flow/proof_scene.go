package flow

import (
	"context"
	"slices"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// proofScene is where a code may go: its book holds those contacts alone.
func (d *Desk) proofScene(ctx context.Context, f session.Flow, p policy.Policy, ask Ask, firstFactor bool) (scene, error) {
	here := scene{flow: f, policy: p}
	here.flow.Purpose, here.flow.Object = ask.Purpose, ask.Change
	here.book.Recorded = true
	if f.Purpose == code.Cancel && (ask.Purpose != code.Cancel || ask.Change != f.Object) {
		return here, rules.ErrNotFound // it was opened to cancel one change
	}
	if ask.Purpose == code.Recheck {
		book, err := d.Store.Book(ctx, f.Tenant, f.Account)
		here.book.Contacts = inUse(book.Contacts)
		return here, err
	}
	r, err := d.changeFor(ctx, f, ask.Change)
	if err != nil {
		return here, err
	}
	here.change = r
	switch ask.Purpose {
	case code.AddContact:
		here.book.Contacts, err = d.unproven(ctx, r)
	case code.StepUp:
		here.book.Contacts, err = d.vouching(ctx, r)
	case code.Cancel:
		here.book.Contacts, err = d.cancelling(ctx, r, firstFactor)
	default:
		err = rules.ErrOrder
	}
	return here, err
}

// inUse are the contacts that get codes, junior ones too: to receive a code is all that a
// recheck asks (seed 38).
func inUse(contacts []contact.Contact) []contact.Contact {
	var all []contact.Contact
	for _, c := range contacts {
		if c.Standing == contact.Full || c.Standing == contact.Junior {
			c.Standing = contact.Full
			all = append(all, c)
		}
	}
	return all
}

// unproven is the new contact whose code is next.
func (d *Desk) unproven(ctx context.Context, r change.Record) ([]contact.Contact, error) {
	if r.State(d.Now()) != change.AwaitingCode {
		return nil, change.ErrEnded
	}
	fresh, _, err := d.Store.ChangeContacts(ctx, r.Key)
	for _, c := range fresh {
		if c.Proven.IsZero() && c.Address != "" {
			c.Standing = contact.Full
			return []contact.Contact{c}, err
		}
	}
	if err == nil {
		err = rules.ErrOrder
	}
	return nil, err
}

// vouching are the full contacts that were so before the change.
func (d *Desk) vouching(ctx context.Context, r change.Record) ([]contact.Contact, error) {
	if r.State(d.Now()) != change.AwaitingCode {
		return nil, change.ErrEnded
	}
	book, err := d.Store.Book(ctx, r.Key.Tenant, r.Spec.Account)
	return slices.DeleteFunc(book.Releasing(), func(c contact.Contact) bool {
		return !slices.ContainsFunc(r.Snapshot, func(o change.OldContact) bool {
			return o.ID == c.ID && o.Standing == contact.Full && !o.Gone
		})
	}), err
}

// serves reports whether a challenge is of the scene's purpose and change.
func serves(c code.Challenge, here scene) bool {
	return c.Purpose == here.flow.Purpose && c.Object == here.flow.Object && c.Consumed.IsZero()
}

// idOf is the contact of the scene to which a challenge went.
func (d *Desk) idOf(here scene, c code.Challenge) string {
	if c.ContactID != "" {
		return c.ContactID
	}
	for _, known := range here.book.Contacts {
		if d.Sealer.Lookup(here.flow.Tenant, known.Address) == c.Destination {
			return known.ID
		}
	}
	return ""
}
