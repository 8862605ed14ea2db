package store

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
)

// Lease hands out at most n messages that are due, those due longest first, with
// their addresses opened; none of the lanes that are full. Until then nobody else gets
// them; if they are not marked by then, they are due again. NotBefore is the end of the
// lease, which names it, and outlives the death of this process, not of the machine. A message past its Expires, or whose challenge was consumed,
// replaced or voided, is dropped: Dead without a class.
//
// Messages to one destination keep their order: one that is being sent or due holds
// back the later ones, one that waits for another attempt the later notices. A code
// does not wait for a retry.
func (s *Store) Lease(ctx context.Context, n int, now, until time.Time, full ...message.Lane) ([]message.Message, error) {
	if !until.After(now) {
		return nil, fmt.Errorf("lease messages: the lease would end at %s, which is not after its begin", until)
	}
	var leased []message.Message
	err := s.writeSoon(ctx, func(t *tx) error {
		leased = nil // it may be run again
		for len(leased) < n {
			room := n - len(leased)
			due, err := t.lease(room, now, until, full)
			if err != nil {
				return err
			}
			alive, err := t.prepareAll(due, now)
			if err != nil {
				return err
			}
			leased = append(leased, alive...)
			// One that was dropped lets those behind it through.
			if len(due) < room && len(alive) == len(due) {
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

// behind says that an earlier message to the same destination goes before m at $1.
const behind = `EXISTS (SELECT 1 FROM outbox e WHERE e.state = 'Waiting' AND e.destination <> '' AND e.destination = m.destination
	AND (e.created_at, e.id) < (m.created_at, m.id) AND (e.leased OR e.due_at <= $1 OR m.kind <> 'Code'))`

// lease claims rows. The guard stands outside the choice too: of two couriers that
// choose the same row, the later finds it no longer due.
func (t *tx) lease(n int, now, until time.Time, full []message.Lane) ([]sealedMessage, error) {
	others, args := outside(full, instant(now), instant(until), n)
	return list(t.queries, scanMessage, `UPDATE outbox SET due_at = $2, leased = TRUE
		WHERE state = 'Waiting' AND due_at <= $1 AND id IN (WITH next AS MATERIALIZED (
			SELECT id FROM outbox m WHERE state = 'Waiting' AND due_at <= $1 AND NOT `+behind+others+`
			ORDER BY due_at, created_at, id LIMIT CAST($3 AS BIGINT)`+t.skip+`) SELECT id FROM next)
		RETURNING `+outboxColumns, args...)
}

// outside keeps m out of full lanes; it appends their names to the arguments. The list
// is filled up to a power of two, so that there are few statements to prepare.
func outside(full []message.Lane, args ...any) (where string, _ []any) {
	if len(full) == 0 {
		return "", args
	}
	var b strings.Builder
	for i := range 1 << bits.Len(uint(len(full)-1)) {
		lane := full[min(i, len(full)-1)]
		fmt.Fprintf(&b, ` AND NOT (m.tenant = $%d AND ($%[2]d = '' OR m.channel = $%[2]d))`, len(args)+1, len(args)+2)
		args = append(args, lane.Tenant, lane.Channel)
	}
	return b.String(), args
}

// NextDue is when the earliest message that Lease would hand out is due, now where it
// is overdue; false where none waits.
func (s *Store) NextDue(ctx context.Context, now time.Time, full ...message.Lane) (time.Time, bool, error) {
	others, args := outside(full, instant(now))
	due, err := one(s.read(ctx), moment, `SELECT due_at FROM outbox m WHERE state = 'Waiting' AND NOT `+behind+others+`
		ORDER BY due_at LIMIT 1`, args...)
	if errors.Is(err, rules.ErrNotFound) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	if due.Before(now) {
		due = now
	}
	return due, true, nil
}

// ReleaseLeases makes every leased message due at once. It is for an engine that has
// just opened and that no other process shares: whoever held them is gone.
func (s *Store) ReleaseLeases(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		t.mail = true
		t.queue(`UPDATE outbox SET leased = FALSE, due_at = COALESCE(created_at, 0) WHERE state = 'Waiting' AND leased`)
		return nil
	})
}

// prepareAll makes claimed messages whole, and leaves out those that it has ended.
func (t *tx) prepareAll(due []sealedMessage, now time.Time) (alive []message.Message, err error) {
	challenges := make([]*answer[sealedChallenge], len(due))
	for i, m := range due {
		if m.Kind == message.Code {
			challenges[i] = ask(t.queries, scanSealedChallenge,
				`SELECT `+challengeColumns+`, address FROM challenges WHERE id = $1 AND epoch = `+currentEpoch, m.Challenge.ID)
		}
	}
	for i, m := range due {
		whole, class, err := t.prepare(m, challenges[i], now)
		switch {
		case err != nil:
			return nil, err
		case whole.ID == "":
			t.drop(m, class, now)
		default:
			alive = append(alive, whole)
		}
	}
	return alive, nil
}

// prepare makes a claimed message whole. It returns none where sending it makes no
// sense any more, or, with a class, where its address does not open: one row that is
// damaged must not hold back all the others.
func (t *tx) prepare(m sealedMessage, challenge *answer[sealedChallenge], now time.Time) (whole message.Message, class message.ErrorClass, err error) {
	if !now.Before(m.Expires) {
		return message.Message{}, "", nil
	}
	if m.Kind == message.Code {
		c, err := challenge.one()
		if errors.Is(err, rules.ErrNotFound) || (err == nil && c.Verdict(now) == code.Gone) {
			return message.Message{}, "", nil
		}
		if err != nil {
			return message.Message{}, "", err
		}
		m.Challenge = c.Challenge
		m.Address, err = t.openAddress(c)
		return opened(m.Message, err)
	}
	m.Address, err = t.messageAddress(m)
	return opened(m.Message, err)
}

func opened(m message.Message, err error) (message.Message, message.ErrorClass, error) {
	if err == nil || errors.Is(err, rules.ErrUnavailable) {
		return m, "", err
	}
	return message.Message{}, message.Misconfigured, nil
}

// drop ends a message that this transaction has claimed.
func (t *tx) drop(m sealedMessage, class message.ErrorClass, now time.Time) {
	t.queue(`UPDATE outbox SET state = $2, class = $3, done_at = $4, address = NULL, leased = FALSE WHERE id = $1`,
		m.ID, message.Dead, class, instant(now))
	t.audit(entry{at: now, tenant: m.Tenant, account: m.Account, action: actionMessageDead, object: m.ID, detail: string(class)})
}

func (t *tx) messageAddress(m sealedMessage) (string, error) {
	address, err := t.sealer.Open(m.sealed, place(m.Tenant, m.Account, m.ID, columnOutbox))
	return string(address), err
}
