package store

import (
	"context"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
)

// Prune forgets what has no more effect: what is over since before, and counters
// that have run out at now. It keeps every block that a restored object could
// revive. It returns how many rows went.
func (s *Store) Prune(ctx context.Context, now, before time.Time) (int64, error) {
	var total int64
	for _, p := range []struct {
		query string
		at    time.Time
	}{
		{`DELETE FROM audit WHERE at < $1`, before},
		{`DELETE FROM facts WHERE at < $1 AND seq < (SELECT MAX(seq) FROM facts)`, before},
		{`DELETE FROM outbox WHERE state <> 'Waiting' AND expires_at < $1`, before},
		{`DELETE FROM challenges WHERE expires_at < $1
			AND NOT EXISTS (SELECT 1 FROM flows WHERE flows.id = challenges.flow AND flows.expires_at >= $1)`, before},
		// A spent ticket outlives its 5 minutes here, for a flow lives longer.
		{`DELETE FROM flows WHERE expires_at < $1`, before},
		{`DELETE FROM blocks WHERE deleted AND NOT permanent AND end_at < $1 AND expires_at < $1`, before},
		{`DELETE FROM restrictions WHERE until_at < $1`, before},
		{`DELETE FROM limits WHERE tat IS NULL OR tat < $1`, now},
		{`DELETE FROM wrong_codes WHERE start_at <= $1`, now.Add(-code.WrongCodeWindow)},
		{`DELETE FROM idempotency WHERE at <= $1`, now.Add(-code.OnceLife)},
		{`DELETE FROM entered_numbers WHERE at <= $1`, now.Add(-code.EnteredNumberWindow)},
	} {
		err := s.write(ctx, func(t *tx) error {
			n, err := t.exec(p.query, instant(p.at))
			total += n
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
