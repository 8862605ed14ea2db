package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// SaveReceipt keeps what a provider told of a message, unless what was told before says
// as much (receipt.Receipt.Outweighs). A message that is unknown, another tenant's or
// pruned has no receipt: nothing changes. Nothing but the advice depends on it, so it
// does not wait for the disk; one that tells nothing new writes nothing. What is kept is
// audited, without the provider's own words.
func (s *Store) SaveReceipt(ctx context.Context, r receipt.Receipt) error {
	before, err := one(s.read(ctx), scanReceipt, `SELECT o.tenant, o.id, COALESCE(r.outcome, ''), COALESCE(r.reason, ''), r.at
		FROM outbox o LEFT JOIN receipts r ON r.message_id = o.id WHERE o.id = $1 AND o.tenant = $2`, r.Message, r.Tenant)
	if err != nil || !r.Outweighs(before) {
		return unlessMissing(err, rules.ErrNotFound)
	}
	return s.writeSoon(ctx, func(t *tx) error {
		// Of receipts that come at once, one counts that tells the same, and none takes back
		// that the message has arrived.
		account, err := one(t.queries, plain[string], `INSERT INTO receipts (message_id, outcome, reason, at)
			SELECT id, $3, $4, CAST($5 AS BIGINT) FROM outbox WHERE id = $1 AND tenant = $2
			ON CONFLICT (message_id) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason, at = excluded.at
			WHERE receipts.outcome <> 'Delivered' AND (receipts.outcome <> excluded.outcome OR receipts.reason <> excluded.reason)
			RETURNING (SELECT account FROM outbox WHERE outbox.id = message_id)`, r.Message, r.Tenant, r.Outcome, r.Reason, instant(r.At))
		if err != nil {
			return unlessMissing(err, rules.ErrNotFound)
		}
		return t.auditReceipt(account, r)
	})
}

// auditReceipt notes what a provider told of a message.
func (t *tx) auditReceipt(account string, r receipt.Receipt) error {
	detail, err := json.Marshal(struct {
		Outcome receipt.Outcome `json:"outcome"`
		Reason  receipt.Reason  `json:"reason,omitempty"`
	}{r.Outcome, r.Reason})
	if err != nil {
		return fmt.Errorf("write the receipt of message %s: %w", r.Message, err)
	}
	t.audit(entry{at: r.At, tenant: r.Tenant, account: account, action: actionReceiptTaken, object: r.Message, detail: string(detail)})
	return nil
}

// Receipt is what was told of a challenge's message; zero where nothing was.
func (s *Store) Receipt(ctx context.Context, challengeID string) (receipt.Receipt, error) {
	r, err := one(s.read(ctx), scanReceipt, `SELECT o.tenant, o.id, r.outcome, r.reason, r.at
		FROM outbox o JOIN receipts r ON r.message_id = o.id WHERE o.challenge_id <> '' AND o.challenge_id = $1`, challengeID)
	if errors.Is(err, rules.ErrNotFound) {
		return receipt.Receipt{}, nil
	}
	return r, err
}

func scanReceipt(row scanner) (receipt.Receipt, error) {
	var r receipt.Receipt
	err := row.Scan(&r.Tenant, &r.Message, &r.Outcome, &r.Reason, (*instant)(&r.At))
	return r, err
}
