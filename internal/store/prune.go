package store

import (
	"context"
	"strconv"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/disowned"
	"holdfast.dev/holdfast/internal/rules/escalation"
)

// Prune forgets what has no more effect: what is over since before, and counters
// that have run out at now. It keeps every block that a restored object could
// revive. It returns how many rows went. Nobody waits for it: it goes in small steps
// and leaves out rows that somebody holds.
func (s *Store) Prune(ctx context.Context, now, before time.Time) (int64, error) {
	var total int64
	for _, old := range []struct {
		table, where string
		at           time.Time
	}{
		{`audit`, `at < $1`, before},
		{`facts`, `at < $1 AND seq < (SELECT MAX(seq) FROM facts)`, before},
		{`outbox`, `state <> 'Waiting' AND expires_at < $1`, before},
		{`challenges`, `expires_at < $1
			AND NOT EXISTS (SELECT 1 FROM flows WHERE flows.id = challenges.flow AND flows.expires_at >= $1)`, before},
		// A spent ticket outlives its 5 minutes here, for a flow lives longer.
		{`flows`, `expires_at < $1`, before},
		{`sessions`, `ends_at < $1`, before},
		{`blocks`, `deleted AND NOT permanent AND end_at < $1 AND expires_at < $1`, before},
		// One of Holdfast's own that ended before it had an object: nobody recorded its end.
		{`blocks`, `uid = '' AND end_state = '' AND expires_at < $1`, before},
		{`restrictions`, `until_at < $1`, before},
		// Contacts that went lately are still told and may cancel.
		{`changes`, `deleted AND end_at < $1 AND (restricted_until IS NULL OR restricted_until < $1)`, sooner(before, now.Add(-contact.KnownAfter))},
		{`change_contacts`, contactsOfNone, now},
		{`change_notices`, noticesOfNone, now},
		{`change_cancels`, `at < $1 AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.tenant = change_cancels.tenant
			AND c.account = change_cancels.account AND c.id = change_cancels.contact)`, before},
		{`limits`, `tat IS NULL OR tat < $1`, now},
		{`wrong_codes`, `last_at <= $1`, now.Add(-code.WrongCodeWindow)},
		{`failures`, `until_at <= $1`, now},
		{`crowds`, `until_at <= $1`, now},
		{`devices`, `seen_at <= $1`, now.Add(-escalation.DeviceLife)},
		{`code_countries`, `sent_at < $1`, before},
		{`provider_health`, `until_at <= $1`, now},
		{`receipts`, `at < $1 AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = receipts.message_id)`, before},
		{`idempotency`, `at <= $1`, now.Add(-code.OnceLife)},
		{`entered_numbers`, `at <= $1`, now.Add(-code.LongestWindow)},
		// Of a listed contact it is shown until a proof.
		{`disowned`, `at <= $1 AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.tenant = disowned.tenant
			AND c.account = disowned.account AND c.lookup = disowned.destination)`, now.Add(-disowned.Rest)},
	} {
		n, err := s.forget(ctx, old.table, old.where, old.at)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// forget deletes a table's old rows, batch after batch.
func (s *Store) forget(ctx context.Context, table, where string, at time.Time) (total int64, err error) {
	row, batch := s.config.Row, s.config.PruneBatch
	query := `DELETE FROM ` + table + ` WHERE ` + row + ` IN (SELECT ` + row + ` FROM ` + table +
		` WHERE ` + where + ` LIMIT ` + strconv.Itoa(batch) + s.config.SkipLocked + `)`
	for {
		var n int64
		err := s.write(ctx, func(t *tx) (err error) {
			n, err = t.exec(query, instant(at))
			return err
		})
		total += n
		if err != nil || n == 0 || n < int64(batch) {
			return total, err
		}
	}
}
