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

// Migrate brings the schema forward, never back. The options carry what an engine
// needs besides, such as a lock among replicas.
func Migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, opts ...goose.ProviderOption) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	opts = append(opts, goose.WithDisableGlobalRegistry(true))
	provider, err := goose.NewProvider(dialect, db, dir, opts...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
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
