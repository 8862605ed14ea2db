package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrNewerSchema says that a newer binary has written this store.
var ErrNewerSchema = errors.New("the store was written by a newer holdfast")

// numbering is the version of the schema that differs between the engines: it is how
// facts are numbered, and what Prune needs to find old rows without a stall.
const numbering = 3

// PruneIndexes are the part of version 3 that all engines share: Prune finds old rows
// by them.
const PruneIndexes = `
	CREATE INDEX facts_at ON facts (at);
	CREATE INDEX outbox_over ON outbox (expires_at) WHERE state <> 'Waiting';
	CREATE INDEX blocks_deleted ON blocks (end_at) WHERE deleted;
	CREATE INDEX restrictions_until ON restrictions (until_at);
	CREATE INDEX entered_numbers_at ON entered_numbers (at);
`

// Migrations are the steps of the schema: those that all engines share, and the
// engine's own SQL for version 3.
func Migrations(db *sql.DB, dialect goose.Dialect, own string) (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	step := goose.NewGoMigration(numbering, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, own)
		return err
	}}, nil)
	provider, err := goose.NewProvider(dialect, db, dir, goose.WithGoMigrations(step), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// Migrate brings the schema forward, never back. Of several replicas that start at
// once, one may do so at a time.
func Migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, own string) error {
	provider, err := Migrations(db, dialect, own)
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the store's schema: %w", err)
	}
	if current > target {
		return fmt.Errorf("%w: its schema has version %d and this binary knows %d; run the newer binary, or restore a backup made before it",
			ErrNewerSchema, current, target)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the store's schema from version %d to %d: %w", current, target, err)
	}
	return nil
}
