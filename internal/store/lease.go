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
// lease, which names it. A message past its Expires, or whose challenge was consumed,
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
	err := s.write(ctx, func(t *tx) error {
		leased = nil // it may be run again
		for len(leased) < n {
			room := n - len(leased)
			due, err := t.lease(room, now, until, full)
			if err != nil {
				return err
			}
			before := len(leased)
			for _, d := range due {
				alive, err := t.prepare(&d, now)
				if err != nil {
					return err
				}
				if alive {
					leased = append(leased, d.Message)
				}
			}
			// One that was dropped lets those behind it through.
			if len(due) < room && len(leased)-before == len(due) {
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
		_, err := t.exec(`UPDATE outbox SET leased = FALSE, due_at = COALESCE(created_at, 0) WHERE state = 'Waiting' AND leased`)
		return err
	})
}

// prepare makes a claimed message whole, or ends it and returns false where sending
// it makes no sense any more or its address does not open.
func (t *tx) prepare(m *sealedMessage, now time.Time) (alive bool, err error) {
	if !now.Before(m.Expires) {
		return false, t.finish(m.ID, time.Time{}, message.Dead, "", now)
	}
	if m.Kind == message.Code {
		var sealed []byte
		m.Challenge, err = one(t.queries, func(row scanner) (code.Challenge, error) { return scanChallengeWith(row, &sealed) },
			`SELECT `+challengeColumns+`, address FROM challenges WHERE id = $1 AND epoch = `+currentEpoch, m.Challenge.ID)
		if errors.Is(err, rules.ErrNotFound) || (err == nil && m.Challenge.Verdict(now) == code.Gone) {
			return false, t.finish(m.ID, time.Time{}, message.Dead, "", now)
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
		return false, t.finish(m.ID, time.Time{}, message.Dead, message.Misconfigured, now)
	}
	return true, nil
}

func (t *tx) messageAddress(m sealedMessage) (string, error) {
	address, err := t.sealer.Open(m.sealed, place(m.Tenant, m.Account, m.ID, columnOutbox))
	return string(address), err
}
