package store

import (
	"context"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// OpenSession opens a session and its flow, once for each ticket: one that was used before
// gives rules.ErrTicketUsed.
func (s *Store) OpenSession(ctx context.Context, opened session.Session) error {
	return s.write(ctx, func(t *tx) error {
		if err := t.openFlow(opened.Flow); err != nil {
			return err
		}
		t.queue(`INSERT INTO sessions (flow, assurance, proved_by, proved_at, device, ends_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			opened.ID, opened.Assurance, opened.ProvedBy, instant(opened.ProvedAt), opened.Device[:], instant(opened.Expires))
		return nil
	})
}

// Session reads what was proved in a flow as it was found, or rules.ErrNoFlow: also where
// its credential has changed since, so that an old one never gets what a proof has earned.
func (s *Store) Session(ctx context.Context, f session.Flow) (session.Session, error) {
	return ask(s.read(ctx), func(row scanner) (session.Session, error) {
		found := session.Session{Flow: f}
		var device []byte
		err := row.Scan(&found.Assurance, &found.ProvedBy, (*instant)(&found.ProvedAt), &device)
		if err == nil && copy(found.Device[:], device) != len(found.Device) {
			err = fmt.Errorf("the device of session %s has %d bytes instead of %d", f.ID, len(device), len(found.Device))
		}
		return found, err
	}, `SELECT s.assurance, s.proved_by, s.proved_at, s.device FROM sessions s JOIN flows f ON f.id = s.flow
		WHERE f.id = $1 AND f.secret = $2 AND f.epoch = `+currentEpoch, f.ID, f.Secret[:]).or(rules.ErrNoFlow).one()
}

// StepUp consumes a challenge of the purpose StepUp once, gives the attempt back to the
// day's budget, gives the session a new credential and notes which contact has proved what.
// The challenge makes room for the session's next one, which has attempts of its own. A
// challenge consumed meanwhile, or a contact that is no full one any more, gives
// rules.ErrGone; then nothing is changed.
func (s *Store) StepUp(ctx context.Context, a code.Accept) error {
	a.Now = stored(a.Now)
	return s.write(ctx, func(t *tx) error {
		c, now := a.Challenge, a.Now
		flow, consumed, wrong := t.lockFlow(c.Flow), t.consume(c, now), t.lockWrongCodes(c)
		t.proveContact(c, now)
		standing := ask(t.queries, plain[contact.Standing], `SELECT standing FROM contacts
			WHERE tenant = $1 AND account = $2 AND id = $3`, c.Tenant, c.Account, c.ContactID).or(rules.ErrGone)
		f, err := flow.one()
		if err != nil {
			return err
		}
		if _, err := consumed.one(); err != nil {
			return err
		}
		by, err := standing.one()
		switch {
		case err != nil:
			return err
		case !f.Live(now):
			return rules.ErrNoFlow
		case f.Purpose != session.SecurityInfo || c.Purpose != code.StepUp:
			return rules.ErrOrder
		case by != contact.Full:
			return rules.ErrGone
		}
		if err := t.refundWrongCode(c, wrong, now); err != nil {
			return err
		}
		t.queue(`UPDATE flows SET secret = $2, bearer = FALSE WHERE id = $1`, f.ID, a.NewSecret[:])
		t.queue(`UPDATE sessions SET assurance = $2, proved_by = $3, proved_at = $4 WHERE flow = $1`,
			f.ID, session.StepUp, c.ContactID, instant(now))
		t.queue(`UPDATE challenges SET superseded_at = $2 WHERE id = $1`, c.ID, instant(now))
		t.audit(entry{at: now, tenant: c.Tenant, account: c.Account, action: actionCodeAccepted, object: c.ID, detail: string(c.Purpose)})
		return nil
	})
}

// EndSession ends a session for good.
func (s *Store) EndSession(ctx context.Context, f session.Flow, now time.Time) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE flows SET stage = $2 WHERE id = $1 AND secret = $3 AND stage <> $2`, f.ID, session.Done, f.Secret[:])
		if err != nil || n == 0 {
			return err
		}
		t.audit(entry{at: now, tenant: f.Tenant, account: f.Account, action: actionSessionEnded, object: f.ID})
		return nil
	})
}
