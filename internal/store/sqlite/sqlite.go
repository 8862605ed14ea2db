// Package sqlite opens the embedded store: one file, one process, one writer.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"holdfast.dev/holdfast/internal/store"
)

// Options are what a store on SQLite needs.
type Options struct {
	Sealer store.Sealer
	// Now is the clock for audit rows of deeds that carry no time.
	Now func() time.Time
	// BusyTimeout is how long a call waits for a lock that a foreign process holds,
	// such as a backup; 0 means 5 s.
	BusyTimeout time.Duration
	// Readers is how many queries run at once; 0 means twice the processors, at
	// least 4.
	Readers int

	// pragmas are further settings of the writer, for tests of a full disk.
	pragmas []string
}

// Open opens the file at path, makes it where there is none, and brings its schema
// forward. A file that another process has open is refused with ErrInUse, one of a
// newer binary with store.ErrNewerSchema.
func Open(ctx context.Context, path string, o Options) (*store.Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	release, err := lock(path)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, path, o, release)
	if err != nil {
		return nil, errors.Join(err, release())
	}
	return s, nil
}

func open(ctx context.Context, path string, o Options, release func() error) (*store.Store, error) {
	// The files beside it take over its mode, which is the owner's alone.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // G304: the operator names the path
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	busy := fmt.Sprintf("busy_timeout(%d)", cmp.Or(o.BusyTimeout, 5*time.Second).Milliseconds())
	writer, err := pool(path, 1, url.Values{
		"_txlock": {"immediate"},
		"_pragma": append([]string{busy, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}, o.pragmas...),
	})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx, writer, goose.DialectSQLite3, store.PruneIndexes); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), writer.Close())
	}
	reader, err := pool(path, cmp.Or(o.Readers, max(4, 2*runtime.NumCPU())), url.Values{
		"_pragma": {busy, "query_only(1)"},
	})
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	s := store.New(store.Config{
		Writer: writer, Reader: reader, Begin: "BEGIN IMMEDIATE", Row: "rowid", PruneBatch: 100, Sealer: o.Sealer, Now: o.Now, Unavailable: unavailable, Release: release, Hurry: hurry,
	})
	// This process alone has the file: whoever held leases on its messages is gone.
	if err := s.ReleaseLeases(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), reader.Close(), writer.Close())
	}
	return s, nil
}

// hurry leaves the writing of the log to the kernel: it survives this process.
func hurry(ctx context.Context, conn *sql.Conn, on bool) error {
	level := "FULL"
	if on {
		level = "NORMAL"
	}
	// SQLite acts while it parses: a statement that was kept would do nothing.
	s, err := conn.PrepareContext(ctx, "PRAGMA synchronous = "+level)
	if err != nil {
		return err
	}
	return s.Close()
}

func pool(path string, connections int, settings url.Values) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
	connector, err := newConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// unavailable recognises what passes without the data being wrong: locks, a full or
// failing disk, an interrupted call.
func unavailable(err error) bool {
	var e *driver.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff { // the primary code, without its extension
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT:
		return true
	}
	return false
}
