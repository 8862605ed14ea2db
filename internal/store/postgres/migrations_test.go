package postgres

import (
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/postgres/pgtest"
	"holdfast.dev/holdfast/internal/store/storetest"
)

func TestMigrations(t *testing.T) {
	storetest.RunMigrations(t, func(t *testing.T, version int64) storetest.Old {
		at := pgtest.Fresh(t)
		db := tables(t, at)
		steps, err := store.Migrations(db, goose.DialectPostgres, schema)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := steps.UpTo(t.Context(), version); err != nil {
			t.Fatal(err)
		}
		return storetest.Old{
			DB: db, Bytes: func(statements string) string { return strings.ReplaceAll(statements, "X'", `'\x`) },
			Open: func(t *testing.T) storetest.Store { return mustOpen(t, at, options(t)) },
		}
	})
}
