package store

import (
	"context"

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

// CancelCodeOf reports whether a code that was to cancel this change was accepted in a
// flow.
func (s *Store) CancelCodeOf(ctx context.Context, flowID, name string) (bool, error) {
	return one(s.read(ctx), plain[bool], `SELECT EXISTS (SELECT 1 FROM challenges
		WHERE flow = $1 AND purpose = $2 AND object = $3 AND consumed_at IS NOT NULL)`, flowID, code.Cancel, name)
}
