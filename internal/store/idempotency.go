package store

import (
	"context"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
)

// Issued finds the challenge that a flow was answered with under a key and how far
// its message has come. It returns rules.ErrNotFound where the key is new to the flow,
// rules.ErrKeyReused where it stands for another request.
func (s *Store) Issued(ctx context.Context, flowID string, once code.Once) (code.Challenge, message.Delivery, error) {
	id, err := s.read(ctx).answered(flowID, once)
	if err != nil {
		return code.Challenge{}, message.Delivery{}, err
	}
	return s.Challenge(ctx, id, flowID)
}

// answered is the challenge under a key of a flow: a key is never looked for in
// another flow, so nobody meets anybody else's answer.
func (q queries) answered(flowID string, once code.Once) (challengeID string, err error) {
	if once.Key == "" {
		return "", rules.ErrNotFound
	}
	var fingerprint string
	challengeID, err = one(q, func(row scanner) (id string, err error) { return id, row.Scan(&id, &fingerprint) },
		`SELECT challenge, fingerprint FROM idempotency WHERE flow = $1 AND key = $2`, flowID, once.Key)
	if err == nil && fingerprint != once.Fingerprint {
		err = rules.ErrKeyReused
	}
	return challengeID, err
}

// answer notes the challenge under its key, in the transaction that issues it.
func (t *tx) answer(c code.Challenge, once code.Once) {
	if once.Key == "" {
		return
	}
	t.queue(`INSERT INTO idempotency (flow, key, fingerprint, challenge, at) VALUES ($1, $2, $3, $4, $5)`,
		c.Flow, once.Key, once.Fingerprint, c.ID, instant(c.Created))
}
