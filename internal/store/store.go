// Package store is the memory of the system: one implementation over database/sql
// with one set of SQL for SQLite and PostgreSQL. Every method is one transaction;
// what it committed wakes the followers of the feed and the courier.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"holdfast.dev/holdfast/internal/rules/message"
)

// Sealer keeps the keys of what is sealed at rest.
type Sealer interface {
	// Seal encrypts plain so that it opens only with the same associated string.
	Seal(plain []byte, associated string) ([]byte, error)
	// Open decrypts what Seal has sealed.
	Open(sealed []byte, associated string) ([]byte, error)
	// Current reports whether the present key has sealed this, not a former one.
	Current(sealed []byte) bool
	// Lookup is the keyed hash of an address within a tenant.
	Lookup(tenant, address string) string
	// FormerLookups are its hashes under the other keys that are still known: none but
	// while keys are rotated.
	FormerLookups(tenant, address string) []string
	// CodeKey names the key for the codes of new challenges.
	CodeKey() uint32
}

// Config is what an engine gives to its store.
type Config struct {
	// Writer runs the transactions that change something; on SQLite it holds one
	// connection.
	Writer *sql.DB
	// Reader answers what changes nothing.
	Reader *sql.DB
	Sealer Sealer
	// Now stamps the audit of deeds that carry no time of their own.
	Now func() time.Time
	// Begin begins a transaction of the writer; empty means BEGIN.
	Begin string
	// Together runs statements in one round trip, up to the first that fails; nil where
	// there is nothing to save.
	Together func(ctx context.Context, conn *sql.Conn, statements []Statement) error
	// ForUpdate ends a SELECT whose rows are changed next: " FOR UPDATE", or nothing on
	// an engine with one writer.
	ForUpdate string
	// SkipLocked ends a SELECT that leaves out rows which others hold, and holds its own:
	// " FOR UPDATE SKIP LOCKED", or nothing on an engine with one writer.
	SkipLocked string
	// Row names the column by which the engine finds a row of any table: rowid, ctid.
	Row string
	// PruneBatch is how many old rows one transaction deletes at most, so that others wait
	// for it no longer than for a few requests (docs/benchmarks.md, growth).
	PruneBatch int
	// Numbering is how facts are numbered where transactions run side by side; zero on an
	// engine with one writer.
	Numbering Numbering
	// LockName holds the name $1 until the end of the transaction: a lock where there may be
	// no row yet. Empty on an engine with one writer.
	LockName string
	// Clock asks the database for its time in milliseconds since 1970; empty where the
	// database has no clock but this process's, which Now reads.
	Clock string
	// TakeTime is run at the start of a replay, which reads every block: it lifts the
	// server's own limits of time. Empty for nothing.
	TakeTime string
	// Patience is how long a transaction, a query or the wait for a connection may take
	// before the memory counts as unavailable; 0 means for ever.
	Patience time.Duration
	// Unavailable recognises the engine's errors that mean "not now".
	Unavailable func(error) bool
	// Conflict recognises those after which the same transaction may succeed if it is run
	// again; nil where there are none.
	Conflict func(error) bool
	// Tell brings the news of a commit to the other processes; it must not block. Nil
	// where there are none.
	Tell func(News)
	// Release frees what the engine holds besides its connections; nil for nothing.
	Release func() error
	// Lightly is the statement that has its transaction committed without waiting for the
	// disk: it survives this process, not the machine. Empty for none.
	Lightly string
	// Hurry does so for all transactions of a connection, or has them wait again; nil where
	// Lightly does, or where the engine always waits.
	Hurry func(ctx context.Context, conn *sql.Conn, on bool) error
}

// Store remembers blocks, flows, contacts, challenges and messages. It is safe for
// concurrent use.
type Store struct {
	config Config
	mail   chan struct{}
	feed   bell
	closed atomic.Bool
	// What a courier's many messages ask for at the same time.
	handing group[message.Message]
	sending group[sent]
}

// New returns a store over an engine whose schema is migrated.
func New(c Config) *Store {
	c.Begin = cmp.Or(c.Begin, "BEGIN")
	c.Numbering.Next = cmp.Or(c.Numbering.Next, oneAfterAnother)
	return &Store{config: c, mail: make(chan struct{}, 1)}
}

// Close ends the store. Calls under way and later ones return rules.ErrUnavailable.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	err := errors.Join(s.config.Reader.Close(), s.config.Writer.Close())
	if s.config.Release != nil {
		err = errors.Join(err, s.config.Release())
	}
	return err
}

// Ping returns rules.ErrUnavailable where the memory does not answer.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Epoch(ctx)
	return err
}

// Epoch numbers the lives of this memory, 1 at its creation: a restored one begins
// another, which voids open codes, tickets and flows.
func (s *Store) Epoch(ctx context.Context) (int64, error) {
	return one(s.read(ctx), plain[int64], `SELECT value FROM meta WHERE name = 'epoch'`)
}

// Wake is signalled after each commit that wrote to the outbox.
func (s *Store) Wake() <-chan struct{} { return s.mail }

// News is what a commit has brought for those who wait.
type News struct {
	// Facts are for the followers of the feed, Mail is for the courier.
	Facts, Mail bool
}

// Heard wakes those who wait for what another process has committed. Too often does no
// harm.
func (s *Store) Heard(n News) {
	if n.Facts {
		s.feed.ring()
	}
	if n.Mail {
		select {
		case s.mail <- struct{}{}:
		default: // a signal waits already
		}
	}
}

// bell wakes everyone who listens.
type bell struct {
	mu   sync.Mutex
	rung chan struct{}
}

// listen returns a channel that is closed at the next ring.
func (b *bell) listen() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}
