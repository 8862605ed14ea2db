// Package postgres opens the store on PostgreSQL, which any number of replicas share.
package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"holdfast.dev/holdfast/internal/store"
)

// Options are what a store on PostgreSQL needs.
type Options struct {
	Sealer store.Sealer
	// Now is the clock for audit rows of deeds that carry no time.
	Now func() time.Time
	// After waits on the clock (clock.WallTimer). Once a second the store looks for what
	// other replicas have committed, though no notification came.
	After func(time.Duration) <-chan time.Time
	// Renew is asked for the URL anew before each connection, so that a rotated password
	// takes effect; nil keeps the one that Open was given.
	Renew func() (string, error)
	// Connections is how many this replica uses at most, besides one that listens; 0
	// means what the URL says in pool_max_conns, or 32.
	Connections int
	// Patience is how long one thing may take before the database counts as unavailable;
	// 0 means 10 s. The server gives up a statement after half of it.
	Patience time.Duration

	// tracer counts what is sent, and clock replaces the server's, for tests.
	tracer pgx.QueryTracer
	clock  string
}

const (
	defaultConnections = 32
	defaultPatience    = 10 * time.Second
	// connectionLife spreads the connections anew after a failover.
	connectionLife = time.Hour
	connectionIdle = 5 * time.Minute
)

// Open connects to the database at a URL and brings its schema forward; of several
// replicas that start at once, one does so. A database of a newer binary is refused
// with store.ErrNewerSchema. No error quotes the URL.
func Open(ctx context.Context, url string, o Options) (*store.Store, error) {
	o.Patience = cmp.Or(o.Patience, defaultPatience)
	t, err := parse(url)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, t.config); err != nil {
		return nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	t.config.Tracer = o.tracer
	connector := &connector{target: t, renew: o.Renew, settings: settings(o.Patience), now: o.Now}
	db := sql.OpenDB(connector)
	connections := cmp.Or(o.Connections, t.connections, defaultConnections)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxLifetime(connectionLife)
	db.SetConnMaxIdleTime(connectionIdle)
	h := newHerald(connector, db, o)
	s := store.New(store.Config{
		Writer: db, Reader: db, Sealer: o.Sealer, Now: o.Now,
		Together: together, Lightly: "SET LOCAL synchronous_commit = off",
		ForUpdate: " FOR UPDATE", SkipLocked: " FOR UPDATE SKIP LOCKED", Row: "ctid", PruneBatch: 500,
		Numbering: numbering, TakeTime: "SET LOCAL statement_timeout = 0",
		LockName: `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, Clock: cmp.Or(o.clock, clock),
		Patience: o.Patience, Unavailable: unavailable, Conflict: conflict,
		Tell: h.tell, Release: h.stop,
	})
	h.start(s)
	return s, nil
}

// settings bound what the server does for one connection. Deeds read again what they
// have locked, for which they need the isolation that is PostgreSQL's default.
func settings(patience time.Duration) map[string]string {
	ms := func(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) }
	return map[string]string{
		"default_transaction_isolation":       "read committed",
		"statement_timeout":                   ms(patience / 2),
		"lock_timeout":                        ms(patience * 3 / 10),
		"idle_in_transaction_session_timeout": ms(patience),
	}
}

// clock tells the server's time at this statement, however it writes dates.
const clock = `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)`

// numbering takes the numbers of facts from a sequence, which nobody waits for. Asking
// for the transaction's own number first makes sure that it has one.
var numbering = store.Numbering{
	Next: `(SELECT nextval('facts_seq') WHERE pg_current_xact_id() IS NOT NULL)`,
	Horizon: `SELECT CAST(CAST(pg_snapshot_xmin(s) AS TEXT) AS BIGINT), CAST(CAST(pg_snapshot_xmax(s) AS TEXT) AS BIGINT)
		FROM pg_current_snapshot() AS s`,
	// No transaction lasts while a million facts are committed after its own.
	Gaps: `SELECT before + 1, seq - 1 FROM (SELECT seq, LAG(seq, 1, GREATEST($1 - 1000000, 0)) OVER (ORDER BY seq) AS before
		FROM facts WHERE seq > $1 - 1000000) AS numbers WHERE seq > before + 1 ORDER BY seq`,
	Missed: `FROM facts JOIN UNNEST(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS stretch (low, high) ON seq BETWEEN low AND high`,
}

// schema is version 3 of the schema as PostgreSQL has it.
const schema = store.PruneIndexes + `
	CREATE SEQUENCE facts_seq AS BIGINT OWNED BY facts.seq;
	SELECT setval('facts_seq', (SELECT COALESCE(MAX(seq), 0) + 1 FROM facts), FALSE);
`

// migrate works without the limits of time that other connections have. One replica at
// a time may look at the schema: even asking for its version makes a table.
func migrate(ctx context.Context, config *pgx.ConnConfig) (err error) {
	db := sql.OpenDB(plainly{stdlib.GetConnector(*config)})
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	one, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600)) // seconds, times
	if err != nil {
		return err
	}
	if err := one.SessionLock(ctx, conn); err != nil {
		return fmt.Errorf("wait for another replica that migrates: %w", err)
	}
	return errors.Join(
		store.Migrate(ctx, db, goose.DialectPostgres, schema),
		one.SessionUnlock(context.WithoutCancel(ctx), conn))
}
