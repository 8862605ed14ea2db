package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/message"
)

const outboxColumns = `id, tenant, account, kind, notice, challenge_id, channel, address, language, attempts,
	due_at, expires_at, created_at, handed, about`

// insertMessages puts messages into the outbox and has the courier woken. A code's
// address lies with its challenge.
func (t *tx) insertMessages(messages []message.Message) error {
	for _, m := range messages {
		var sealed []byte
		destination := m.Challenge.Destination
		if m.Kind != message.Code {
			var err error
			destination = t.sealer.Lookup(m.Tenant, m.Address)
			if sealed, err = t.sealer.Seal([]byte(m.Address), place(m.Tenant, m.Account, m.ID, columnOutbox)); err != nil {
				return fmt.Errorf("seal the address of message %s: %w", m.ID, err)
			}
		}
		about, err := aboutValue(m)
		if err != nil {
			return err
		}
		t.queue(`INSERT INTO outbox (`+outboxColumns+`, destination, state, class)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, '')`,
			m.ID, m.Tenant, m.Account, m.Kind, m.Notice, m.Challenge.ID, m.Channel, sealed, m.Language, m.Attempts,
			instant(m.NotBefore), instant(m.Expires), instant(m.Created), m.Handed, about, destination, message.Waiting)
		t.mail = true
	}
	return nil
}

// Notify puts notices into the outbox.
func (s *Store) Notify(ctx context.Context, notices []message.Message) error {
	return s.write(ctx, func(t *tx) error { return t.insertMessages(notices) })
}

// MarkSent finishes a message. A finished one stays as it is. It counts from whoever
// sent it, even after the lease: what was sent was sent.
func (s *Store) MarkSent(ctx context.Context, id string, now time.Time) error {
	return s.sending.do(ctx, sent{id, now}, s.markAllSent)
}

// sent is a message that was sent, and when.
type sent struct {
	id string
	at time.Time
}

func (s *Store) markAllSent(ctx context.Context, all []sent) ([]error, error) {
	return make([]error, len(all)), s.write(ctx, func(t *tx) error {
		marks := make([]*mark, len(all))
		for i, m := range all {
			marks[i] = t.finish(m.id, time.Time{}, message.Sent, "", m.at)
		}
		return t.audited(marks...)
	})
}

// MarkDead gives up a message that was leased as m. It changes nothing where the lease
// has run out and another one began.
func (s *Store) MarkDead(ctx context.Context, m message.Message, class message.ErrorClass, now time.Time) error {
	return s.write(ctx, func(t *tx) error { return t.audited(t.finish(m.ID, m.NotBefore, message.Dead, class, now)) })
}

// MarkRetry ends the lease of m, makes it due at notBefore, counts the attempt and
// keeps m.Handed. It changes nothing where another lease began.
func (s *Store) MarkRetry(ctx context.Context, m message.Message, notBefore time.Time, class message.ErrorClass) error {
	return s.write(ctx, func(t *tx) error {
		return t.audited(t.mark(entry{at: s.config.Now(), action: actionMessageDelayed, object: m.ID, detail: string(class)},
			`UPDATE outbox SET due_at = $3, leased = FALSE, class = $4, handed = $5, attempts = attempts + 1
			WHERE id = $1 AND state = 'Waiting' AND leased AND due_at = $2`,
			m.ID, instant(m.NotBefore), instant(notBefore), class, m.Handed))
	})
}

// HandOver notes that a leased message is about to be handed to a provider, in place
// of m.Handed: whoever leases it after a crash knows that it may have been sent. It
// returns rules.ErrGone where the lease is no longer m's. The note outlives the death
// of this process, not of the machine, and so costs no wait for the disk.
func (s *Store) HandOver(ctx context.Context, m message.Message) error {
	return s.handing.do(ctx, m, s.handOverAll)
}

func (s *Store) handOverAll(ctx context.Context, all []message.Message) (each []error, err error) {
	each = make([]error, len(all))
	return each, s.writeSoon(ctx, func(t *tx) error {
		noted := make([]*answer[string], len(all))
		for i, m := range all {
			noted[i] = ask(t.queries, plain[string], `UPDATE outbox SET handed = $3
				WHERE id = $1 AND state = 'Waiting' AND leased AND due_at = $2 RETURNING id`,
				m.ID, instant(m.NotBefore), m.Handed).or(rules.ErrGone)
		}
		for i := range noted {
			if _, each[i] = noted[i].one(); each[i] != nil && !errors.Is(each[i], rules.ErrGone) {
				return each[i]
			}
		}
		return nil
	})
}

// finish ends a message that waits; its address is forgotten. A lease, unless zero,
// must still be its own.
func (t *tx) finish(id string, lease time.Time, state message.State, class message.ErrorClass, now time.Time) *mark {
	e := entry{at: now, action: actionMessageSent, object: id, detail: string(class)}
	if state == message.Dead {
		e.action = actionMessageDead
	}
	return t.mark(e, `UPDATE outbox SET state = $3, class = $4, done_at = $5, address = NULL, leased = FALSE
		WHERE id = $1 AND state = 'Waiting' AND (CAST($2 AS BIGINT) IS NULL OR (leased AND due_at = $2))`,
		id, instant(lease), state, class, instant(now))
}

// mark is a change of a waiting message that is to be audited.
type mark struct {
	entry entry
	// owned is nothing where the message was finished before.
	owned *answer[owner]
}

// owner is whose message was marked, and whether others go to the same destination.
type owner struct {
	tenant, account string
	followed        bool
}

// mark changes a waiting message; it lets a finished one be.
func (t *tx) mark(e entry, update string, args ...any) *mark {
	return &mark{e, ask(t.queries, func(row scanner) (o owner, err error) {
		return o, row.Scan(&o.tenant, &o.account, &o.followed)
	}, update+` RETURNING tenant, account, EXISTS (SELECT 1 FROM outbox o WHERE o.state = 'Waiting'
			AND o.destination <> '' AND o.destination = outbox.destination AND o.id <> outbox.id)`, args...)}
}

// audited audits what was marked. The courier is woken where others wait for the same
// destination.
func (t *tx) audited(marks ...*mark) error {
	for _, m := range marks {
		owned, err := m.owned.one()
		if errors.Is(err, rules.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		t.mail = t.mail || owned.followed
		m.entry.tenant, m.entry.account = owned.tenant, owned.account
		t.audit(m.entry)
	}
	return nil
}

// DeadLetters counts the messages of a tenant that were given up after since, by the
// class of their failure. An empty tenant stands for all.
func (s *Store) DeadLetters(ctx context.Context, tenant string, since time.Time) ([]message.DeadLetters, error) {
	return list(s.read(ctx), func(row scanner) (d message.DeadLetters, err error) {
		return d, row.Scan(&d.Class, &d.Count, (*instant)(&d.Last))
	}, `SELECT class, COUNT(*), MAX(done_at) FROM outbox
		WHERE state = 'Dead' AND class <> '' AND done_at > $2 AND (tenant = $1 OR $1 = '')
		GROUP BY class ORDER BY class`, tenant, instant(since))
}

type sealedMessage struct {
	message.Message
	sealed []byte
}

// aboutValue is what a message tells of as its row keeps it.
func aboutValue(m message.Message) (string, error) {
	if reflect.ValueOf(m.About).IsZero() {
		return "", nil
	}
	about, err := json.Marshal(m.About)
	if err != nil {
		return "", fmt.Errorf("write what message %s tells of: %w", m.ID, err)
	}
	return string(about), nil
}

func scanMessage(row scanner) (sealedMessage, error) {
	var m sealedMessage
	var about string
	err := row.Scan(&m.ID, &m.Tenant, &m.Account, &m.Kind, &m.Notice, &m.Challenge.ID, &m.Channel, &m.sealed, &m.Language,
		&m.Attempts, (*instant)(&m.NotBefore), (*instant)(&m.Expires), (*instant)(&m.Created), &m.Handed, &about)
	if err == nil && about != "" {
		err = json.Unmarshal([]byte(about), &m.About)
	}
	return m, err
}
