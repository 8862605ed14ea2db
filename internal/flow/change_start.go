package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// maxRounds is how often one wish can come back within a session after it has ended.
const maxRounds = 8

// StartAdd begins the Add of a contact and returns the change's ID. Nothing is listed
// before a code to the new contact was entered (seed 51). Refusals wrap
// rules.ErrDestination with a reason for the person.
func (d *Desk) StartAdd(ctx context.Context, v Visit, c NewContact) (id string, err error) {
	return d.startWith(ctx, v, change.Add, c)
}

// StartReplace begins the replacement of all contacts by one, for a person who has none of
// them any more (seed 33): after its code it is on hold.
func (d *Desk) StartReplace(ctx context.Context, v Visit, c NewContact) (id string, err error) {
	return d.startWith(ctx, v, change.Replace, c)
}

func (d *Desk) startWith(ctx context.Context, v Visit, action change.Action, c NewContact) (id string, err error) {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return "", err
	}
	book, err := d.Store.Book(ctx, s.Tenant, s.Account)
	if err != nil {
		return "", err
	}
	fresh, err := d.newContact(ctx, s, p, book, action, c)
	if err != nil {
		return "", err
	}
	if fresh.ID, err = d.token(12); err != nil {
		return "", err
	}
	spec := change.Spec{Account: s.Account, Action: action, New: []change.NewContact{
		{ID: fresh.ID, Channel: fresh.Channel, Hint: fresh.Mask(), Language: fresh.Language},
	}}
	place := string(fresh.Channel) + " " + d.Sealer.Lookup(s.Tenant, fresh.Address)
	r, err := d.start(ctx, s, p, spec, []string{place}, map[string]string{fresh.ID: fresh.Address})
	return r.Key.Name, err
}

// newContact reads what was typed, or says why it gets no codes.
func (d *Desk) newContact(ctx context.Context, s session.Session, p policy.Policy, book contact.Book, action change.Action, c NewContact) (contact.Contact, error) {
	if action == change.Add && len(book.Contacts) >= p.Changes.MaxContacts {
		return contact.Contact{}, &rules.RefusalError{Err: rules.ErrDestination, Reason: rules.ListFull, Count: len(book.Contacts)}
	}
	address, err := d.typed(c, p.Numbers)
	if err != nil {
		return contact.Contact{}, err
	}
	fresh := contact.Contact{Channel: c.Channel, Address: address, Language: c.Language}
	place := d.Sealer.Lookup(s.Tenant, address)
	for _, known := range book.Contacts {
		if known.Channel == fresh.Channel && d.Sealer.Lookup(s.Tenant, known.Address) == place {
			return contact.Contact{}, rules.Refuse(rules.AlreadyListed)
		}
	}
	if country := d.plan(fresh); !p.Reaches(fresh.Channel, country) {
		return contact.Contact{}, unreached(p, fresh, country)
	}
	return fresh, d.checkLine(ctx, s.Flow, p, fresh)
}

// typed is the one written form of an address of a channel.
func (d *Desk) typed(c NewContact, rule policy.NumberRule) (string, error) {
	address := strings.TrimSpace(c.Address)
	if c.Channel == contact.Email {
		address, err := d.address(c.Channel, address, "", rule)
		if err != nil {
			return "", rules.Refuse(rules.NoAddress)
		}
		return address, nil
	}
	number, err := d.address(c.Channel, address, c.Country, rule)
	if err == nil {
		err = d.Numbers.Takes(number, c.Channel, rule)
	}
	return number, err
}

// StartRemove begins the Remove of contacts and returns the change's ID: a code to a full
// contact and a second confirmation come next (seed 31, 52).
func (d *Desk) StartRemove(ctx context.Context, v Visit, contactIDs []string) (id string, err error) {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return "", err
	}
	book, err := d.Store.Book(ctx, s.Tenant, s.Account)
	if err != nil {
		return "", err
	}
	gone := slices.Compact(slices.Sorted(slices.Values(contactIDs)))
	for _, id := range gone {
		if _, ok := book.Find(id); !ok {
			return "", rules.ErrNotFound
		}
	}
	if len(gone) == 0 || len(book.Releasing()) == 0 {
		return "", rules.ErrOrder // no contact could show that it is the owner: they replace
	}
	r, err := d.start(ctx, s, p, change.Spec{Account: s.Account, Action: change.Remove, Removed: gone}, nil, nil)
	return r.Key.Name, err
}

// start commits the first record of a page's change; its object follows (law 10). Where the
// session was stepped up, that code vouches for the change. An account that no object can
// name would wait for its own for ever.
func (d *Desk) start(ctx context.Context, s session.Session, p policy.Policy, spec change.Spec, places []string, addresses map[string]string) (change.Record, error) {
	if !rules.Nameable(s.Account) {
		return change.Record{}, rules.ErrSignIn
	}
	key, known, err := d.ownKey(ctx, s, spec, places)
	if err != nil || known {
		return change.Record{Key: key}, err
	}
	r, err := d.Store.FreezeChange(ctx, change.Sight{Key: key, Spec: spec, Terms: p.Changes, Addresses: addresses, Now: d.Now()})
	if err != nil || !slices.Contains(r.Missing(), change.FullContactCode) || !s.Assurance.Covers(session.StepUp) {
		return r, err
	}
	return d.vouch(ctx, s, r)
}

// vouch lets the code that stepped the session up serve the change, where it can.
func (d *Desk) vouch(ctx context.Context, s session.Session, r change.Record) (change.Record, error) {
	id, err := d.Store.SteppedUpBy(ctx, s)
	if errors.Is(err, rules.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	proved, err := d.Store.ProveChange(ctx, change.Proving{Key: r.Key, Proof: change.FullContactCode, ChallengeID: id, Now: d.Now()})
	if errors.Is(err, change.ErrProof) || errors.Is(err, change.ErrNotFull) {
		return r, nil // a code of its own does it
	}
	return proved, err
}

// ownKey names the change; known says that it was begun and has not ended.
func (d *Desk) ownKey(ctx context.Context, s session.Session, spec change.Spec, places []string) (key change.Key, known bool, err error) {
	wish := append([]string{string(spec.Action)}, append(spec.Removed, places...)...)
	for round := range maxRounds {
		key = change.Key{Tenant: s.Tenant, Name: change.OwnName(s.Account, s.ID, fmt.Sprintf("%q %d", wish, round))}
		r, err := d.Store.Change(ctx, key)
		switch {
		case errors.Is(err, rules.ErrNotFound):
			return key, false, nil
		case err != nil:
			return key, false, err
		case !r.State(d.Now()).Terminal():
			return key, true, nil
		}
	}
	return key, false, rules.ErrOpenMatter
}

// Affirm takes a proof without a code from the session that has given the one before it:
// change.WithoutFull, which leaves the new contact junior, or change.Confirmation, the
// second yes to a removal.
func (d *Desk) Affirm(ctx context.Context, v Visit, id string, p change.Proof) (Change, error) {
	s, _, err := d.session(ctx, v)
	if err != nil {
		return Change{}, err
	}
	r, err := d.changeFor(ctx, s.Flow, id)
	switch {
	case err != nil:
		return Change{}, err
	case p != change.WithoutFull && p != change.Confirmation, p == change.WithoutFull && r.Spec.Action != change.Add:
		return Change{}, rules.ErrOrder
	}
	if mine, err := d.mayAffirm(ctx, s, id, p); err != nil || !mine {
		return Change{}, cmp.Or(err, rules.ErrOrder)
	}
	r, err = d.Store.ProveChange(ctx, change.Proving{Key: r.Key, Proof: p, Now: d.Now()})
	return changeOf(r, nil, d.Now()), err
}

// mayAffirm reports whether a session has given the code that comes before a proof: nobody
// else with the password says yes for its person.
func (d *Desk) mayAffirm(ctx context.Context, s session.Session, id string, p change.Proof) (bool, error) {
	switch {
	case p == change.WithoutFull:
		return d.Store.AcceptedIn(ctx, s.ID, code.AddContact, id)
	case s.Assurance.Covers(session.StepUp):
		return true, nil
	default:
		return d.Store.AcceptedIn(ctx, s.ID, code.StepUp, id)
	}
}

// Forget drops a change that a page began and whose codes are not all proven: nothing has
// come of it yet.
func (d *Desk) Forget(ctx context.Context, v Visit, id string) error {
	s, _, err := d.session(ctx, v)
	if err != nil {
		return err
	}
	r, err := d.changeFor(ctx, s.Flow, id)
	if err != nil {
		return err
	}
	return d.Store.ForgetChange(ctx, change.Visit{Key: r.Key, Now: d.Now()})
}

// OwnDomain is the domain of an address where it is one of the account's own provider:
// who is locked out of the account may be locked out of it too (seed 24).
func OwnDomain(c contact.Contact, p policy.Policy) string {
	_, domain, _ := strings.Cut(c.Address, "@")
	if c.Channel != contact.Email || !slices.ContainsFunc(p.OwnDomains, func(own string) bool { return strings.EqualFold(own, domain) }) {
		return ""
	}
	return strings.ToLower(domain)
}
