package postgres

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/storetest"
)

// patience bounds a wait: only a broken store reaches it.
const patience = 10 * time.Second

// news follows a store and returns the accounts whose restrictions it tells.
func news(t *testing.T, s *store.Store) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	told, caughtUp, ended := make(chan string, 100), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Follow(ctx, storetest.Start, func() { close(caughtUp) }, func(f fact.Fact) { told <- f.Restriction.Account })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("following ended with %v", err)
		}
	})
	wait(t, caughtUp, "the replay")
	return told
}

func wait[T any](t *testing.T, c <-chan T, what string) (value T) {
	t.Helper()
	select {
	case value = <-c:
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
	}
	return value
}

func wantTold(t *testing.T, told <-chan string, account string) {
	t.Helper()
	if got := wait(t, told, "the fact of "+account); got != account {
		t.Fatalf("told of %s, want %s", got, account)
	}
}

// on is a database or a transaction.
type on interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// restrict writes a fact as another replica does, and tells nobody. It returns its
// number.
func restrict(t *testing.T, at on, account string) (seq int64) {
	t.Helper()
	if err := at.QueryRowContext(t.Context(), `INSERT INTO facts (seq, at, tenant, account, restricted_until)
		VALUES (`+numbering.Next+`, 0, 'shop', $1, 1) RETURNING seq`, account).Scan(&seq); err != nil {
		t.Fatal(err)
	}
	return seq
}

func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// Numbers are taken in another order than facts are committed: a follower that has
// read past a number still tells of it.
func TestFactCommittedLate(t *testing.T) {
	at := emptied(t)
	s, db := mustListen(t, at, options(t)), tables(t, at)
	earlier := news(t, s)
	tx := begin(t, db)
	restrict(t, tx, "late")
	restrict(t, db, "early")
	during := news(t, s) // its replay ends behind the number that is still open
	restrict(t, db, "later")
	s.Heard(everything)
	wantTold(t, earlier, "early")
	wantTold(t, earlier, "later")
	wantTold(t, during, "later")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	s.Heard(everything)
	wantTold(t, earlier, "late")
	wantTold(t, during, "late")
}

// A number whose transaction was rolled back is not looked for any more.
func TestLostNumberIsForgotten(t *testing.T) {
	at := emptied(t)
	s, db := mustListen(t, at, options(t)), tables(t, at)
	told := news(t, s)
	tx := begin(t, db)
	lost := restrict(t, tx, "lost")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	// The first fact shows the gap, the second finds out who may still fill it, the third
	// that nobody is left.
	for _, account := range []string{"first", "second", "third"} {
		restrict(t, db, account)
		s.Heard(everything)
		wantTold(t, told, account)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO facts (seq, at, tenant, account, restricted_until)
		VALUES ($1, 0, 'shop', 'from nowhere', 1)`, lost); err != nil {
		t.Fatal(err)
	}
	restrict(t, db, "fourth")
	s.Heard(everything)
	wantTold(t, told, "fourth")
}

// Law 4: where a notification is lost, the pulse finds what was committed, once a
// second.
func TestPulse(t *testing.T) {
	at := emptied(t)
	o, ticks := options(t), make(chan time.Time)
	o.After = func(d time.Duration) <-chan time.Time {
		if d > time.Second {
			t.Errorf("the store looks again after %s", d)
		}
		return ticks
	}
	s, db := mustListen(t, at, o), tables(t, at)
	told := news(t, s)
	for _, account := range []string{"first", "second"} {
		restrict(t, db, account)
		ticks <- time.Time{}
		wantTold(t, told, account)
	}
}

// The connection that listens comes back after a break.
func TestListensAgain(t *testing.T) {
	at := emptied(t)
	o, ticks := options(t), make(chan time.Time)
	o.After = func(time.Duration) <-chan time.Time { return ticks }
	s, other, db := mustListen(t, at, o), mustListen(t, at, options(t)), tables(t, at)
	told := news(t, s)
	if _, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN holdfast'`); err != nil {
		t.Fatal(err)
	}
	for listening := 0; listening == 0; {
		select {
		case ticks <- time.Time{}: // of the pulse or of the listener, whoever waits
		case <-time.After(patience):
			t.Fatal("nobody waits on the clock")
		}
		if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity WHERE query = 'LISTEN holdfast'`).Scan(&listening); err != nil {
			t.Fatal(err)
		}
	}
	restrict(t, db, "anna")
	if err := other.ReleaseLeases(t.Context()); err != nil { // it has news
		t.Fatal(err)
	}
	wantMail(t, s)
	s.Heard(everything)
	wantTold(t, told, "anna")
}

func wantMail(t *testing.T, s *store.Store) {
	t.Helper()
	wait(t, s.Wake(), "the courier's signal")
}
