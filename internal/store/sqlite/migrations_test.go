package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/storetest"
)

func TestMigrations(t *testing.T) {
	storetest.RunMigrations(t, func(t *testing.T, version int64) storetest.Old {
		path := filepath.Join(t.TempDir(), "holdfast.db")
		db := tables(t, path)
		steps, err := store.Migrations(db, goose.DialectSQLite3, store.PruneIndexes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := steps.UpTo(t.Context(), version); err != nil {
			t.Fatal(err)
		}
		return storetest.Old{
			DB: db, Bytes: func(statements string) string { return statements },
			Open: func(t *testing.T) storetest.Store { return mustOpen(t, path, options(t)) },
		}
	})
}
