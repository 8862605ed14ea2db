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
		counted := t.countOnChallenge(id, flowID, now)
		recent := t.lockWrongCodesOf(id, flowID)
		contact := t.countOnContactOf(id, flowID, budget.InARow)
		if c, err = counted.one(); errors.Is(err, rules.ErrNotFound) {
			return t.uncounted(id, flowID, now)
		}
		if err != nil {
			return err
		}
		if err := t.countWrongCode(c, recent, budget.PerDay, now); err != nil {
			return err
		}
		if c.ContactID != "" && budget.InARow > 0 {
			if _, err := contact.one(); err != nil {
				return err
			}
		}
		t.audit(entry{at: now, tenant: c.Tenant, account: c.Account, action: actionAttemptCounted, object: c.ID})
		return nil
	})
	if err != nil {
		return code.Challenge{}, err
	}
	return c, nil
}

// countOnChallenge is guarded in one statement: however many submissions come at
// once, no more than MaxAttempts pass.
func (t *tx) countOnChallenge(id, flowID string, now time.Time) *answer[code.Challenge] {
	return ask(t.queries, scanChallenge, `UPDATE challenges SET attempts = attempts + 1
		WHERE id = $1 AND flow = $2 AND attempts < max_attempts AND expires_at > $3
			AND consumed_at IS NULL AND superseded_at IS NULL AND epoch = `+currentEpoch+`
		RETURNING `+challengeColumns, id, flowID, instant(now))
}

// uncounted is why the challenge took no attempt.
func (t *tx) uncounted(id, flowID string, now time.Time) error {
	c, err := one(t.queries, scanChallenge, `SELECT `+challengeColumns+` FROM challenges WHERE id = $1 AND flow = $2`, id, flowID)
	switch {
	case err != nil:
		return err
	case c.Verdict(now) == code.Spent:
		return rules.ErrSpent
	default:
		return rules.ErrGone
	}
}

// AcceptCode consumes the challenge once, gives the attempt back to the day's
// budget, moves the flow to Proved with its new credential and writes the proof to
// the contact and the block. A challenge consumed meanwhile gives rules.ErrGone, a
// block that has ended rules.ErrOver, a number that serves too many accounts
// *rules.LimitError; then nothing is changed.
func (s *Store) AcceptCode(ctx context.Context, a code.Accept) error {
	a.Now = stored(a.Now)
	return s.write(ctx, func(t *tx) error {
		c, now := a.Challenge, a.Now
		flow, consumed, wrong, proved := t.lockFlow(c.Flow), t.consume(c, now), t.lockWrongCodes(c), t.proveContact(c, now)
		stands := t.lockBlock(block.Key{Tenant: c.Tenant, Name: c.Object})
		f, err := flow.one()
		if err != nil {
			return err
		}
		if _, err := consumed.one(); err != nil {
			return err
		}
		switch {
		case !f.Live(now):
			return rules.ErrNoFlow
		case f.Stage != session.Opened:
			return rules.ErrOrder
		case c.ContactID != "" && !slices.Contains(proved.values, c.ContactID):
			return rules.ErrGone
		}
		if err := t.refundWrongCode(c, wrong, now); err != nil {
			return err
		}
		if c.Purpose == code.Unblock {
			if err := t.proveBlock(c, stands, a.PerNumber, now); err != nil {
				return err
			}
		}
		t.queue(`UPDATE flows SET stage = $2, secret = $3, bearer = FALSE WHERE id = $1`, f.ID, session.Proved, a.NewSecret[:])
		t.audit(entry{at: now, tenant: c.Tenant, account: c.Account, action: actionCodeAccepted, object: c.ID, detail: c.Object})
		return nil
	})
}

// consume accepts a challenge once, on one replica of many: rules.ErrGone for the
// others.
func (t *tx) consume(c code.Challenge, now time.Time) *answer[string] {
	return ask(t.queries, plain[string], `UPDATE challenges SET consumed_at = $3
		WHERE id = $1 AND flow = $2 AND expires_at > $3
			AND consumed_at IS NULL AND superseded_at IS NULL AND epoch = `+currentEpoch+`
		RETURNING id`, c.ID, c.Flow, instant(now)).or(rules.ErrGone)
}

// proveContact dates the proof of the contact that got the code and ends its failures,
// and tells what it has touched. A full contact's proof enables the others again too
// (N4). One that was removed meanwhile proves nothing. The destination counts as the
// account's own again.
func (t *tx) proveContact(c code.Challenge, now time.Time) *answer[string] {
	t.ownAgain(c)
	return ask(t.queries, plain[string], `UPDATE contacts SET failures = 0,
		proven_at = CASE WHEN id = $3 THEN CAST($4 AS BIGINT) ELSE proven_at END,
		standing = CASE WHEN standing = 'Disabled' THEN enabled_as ELSE standing END
		WHERE tenant = $1 AND account = $2 AND $3 <> '' AND (id = $3 OR ($5 AND standing = 'Disabled')) RETURNING id`,
		c.Tenant, c.Account, c.ContactID, instant(now), c.Purpose.StepsUp())
}

// proveBlock lets the challenge's flow, and no other, finish the release.
func (t *tx) proveBlock(c code.Challenge, stands *answer[block.Record], perNumber limit.Rate, now time.Time) error {
	r, err := stands.one()
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
