package store

import (
	"context"
	"database/sql"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// feedBatch is how many facts a follower reads at once.
const feedBatch = 256

// nextSeq numbers facts in the order of their commits. Prune keeps the newest, so
// that no number comes back.
const nextSeq = `(SELECT COALESCE(MAX(seq), 0) + 1 FROM facts)`

// blockFact tells the feed of a block's row as it now is.
func (t *tx) blockFact(key block.Key, at time.Time) error {
	t.facts = true
	_, err := t.exec(`INSERT INTO facts (seq, at, `+blockColumns+`)
		SELECT `+nextSeq+`, CAST($3 AS BIGINT), `+blockColumns+` FROM blocks WHERE tenant = $1 AND name = $2`,
		key.Tenant, key.Name, instant(at))
	return err
}

// restrict denies an account's payments until an instant; the latest end stands.
func (t *tx) restrict(tenant, account string, until, at time.Time) error {
	n, err := t.exec(`INSERT INTO restrictions (tenant, account, until_at) VALUES ($1, $2, $3)
		ON CONFLICT (tenant, account) DO UPDATE SET until_at = excluded.until_at
		WHERE restrictions.until_at < excluded.until_at`, tenant, account, instant(until))
	if err != nil || n == 0 {
		return err
	}
	t.facts = true
	_, err = t.exec(`INSERT INTO facts (seq, at, tenant, account, restricted_until)
		VALUES (`+nextSeq+`, $1, $2, $3, $4)`, instant(at), tenant, account, instant(until))
	return err
}

// Follow tells each, one after the other, of every block that is open or ended at
// since or later (zero: ever) and of every restriction in force; then it calls caughtUp once;
// then it tells of every change in the order of the commits until ctx is done,
// when it returns nil. Where the memory does not answer it returns
// rules.ErrUnavailable; following anew loses nothing.
func (s *Store) Follow(ctx context.Context, since time.Time, caughtUp func(), each func(fact.Fact)) error {
	last, err := s.replay(ctx, since, each)
	if err == nil {
		caughtUp()
		err = s.tail(ctx, last, each)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// replay tells what stands now, as of one moment, and returns the last fact before.
func (s *Store) replay(ctx context.Context, since time.Time, each func(fact.Fact)) (last int64, err error) {
	snapshot, err := s.config.Reader.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return 0, s.translate(err)
	}
	defer func() { _ = snapshot.Rollback() }() // it changed nothing
	q := queries{ctx, snapshot, s.translate}
	if last, err = one(q, plain[int64], `SELECT COALESCE(MAX(seq), 0) FROM facts`); err != nil {
		return 0, err
	}
	blocks, err := list(q, scanBlock, `SELECT `+blockColumns+` FROM blocks
		WHERE end_state = '' OR (end_state <> '' AND end_at >= $1) ORDER BY tenant, name`, since.UnixMilli())
	if err != nil {
		return 0, err
	}
	restrictions, err := list(q, scanRestriction,
		`SELECT tenant, account, until_at FROM restrictions WHERE until_at > $1 ORDER BY tenant, account`, instant(s.config.Now()))
	if err != nil {
		return 0, err
	}
	for i := range blocks {
		each(fact.Fact{Block: &blocks[i]})
	}
	for i := range restrictions {
		each(fact.Fact{Restriction: &restrictions[i]})
	}
	return last, nil
}

// tail tells of what comes after the fact last.
func (s *Store) tail(ctx context.Context, last int64, each func(fact.Fact)) error {
	for {
		// Listening comes before reading: what is committed in between rings.
		rung := s.feed.listen()
		news, err := list(s.read(ctx), scanFact, `SELECT seq, restricted_until, `+blockColumns+` FROM facts
			WHERE seq > $1 ORDER BY seq LIMIT CAST($2 AS BIGINT)`, last, feedBatch)
		if err != nil {
			return err
		}
		for _, n := range news {
			each(n.Fact)
			last = n.seq
		}
		if len(news) == feedBatch {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-rung:
		}
	}
}

type numberedFact struct {
	fact.Fact
	seq int64
}

func scanFact(row scanner) (numberedFact, error) {
	var n numberedFact
	var until instant
	r, err := scanBlockAfter(row, &n.seq, &until)
	if time.Time(until).IsZero() {
		n.Block = &r
	} else {
		n.Restriction = &fact.Restriction{Tenant: r.Key.Tenant, Account: r.Spec.Account, Until: time.Time(until)}
	}
	return n, err
}

func scanRestriction(row scanner) (fact.Restriction, error) {
	var r fact.Restriction
	err := row.Scan(&r.Tenant, &r.Account, (*instant)(&r.Until))
	return r, err
}
