package store

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// changeNoticeLife is how long it makes sense to send a notice.
const changeNoticeLife = 72 * time.Hour

// tellDue tells what is due: that another replacement stands against this one, and the
// notice of the hold.
func (t *tx) tellDue(m *matter) error {
	if m.record.Disputed(m.others, m.now) {
		if err := t.tellNotice(m, change.Contest); err != nil {
			return err
		}
	}
	if n, due := m.record.Due(m.now); due {
		return t.tellNotice(m, n)
	}
	return nil
}

// tellNotice puts a notice into the outbox for every contact of the snapshot, once each
// (law 8), and counts them. The end of a hold and that two stand against each other are
// told to the new contacts as well.
func (t *tx) tellNotice(m *matter, n change.Number) error {
	r := m.record
	addresses, err := t.changeAddresses(r, false)
	if err != nil {
		return err
	}
	told := slices.Clone(r.Snapshot)
	if n >= change.Done && !r.HoldStart.IsZero() {
		fresh, err := t.changeAddresses(r, true)
		if err != nil {
			return err
		}
		for _, c := range r.Spec.New {
			if !r.Proofs.New[c.ID].IsZero() {
				addresses[c.ID] = fresh[c.ID]
				told = append(told, change.OldContact{ID: c.ID, Channel: c.Channel, Language: c.Language})
			}
		}
	}
	sent := 0
	for i, c := range told {
		if addresses[c.ID] == "" || c.Channel == contact.App {
			continue
		}
		id := t.noticeID(r, n, c.ID)
		inserted, err := t.exec(`INSERT INTO change_notices (tenant, name, number, contact, message) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT DO NOTHING`, r.Key.Tenant, r.Key.Name, n, c.ID, id)
		if err != nil {
			return err
		}
		if inserted == 0 {
			continue
		}
		sent++
		about := message.OfChange(r)
		if n == change.Contest && i >= len(r.Snapshot) {
			about = about.ToBrought()
		}
		if err := t.insertMessages([]message.Message{{
			ID: id, Tenant: r.Key.Tenant, Account: r.Spec.Account, Kind: message.Notice, Notice: r.Notice(n, r.Contested(m.others, m.now)),
			Channel: c.Channel, Address: addresses[c.ID], Language: c.Language,
			About: about, Created: m.now, NotBefore: m.now, Expires: m.now.Add(changeNoticeLife),
		}}); err != nil {
			return err
		}
	}
	m.record = r.Tell(n, sent)
	return nil
}

// noticeID names the message of a notice: nobody guesses it, and it is one for each
// incarnation. In hexadecimals, since the lookup takes all cases as one.
func (t *tx) noticeID(r change.Record, n change.Number, contactID string) string {
	named := place(r.Key.Name, r.Created.String(), contactID, strconv.Itoa(int(n)))
	return t.sealer.Lookup(r.Key.Tenant, hex.EncodeToString([]byte(named)))
}

// NoticedChange is the change that a notice told of, and to which contact it went: the
// link in it carries no more than the message's ID. rules.ErrNotFound says that there is
// no such notice in the tenant.
func (s *Store) NoticedChange(ctx context.Context, tenant, messageID string) (change.Noticed, error) {
	return one(s.read(ctx), func(row scanner) (n change.Noticed, err error) {
		return n, row.Scan(&n.Key.Tenant, &n.Key.Name, &n.Number, &n.ContactID)
	}, `SELECT tenant, name, number, contact FROM change_notices WHERE message = $1 AND tenant = $2`, messageID, tenant)
}
