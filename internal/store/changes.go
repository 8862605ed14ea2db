package store

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// Change reads a record, or rules.ErrNotFound.
func (s *Store) Change(ctx context.Context, key change.Key) (change.Record, error) {
	return one(s.read(ctx), scanChange, `SELECT record FROM changes WHERE tenant = $1 AND name = $2`, key.Tenant, key.Name)
}

// OpenChanges are the open changes of an account, by name.
func (s *Store) OpenChanges(ctx context.Context, tenant, account string) ([]change.Record, error) {
	return list(s.read(ctx), scanChange, openChanges, tenant, account)
}

const openChanges = `SELECT record FROM changes WHERE tenant = $1 AND account = $2 AND end_state = '' ORDER BY name`

// Restricting are the account's other changes that restrict it at now or may come to do
// so: the open ones, and those that have ended and restrict to their date.
func (s *Store) Restricting(ctx context.Context, tenant, account string, now time.Time) ([]change.Record, error) {
	open, err := s.OpenChanges(ctx, tenant, account)
	if err != nil {
		return nil, err
	}
	ended, err := lingering(s.read(ctx), tenant, account, now)
	return append(open, ended...), err
}

// lingering are the changes of an account that have ended and restrict to their date.
func lingering(q queries, tenant, account string, now time.Time) ([]change.Record, error) {
	return list(q, scanChange, `SELECT record FROM changes
		WHERE tenant = $1 AND account = $2 AND end_state <> '' AND restricted_until > $3 ORDER BY name`, tenant, account, instant(now))
}

// Wakes lists all open changes and the instants at which each calls for something by
// itself: after a restart the controller asks once. Those that wait for others are not in
// it.
func (s *Store) Wakes(ctx context.Context) ([]change.Wake, error) {
	return list(s.read(ctx), func(row scanner) (w change.Wake, err error) {
		return w, row.Scan(&w.Key.Tenant, &w.Key.Name, (*instant)(&w.At))
	}, `SELECT tenant, name, wake_at FROM changes WHERE end_state = '' AND wake_at IS NOT NULL ORDER BY wake_at, tenant, name`)
}

// PendingNotices are the changes that have a notice to tell, or something else to do, at
// now: at most n, the longest due first.
func (s *Store) PendingNotices(ctx context.Context, now time.Time, n int) ([]change.Record, error) {
	return list(s.read(ctx), scanChange, `SELECT record FROM changes
		WHERE end_state = '' AND wake_at <= $1 ORDER BY wake_at, tenant, name LIMIT CAST($2 AS BIGINT)`, instant(now), n)
}

// Clock is what the database holds for the present: it is compared before a hold ends
// (law 11).
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	return present(s.ask(ctx, s.config.Writer), s.config.Clock, s.config.Now)
}

// present asks the database for its time, or the process where the database has none.
func present(q queries, clock string, process func() time.Time) (time.Time, error) {
	if clock == "" {
		return stored(process()), nil
	}
	return one(q, func(row scanner) (at time.Time, err error) { return at, row.Scan((*instant)(&at)) }, clock)
}

// matter is a change under work, with all that its rules ask about. Nobody else changes
// any of it before the commit.
type matter struct {
	record change.Record
	// others are the account's other open changes.
	others []change.Record
	book   contact.Book
	now    time.Time
}

// lockAccount holds back whoever else begins, ends or joins a change of the account, or
// imports its contacts, until the commit. What is read next is how they have left it: rows
// that somebody has just added too, which no lock of the rows that were there would show.
func (t *tx) lockAccount(tenant, account string) {
	if t.lockName != "" {
		t.queue(t.lockName, place(tenant, account, "", "changes"))
	}
}

// openMatter locks the account, and with it its changes and its book.
func (t *tx) openMatter(key change.Key, account string, now time.Time) (*matter, error) {
	m := &matter{now: now}
	t.lockAccount(key.Tenant, account)
	changes, err := list(t.queries, scanChange, `SELECT record FROM changes
		WHERE tenant = $1 AND account = $2 AND (end_state = '' OR name = $3) ORDER BY name`+t.lock, key.Tenant, account, key.Name)
	if err != nil {
		return nil, err
	}
	for _, r := range changes {
		if r.Key == key {
			m.record = r
		} else {
			m.others = append(m.others, r)
		}
	}
	m.book, err = book(t.queries, t.sealer, key.Tenant, account, now)
	return m, err
}

// frozen returns a *change.FrozenError where another change of the account keeps this one
// from going on.
func (t *tx) frozen(m *matter) error {
	ended, err := lingering(t.queries, m.record.Key.Tenant, m.record.Spec.Account, m.now)
	if err != nil {
		return err
	}
	ended = slices.DeleteFunc(ended, func(r change.Record) bool { return r.Key == m.record.Key })
	return m.record.Frozen(m.book, append(ended, m.others...), m.now)
}

// settleChange works on a known change in one transaction: deed changes the matter's record,
// what follows from it is done, and the outcome is written and told.
func (s *Store) settleChange(ctx context.Context, key change.Key, now time.Time, action string, deed func(*tx, *matter) error) (change.Record, error) {
	var after change.Record
	err := s.write(ctx, func(t *tx) error {
		account, err := one(t.queries, plain[string], `SELECT account FROM changes WHERE tenant = $1 AND name = $2`, key.Tenant, key.Name)
		if err != nil {
			return err
		}
		m, err := t.openMatter(key, account, stored(now))
		if err != nil {
			return err
		}
		if m.record.Key != key {
			return rules.ErrNotFound // another account's by now
		}
		before := m.record
		if err := deed(t, m); err != nil {
			return err
		}
		after, err = t.conclude(m, before, action)
		return err
	})
	if err != nil {
		return change.Record{}, err
	}
	return after, nil
}

// conclude does what follows from a change and writes it, where it differs from before.
func (t *tx) conclude(m *matter, before change.Record, action string) (change.Record, error) {
	if err := t.advance(m); err != nil {
		return change.Record{}, err
	}
	if err := t.tellDue(m); err != nil {
		return change.Record{}, err
	}
	if reflect.DeepEqual(before, m.record) {
		return m.record, nil
	}
	return m.record, t.saveChange(m.record, m.now, action)
}

// insertChange makes the row that saveChange fills.
func (t *tx) insertChange(r change.Record) (inserted bool, err error) {
	record, err := json.Marshal(r)
	if err != nil {
		return false, fmt.Errorf("write change %s: %w", r.Key, err)
	}
	n, err := t.exec(`INSERT INTO changes (tenant, name, account, end_state, deleted, record)
		VALUES ($1, $2, $3, '', FALSE, $4) ON CONFLICT (tenant, name) DO NOTHING`,
		r.Key.Tenant, r.Key.Name, r.Spec.Account, string(record))
	return n == 1, err
}

// saveChange writes a record whose row this transaction holds, and tells of it.
func (t *tx) saveChange(r change.Record, now time.Time, action string) error {
	record, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write change %s: %w", r.Key, err)
	}
	t.queue(`UPDATE changes SET account = $3, end_state = $4, end_at = $5, wake_at = $6, restricted_until = $7,
		deleted = $8, record = $9 WHERE tenant = $1 AND name = $2`,
		r.Key.Tenant, r.Key.Name, r.Spec.Account, r.End.State, instant(r.End.At), instant(r.Wake(now)),
		instant(later(r.RestrictedUntil, r.InheritedUntil)), r.Deleted, string(record))
	t.audit(entry{at: now, tenant: r.Key.Tenant, account: r.Spec.Account, action: action, object: r.Key.Name,
		detail: string(r.State(now))})
	return t.tell(r.Key.Tenant, r.Spec.Account, fact.Fact{Change: &r})
}

func scanChange(row scanner) (change.Record, error) {
	var r change.Record
	record, err := plain[string](row)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		return r, fmt.Errorf("read a change: %w", err)
	}
	return r, nil
}

// The actions of changes that the audit names.
const (
	actionChangeFrozen    = "ChangeFrozen"
	actionChangeAdopted   = "ChangeAdopted"
	actionChangeProved    = "ChangeProved"
	actionChangeVisited   = "ChangeVisited"
	actionChangeApplied   = "ChangeApplied"
	actionChangeCancelled = "ChangeCancelled"
	actionChangeRejected  = "ChangeRejected"
	actionChangeDeleted   = "ChangeDeleted"
	actionBlockReclaimed  = "BlockReclaimed"
	actionChangeEnded     = "ChangeEnded"
)
