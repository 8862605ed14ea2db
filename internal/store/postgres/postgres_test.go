package postgres

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/postgres/pgtest"
	"holdfast.dev/holdfast/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Tests{M: m}) }

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		at := emptied(t)
		s := mustListen(t, at, options(t))
		return storetest.Backend{Store: s, DB: tables(t, at), Reopen: func(t *testing.T) storetest.Store {
			t.Helper()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = mustListen(t, at, options(t))
			return s
		}, Other: func(t *testing.T) storetest.Store { return mustListen(t, at, options(t)) }}
	})
}

var contract struct {
	once sync.Once
	url  string
	// empty restores the database as its migrations left it.
	empty string
}

// emptied is the URL of the one database of the tests that share one: it has the newest
// schema and nothing else. Making a new one takes hundreds of times as long.
func emptied(t *testing.T) string {
	t.Helper()
	contract.once.Do(func() {
		contract.url = pgtest.Database(t, "contract")
		if err := mustOpen(t, contract.url, options(t)).Close(); err != nil {
			t.Fatal(err)
		}
		contract.empty = emptying(t, tables(t, contract.url))
	})
	if _, err := tables(t, contract.url).ExecContext(t.Context(), contract.empty); err != nil {
		t.Fatal(err)
	}
	return contract.url
}

// emptying are the statements that empty every table, but for what migrations wrote.
func emptying(t *testing.T, db *sql.DB) (statements string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE kept AS SELECT * FROM meta`); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), `SELECT STRING_AGG('DELETE FROM ' || tablename || ';', '') || 'INSERT INTO meta SELECT * FROM kept'
		FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('goose_db_version', 'kept')`).Scan(&statements); err != nil {
		t.Fatal(err)
	}
	return statements
}

// fresh is the URL of a database of a test's own, with the newest schema.
func fresh(t *testing.T) string {
	t.Helper()
	at := pgtest.Fresh(t)
	if err := mustOpen(t, at, options(t)).Close(); err != nil {
		t.Fatal(err)
	}
	return at
}

func options(t *testing.T) Options {
	t.Helper()
	sealer, err := storetest.NewSealer("test")
	if err != nil {
		t.Fatal(err)
	}
	return Options{Sealer: sealer, Now: storetest.Now, After: never, Connections: 16, clock: fmt.Sprint("SELECT CAST(", storetest.Start.UnixMilli(), " AS BIGINT)")}
}

// never keeps the pulse from hiding that a notification was lost.
func never(time.Duration) <-chan time.Time { return nil }

// mustListen opens a store that hears the others already.
func mustListen(t *testing.T, url string, o Options) *store.Store {
	t.Helper()
	s := mustOpen(t, url, o)
	select {
	case <-s.Wake():
	case <-time.After(10 * time.Second):
		t.Fatal("waited 10s for the store to listen")
	}
	return s
}

func mustOpen(t *testing.T, url string, o Options) *store.Store {
	t.Helper()
	s, err := Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// tables reaches a store's database beside the store.
func tables(t *testing.T, at string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
