package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/session"
)

// CountAttempt counts an attempt before any comparison: on the challenge, on the
// account's day and on the contact. Refusals are rules.ErrNotFound, ErrGone, ErrSpent or
// *rules.LimitError; they count nothing.
func (s *Store) CountAttempt(ctx context.Context, id, flowID string, budget code.Budget, now time.Time) (code.Challenge, error) {
	var c code.Challenge
	err := s.write(ctx, func(t *tx) (err error) {
		if c, err = t.countOnChallenge(id, flowID, now); err != nil {
			return err
		}
		if err := t.countWrongCode(c.Tenant, c.Account, budget.PerDay, now); err != nil {
			return err
		}
		if err := t.countOnContact(c, budget.InARow); err != nil {
			return err
		}
		return t.audit(entry{at: now, tenant: c.Tenant, account: c.Account, action: actionAttemptCounted, object: c.ID})
	})
	if err != nil {
		return code.Challenge{}, err
	}
	return c, nil
}

// countOnChallenge is guarded in one statement: however many submissions come at
// once, no more than MaxAttempts pass.
func (t *tx) countOnChallenge(id, flowID string, now time.Time) (code.Challenge, error) {
	c, err := one(t.queries, scanChallenge, `UPDATE challenges SET attempts = attempts + 1
		WHERE id = $1 AND flow = $2 AND attempts < max_attempts AND expires_at > $3
			AND consumed_at IS NULL AND superseded_at IS NULL AND epoch = `+currentEpoch+`
		RETURNING `+challengeColumns, id, flowID, instant(now))
	if !errors.Is(err, rules.ErrNotFound) {
		return c, err
	}
	c, err = one(t.queries, scanChallenge,
		`SELECT `+challengeColumns+` FROM challenges WHERE id = $1 AND flow = $2`, id, flowID)
	switch {
	case err != nil:
		return c, err
	case c.Verdict(now) == code.Spent:
		return c, rules.ErrSpent
	default:
		return c, rules.ErrGone
	}
}

// AcceptCode consumes the challenge once, gives the attempt back to the day's
// budget, moves the flow to Proved with its new credential and writes the proof to
// the contact and the block. A challenge consumed meanwhile gives rules.ErrGone, a
// block that has ended rules.ErrOver, a number that serves too many accounts
// *rules.LimitError; then nothing is changed.
func (s *Store) AcceptCode(ctx context.Context, a code.Accept) error {
	return s.write(ctx, func(t *tx) error {
		now := stored(a.Now)
		f, err := t.lockFlow(a.Challenge.Flow)
		if err != nil {
			return err
		}
		c, err := t.consume(a.Challenge.ID, f.ID, now)
		switch {
		case err != nil:
			return err
		case !f.Live(now):
			return rules.ErrNoFlow
		case f.Stage != session.Opened:
			return rules.ErrOrder
		}
		if _, err := t.exec(`UPDATE flows SET stage = $2, secret = $3, bearer = FALSE WHERE id = $1`,
			f.ID, session.Proved, a.NewSecret[:]); err != nil {
			return err
		}
		if err := t.refundWrongCode(c.Tenant, c.Account, now); err != nil {
			return err
		}
		if err := t.proveContact(c, now); err != nil {
			return err
		}
		if c.Purpose == code.Unblock {
			if err := t.proveBlock(c, a.PerNumber, now); err != nil {
				return err
			}
		}
		return t.audit(entry{at: now, tenant: c.Tenant, account: c.Account, action: actionCodeAccepted, object: c.ID, detail: c.Object})
	})
}

// consume accepts a challenge once, on one replica of many.
func (t *tx) consume(id, flowID string, now time.Time) (code.Challenge, error) {
	c, err := one(t.queries, scanChallenge, `UPDATE challenges SET consumed_at = $3
		WHERE id = $1 AND flow = $2 AND expires_at > $3
			AND consumed_at IS NULL AND superseded_at IS NULL AND epoch = `+currentEpoch+`
		RETURNING `+challengeColumns, id, flowID, instant(now))
	if errors.Is(err, rules.ErrNotFound) {
		return c, rules.ErrGone
	}
	return c, err
}

// proveContact dates the proof of the contact that got the code and ends its failures. A
// full contact's proof enables the others again too (N4). One that was removed meanwhile
// proves nothing.
func (t *tx) proveContact(c code.Challenge, now time.Time) error {
	if c.ContactID == "" {
		return nil
	}
	proved, err := list(t.queries, plain[string], `UPDATE contacts SET failures = 0,
		proven_at = CASE WHEN id = $3 THEN CAST($4 AS BIGINT) ELSE proven_at END,
		standing = CASE WHEN standing = 'Disabled' THEN enabled_as ELSE standing END
		WHERE tenant = $1 AND account = $2 AND (id = $3 OR ($5 AND standing = 'Disabled')) RETURNING id`,
		c.Tenant, c.Account, c.ContactID, instant(now), c.Purpose.StepsUp())
	if err == nil && !slices.Contains(proved, c.ContactID) {
		return rules.ErrGone
	}
	return err
}

// proveBlock lets the challenge's flow, and no other, finish the release.
func (t *tx) proveBlock(c code.Challenge, perNumber limit.Rate, now time.Time) error {
	r, err := t.lockBlock(block.Key{Tenant: c.Tenant, Name: c.Object})
	if err != nil {
		return err
	}
	if r.State(now).Terminal() || r.Spec.Account != c.Account {
		return rules.ErrOver // its name may stand for another account's block by now
	}
	entered := c.ContactID == ""
	if entered {
		if err := t.recordEnteredNumber(c, perNumber, now); err != nil {
			return err
		}
	}
	r.Proof = block.Proof{Flow: c.Flow, At: now, EnteredNumber: entered}
	return t.saveBlock(r, now, actionBlockProved)
}
