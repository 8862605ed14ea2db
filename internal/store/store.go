// Package store is the memory of the system: one implementation over database/sql
// with one set of SQL for SQLite and PostgreSQL. Every method is one transaction;
// what it committed wakes the followers of the feed and the courier.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"holdfast.dev/holdfast/internal/rules"
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
	// ForUpdate ends a SELECT whose rows are changed next: " FOR UPDATE", or nothing on
	// an engine with one writer.
	ForUpdate string
	// Unavailable recognises the engine's errors that mean "not now".
	Unavailable func(error) bool
	// Release frees what the engine holds besides its connections; nil for nothing.
	Release func() error
}

// Store remembers blocks, flows, contacts, challenges and messages. It is safe for
// concurrent use.
type Store struct {
	config Config
	mail   chan struct{}
	feed   bell
	closed atomic.Bool
}

// New returns a store over an engine whose schema is migrated.
func New(c Config) *Store {
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

// tx is one transaction and whom to tell once it is committed.
type tx struct {
	queries
	sealer Sealer
	lock   string
	facts  bool
	mail   bool
}

// write runs a deed in one transaction: all of it is committed, or nothing.
func (s *Store) write(ctx context.Context, deed func(*tx) error) error {
	conn, err := s.config.Writer.Conn(ctx)
	if err != nil {
		return s.translate(err)
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	// A deed that has its turn is done, even if its caller goes away.
	ctx = context.WithoutCancel(ctx)
	sqlTx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return s.translate(err)
	}
	t := &tx{queries: queries{ctx, sqlTx, s.translate}, sealer: s.config.Sealer, lock: s.config.ForUpdate}
	if err := deed(t); err != nil {
		_ = sqlTx.Rollback() // the deed's error says more; an engine that fails here has rolled back
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		return s.translate(err)
	}
	if t.facts {
		s.feed.ring()
	}
	if t.mail {
		select {
		case s.mail <- struct{}{}:
		default: // a signal waits already
		}
	}
	return nil
}

// read answers from the read pool.
func (s *Store) read(ctx context.Context) queries { return queries{ctx, s.config.Reader, s.translate} }

// translate turns what the driver says into rules.ErrUnavailable where the memory
// does not answer now.
func (s *Store) translate(err error) error {
	if err == nil {
		return nil
	}
	for _, gone := range []error{context.Canceled, context.DeadlineExceeded, sql.ErrConnDone, sql.ErrTxDone, driver.ErrBadConn} {
		if errors.Is(err, gone) {
			return fmt.Errorf("%w: %w", rules.ErrUnavailable, err)
		}
	}
	if s.closed.Load() || (s.config.Unavailable != nil && s.config.Unavailable(err)) {
		return fmt.Errorf("%w: %w", rules.ErrUnavailable, err)
	}
	return fmt.Errorf("store: %w", err)
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
