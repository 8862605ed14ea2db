package store

import (
	"context"
	"errors"
	"fmt"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// columnChange holds the sealed addresses of a change's contacts.
const columnChange = "change_contacts.address"

// changeRef names a contact of a change within its account.
func changeRef(r change.Record, contactID string) string { return r.Key.Name + "/" + contactID }

// sealForChange keeps an address for as long as the change is kept.
func (t *tx) sealForChange(r change.Record, contactID, address string, fresh bool) error {
	ref := changeRef(r, contactID)
	sealed, err := t.sealer.Seal([]byte(address), place(r.Key.Tenant, r.Spec.Account, ref, columnChange))
	if err != nil {
		return fmt.Errorf("seal contact %s of change %s: %w", contactID, r.Key, err)
	}
	t.queue(`INSERT INTO change_contacts (tenant, account, ref, name, contact, fresh, address, lookup)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, account, ref) DO NOTHING`,
		r.Key.Tenant, r.Spec.Account, ref, r.Key.Name, contactID, fresh, sealed, t.sealer.Lookup(r.Key.Tenant, address))
	return nil
}

// changeAddresses opens the addresses of a change's contacts, by ID: of those that it
// brings, or of its snapshot.
func (t *tx) changeAddresses(r change.Record, fresh bool) (map[string]string, error) {
	return changeAddresses(t.queries, t.sealer, r, fresh)
}

func changeAddresses(q queries, sealer Sealer, r change.Record, fresh bool) (map[string]string, error) {
	addresses := map[string]string{}
	_, err := list(q, func(row scanner) (none struct{}, err error) {
		var id string
		var sealed []byte
		if err := row.Scan(&id, &sealed); err != nil {
			return none, err
		}
		address, err := sealer.Open(sealed, place(r.Key.Tenant, r.Spec.Account, changeRef(r, id), columnChange))
		if err != nil {
			return none, fmt.Errorf("open contact %s of change %s: %w", id, r.Key, err)
		}
		addresses[id] = string(address)
		return none, nil
	}, `SELECT contact, address FROM change_contacts WHERE tenant = $1 AND account = $2 AND name = $3 AND fresh = $4`,
		r.Key.Tenant, r.Spec.Account, r.Key.Name, fresh)
	return addresses, err
}

// ChangeContacts are the contacts of a change with their addresses: those that it brings,
// which are Pending until they are proven, and those before it. Only towards a provider
// may an address leave.
func (s *Store) ChangeContacts(ctx context.Context, key change.Key) (fresh, old []contact.Contact, err error) {
	r, err := s.Change(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	q := s.read(ctx)
	brought, err := changeAddresses(q, s.config.Sealer, r, true)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range r.Spec.New {
		fresh = append(fresh, contact.Contact{ID: c.ID, Channel: c.Channel, Address: brought[c.ID], Language: c.Language,
			Standing: contact.Pending, Proven: r.Proofs.New[c.ID]})
	}
	before, err := changeAddresses(q, s.config.Sealer, r, false)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range r.Snapshot {
		old = append(old, contact.Contact{ID: c.ID, Channel: c.Channel, Address: before[c.ID], Language: c.Language,
			Standing: c.Standing, Origin: c.Origin})
	}
	return fresh, old, nil
}

// accepted reads a challenge of the account whose code was accepted lately.
func (t *tx) accepted(m *matter, id string) (code.Challenge, string, error) {
	var sealed []byte
	c, err := one(t.queries, func(row scanner) (code.Challenge, error) { return scanChallengeWith(row, &sealed) },
		`SELECT `+challengeColumns+`, address FROM challenges WHERE id = $1 AND tenant = $2 AND account = $3
		AND consumed_at IS NOT NULL AND reported_at IS NULL AND epoch = `+currentEpoch, id, m.record.Key.Tenant, m.record.Spec.Account)
	if errors.Is(err, rules.ErrNotFound) {
		return c, "", change.ErrProof
	}
	if err != nil {
		return c, "", err
	}
	if !m.record.Fresh(c.Consumed, m.now) {
		return c, "", change.ErrProof
	}
	address, err := t.sealer.Open(sealed, place(c.Tenant, c.Account, c.ID, columnChallenge))
	if err != nil {
		return c, "", fmt.Errorf("open the destination of challenge %s: %w", c.ID, err)
	}
	return c, string(address), nil
}

// provenBy is the contact whose code serves as a proof; none for proofs without a code.
func (t *tx) provenBy(m *matter, p change.Proving) (contact.Contact, error) {
	if p.Proof != change.NewContactCode && p.Proof != change.FullContactCode {
		return contact.Contact{}, nil
	}
	c, address, err := t.accepted(m, p.ChallengeID)
	switch {
	case err != nil:
		return contact.Contact{}, err
	case c.Object != m.record.Key.Name && (p.Proof != change.FullContactCode || c.Object != ""):
		return contact.Contact{}, change.ErrProof // a code of no object has stepped up a session
	case p.Proof == change.FullContactCode && c.Purpose == code.StepUp:
		by, ok := m.book.Find(c.ContactID)
		if !ok {
			return by, change.ErrNotFull
		}
		return by, nil
	case p.Proof == change.NewContactCode && c.Purpose == code.AddContact:
		fresh, err := t.changeAddresses(m.record, true)
		if err != nil {
			return contact.Contact{}, err
		}
		if proven, ok := m.record.Proven(c.Channel, func(id string) bool { return fresh[id] == address }); ok {
			return contact.Contact{ID: proven.ID}, nil
		}
	}
	return contact.Contact{}, change.ErrProof
}

// cancellingContact is the contact of the snapshot to which the accepted code went, and
// the flow that entered it.
func (t *tx) cancellingContact(m *matter, c change.Cancelling) (id, flow string, err error) {
	if m.record.End.State != "" {
		return "", "", change.ErrEnded
	}
	got, address, err := t.accepted(m, c.ChallengeID)
	switch {
	case err != nil:
		return "", "", err
	case !got.Purpose.StepsUp(), got.Purpose != code.Cancel && got.Object == m.record.Key.Name:
		return "", "", change.ErrProof // it proved the change itself
	case got.ContactID != "":
		return got.ContactID, got.Flow, nil
	}
	old, err := t.changeAddresses(m.record, false)
	if err != nil {
		return "", "", err
	}
	for id, known := range old {
		if known == address {
			return id, got.Flow, nil
		}
	}
	return "", "", change.ErrNotFull
}
