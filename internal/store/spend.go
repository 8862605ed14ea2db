package store

import (
	"context"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
)

// Spend counts a message that was sent in the caps of its policy (T6). It asks nobody: a
// notice goes although a cap is used up, and codes wait the longer (law 8). over says that
// one was. The count outlives the death of this process, not of the machine, and so costs
// no wait for the disk.
func (s *Store) Spend(ctx context.Context, tenant string, caps []code.Limit, now time.Time) (over bool, err error) {
	now = stored(now)
	err = s.writeSoon(ctx, func(t *tx) error {
		held, err := t.lockLimits(tenant, caps).all()
		if err != nil {
			return err
		}
		over = false // it may be run again
		at := make(map[subject]time.Time, len(held))
		for _, h := range held {
			at[h.subject] = h.tat
		}
		for _, l := range caps {
			of := subject{l.Subject, l.ID}
			_, wait := l.Rate.Take(at[of], now)
			over = over || wait > 0
			at[of] = l.Rate.Charge(at[of], now)
		}
		t.queue(`INSERT INTO limits (tenant, subject, id, tat) VALUES `+tuples(caps)+`
			ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = excluded.tat`, arrivals(tenant, caps, at)...)
		return nil
	})
	return over && err == nil, err
}
