package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"holdfast.dev/holdfast/internal/clock"
)

const (
	// rowsOfAFlow are those that stay of one flow: 8 of the audit, 2 messages, 2 facts,
	// its challenge and itself.
	rowsOfAFlow = 14
	// historyBatch are the flows of one transaction.
	historyBatch = 10_000
)

// history writes what flows of the past have left: flow n was at $3 + n * $4
// milliseconds, one of 100,000 accounts'. ID and BYTES stand for the engine's random ones, MADE for its numbers.
var history = []string{
	`INSERT INTO flows (id, tenant, host, account, purpose, object, stage, secret, ticket, bearer, opened_at, expires_at, epoch)
		MADE SELECT ID, 'shop', 'account.shop.example', 'past-' || (n % 100000), 'Unblock', 'block-of-the-past', 'Done', BYTES, ID, FALSE,
			$3 + n * $4, $3 + n * $4 + 900000, 1 FROM numbers`,
	`INSERT INTO challenges (id, tenant, account, purpose, object, flow, contact_id, channel, destination, hint, language, nonce,
			epoch, digits, created_at, expires_at, resend_at, max_attempts, attempts, sends, consumed_at, code_key, address)
		MADE SELECT ID, 'shop', 'past-' || (n % 100000), 'Unblock', 'block-of-the-past', ID, 'contact-00000000', 'Email', ID || ID, 'pa•••@•••',
			'en', BYTES, 1, 6, $3 + n * $4, $3 + n * $4 + 600000, $3 + n * $4 + 60000, 5, 1, 1, $3 + n * $4 + 30000, 1, BYTES FROM numbers`,
	`INSERT INTO outbox (id, tenant, account, kind, notice, challenge_id, channel, address, language, attempts, due_at, expires_at,
			created_at, handed, destination, state, class, done_at)
		MADE SELECT ID, 'shop', 'past-' || (n % 100000), 'Code', '', ID, 'Email', NULL, 'en', 0, $3 + n * $4, $3 + n * $4 + 600000,
			$3 + n * $4, 1, ID || ID, 'Sent', '', $3 + n * $4 + 1000 FROM numbers`,
	`INSERT INTO outbox (id, tenant, account, kind, notice, challenge_id, channel, address, language, attempts, due_at, expires_at,
			created_at, handed, destination, state, class, done_at)
		MADE SELECT ID, 'shop', 'past-' || (n % 100000), 'Notice', 'AccountReleased', '', 'Email', NULL, 'en', 0, $3 + n * $4, $3 + n * $4 + 259200000,
			$3 + n * $4, 1, ID || ID, 'Sent', '', $3 + n * $4 + 1000 FROM numbers`,
	`INSERT INTO facts (seq, at, tenant, name, uid, account, reason, scope, value, start_at, duration_ms, steps, code_to, proof_flow, end_state)
		MADE SELECT 2 * n + k, $3 + n * $4, 'shop', 'block-of-the-past', 'uid-of-block-of-the-past', 'past-' || (n % 100000), 'UnusualActivity', 'Account', '',
			$3 + n * $4, 86400000, '["VerifyCode"]', 'ContactsOnRecord', ID, 'Released' FROM numbers CROSS JOIN (SELECT 1 AS k UNION ALL SELECT 2) AS twice`,
	`INSERT INTO audit (at, tenant, account, action, object, detail)
		MADE SELECT $3 + n * $4, 'shop', 'past-' || (n % 100000), action, ID, 'block-of-the-past' FROM numbers CROSS JOIN (
			SELECT 'FlowOpened' AS action UNION ALL SELECT 'CodeIssued' UNION ALL SELECT 'MessageSent' UNION ALL SELECT 'AttemptCounted'
			UNION ALL SELECT 'BlockProved' UNION ALL SELECT 'CodeAccepted' UNION ALL SELECT 'BlockReleased' UNION ALL SELECT 'MessageSent') AS deeds`,
}

// fill gives an empty store so many rows of a past that ended an hour ago.
func (d dialect) fill(ctx context.Context, at place, rows int) (err error) {
	db, err := at.bare(1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	flows := rows / rowsOfAFlow
	begin, step := clock.Wall().Add(-historySpan).UnixMilli(), (historySpan.Milliseconds()-3600_000)/int64(flows)
	made := strings.NewReplacer("MADE", d.numbers, "ID", d.id, "BYTES", d.bytes)
	if err := do(ctx, db, d.hasty); err != nil {
		return err
	}
	for first := 0; first < flows; first += historyBatch {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for _, insert := range history {
			if _, err := tx.ExecContext(ctx, made.Replace(insert), first, min(first+historyBatch, flows)-1, begin, step); err != nil {
				return errors.Join(fmt.Errorf("%.40s: %w", insert, err), tx.Rollback())
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	if _, err := db.ExecContext(ctx, d.afterFacts, 2*flows); err != nil {
		return err
	}
	for _, statement := range d.settled {
		if err := do(ctx, db, statement); err != nil {
			return err
		}
	}
	return nil
}
