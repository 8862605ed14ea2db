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
	nonce, epoch, digits, created_at, expires_at, resend_at, max_attempts, attempts, sends, consumed_at, superseded_at, code_key, budget`

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
	flow := t.lockFlow(c.Flow)
	// The flow is held: of requests with one key that come at once, one goes on.
	if again, err := t.again(c.Flow, issue.Once); !errors.Is(err, rules.ErrNotFound) {
		return again, err
	}
	superseded := t.supersede(c.Flow, now)
	asked, err := t.askBudgets(&c, issue)
	if err != nil {
		return c, err
	}
	f, err := flow.one()
	switch {
	case err != nil:
		return c, err
	case !f.Live(now):
		return c, rules.ErrNoFlow
	case f.Stage != session.Opened:
		return c, rules.ErrOrder
	}
	last, err := superseded.one()
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return c, err
	}
	if issue.Address == "" {
		if issue.Address, err = t.addressAgain(last); err != nil {
			return c, err
		}
		c.Destination, c.Hint = last.Destination, last.Hint
		if asked, err = t.askBudgets(&c, issue); err != nil {
			return c, err
		}
	}
	c.Epoch, c.CodeKey = f.epoch, t.sealer.CodeKey()
	c.Attempts, c.Sends = last.Attempts, last.Sends+1
	switch {
	case c.AttemptsLeft() == 0:
		return c, rules.ErrSpent
	case now.Before(last.ResendAfter):
		return c, &rules.LimitError{Subject: "resend", RetryAfter: last.ResendAfter.Sub(now)}
	}
	if err := t.takeAll(asked, issue, c.Tenant, now); err != nil {
		return c, err
	}
	c.Created, c.Expires = now, stored(c.Expires)
	c.ResendAfter = now.Add(code.ResendWait(issue.ResendWaits, c.Sends)).Truncate(time.Millisecond)
	c.Consumed, c.Superseded = time.Time{}, time.Time{}
	return c, t.saveIssue(c, issue)
}

// again is the challenge that the flow was answered with under a key, or
// rules.ErrNotFound where the key is new.
func (t *tx) again(flowID string, once code.Once) (code.Challenge, error) {
	if once.Key == "" {
		return code.Challenge{}, rules.ErrNotFound
	}
	id, err := t.answered(flowID, once)
	if err != nil {
		return code.Challenge{}, err
	}
	return one(t.queries, scanChallenge, `SELECT `+challengeColumns+` FROM challenges WHERE id = $1`, id)
}

// supersede ends the flow's challenge and reads it, its address included; without one
// it answers rules.ErrNotFound.
func (t *tx) supersede(flowID string, now time.Time) *answer[sealedChallenge] {
	return ask(t.queries, scanSealedChallenge, `UPDATE challenges SET superseded_at = $2
		WHERE flow = $1 AND superseded_at IS NULL RETURNING `+challengeColumns+`, address`, flowID, instant(now))
}

// addressAgain opens where the last code went.
func (t *tx) addressAgain(last sealedChallenge) (string, error) {
	if last.ID == "" {
		return "", rules.ErrDestination
	}
	return t.openAddress(last)
}

// saveIssue writes the challenge, its message and what tells of it.
func (t *tx) saveIssue(c code.Challenge, issue code.Issue) error {
	sealed, err := t.sealer.Seal([]byte(issue.Address), place(c.Tenant, c.Account, c.ID, columnChallenge))
	if err != nil {
		return fmt.Errorf("seal the destination of challenge %s: %w", c.ID, err)
	}
	t.queue(`INSERT INTO challenges (`+challengeColumns+`, address, network) VALUES
		($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)`,
		c.ID, c.Tenant, c.Account, c.Purpose, c.Object, c.Flow, c.ContactID, c.Channel, c.Destination, c.Hint, c.Language,
		c.Nonce[:], c.Epoch, c.Digits, instant(c.Created), instant(c.Expires), instant(c.ResendAfter),
		c.MaxAttempts, c.Attempts, c.Sends, instant(c.Consumed), instant(c.Superseded), c.CodeKey, c.Budget, sealed, issue.Network)
	t.audit(entry{at: c.Created, tenant: c.Tenant, account: c.Account, action: actionCodeIssued, object: c.ID, detail: c.Object})
	t.answer(c, issue.Once)
	return t.insertMessages([]message.Message{{
		ID: issue.MessageID, Tenant: c.Tenant, Account: c.Account, Kind: message.Code, Challenge: c,
		Channel: c.Channel, Language: c.Language, NotBefore: c.Created, Expires: c.Expires, Created: c.Created,
	}})
}

// challengeAddress opens the destination of a challenge.
func (t *tx) challengeAddress(c code.Challenge) (string, error) {
	sealed, err := one(t.queries, plain[[]byte], `SELECT address FROM challenges WHERE id = $1`, c.ID)
	if err != nil {
		return "", err
	}
	return t.openAddress(sealedChallenge{c, sealed})
}

func (t *tx) openAddress(c sealedChallenge) (string, error) {
	address, err := t.sealer.Open(c.sealed, place(c.Tenant, c.Account, c.ID, columnChallenge))
	if err != nil {
		return "", fmt.Errorf("open the destination of challenge %s: %w", c.ID, err)
	}
	return string(address), nil
}

// sealedChallenge is a challenge with its address as it lies in its row.
type sealedChallenge struct {
	code.Challenge
	sealed []byte
}

func scanSealedChallenge(row scanner) (c sealedChallenge, err error) {
	c.Challenge, err = scanChallengeWith(row, &c.sealed)
	return c, err
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
		(*instant)(&c.ResendAfter), &c.MaxAttempts, &c.Attempts, &c.Sends, (*instant)(&c.Consumed), (*instant)(&c.Superseded), &c.CodeKey, &c.Budget}, others...)...)
	if err == nil && copy(c.Nonce[:], nonce) != len(c.Nonce) {
		err = fmt.Errorf("the nonce of challenge %s has %d bytes instead of %d", c.ID, len(nonce), len(c.Nonce))
	}
	return c, err
}
