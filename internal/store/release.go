package store

import (
	"context"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/session"
)

// ReleaseBlock ends a block that this flow has proved within block.ReleaseWindow, ends a
// flow that was opened for it, and writes the notices. Otherwise it returns rules.ErrOrder,
// rules.ErrNoFlow, or rules.ErrOver and the record where the block has ended. A release
// through an entered number denies the account's payments for a time.
func (s *Store) ReleaseBlock(ctx context.Context, release block.Release) (block.Record, error) {
	var r block.Record
	err := s.write(ctx, func(t *tx) (err error) {
		now := stored(release.Now)
		flow, stands := t.lockFlow(release.FlowID), t.lockBlock(release.Key)
		f, err := flow.one()
		if err != nil {
			return err
		}
		unblocks := f.Purpose == code.Unblock
		if f.Tenant != release.Key.Tenant || unblocks && f.Object != release.Key.Name {
			return rules.ErrOrder
		}
		if r, err = stands.one(); err != nil {
			return err
		}
		if r.State(now).Terminal() || r.Spec.Account != f.Account {
			return rules.ErrOver
		}
		proved := r.Proof.Flow == f.ID && r.State(now) == block.Releasing && (!unblocks || f.Stage == session.Proved)
		if !f.Live(now) || !proved || !r.Releasable() {
			return rules.ErrOrder
		}
		r.End = block.End{State: block.Released, At: now, EnteredNumber: r.Proof.EnteredNumber}
		return t.release(r, f.Flow, release)
	})
	return r, err
}

func (t *tx) release(r block.Record, f session.Flow, release block.Release) error {
	now := r.End.At
	if f.Purpose == code.Unblock {
		t.queue(`UPDATE flows SET stage = $2 WHERE id = $1`, f.ID, session.Done)
	}
	if err := t.insertMessages(release.Notices); err != nil {
		return err
	}
	if err := t.saveBlock(r, now, actionBlockReleased); err != nil {
		return err
	}
	if r.End.EnteredNumber {
		t.restrict(f.Tenant, f.Account, now.Add(block.EnteredNumberRestriction))
	}
	return nil
}

// BlocksProvedIn are the open blocks of a flow's account that the flow has proved.
func (s *Store) BlocksProvedIn(ctx context.Context, f session.Flow) ([]block.Record, error) {
	return list(s.read(ctx), scanBlock, `SELECT `+blockColumns+` FROM blocks
		WHERE tenant = $1 AND account = $2 AND end_state = '' AND proof_flow = $3 ORDER BY name`, f.Tenant, f.Account, f.ID)
}
