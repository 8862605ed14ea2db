package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
)

const outboxColumns = `id, tenant, account, kind, notice, challenge_id, channel, address, language, attempts,
	due_at, expires_at, created_at`

// insertMessages puts messages into the outbox and has the courier woken. A code's
// address lies with its challenge.
func (t *tx) insertMessages(messages []message.Message) error {
	for _, m := range messages {
		var sealed []byte
		if m.Kind != message.Code {
			var err error
			if sealed, err = t.sealer.Seal([]byte(m.Address), place(m.Tenant, m.Account, m.ID, columnOutbox)); err != nil {
				return fmt.Errorf("seal the address of message %s: %w", m.ID, err)
			}
		}
		if _, err := t.exec(`INSERT INTO outbox (`+outboxColumns+`, state, class)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '')`,
			m.ID, m.Tenant, m.Account, m.Kind, m.Notice, m.Challenge.ID, m.Channel, sealed, m.Language, m.Attempts,
			instant(m.NotBefore), instant(m.Expires), instant(m.Created), message.Waiting); err != nil {
			return err
		}
		t.mail = true
	}
	return nil
}

// Lease hands out at most n messages that are due, those due longest first, with
// their addresses opened. Until then nobody else gets them; if they are not marked
// by then, they are due again. NotBefore is the end of the lease. A message past its
// Expires, or whose challenge was consumed, replaced or voided, is dropped: Dead
// without a class.
func (s *Store) Lease(ctx context.Context, n int, now, until time.Time) ([]message.Message, error) {
	if !until.After(now) {
		return nil, fmt.Errorf("lease messages: the lease would end at %s, which is not after its begin", until)
	}
	var leased []message.Message
	err := s.write(ctx, func(t *tx) error {
		for len(leased) < n {
			room := n - len(leased)
			due, err := t.lease(room, now, until)
			if err != nil {
				return err
			}
			for _, d := range due {
				alive, err := t.prepare(&d, now)
				if err != nil {
					return err
				}
				if alive {
					leased = append(leased, d.Message)
				}
			}
			if len(due) < room {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(leased, func(a, b message.Message) int {
		if byAge := a.Created.Compare(b.Created); byAge != 0 {
			return byAge
		}
		return strings.Compare(a.ID, b.ID)
	})
	return leased, nil
}

// lease claims rows. The guard stands outside the choice too: of two couriers that
// choose the same row, the later finds it no longer due.
func (t *tx) lease(n int, now, until time.Time) ([]sealedMessage, error) {
	return list(t.queries, scanMessage, `UPDATE outbox SET due_at = $3
		WHERE state = 'Waiting' AND due_at <= $2 AND id IN (
			SELECT id FROM outbox WHERE state = 'Waiting' AND due_at <= $2 ORDER BY due_at, created_at, id LIMIT CAST($1 AS BIGINT))
		RETURNING `+outboxColumns, n, instant(now), instant(until))
}

// prepare makes a claimed message whole, or ends it and returns false where sending
// it makes no sense any more or its address does not open.
func (t *tx) prepare(m *sealedMessage, now time.Time) (alive bool, err error) {
	if !now.Before(m.Expires) {
		return false, t.finish(m.ID, message.Dead, "", now)
	}
	if m.Kind == message.Code {
		var sealed []byte
		m.Challenge, err = one(t.queries, func(row scanner) (code.Challenge, error) { return scanChallengeWith(row, &sealed) },
			`SELECT `+challengeColumns+`, address FROM challenges WHERE id = $1 AND epoch = `+currentEpoch, m.Challenge.ID)
		if errors.Is(err, rules.ErrNotFound) || (err == nil && m.Challenge.Verdict(now) == code.Gone) {
			return false, t.finish(m.ID, message.Dead, "", now)
		}
		if err != nil {
			return false, err
		}
		m.Address, err = t.openAddress(m.Challenge, sealed)
	} else {
		m.Address, err = t.messageAddress(*m)
	}
	if errors.Is(err, rules.ErrUnavailable) {
		return false, err
	}
	if err != nil {
		// One row that does not open must not hold back all the others.
		return false, t.finish(m.ID, message.Dead, message.Misconfigured, now)
	}
	return true, nil
}

func (t *tx) messageAddress(m sealedMessage) (string, error) {
	address, err := t.sealer.Open(m.sealed, place(m.Tenant, m.Account, m.ID, columnOutbox))
	return string(address), err
}

// MarkSent finishes a message. A finished one stays as it is.
func (s *Store) MarkSent(ctx context.Context, id string, now time.Time) error {
	return s.write(ctx, func(t *tx) error { return t.finish(id, message.Sent, "", now) })
}

// MarkDead gives a message up. A finished one stays as it is.
func (s *Store) MarkDead(ctx context.Context, id string, class message.ErrorClass, now time.Time) error {
	return s.write(ctx, func(t *tx) error { return t.finish(id, message.Dead, class, now) })
}

// MarkRetry makes a message due again at notBefore and counts the attempt. A
// finished one stays as it is.
func (s *Store) MarkRetry(ctx context.Context, id string, notBefore time.Time, class message.ErrorClass) error {
	return s.write(ctx, func(t *tx) error {
		return t.mark(entry{at: s.config.Now(), action: actionMessageDelayed, object: id, detail: string(class)},
			`UPDATE outbox SET due_at = $2, class = $3, attempts = attempts + 1
			WHERE id = $1 AND state = 'Waiting' RETURNING tenant, account`, id, instant(notBefore), class)
	})
}

// finish ends a message that waits; its address is forgotten.
func (t *tx) finish(id string, state message.State, class message.ErrorClass, now time.Time) error {
	e := entry{at: now, action: actionMessageSent, object: id, detail: string(class)}
	if state == message.Dead {
		e.action = actionMessageDead
	}
	return t.mark(e, `UPDATE outbox SET state = $2, class = $3, address = NULL
		WHERE id = $1 AND state = 'Waiting' RETURNING tenant, account`, id, state, class)
}

// mark changes a waiting message and audits it; it lets a finished one be.
func (t *tx) mark(e entry, update string, args ...any) error {
	owned, err := one(t.queries, func(row scanner) (e entry, err error) {
		return e, row.Scan(&e.tenant, &e.account)
	}, update, args...)
	if errors.Is(err, rules.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	e.tenant, e.account = owned.tenant, owned.account
	return t.audit(e)
}

// NextDue is when the earliest waiting message is due, now where it is overdue;
// false where none waits.
func (s *Store) NextDue(ctx context.Context, now time.Time) (time.Time, bool, error) {
	due, err := one(s.read(ctx), moment, `SELECT MIN(due_at) FROM outbox WHERE state = 'Waiting'`)
	if err != nil || due.IsZero() {
		return time.Time{}, false, err
	}
	if due.Before(now) {
		due = now
	}
	return due, true, nil
}

type sealedMessage struct {
	message.Message
	sealed []byte
}

func scanMessage(row scanner) (sealedMessage, error) {
	var m sealedMessage
	err := row.Scan(&m.ID, &m.Tenant, &m.Account, &m.Kind, &m.Notice, &m.Challenge.ID, &m.Channel, &m.sealed, &m.Language,
		&m.Attempts, (*instant)(&m.NotBefore), (*instant)(&m.Expires), (*instant)(&m.Created))
	return m, err
}
