package store

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/disowned"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/session"
)

// destination is where messages of an account go, as hashes of its address: the present
// one, and while keys are rotated the one that an open code still has.
type destination struct{ tenant, account, present, former string }

// disown notes that somebody who gets messages at a destination says that the account is
// not theirs: codes that are on their way there are void, but for those that cancel (law 8),
// and the account's other contacts are told, once for as long as the destination rests.
func (t *tx) disown(to destination, now time.Time) error {
	// They expire in place: a code that takes their place has no more guesses than they had.
	t.queue(`UPDATE challenges SET expires_at = $5 WHERE expires_at > $5 AND tenant = $1 AND account = $2
		AND destination IN ($3, $4) AND consumed_at IS NULL AND purpose <> $6`,
		to.tenant, to.account, to.present, to.former, instant(now), code.Cancel)
	fresh, err := t.exec(`INSERT INTO disowned (tenant, destination, account, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant, destination, account) DO UPDATE SET at = excluded.at WHERE disowned.at <= $5`,
		to.tenant, to.present, to.account, instant(now), instant(now.Add(-disowned.Rest)))
	if err != nil || fresh == 0 {
		return err
	}
	return t.tellOthers(to, now)
}

// tellOthers tells the account's other contacts that one of them is somebody else's. What
// was never listed is nobody's loss: it is not told.
func (t *tx) tellOthers(to destination, now time.Time) error {
	known, err := book(t.queries, t.sealer, to.tenant, to.account, now)
	if err != nil {
		return err
	}
	hint, others := "", []contact.Contact(nil)
	for _, c := range known.Contacts {
		switch {
		case t.sealer.Lookup(to.tenant, c.Address) == to.present:
			hint = c.Mask()
		case c.Channel != contact.App:
			others = append(others, c)
		}
	}
	if hint == "" {
		return nil
	}
	notices := make([]message.Message, len(others))
	for i, c := range others {
		named := place(to.account, to.present, now.String(), c.ID)
		notices[i] = message.Message{
			ID: t.sealer.Lookup(to.tenant, hex.EncodeToString([]byte(named))), Tenant: to.tenant, Account: to.account,
			Kind: message.Notice, Notice: message.NoticeContactDisowned, Channel: c.Channel, Address: c.Address, Language: c.Language,
			About: message.About{Contact: hint}, Created: now, NotBefore: now, Expires: now.Add(changeNoticeLife),
		}
	}
	return t.insertMessages(notices)
}

// disownChallenge does so for the destination of a code that was reported, and ends the
// change that the code was for where its new contact is somebody else's.
func (t *tx) disownChallenge(c code.Challenge, now time.Time) error {
	present, err := t.presentDestination(c)
	if err != nil {
		return err
	}
	if err := t.disown(destination{c.Tenant, c.Account, present, c.Destination}, now); err != nil || c.Purpose != code.AddContact {
		return err
	}
	m, err := t.openMatter(change.Key{Tenant: c.Tenant, Name: c.Object}, c.Account, now)
	if err != nil || !disowned.Drops(c, m.record, now) {
		return err
	}
	before := m.record
	m.record = m.record.Finish(change.Rejected, disowned.NotTheirs, now)
	if err := t.ended(m, false); err != nil {
		return err
	}
	_, err = t.conclude(m, before, actionChangeRejected)
	return err
}

// DisownNotice takes the word of whoever got the notice of a change that the account is
// not theirs. Codes to that destination rest; the change, and the notices that are to come,
// stay as they are (law 8). It acts once on a notice: done is false where it did before, or
// where the tenant has sent no such notice.
func (s *Store) DisownNotice(ctx context.Context, by disowned.ByNotice) (done bool, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		done, err = t.disownNotice(by)
		return err
	})
	return done && err == nil, err
}

func (t *tx) disownNotice(by disowned.ByNotice) (done bool, err error) {
	now := stored(by.Now)
	told, err := one(t.queries, scanNoticed, `UPDATE change_notices SET reported_at = $3
		WHERE message = $1 AND tenant = $2 AND reported_at IS NULL RETURNING tenant, name, number, contact`, by.Message, by.Tenant, instant(now))
	if err != nil {
		return false, unlessMissing(err, rules.ErrNotFound)
	}
	r, err := one(t.queries, scanChange, `SELECT record FROM changes WHERE tenant = $1 AND name = $2`, told.Key.Tenant, told.Key.Name)
	if err != nil {
		return false, unlessMissing(err, rules.ErrNotFound)
	}
	address, err := t.noticedAddress(r, told.ContactID)
	if err != nil || address == "" {
		return false, err
	}
	present := t.sealer.Lookup(by.Tenant, address)
	if former := t.sealer.FormerLookups(by.Tenant, address); len(former) > 0 {
		if err := t.carry(by.Tenant, present, former); err != nil {
			return false, err
		}
	}
	if err := t.disown(destination{by.Tenant, r.Spec.Account, present, present}, now); err != nil {
		return false, err
	}
	return true, t.auditReport(code.NotMyAccount, "", entry{at: now, tenant: by.Tenant, account: r.Spec.Account, object: by.Message})
}

// noticedAddress is that of a contact to which a notice went: an old one, or one that the
// change has brought. Empty where it is gone.
func (t *tx) noticedAddress(r change.Record, contactID string) (string, error) {
	for _, fresh := range []bool{false, true} {
		addresses, err := t.changeAddresses(r, fresh)
		if err != nil || addresses[contactID] != "" {
			return addresses[contactID], err
		}
	}
	return "", nil
}

// saidOf asks when somebody said of a destination that is none of the account's contacts
// that the account is not theirs, as far as that keeps codes from it: not for whoever has
// stepped up, nor to cancel.
func (t *tx) saidOf(c code.Challenge, now time.Time) *answer[time.Time] {
	if c.ContactID != "" || !disowned.Concerns(c.Purpose) {
		return nil
	}
	return ask(t.queries, moment, `SELECT at FROM disowned WHERE tenant = $1 AND destination = $2 AND account = $3 AND at > $4
		AND NOT EXISTS (SELECT 1 FROM sessions WHERE flow = $5 AND assurance = $6)`,
		c.Tenant, c.Destination, c.Account, instant(now.Add(-disowned.Rest)), c.Flow, session.StepUp)
}

// rests refuses a destination of which somebody said so.
func rests(said *answer[time.Time], now time.Time) error {
	if said == nil {
		return nil
	}
	at, err := said.one()
	switch {
	case errors.Is(err, rules.ErrNotFound):
		return nil
	case err != nil:
		return err
	default:
		return &rules.LimitError{Subject: "disowned", RetryAfter: disowned.Until(at).Sub(now)}
	}
}

// ownAgain forgets what somebody said of a destination: whoever is at the account has just
// shown that they get its messages there.
func (t *tx) ownAgain(c code.Challenge) {
	t.queue(`DELETE FROM disowned WHERE tenant = $1 AND account = $2 AND destination IN ($3,
		(SELECT lookup FROM contacts WHERE tenant = $1 AND account = $2 AND id = $4))`, c.Tenant, c.Account, c.Destination, c.ContactID)
}

func scanNoticed(row scanner) (n change.Noticed, err error) {
	return n, row.Scan(&n.Key.Tenant, &n.Key.Name, &n.Number, &n.ContactID)
}
