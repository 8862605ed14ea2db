package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/session"
)

const challengeColumns = `id, tenant, account, purpose, object, flow, contact_id, channel, destination, hint, language,
	nonce, epoch, digits, created_at, expires_at, resend_at, max_attempts, attempts, sends, consumed_at, superseded_at, code_key`

// currentEpoch is compared with that of a challenge or flow: a restored store voids it.
const currentEpoch = `(SELECT value FROM meta WHERE name = 'epoch')`

// IssueChallenge checks the resend wait, the limits and the budgets, replaces the
// flow's earlier challenge, carries its attempts over (a resend adds no guesses) and
// writes challenge, outbox row and audit. Refusals are *rules.LimitError,
// rules.ErrSpent, ErrNoFlow, ErrOrder (the flow has proved already) or
// ErrDestination (there is nothing to repeat); they take nothing from any limit. It
// returns the challenge as stored; under a key that the flow was answered before, it
// returns that challenge and does nothing else.
func (s *Store) IssueChallenge(ctx context.Context, issue code.Issue) (code.Challenge, error) {
	var issued code.Challenge
	err := s.write(ctx, func(t *tx) (err error) {
		issued, err = t.issue(issue)
		return err
	})
	var limited *rules.LimitError
	if errors.As(err, &limited) || errors.Is(err, rules.ErrSpent) {
		c := issue.Challenge
		s.auditRefusal(ctx, entry{at: issue.Now, tenant: c.Tenant, account: c.Account, action: actionCodeRefused, object: c.Object, detail: err.Error()})
	}
	if err != nil {
		return code.Challenge{}, err
	}
	return issued, nil
}

func (t *tx) issue(issue code.Issue) (code.Challenge, error) {
	c, now := issue.Challenge, stored(issue.Now)
	f, err := t.lockFlow(c.Flow)
	if err != nil {
		return c, err
	}
	// The flow is held: of requests with one key that come at once, one goes on.
	earlier, err := t.answered(c.Flow, issue.Once)
	if err == nil {
		return one(t.queries, scanChallenge, `SELECT `+challengeColumns+` FROM challenges WHERE id = $1`, earlier)
	}
	switch {
	case !errors.Is(err, rules.ErrNotFound):
		return c, err
	case !f.Live(now):
		return c, rules.ErrNoFlow
	case f.Stage != session.Opened:
		return c, rules.ErrOrder
	}
	last, err := t.supersede(c.Flow, now)
	if err != nil {
		return c, err
	}
	if issue.Address == "" {
		if last.ID == "" {
			return c, rules.ErrDestination
		}
		if issue.Address, err = t.challengeAddress(last); err != nil {
			return c, err
		}
		c.Destination, c.Hint = last.Destination, last.Hint
	}
	if c.Destination, err = t.carryBudgets(c, issue.Address); err != nil {
		return c, err
	}
	c.CodeKey = t.sealer.CodeKey()
	c.Attempts, c.Sends = last.Attempts, last.Sends+1
	if c.AttemptsLeft() == 0 {
		return c, rules.ErrSpent
	}
	if now.Before(last.ResendAfter) {
		return c, &rules.LimitError{Subject: "resend", RetryAfter: last.ResendAfter.Sub(now)}
	}
	if err := t.takeAll(issue, c, now); err != nil {
		return c, err
	}
	c.Created, c.Expires = now, stored(c.Expires)
	c.ResendAfter = now.Add(code.ResendWait(issue.ResendWaits, c.Sends)).Truncate(time.Millisecond)
	c.Consumed, c.Superseded = time.Time{}, time.Time{}
	if c.Epoch, err = t.saveIssue(c, issue); err != nil {
		return c, err
	}
	return c, t.answer(c, issue.Once)
}

// takeAll asks every budget and limit; what one refuses takes nothing, since the
// transaction ends there.
func (t *tx) takeAll(issue code.Issue, c code.Challenge, now time.Time) error {
	if err := t.checkWrongCodes(c.Tenant, c.Account, issue.MaxWrongPerDay, now); err != nil {
		return err
	}
	if issue.Entered {
		if err := t.checkEnteredNumber(c, issue.PerNumber, now); err != nil {
			return err
		}
	}
	if issue.Limits == nil {
		return nil
	}
	limits := issue.Limits(issue.Address)
	for i, l := range limits {
		if l.Secret == "" {
			continue
		}
		limits[i].ID = t.sealer.Lookup(c.Tenant, l.Secret)
		if err := t.carryLimit(c.Tenant, l.Subject, limits[i].ID, t.sealer.FormerLookups(c.Tenant, l.Secret)); err != nil {
			return err
		}
	}
	return t.take(c.Tenant, limits, now)
}

// supersede ends the flow's challenge and returns it, or the zero Challenge where
// there is none.
func (t *tx) supersede(flowID string, now time.Time) (code.Challenge, error) {
	last, err := one(t.queries, scanChallenge, `UPDATE challenges SET superseded_at = $2
		WHERE flow = $1 AND superseded_at IS NULL RETURNING `+challengeColumns, flowID, instant(now))
	if errors.Is(err, rules.ErrNotFound) {
		return code.Challenge{}, nil
	}
	return last, err
}

// saveIssue returns the epoch in which the challenge is valid.
func (t *tx) saveIssue(c code.Challenge, issue code.Issue) (epoch int64, err error) {
	sealed, err := t.sealer.Seal([]byte(issue.Address), place(c.Tenant, c.Account, c.ID, columnChallenge))
	if err != nil {
		return 0, fmt.Errorf("seal the destination of challenge %s: %w", c.ID, err)
	}
	epoch, err = one(t.queries, plain[int64], `INSERT INTO challenges (`+challengeColumns+`, address, network) VALUES
		($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, `+currentEpoch+`, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24) RETURNING epoch`,
		c.ID, c.Tenant, c.Account, c.Purpose, c.Object, c.Flow, c.ContactID, c.Channel, c.Destination, c.Hint, c.Language,
		c.Nonce[:], c.Digits, instant(c.Created), instant(c.Expires), instant(c.ResendAfter),
		c.MaxAttempts, c.Attempts, c.Sends, instant(c.Consumed), instant(c.Superseded), c.CodeKey, sealed, issue.Network)
	if err != nil {
		return 0, err
	}
	c.Epoch = epoch
	if err := t.insertMessages([]message.Message{{
		ID: issue.MessageID, Tenant: c.Tenant, Account: c.Account, Kind: message.Code, Challenge: c,
		Channel: c.Channel, Language: c.Language, NotBefore: c.Created, Expires: c.Expires, Created: c.Created,
	}}); err != nil {
		return 0, err
	}
	return epoch, t.audit(entry{at: c.Created, tenant: c.Tenant, account: c.Account, action: actionCodeIssued, object: c.ID, detail: c.Object})
}

// challengeAddress opens the destination of a challenge.
func (t *tx) challengeAddress(c code.Challenge) (string, error) {
	sealed, err := one(t.queries, plain[[]byte], `SELECT address FROM challenges WHERE id = $1`, c.ID)
	if err != nil {
		return "", err
	}
	return t.openAddress(c, sealed)
}

func (t *tx) openAddress(c code.Challenge, sealed []byte) (string, error) {
	address, err := t.sealer.Open(sealed, place(c.Tenant, c.Account, c.ID, columnChallenge))
	if err != nil {
		return "", fmt.Errorf("open the destination of challenge %s: %w", c.ID, err)
	}
	return string(address), nil
}

// Challenge reads a flow's challenge and how far its message has come, or
// rules.ErrNotFound.
func (s *Store) Challenge(ctx context.Context, id, flowID string) (code.Challenge, message.Delivery, error) {
	return s.challenge(ctx, `WHERE id = $1 AND flow = $2`, id, flowID)
}

// CurrentChallenge reads the flow's latest challenge, or rules.ErrNotFound.
func (s *Store) CurrentChallenge(ctx context.Context, flowID string) (code.Challenge, message.Delivery, error) {
	return s.challenge(ctx, `WHERE flow = $1 AND superseded_at IS NULL`, flowID)
}

func (s *Store) challenge(ctx context.Context, where string, args ...any) (code.Challenge, message.Delivery, error) {
	c, err := one(s.read(ctx), scanChallenge, `SELECT `+challengeColumns+` FROM challenges `+where, args...)
	if err != nil {
		return code.Challenge{}, message.Delivery{}, err
	}
	delivery, err := one(s.read(ctx), scanDelivery,
		`SELECT state, class FROM outbox WHERE challenge_id <> '' AND challenge_id = $1`, c.ID)
	if errors.Is(err, rules.ErrNotFound) {
		err = nil // pruned: nothing more is known
	}
	return c, delivery, err
}

func scanDelivery(row scanner) (message.Delivery, error) {
	var d message.Delivery
	err := row.Scan(&d.State, &d.Class)
	return d, err
}

func scanChallenge(row scanner) (code.Challenge, error) { return scanChallengeWith(row) }

// scanChallengeWith reads challengeColumns and the columns behind them.
func scanChallengeWith(row scanner, others ...any) (code.Challenge, error) {
	var c code.Challenge
	var nonce []byte
	err := row.Scan(append([]any{&c.ID, &c.Tenant, &c.Account, &c.Purpose, &c.Object, &c.Flow, &c.ContactID, &c.Channel, &c.Destination,
		&c.Hint, &c.Language, &nonce, &c.Epoch, &c.Digits, (*instant)(&c.Created), (*instant)(&c.Expires),
		(*instant)(&c.ResendAfter), &c.MaxAttempts, &c.Attempts, &c.Sends, (*instant)(&c.Consumed), (*instant)(&c.Superseded), &c.CodeKey}, others...)...)
	if err == nil && copy(c.Nonce[:], nonce) != len(c.Nonce) {
		err = fmt.Errorf("the nonce of challenge %s has %d bytes instead of %d", c.ID, len(nonce), len(c.Nonce))
	}
	return c, err
}
