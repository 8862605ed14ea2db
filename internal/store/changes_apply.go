package store

import (
	"fmt"
	"slices"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

// begin writes what belongs to a first record: the contacts before the change and those
// that it brings.
func (t *tx) begin(m *matter, addresses map[string]string) error {
	r := &m.record
	for _, table := range []string{"change_contacts", "change_notices"} { // of an earlier incarnation
		t.queue(`DELETE FROM `+table+` WHERE tenant = $1 AND name = $2`, r.Key.Tenant, r.Key.Name)
	}
	for _, c := range r.Spec.New {
		if address := addresses[c.ID]; address != "" {
			if err := t.sealForChange(*r, c.ID, address, true); err != nil {
				return err
			}
		}
	}
	if err := t.extendSnapshot(m); err != nil {
		return err
	}
	return t.addGone(m)
}

// extendSnapshot takes the account's present contacts into the snapshot.
func (t *tx) extendSnapshot(m *matter) error {
	r := &m.record
	for _, c := range m.book.Contacts {
		if slices.ContainsFunc(r.Snapshot, func(o change.OldContact) bool { return o.ID == c.ID }) {
			continue
		}
		standing := c.Standing
		if standing == contact.Disabled { // wrong codes of a thief take no say from the owner
			standing = c.Was
		}
		r.Snapshot = append(slices.Clone(r.Snapshot), change.OldContact{
			ID: c.ID, Channel: c.Channel, Hint: c.Mask(), Language: c.Language, Standing: standing, Origin: c.Origin,
		})
		if err := t.sealForChange(*r, c.ID, c.Address, false); err != nil {
			return err
		}
	}
	return nil
}

// addGone takes in the contacts that other changes have removed lately: they are told and
// may cancel, so that nobody takes contacts away one by one unseen.
func (t *tx) addGone(m *matter) error {
	r := &m.record
	lately, err := list(t.queries, scanChange, `SELECT record FROM changes WHERE tenant = $1 AND account = $2
		AND end_state = 'Applied' AND end_at > $3 AND name <> $4 ORDER BY end_at DESC`,
		r.Key.Tenant, r.Spec.Account, instant(m.now.Add(-contact.KnownAfter)), r.Key.Name)
	if err != nil {
		return err
	}
	for _, other := range lately {
		addresses, err := t.changeAddresses(other, false)
		if err != nil {
			return err
		}
		for _, c := range other.Snapshot {
			if addresses[c.ID] == "" || slices.ContainsFunc(r.Snapshot, func(o change.OldContact) bool { return o.ID == c.ID }) {
				continue
			}
			c.Gone = true
			r.Snapshot = append(slices.Clone(r.Snapshot), c)
			if err := t.sealForChange(*r, c.ID, addresses[c.ID], false); err != nil {
				return err
			}
		}
	}
	return nil
}

// second joins a Clear to the first open one that somebody else has asked for (seed 45).
// Of two that were recorded at once, the next visit joins one.
func (t *tx) second(m *matter) error {
	at := -1
	for i, o := range m.others {
		if m.record.Seconds(o, m.now) && (at < 0 || o.Before(m.others[at])) {
			at = i
		}
	}
	if at < 0 {
		return nil
	}
	lead := m.others[at]
	m.record.Joined = lead.Key.Name
	on := &matter{record: lead.Second(m.record.Spec.RequestedBy), book: m.book, now: m.now}
	on.others = slices.Delete(slices.Clone(m.others), at, at+1)
	after, err := t.conclude(on, lead, actionChangeProved)
	m.record = m.record.Share(after)
	return err
}

// advance does what the record calls for, short of the end of its hold.
func (t *tx) advance(m *matter) error {
	if err := t.second(m); err != nil || m.record.State(m.now) == change.OnHold {
		return err
	}
	switch step, reason := m.record.Next(m.book, m.others, m.now); step {
	case change.Hold:
		there, err := present(t.queries, t.clock, t.now)
		if err != nil {
			return err
		}
		m.record = m.record.Begin(m.now, there)
		for i, o := range m.others {
			if o.Joined != m.record.Key.Name {
				continue
			}
			m.others[i] = o.Share(m.record)
			if err := t.saveChange(m.others[i], m.now, actionChangeProved); err != nil {
				return err
			}
		}
		return t.extendSnapshot(m)
	case change.Apply:
		return t.apply(m)
	case change.Expire:
		m.record = m.record.Finish(change.Expired, "", m.record.Deadline)
		return t.ended(m, false)
	case change.Reject:
		m.record = m.record.Finish(change.Rejected, reason, m.now)
		return t.ended(m, false)
	}
	return nil
}

// apply moves the contacts and ends the change.
func (t *tx) apply(m *matter) error {
	r := &m.record
	addresses, err := t.changeAddresses(*r, true)
	if err != nil {
		return err
	}
	held := !r.HoldStart.IsZero()
	restricted, err := one(t.queries, plain[bool], `SELECT EXISTS (SELECT 1 FROM restrictions
		WHERE tenant = $1 AND account = $2 AND until_at > $3)`, r.Key.Tenant, r.Spec.Account, instant(m.now))
	if err != nil {
		return err
	}
	var arriving []contact.Contact
	for _, c := range r.Spec.New {
		if addresses[c.ID] == "" { // lost with the store, and the page cannot give it again
			*r = r.Finish(change.Rejected, change.UnknownContact, m.now)
			return t.ended(m, held)
		}
		in := r.Admitted(c, m.book, m.now)
		if restricted && in.Origin == contact.First { // a number that somebody entered proved no owner
			in = r.Junior(in, m.now)
		}
		in.Address, r.Standing = addresses[c.ID], in.Standing
		arriving = append(arriving, in)
	}
	if err := t.extendSnapshot(m); err != nil {
		return err
	}
	if err := t.moveContacts(m, r.Leaving(m.book), arriving); err != nil {
		return err
	}
	*r = r.Finish(change.Applied, "", m.now)
	return t.ended(m, held)
}

// moveContacts takes contacts out of the book and others in.
func (t *tx) moveContacts(m *matter, leaving []string, arriving []contact.Contact) error {
	r := m.record
	tenant, account := r.Key.Tenant, r.Spec.Account
	for _, id := range leaving {
		t.queue(`DELETE FROM contacts WHERE tenant = $1 AND account = $2 AND id = $3`, tenant, account, id)
	}
	if !r.HoldStart.IsZero() {
		// Who was full through a whole hold and was not objected to is known.
		t.queue(`UPDATE contacts SET origin = $4 WHERE tenant = $1 AND account = $2 AND origin = $5 AND since_at <= $3`,
			tenant, account, instant(r.HoldStart), contact.Vouched, contact.Alone)
	}
	left, err := one(t.queries, plain[int], `SELECT COUNT(*) FROM contacts WHERE tenant = $1 AND account = $2`, tenant, account)
	if err != nil {
		return err
	}
	for i, c := range arriving {
		if err := t.insertContact(tenant, account, c, len(m.book.Contacts)+i); err != nil {
			return err
		}
	}
	if left+len(arriving) > 0 {
		t.queue(`INSERT INTO books (tenant, account, recorded_at, had_any) VALUES ($1, $2, $3, TRUE)
			ON CONFLICT (tenant, account) DO UPDATE SET had_any = TRUE, emptied_at = NULL, cleared = FALSE`,
			tenant, account, instant(m.now))
	} else if m.book.Recorded {
		cleared := r.Spec.Action == change.Clear
		t.queue(`UPDATE books SET emptied_at = $3, cleared = $4 WHERE tenant = $1 AND account = $2`,
			tenant, account, instant(m.now), cleared)
		return t.changeRecheck(tenant, account, func(r recheck.Record) (recheck.Record, error) { return r.Emptied(cleared, m.now), nil })
	}
	if len(arriving) > 0 {
		return t.changeRecheck(tenant, account, func(r recheck.Record) (recheck.Record, error) { return r.Proven(m.now), nil })
	}
	return nil
}

// insertContact writes one contact at its place in the list.
func (t *tx) insertContact(tenant, account string, c contact.Contact, at int) error {
	sealed, err := t.sealer.Seal([]byte(c.Address), place(tenant, account, c.ID, columnContact))
	if err != nil {
		return fmt.Errorf("seal contact %s: %w", c.ID, err)
	}
	t.queue(`INSERT INTO contacts (tenant, account, id, place, channel, address, lookup, standing, language, added_at, proven_at, origin, since_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		tenant, account, c.ID, at, c.Channel, sealed, t.sealer.Lookup(tenant, c.Address),
		c.Standing, c.Language, instant(c.Added), instant(c.Proven), c.Origin, instant(c.Since))
	return nil
}

// ended tells of an end and carries it to the changes that hang on this one.
func (t *tx) ended(m *matter, held bool) error {
	r := m.record
	switch {
	case r.End.State == change.Applied:
		if err := t.tellNotice(m, change.Done); err != nil {
			return err
		}
	case held:
		if err := t.tellNotice(m, change.Stopped); err != nil {
			return err
		}
	}
	for _, o := range m.others {
		hanging := &matter{record: o, book: m.book, now: m.now}
		switch {
		case o.Joined == r.Key.Name:
			hanging.record = o.Share(r)
		case r.End.State == change.Applied && r.Overrules(o, m.now):
			hanging.record = o.Finish(change.Cancelled, change.ByReview, m.now)
			if err := t.tellNotice(hanging, change.Stopped); err != nil {
				return err
			}
		default:
			continue
		}
		if err := t.saveChange(hanging.record, m.now, actionChangeEnded); err != nil {
			return err
		}
	}
	return nil
}

// endLead ends the open Clear that the matter's one has seconded: one of those who asked
// has taken it back, or the person has cancelled.
func (t *tx) endLead(m *matter, end func(change.Record) change.Record) error {
	for i, lead := range m.others {
		if m.record.Joined != lead.Key.Name || lead.End.State != "" {
			continue
		}
		held := lead.State(m.now) == change.OnHold
		on := &matter{record: end(lead), book: m.book, now: m.now, others: slices.Delete(slices.Clone(m.others), i, i+1)}
		if err := t.ended(on, held); err != nil {
			return err
		}
		return t.saveChange(on.record, m.now, actionChangeEnded)
	}
	return nil
}
