package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/limit"
)

// FreezeChange records the change at its first sight, with the contacts before it, and
// rejects it where a rule refuses a new contact; every later sight finds it as it is. Only
// after the deletion of its object was seen does the name stand for another change. One of
// the pages does not begin while another freezes it, a *change.FrozenError, nor where the
// account has too many: rules.ErrOpenMatter or a *rules.LimitError.
func (s *Store) FreezeChange(ctx context.Context, seen change.Sight) (change.Record, error) {
	known, err := s.Change(ctx, seen.Key)
	if err == nil && known.UID == seen.UID {
		return known, nil
	}
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return change.Record{}, err
	}
	return s.sightChange(ctx, seen, actionChangeFrozen, func(*matter) {})
}

// AdoptChange freezes the change if it must and takes in what its mirror remembers and
// this store has lost (law 1).
func (s *Store) AdoptChange(ctx context.Context, seen change.Sight, remembered change.Memory) (change.Record, error) {
	for _, at := range []*time.Time{&remembered.Created, &remembered.HoldStart, &remembered.HoldUntil, &remembered.End.At} {
		*at = stored(*at)
	}
	return s.sightChange(ctx, seen, actionChangeAdopted, func(m *matter) {
		m.record = m.record.Adopt(remembered, m.now)
	})
}

// sightChange takes a sight of a change into the record, which it makes where there is
// none.
func (s *Store) sightChange(ctx context.Context, seen change.Sight, action string, deed func(*matter)) (change.Record, error) {
	var after change.Record
	err := s.write(ctx, func(t *tx) error {
		now := stored(seen.Now)
		// The apiserver's clock may be ahead: no hold begins before the object did.
		fresh := change.NewRecord(seen.Key, seen.UID, seen.Spec, seen.Terms, nil, later(now, stored(seen.Created)))
		if seen.Refused != "" {
			fresh = fresh.Finish(change.Rejected, seen.Refused, now)
		}
		t.lockAccount(seen.Key.Tenant, seen.Spec.Account) // before the row: else two wait for each other
		inserted, err := t.insertChange(fresh)
		if err != nil {
			return err
		}
		m, err := t.openMatter(seen.Key, seen.Spec.Account, now)
		if err != nil {
			return err
		}
		if m.record.Key != seen.Key {
			if m.record, err = t.lockChange(seen.Key); err != nil {
				return err
			}
		}
		before := m.record
		m.record = m.record.Seen(fresh)
		if m.record.Spec.Account != seen.Spec.Account {
			after = before // the name stands for another account's change: its object has drifted
			return nil
		}
		if inserted || (before.Deleted && !m.record.Deleted) {
			if err := t.begin(m, seen.Addresses); err != nil {
				return err
			}
			if err := t.mayBegin(m); err != nil {
				return err
			}
		}
		deed(m)
		if inserted {
			before = change.Record{}
		}
		after, err = t.conclude(m, before, action)
		return err
	})
	if err != nil {
		return change.Record{}, err
	}
	return after, nil
}

// mayBegin says why a change of the pages does not begin now: another one freezes it, or
// the account has too many. Objects are others' to count.
func (t *tx) mayBegin(m *matter) error {
	key := m.record.Key
	if !key.Own() {
		return nil
	}
	if err := t.frozen(m); err != nil {
		return err
	}
	own := slices.DeleteFunc(slices.Clone(m.others), func(r change.Record) bool { return !r.Key.Own() })
	if len(own) >= change.MaxOpen {
		return rules.ErrOpenMatter
	}
	begun := []code.Limit{{Subject: "changes", ID: m.record.Spec.Account, Rate: limit.Rate{Count: change.BegunPerDay, Per: 24 * time.Hour, Burst: change.BegunPerDay}}}
	return t.take(key.Tenant, begun, t.lockLimits(key.Tenant, begun), m.now)
}

// lockChange reads a record for change.
func (t *tx) lockChange(key change.Key) (change.Record, error) {
	return one(t.queries, scanChange, `SELECT record FROM changes WHERE tenant = $1 AND name = $2`+t.lock, key.Tenant, key.Name)
}

// ProveChange takes a proof; with the last one the change is applied or its hold begins,
// in the same transaction. It returns change.ErrEnded, ErrProof, ErrNotFull,
// rules.ErrOrder or a *change.FrozenError.
func (s *Store) ProveChange(ctx context.Context, p change.Proving) (change.Record, error) {
	return s.settleChange(ctx, p.Key, p.Now, actionChangeProved, func(t *tx, m *matter) error {
		by, err := t.provenBy(m, p)
		if err != nil {
			return err
		}
		if m.record, err = m.record.Prove(p.Proof, by, m.now); err != nil {
			return err
		}
		return t.frozen(m)
	})
}

// ApplyChange applies a change whose hold has ended by the earliest of the clocks, in one
// transaction with its notices. It returns change.ErrEarly before, change.ErrClockSkew
// where the clocks differ, change.ErrContested, or the record and change.ErrEnded.
func (s *Store) ApplyChange(ctx context.Context, key change.Key, clocks change.Clocks) (change.Record, error) {
	if clocks.Skewed() {
		return change.Record{}, change.ErrClockSkew
	}
	return s.settleChange(ctx, key, clocks.Now(), actionChangeApplied, func(t *tx, m *matter) error {
		switch {
		case m.record.End.State != "":
			return change.ErrEnded
		case m.record.State(m.now) != change.OnHold || m.now.Before(m.record.HoldUntil):
			return change.ErrEarly
		case m.record.Contested(m.others, m.now):
			return change.ErrContested
		case m.record.Joined != "":
			return change.ErrEarly // the Clear that it seconds is applied
		}
		return t.apply(m)
	})
}

// VisitChange does what a change calls for at now short of the end of its hold: it tells
// the notice that is due, or writes that the change has expired.
func (s *Store) VisitChange(ctx context.Context, v change.Visit) (change.Record, error) {
	return s.settleChange(ctx, v.Key, v.Now, actionChangeVisited, func(*tx, *matter) error { return nil })
}

// ForgetChange drops a change that a page began and of which nothing has come yet;
// rules.ErrOrder says that something has.
func (s *Store) ForgetChange(ctx context.Context, v change.Visit) error {
	_, err := s.settleChange(ctx, v.Key, v.Now, actionChangeDeleted, func(_ *tx, m *matter) error {
		if !v.Key.Own() || m.record.State(m.now) != change.AwaitingCode {
			return rules.ErrOrder
		}
		m.record = m.record.Erase(m.record.UID, m.now)
		return nil
	})
	return err
}

// DeleteChange ends the incarnation: an open change is cancelled, its old contacts are
// told, and what it restricted stays so to its date. rules.ErrNotFound says that the
// change was never recorded.
func (s *Store) DeleteChange(ctx context.Context, v change.Visit, uid string) (change.Record, error) {
	return s.settleChange(ctx, v.Key, v.Now, actionChangeDeleted, func(t *tx, m *matter) error {
		if m.record.Deleted {
			return nil
		}
		open, held := m.record.End.State == "", m.record.State(m.now) == change.OnHold && m.record.Joined == ""
		m.record = m.record.Erase(uid, m.now)
		if !open {
			return nil
		}
		if err := t.endLead(m, func(lead change.Record) change.Record {
			lead.End = change.End{State: change.Cancelled, At: m.now, Reason: change.ByDeletion}
			return lead
		}); err != nil {
			return err
		}
		return t.ended(m, held)
	})
}
