package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/postgres"
	"holdfast.dev/holdfast/internal/store/postgres/pgtest"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

// engine is what lies beneath a store and beneath its baseline. Both wait for the disk
// at each commit.
type engine struct {
	name string
	// place makes room for one store.
	place func(ctx context.Context) (place, error)
	dialect
}

// dialect is where the engines' SQL differs.
type dialect struct {
	// nextFact is the number of the next fact, afterFacts the statement that makes $1
	// the last one.
	nextFact, afterFacts string
	// soon, tillSoon and withinSoon have a transaction not wait for the disk: run before
	// it, after it and in it.
	soon, tillSoon, withinSoon string
	// columns lists every table with its columns.
	columns string
	// numbers, id and bytes make history: the rows n from $1 to $2, a random name of 22
	// characters and 32 random bytes.
	numbers, id, bytes string
	// hasty begins the making of a history, settled ends it.
	hasty   string
	settled []string
}

// place is where one store lies.
type place interface {
	open(ctx context.Context, keys *seal.Keys) (*store.Store, error)
	// bare opens it without Holdfast, for so many people at once.
	bare(people int) (*sql.DB, error)
	// size is what it takes on the disk, in bytes.
	size(ctx context.Context) (int64, error)
	remove(ctx context.Context) error
}

// openEngines makes both engines and says how to take them down. SQLite's files are
// made in .run, the file system on which make run keeps its own, PostgreSQL's where
// temporary files outlive the machine.
func openEngines(ctx context.Context) ([]engine, func(), error) {
	if err := os.MkdirAll(".run", 0o700); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(".run", "bench-")
	if err != nil {
		return nil, nil, err
	}
	server, err := pgtest.Start(ctx, pgtest.Options{Durable: true, Dir: "/var/tmp"})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	var places int
	engines := []engine{
		{"SQLite", func(context.Context) (place, error) {
			places++
			return sqlitePlace(filepath.Join(dir, fmt.Sprintf("store-%d.db", places))), nil
		}, onSQLite},
		{"PostgreSQL", func(ctx context.Context) (place, error) {
			places++
			p := postgresPlace{server, fmt.Sprintf("bench_%d", places)}
			return p, server.Exec(ctx, "CREATE DATABASE "+p.database)
		}, onPostgres},
	}
	return engines, func() {
		if err := errors.Join(server.Stop(), os.RemoveAll(dir)); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}, nil
}

var onSQLite = dialect{
	nextFact:   `(SELECT COALESCE(MAX(seq), 0) + 1 FROM facts)`,
	afterFacts: `SELECT $1`,
	soon:       `PRAGMA synchronous = NORMAL`, tillSoon: `PRAGMA synchronous = FULL`,
	columns: `SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY 1, 2`,
	numbers: `WITH RECURSIVE numbers (n) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < $2)`,
	id:      `SUBSTR(HEX(RANDOMBLOB(11)), 1, 22)`, bytes: `RANDOMBLOB(32)`,
	hasty:   `PRAGMA synchronous = OFF`,
	settled: []string{`PRAGMA wal_checkpoint(TRUNCATE)`},
}

// sqlitePlace is the path of a file.
type sqlitePlace string

func (p sqlitePlace) open(ctx context.Context, keys *seal.Keys) (*store.Store, error) {
	return sqlite.Open(ctx, string(p), sqlite.Options{Sealer: keys, Now: clock.Wall})
}

// bare is one connection, however many people there are: there is one writer.
func (p sqlitePlace) bare(int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+string(p)+"?"+url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
	}.Encode())
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

func (p sqlitePlace) files() []string {
	return []string{string(p), string(p) + "-wal", string(p) + "-shm"}
}

func (p sqlitePlace) size(context.Context) (sum int64, err error) {
	for _, name := range p.files() {
		if info, err := os.Stat(name); err == nil {
			sum += info.Size()
		}
	}
	return sum, nil
}

func (p sqlitePlace) remove(context.Context) error {
	for _, name := range p.files() {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

var onPostgres = dialect{
	nextFact:   `nextval('facts_seq')`,
	afterFacts: `SELECT setval('facts_seq', CAST($1 AS BIGINT))`,
	withinSoon: `SET LOCAL synchronous_commit = off`,
	columns:    `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`,
	numbers:    `WITH numbers (n) AS (SELECT GENERATE_SERIES(CAST($1 AS BIGINT), CAST($2 AS BIGINT)))`,
	id:         `SUBSTR(MD5(CAST(RANDOM() AS TEXT)), 1, 22)`, bytes: `SHA256(CAST(CAST(RANDOM() AS TEXT) AS BYTEA))`,
	hasty:   `SET synchronous_commit = off`,
	settled: []string{`VACUUM ANALYZE`, `CHECKPOINT`},
}

// postgresPlace is a database of the run's one server.
type postgresPlace struct {
	server   *pgtest.Server
	database string
}

func (p postgresPlace) open(ctx context.Context, keys *seal.Keys) (*store.Store, error) {
	return postgres.Open(ctx, p.server.URL(p.database), postgres.Options{Sealer: keys, Now: clock.Wall, After: clock.WallTimer})
}

// bare is a pool of as many connections as people.
func (p postgresPlace) bare(people int) (*sql.DB, error) {
	config, err := pgx.ParseConfig(p.server.URL(p.database))
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(people)
	db.SetMaxIdleConns(people)
	return db, nil
}

func (p postgresPlace) size(ctx context.Context) (sum int64, err error) {
	db, err := p.bare(1)
	if err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `SELECT pg_database_size(current_database())`).Scan(&sum)
	return sum, errors.Join(err, db.Close())
}

func (p postgresPlace) remove(ctx context.Context) error {
	return p.server.Exec(ctx, "DROP DATABASE "+p.database+" WITH (FORCE)")
}
