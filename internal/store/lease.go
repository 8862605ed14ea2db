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

// Lease hands out at most n messages that are due, those due longest first, with
// their addresses opened; none of the lanes that are full. Until then nobody else gets
// them; if they are not marked by then, they are due again. NotBefore is the end of the
// lease, which names it; a lease outlives the death of this process, not of the machine. A
// message past its Expires, or whose challenge was consumed,
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
		lanes, err := t.lanes(full)
		for i := 0; err == nil && i < len(lanes) && len(leased) < n; i++ {
			var more []message.Message
			more, err = t.leaseAlive(lanes[i], n-len(leased), now, until)
			leased = append(leased, more...)
		}
		return err
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

// leaseAlive leases at most n messages of a lane that sending still makes sense of.
func (t *tx) leaseAlive(lane message.Lane, n int, now, until time.Time) (leased []message.Message, err error) {
	for len(leased) < n {
		room := n - len(leased)
		due, err := t.lease(lane, room, now, until)
		if err != nil {
			return nil, err
		}
		alive, err := t.prepareAll(due, now)
		if err != nil {
			return nil, err
		}
		leased = append(leased, alive...)
		// One that was dropped lets those behind it through.
		if len(due) < room && len(alive) == len(due) {
			return leased, nil
		}
	}
	return leased, nil
}

// lease claims rows. The guard stands outside the choice too: of two couriers that
// choose the same row, the later finds it no longer due.
func (t *tx) lease(lane message.Lane, n int, now, until time.Time) ([]sealedMessage, error) {
	within, args := inLane(lane, instant(now), instant(until), n)
	return list(t.queries, scanMessage, `UPDATE outbox SET due_at = $2, leased = TRUE
		WHERE state = 'Waiting' AND due_at <= $1 AND id IN (WITH next AS MATERIALIZED (
			SELECT id FROM outbox m WHERE state = 'Waiting' AND due_at <= $1 AND NOT `+behind+within+`
			ORDER BY due_at, created_at, id LIMIT CAST($3 AS BIGINT)`+t.skip+`) SELECT id FROM next)
		RETURNING `+outboxColumns, args...)
}

// inLane keeps m in a lane, whose names it appends to the arguments; the zero lane is
// all of them.
func inLane(lane message.Lane, args ...any) (where string, _ []any) {
	if lane == (message.Lane{}) {
		return "", args
	}
	return fmt.Sprintf(` AND m.tenant = $%d AND m.channel = $%d`, len(args)+1, len(args)+2), append(args, lane.Tenant, lane.Channel)
}

// everyLane walks the index from each tenant and channel to the next one: few steps,
// however many messages wait.
const everyLane = `WITH RECURSIVE tenants (tenant) AS (
		SELECT MIN(tenant) FROM outbox WHERE state = 'Waiting'
		UNION ALL SELECT (SELECT MIN(o.tenant) FROM outbox o WHERE o.state = 'Waiting' AND o.tenant > t.tenant)
			FROM tenants t WHERE t.tenant IS NOT NULL),
	lanes (tenant, channel) AS (
		SELECT t.tenant, (SELECT MIN(o.channel) FROM outbox o WHERE o.state = 'Waiting' AND o.tenant = t.tenant)
			FROM tenants t WHERE t.tenant IS NOT NULL
		UNION ALL SELECT l.tenant, (SELECT MIN(o.channel) FROM outbox o WHERE o.state = 'Waiting' AND o.tenant = l.tenant AND o.channel > l.channel)
			FROM lanes l WHERE l.channel IS NOT NULL)
	SELECT tenant, channel FROM lanes l WHERE channel IS NOT NULL ORDER BY (
		SELECT MIN(o.due_at) FROM outbox o WHERE o.state = 'Waiting' AND o.tenant = l.tenant AND o.channel = l.channel)`

// lanes are those with waiting messages that are not full, whichever has waited longest
// first: where none is full the zero lane, which is all of them.
func (q queries) lanes(full []message.Lane) ([]message.Lane, error) {
	if len(full) == 0 {
		return []message.Lane{{}}, nil
	}
	all, err := list(q, func(row scanner) (l message.Lane, err error) { return l, row.Scan(&l.Tenant, &l.Channel) }, everyLane)
	return slices.DeleteFunc(all, func(l message.Lane) bool {
		return slices.ContainsFunc(full, func(f message.Lane) bool {
			return f.Tenant == l.Tenant && (f.Channel == "" || f.Channel == l.Channel)
		})
	}), err
}

// NextDue is when the earliest message that Lease would hand out is due, now where it
// is overdue; false where none waits.
func (s *Store) NextDue(ctx context.Context, now time.Time, full ...message.Lane) (first time.Time, some bool, err error) {
	q := s.read(ctx)
	lanes, err := q.lanes(full)
	for i := 0; err == nil && i < len(lanes); i++ {
		within, args := inLane(lanes[i], instant(now))
		var due time.Time
		due, err = one(q, moment, `SELECT due_at FROM outbox m WHERE state = 'Waiting' AND NOT `+behind+within+`
			ORDER BY due_at LIMIT 1`, args...)
		switch {
		case errors.Is(err, rules.ErrNotFound):
			err = nil
		case err == nil && (!some || due.Before(first)):
			first, some = due, true
		}
	}
	if err != nil || !some {
		return time.Time{}, false, err
	}
	if first.Before(now) {
		first = now
	}
	return first, true, nil
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
