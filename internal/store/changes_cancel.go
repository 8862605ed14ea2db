package store

import (
	"context"
	"errors"
	"reflect"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/session"
)

// CancelChange cancels by a code that was accepted for a contact of the snapshot (seed
// 34). Without a name it cancels every hold of the account that the contact may cancel:
// none is no error. Else it returns change.ErrEnded, ErrProof, ErrNotFull or
// ErrFirstFactor. With a hold it begins the block then, which the flow of a person who has
// given the first factor may release by what is left to do; the zero block is none.
func (s *Store) CancelChange(ctx context.Context, c change.Cancelling, then block.Spec) ([]change.Record, error) {
	if c.Key.Name != "" {
		r, err := s.cancelOne(ctx, c, then)
		if err != nil {
			return nil, err
		}
		return []change.Record{r}, nil
	}
	open, err := s.OpenChanges(ctx, c.Key.Tenant, c.Account)
	if err != nil {
		return nil, err
	}
	var cancelled []change.Record
	for _, r := range open {
		if r.HoldStart.IsZero() {
			continue
		}
		c.Key = r.Key
		switch done, err := s.cancelOne(ctx, c, then); {
		case err == nil:
			cancelled = append(cancelled, done)
		case errors.Is(err, change.ErrEnded), errors.Is(err, change.ErrNotFull), errors.Is(err, change.ErrFirstFactor), errors.Is(err, change.ErrProof):
		default:
			return cancelled, err
		}
	}
	return cancelled, nil
}

func (s *Store) cancelOne(ctx context.Context, c change.Cancelling, then block.Spec) (change.Record, error) {
	return s.settleChange(ctx, c.Key, c.Now, actionChangeCancelled, func(t *tx, m *matter) error {
		by, flow, err := t.cancellingContact(m, c)
		if err != nil {
			return err
		}
		before, err := cancelledBefore(t.queries, m.record, by)
		if err != nil {
			return err
		}
		if err := m.record.MayCancel(by, c.FirstFactor, before, m.now); err != nil {
			return err
		}
		held, alone := m.record.State(m.now) == change.OnHold, m.record.Joined == ""
		m.record = m.record.Cancel(by, m.now)
		if err := t.endLead(m, func(lead change.Record) change.Record { return lead.Cancel(by, m.now) }); err != nil {
			return err
		}
		if held && !c.FirstFactor {
			t.queue(`INSERT INTO change_cancels (tenant, account, contact, at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (tenant, account, contact) DO NOTHING`, c.Key.Tenant, m.record.Spec.Account, by, instant(m.now))
		}
		if held {
			t.endSessions(m, flow)
			if err := t.reclaim(c, then, flow, m.now); err != nil {
				return err
			}
		}
		return t.ended(m, held && alone) // a joined one has told nothing: its lead does
	})
}

// endSessions ends the account's sessions at the pages, but for the flow that has
// cancelled: whoever began the change may sit in one.
func (t *tx) endSessions(m *matter, flow string) {
	t.queue(`UPDATE flows SET stage = $4 WHERE tenant = $1 AND account = $2 AND purpose = $5 AND id <> $3 AND expires_at > $6`,
		m.record.Key.Tenant, m.record.Spec.Account, flow, session.Done, session.SecurityInfo, instant(m.now))
}

// reclaim begins the block that follows a cancelled hold. Who has given the first factor
// has proved a contact too, in that flow: it stays open, and a new password there ends the
// block. It spares no device: the one of whoever began the change may be known by now.
func (t *tx) reclaim(c change.Cancelling, then block.Spec, flow string, now time.Time) error {
	if then.Scope == "" {
		return nil
	}
	spec := normal(then)
	r := block.NewRecord(block.Key{Tenant: c.Key.Tenant, Name: block.OwnName(spec)}, "", spec)
	if c.FirstFactor {
		r.Proof = block.Proof{Flow: flow, At: now}
	}
	switch inserted, err := t.insertBlock(r); {
	case err != nil:
		return err
	case inserted:
		t.tellBlock(r, now, actionBlockReclaimed)
		return nil
	}
	stands, err := t.lockBlock(r.Key).one()
	if err != nil || stands.State(now).Terminal() {
		return err // released within the hour: by a new password
	}
	after := stands
	after.Spared = nil
	if c.FirstFactor { // else whoever is releasing it goes on
		after.Proof = r.Proof
	}
	if reflect.DeepEqual(stands, after) {
		return nil
	}
	return t.saveBlock(after, now, actionBlockReclaimed)
}

// cancelledBefore reports whether a contact has cancelled a hold of the account without
// the first factor before this one began. Of holds that run side by side it cancels all:
// else a thief begins one more than there are contacts.
func cancelledBefore(q queries, r change.Record, contactID string) (bool, error) {
	return one(q, plain[bool], `SELECT EXISTS (SELECT 1 FROM change_cancels
		WHERE tenant = $1 AND account = $2 AND contact = $3 AND at < $4)`, r.Key.Tenant, r.Spec.Account, contactID, instant(r.HoldStart))
}
