package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
)

const blockColumns = `tenant, name, uid, account, reason, scope, value, start_at, duration_ms, permanent, steps, code_to,
	expires_at, extensions, proof_flow, proof_at, proof_entered, end_state, end_at, end_entered, deleted, spared`

// Block reads a record, or rules.ErrNotFound.
func (s *Store) Block(ctx context.Context, key block.Key) (block.Record, error) {
	return one(s.read(ctx), scanBlock,
		`SELECT `+blockColumns+` FROM blocks WHERE tenant = $1 AND name = $2`, key.Tenant, key.Name)
}

// FreezeBlock records the block at its first sight and merges every later sight
// into the record. Seen again without a change it writes nothing.
func (s *Store) FreezeBlock(ctx context.Context, key block.Key, uid string, spec block.Spec) (block.Record, error) {
	spec = normal(spec)
	known, err := s.Block(ctx, key)
	if err == nil && reflect.DeepEqual(known, known.Merge(uid, spec)) {
		return known, nil
	}
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return block.Record{}, err
	}
	return s.changeBlock(ctx, sight{key, uid, spec, s.config.Now(), actionBlockFrozen},
		func(r block.Record, _ bool) block.Record { return r })
}

// LengthenBlock freezes the block if it must, then counts an attempt, which lengthens it
// within a time from its start (seed 30).
func (s *Store) LengthenBlock(ctx context.Context, key block.Key, uid string, spec block.Spec, attempt time.Time, within time.Duration) (block.Record, error) {
	return s.changeBlock(ctx, sight{key, uid, normal(spec), attempt, actionBlockLengthened},
		func(r block.Record, _ bool) block.Record {
			r, _ = r.Lengthen(stored(attempt), within)
			return r
		})
}

// EndBlock freezes the block if it must, then writes the end; the first terminal
// fact stands. deleted marks the end of the incarnation.
func (s *Store) EndBlock(ctx context.Context, key block.Key, uid string, spec block.Spec, end block.End, deleted bool) (block.Record, error) {
	if end.At.IsZero() {
		end.At = s.config.Now()
	}
	end.At = stored(end.At)
	return s.changeBlock(ctx, sight{key, uid, normal(spec), end.At, actionBlockEnded},
		func(r block.Record, known bool) block.Record {
			r = ended(r, known, end)
			if deleted {
				r = erased(r, uid, end.At)
			}
			return r
		})
}

// ended writes an end into an open record. A known block that meanwhile got a
// later expiry does not expire now; one that had expired by itself did so then. A
// record made from the object alone takes the end that the object tells (law 1).
func ended(r block.Record, known bool, end block.End) block.Record {
	if r.End.State.Terminal() || !end.State.Terminal() {
		return r
	}
	expired := r.State(end.At) == block.Expired
	switch {
	case known && end.State == block.Expired && !expired:
		return r
	case known && end.State != block.Expired && expired:
		end = block.End{State: block.Expired, At: r.Expires}
	}
	r.End = end
	return r
}

// erased ends the incarnation: the deletion of an open block revokes it. It keeps
// the UID that was deleted, so that a late sight of that object begins no new one.
func erased(r block.Record, uid string, at time.Time) block.Record {
	if !r.End.State.Terminal() {
		r.End = block.End{State: block.Revoked, At: at}
	}
	r.UID, r.Deleted = uid, true
	return r
}

// sight is one sight of a block object and what it is seen for.
type sight struct {
	key    block.Key
	uid    string
	spec   block.Spec
	at     time.Time
	action string
}

// changeBlock merges a sight into the record, which it makes where there is none,
// applies a change and writes what differs. known tells change whether a record
// stood before.
func (s *Store) changeBlock(ctx context.Context, seen sight, change func(r block.Record, known bool) block.Record) (block.Record, error) {
	var after block.Record
	err := s.write(ctx, func(t *tx) error {
		fresh := block.NewRecord(seen.key, seen.uid, seen.spec)
		inserted, err := t.insertBlock(fresh)
		if err != nil {
			return err
		}
		before := fresh
		if !inserted {
			if before, err = t.lockBlock(seen.key).one(); err != nil {
				return err
			}
		}
		after = change(before.Merge(seen.uid, seen.spec), !inserted)
		if after.End.EnteredNumber && !before.End.EnteredNumber {
			// The mirror remembers a release whose restriction this store has lost.
			t.restrict(seen.key.Tenant, after.Spec.Account, after.End.At.Add(block.EnteredNumberRestriction))
		}
		switch changed := !reflect.DeepEqual(before, after); {
		case changed:
			return t.saveBlock(after, seen.at, seen.action)
		case inserted:
			t.tellBlock(after, seen.at, seen.action)
		}
		return nil
	})
	if err != nil {
		return block.Record{}, err
	}
	return after, nil
}

func (t *tx) insertBlock(r block.Record) (inserted bool, err error) {
	values, err := blockValues(r)
	if err != nil {
		return false, err
	}
	n, err := t.exec(`INSERT INTO blocks (`+blockColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
		ON CONFLICT (tenant, name) DO NOTHING`, values...)
	return n == 1, err
}

// lockBlock reads a record for change: nobody else changes it before the commit.
func (t *tx) lockBlock(key block.Key) *answer[block.Record] {
	return ask(t.queries, scanBlock,
		`SELECT `+blockColumns+` FROM blocks WHERE tenant = $1 AND name = $2`+t.lock, key.Tenant, key.Name)
}

// saveBlock writes a record that lockBlock or insertBlock holds, and tells of it.
func (t *tx) saveBlock(r block.Record, at time.Time, action string) error {
	values, err := blockValues(r)
	if err != nil {
		return err
	}
	t.queue(`UPDATE blocks SET uid = $3, account = $4, reason = $5, scope = $6, value = $7, start_at = $8,
		duration_ms = $9, permanent = $10, steps = $11, code_to = $12, expires_at = $13, extensions = $14,
		proof_flow = $15, proof_at = $16, proof_entered = $17, end_state = $18, end_at = $19, end_entered = $20,
		deleted = $21, spared = $22 WHERE tenant = $1 AND name = $2`, values...)
	t.tellBlock(r, at, action)
	return nil
}

// tellBlock writes the fact and the audit of a record as its row now is.
func (t *tx) tellBlock(r block.Record, at time.Time, action string) {
	t.audit(entry{at: at, tenant: r.Key.Tenant, account: r.Spec.Account, action: action, object: r.Key.Name})
	t.blockFact(r.Key)
}

// normal is the spec as it comes back from its row.
func normal(spec block.Spec) block.Spec {
	spec.Start, spec.Duration = stored(spec.Start), spec.Duration.Truncate(time.Millisecond)
	if len(spec.Steps) == 0 {
		spec.Steps = nil
	}
	return spec
}

func blockValues(r block.Record) ([]any, error) {
	steps, err := json.Marshal(r.Spec.Steps)
	if err != nil {
		return nil, fmt.Errorf("write the steps of block %s: %w", r.Key, err)
	}
	return []any{
		r.Key.Tenant, r.Key.Name, r.UID,
		r.Spec.Account, r.Spec.Reason, r.Spec.Scope, r.Spec.Value, instant(r.Spec.Start),
		r.Spec.Duration.Milliseconds(), r.Spec.Permanent, string(steps), r.Spec.CodeTo,
		instant(r.Expires), r.Extensions,
		r.Proof.Flow, instant(r.Proof.At), r.Proof.EnteredNumber,
		r.End.State, instant(r.End.At), r.End.EnteredNumber, r.Deleted, devicesValue(r.Spared),
	}, nil
}

func scanBlock(row scanner) (block.Record, error) { return scanBlockAfter(row) }

// scanBlockAfter reads blockColumns behind other columns.
func scanBlockAfter(row scanner, others ...any) (block.Record, error) {
	var r block.Record
	var duration int64
	var steps string
	var spared []byte
	err := row.Scan(append(others,
		&r.Key.Tenant, &r.Key.Name, &r.UID,
		&r.Spec.Account, &r.Spec.Reason, &r.Spec.Scope, &r.Spec.Value, (*instant)(&r.Spec.Start),
		&duration, &r.Spec.Permanent, &steps, &r.Spec.CodeTo,
		(*instant)(&r.Expires), &r.Extensions,
		&r.Proof.Flow, (*instant)(&r.Proof.At), &r.Proof.EnteredNumber,
		&r.End.State, (*instant)(&r.End.At), &r.End.EnteredNumber, &r.Deleted, &spared)...)
	if err != nil {
		return block.Record{}, err
	}
	r.Spec.Duration, r.Spared = time.Duration(duration)*time.Millisecond, devicesOf(spared)
	if err := json.Unmarshal([]byte(steps), &r.Spec.Steps); err != nil {
		return block.Record{}, fmt.Errorf("read the steps of block %s: %w", r.Key, err)
	}
	return r, nil
}
