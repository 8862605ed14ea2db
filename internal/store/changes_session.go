package store

import (
	"context"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/session"
)

// AcceptProof consumes a challenge of a session, or of a flow that cancels, once: it gives
// the attempt back to the day's budget, dates the proof of the contact and gives the flow a
// new credential. The challenge makes room for the flow's next one. A challenge that was
// consumed meanwhile gives rules.ErrGone; then nothing is changed.
func (s *Store) AcceptProof(ctx context.Context, a code.Accept) error {
	a.Now = stored(a.Now)
	return s.write(ctx, func(t *tx) error {
		c, now := a.Challenge, a.Now
		flow, consumed, wrong := t.lockFlow(c.Flow), t.consume(c, now), t.lockWrongCodes(c)
		proved := t.proveContact(c, now)
		f, err := flow.one()
		if err != nil {
			return err
		}
		if _, err := consumed.one(); err != nil {
			return err
		}
		if _, err := proved.all(); err != nil {
			return err
		}
		if !f.Live(now) {
			return rules.ErrNoFlow
		}
		if err := t.refundWrongCode(c, wrong, now); err != nil {
			return err
		}
		t.queue(`UPDATE flows SET secret = $2, bearer = FALSE WHERE id = $1`, f.ID, a.NewSecret[:])
		t.queue(`UPDATE challenges SET superseded_at = $2 WHERE id = $1`, c.ID, instant(now))
		t.audit(entry{at: now, tenant: c.Tenant, account: c.Account, action: actionCodeAccepted, object: c.ID, detail: string(c.Purpose)})
		return nil
	})
}

// SteppedUpBy is the challenge whose code stepped a session up, or rules.ErrNotFound.
func (s *Store) SteppedUpBy(ctx context.Context, at session.Session) (challengeID string, err error) {
	return one(s.read(ctx), plain[string], `SELECT id FROM challenges WHERE flow = $1 AND purpose = $2 AND object = ''
		AND contact_id = $3 AND consumed_at = $4`, at.ID, code.StepUp, at.ProvedBy, instant(at.ProvedAt))
}

// CancelledBefore reports whether a contact has cancelled a hold of the account without
// the first factor before the hold of a change began.
func (s *Store) CancelledBefore(ctx context.Context, r change.Record, contactID string) (bool, error) {
	return cancelledBefore(s.read(ctx), r, contactID)
}

// AcceptedIn reports whether a code of a purpose that was for this change was accepted in
// a flow.
func (s *Store) AcceptedIn(ctx context.Context, flowID string, purpose code.Purpose, name string) (bool, error) {
	return one(s.read(ctx), plain[bool], `SELECT EXISTS (SELECT 1 FROM challenges
		WHERE flow = $1 AND purpose = $2 AND object = $3 AND consumed_at IS NOT NULL)`, flowID, purpose, name)
}

// CancelledSince reports whether a hold of the account was cancelled by a code after an
// instant.
func (s *Store) CancelledSince(ctx context.Context, tenant, account string, then time.Time) (bool, error) {
	ended, err := list(s.read(ctx), scanChange, `SELECT record FROM changes
		WHERE tenant = $1 AND account = $2 AND end_state = 'Cancelled' AND end_at > $3`, tenant, account, instant(then))
	return slices.ContainsFunc(ended, func(r change.Record) bool { return !r.HoldStart.IsZero() && r.End.Reason == change.ByCode }), err
}
