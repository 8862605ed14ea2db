package store

import (
	"context"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/epoch"
)

// Mark reads how far this memory has come.
func (s *Store) Mark(ctx context.Context) (epoch.Mark, error) {
	return one(s.ask(ctx, s.config.Writer), scanMark, selectMark)
}

// Beat moves the mark on, given the copy that is kept outside, which must have been read
// before the call. Where this memory is behind it was restored or emptied: then a new
// epoch begins, which voids open codes, tickets and flows. The mark returned is to be
// written outside.
func (s *Store) Beat(ctx context.Context, outside epoch.Mark) (mark epoch.Mark, restored bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		if _, err := one(t.queries, plain[int64], `SELECT value FROM meta WHERE name = 'beat'`+t.lock); err != nil {
			return err
		}
		inside, err := one(t.queries, scanMark, selectMark)
		if err != nil {
			return err
		}
		mark, restored = inside.Next(outside)
		t.queue(`UPDATE meta SET value = $1 WHERE name = 'beat'`, mark.Beat)
		t.queue(`INSERT INTO meta (name, value) VALUES ('beat_at', $1)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, instant(s.config.Now()))
		if mark.Epoch == inside.Epoch {
			return nil
		}
		t.queue(`UPDATE meta SET value = $1 WHERE name = 'epoch'`, mark.Epoch)
		t.audit(entry{at: s.config.Now(), action: actionEpochBegun,
			detail: fmt.Sprintf("epoch %d at beat %d, after epoch %d at beat %d", mark.Epoch, mark.Beat, inside.Epoch, inside.Beat)})
		return nil
	})
	return mark, restored, err
}

// LastBeat is when the mark moved last, zero where it never did.
func (s *Store) LastBeat(ctx context.Context) (time.Time, error) {
	last, err := one(s.ask(ctx, s.config.Writer), moment, `SELECT value FROM meta WHERE name = 'beat_at'`)
	return last, unlessMissing(err, rules.ErrNotFound)
}

const selectMark = `SELECT e.value, b.value FROM meta e, meta b WHERE e.name = 'epoch' AND b.name = 'beat'`

func scanMark(row scanner) (epoch.Mark, error) {
	var m epoch.Mark
	err := row.Scan(&m.Epoch, &m.Beat)
	return m, err
}
