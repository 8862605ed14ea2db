package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// feedBatch is how many facts a follower reads at once.
const feedBatch = 256

// oneAfterAnother numbers facts where one transaction runs at a time. Prune keeps the
// newest fact, so that no number comes back.
const oneAfterAnother = `(SELECT COALESCE(MAX(seq), 0) + 1 FROM facts)`

// blockFact tells the feed of a block's row as it now is. Whoever tells of a row holds
// it: of two facts about one block, the later has the greater number. It is dated by
// the clock, whatever it tells of, so that nobody prunes it before all have read it.
func (t *tx) blockFact(key block.Key) {
	t.facts = true
	t.queue(`INSERT INTO facts (seq, at, `+blockColumns+`)
		SELECT `+t.next+`, CAST($3 AS BIGINT), `+blockColumns+` FROM blocks WHERE tenant = $1 AND name = $2`,
		key.Tenant, key.Name, instant(t.now()))
}

// restrict denies an account's payments until an instant; the latest end stands, and
// only that is told.
func (t *tx) restrict(tenant, account string, until time.Time) {
	t.facts = true
	t.queue(`INSERT INTO restrictions (tenant, account, until_at) VALUES ($1, $2, $3)
		ON CONFLICT (tenant, account) DO UPDATE SET until_at = excluded.until_at
		WHERE restrictions.until_at < excluded.until_at`, tenant, account, instant(until))
	t.queue(`INSERT INTO facts (seq, at, tenant, account, restricted_until)
		SELECT `+t.next+`, CAST($3 AS BIGINT), tenant, account, until_at FROM restrictions
		WHERE tenant = $1 AND account = $2 AND until_at = $4`, tenant, account, instant(t.now()), instant(until))
}

// replayPatience is how much longer than one question the replay may take: it reads
// every block.
const replayPatience = 30

// Follow tells each, one after the other, of every block and change that is open or ended
// at since or later (zero: ever), of every restriction in force, that of an ended change
// too, and of every round of rechecks; then it calls caughtUp once;
// then it tells of every change until ctx is done, when it returns nil: those of one
// block or change in the order of their commits. Where the memory does not answer it returns
// rules.ErrUnavailable; following anew loses nothing.
func (s *Store) Follow(ctx context.Context, since time.Time, caughtUp func(), each func(fact.Fact)) error {
	f := follower{store: s, numbering: s.config.Numbering, each: each}
	err := f.replay(ctx, since)
	if err == nil {
		caughtUp()
		err = f.tail(ctx)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// follower is one Follow: up to where it has told.
type follower struct {
	store     *Store
	numbering Numbering
	each      func(fact.Fact)
	// last is the greatest number that was told; missing are those below it that were not.
	last    int64
	missing gaps
}

// replay tells what stands now.
func (f *follower) replay(ctx context.Context, since time.Time) error {
	standing, err := f.snapshot(ctx, since)
	if err != nil {
		return err
	}
	for _, one := range standing {
		f.each(one)
	}
	return nil
}

// snapshot reads what stands, and up to which fact, as of one moment.
func (f *follower) snapshot(ctx context.Context, since time.Time) ([]fact.Fact, error) {
	c := f.store.config
	if c.Patience != 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, replayPatience*c.Patience)
		defer stop()
	}
	snapshot, err := c.Reader.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, f.store.translate(err)
	}
	defer func() { _ = snapshot.Rollback() }() // it changed nothing
	q := queries{ctx: ctx, send: oneByOne(snapshot), translate: f.store.translate, pipe: &pipe{}}
	if c.TakeTime != "" {
		if _, err := q.exec(c.TakeTime); err != nil {
			return nil, err
		}
	}
	if f.last, err = one(q, plain[int64], `SELECT COALESCE(MAX(seq), 0) FROM facts`); err != nil {
		return nil, err
	}
	if f.missing, err = c.Numbering.gapsBelow(q, f.last); err != nil {
		return nil, err
	}
	return standing(q, since, c.Now())
}

// tail tells of what comes after.
func (f *follower) tail(ctx context.Context) error {
	for {
		// Listening comes before reading: what is committed in between rings.
		rung := f.store.feed.listen()
		q := f.store.read(ctx)
		if err := f.catchUp(q); err != nil {
			return err
		}
		news, err := list(q, scanFact, `SELECT seq, fact, restricted_until, `+blockColumns+` FROM facts
			WHERE seq > $1 ORDER BY seq LIMIT CAST($2 AS BIGINT)`, f.last, feedBatch)
		if err != nil {
			return err
		}
		for _, n := range news {
			f.each(n.Fact)
			f.skip(n.seq)
			f.last = n.seq
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
	var told string
	r, err := scanBlockAfter(row, &n.seq, &told, &until)
	switch {
	case err != nil:
		return n, err
	case told != "":
		if err := json.Unmarshal([]byte(told), &n.Fact); err != nil {
			return n, fmt.Errorf("read fact %d: %w", n.seq, err)
		}
	case time.Time(until).IsZero():
		n.Block = &r
	default:
		n.Restriction = &fact.Restriction{Tenant: r.Key.Tenant, Account: r.Spec.Account, Until: time.Time(until)}
	}
	return n, nil
}

func scanRestriction(row scanner) (fact.Restriction, error) {
	var r fact.Restriction
	err := row.Scan(&r.Tenant, &r.Account, (*instant)(&r.Until))
	return r, err
}
