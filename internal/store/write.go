package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/rules"
)

// tries is how often a transaction is run that conflicts with others.
const tries = 5

// tx is one transaction and whom to tell once it is committed.
type tx struct {
	queries
	sealer Sealer
	// lock ends a SELECT for change, skip one that leaves out what others hold; next is
	// the number of the next fact.
	lock, skip, next string
	// lockName holds a name without a row, clock asks for the database's time.
	lockName, clock string
	now             func() time.Time
	facts           bool
	mail            bool
}

// write runs a deed in one transaction: all of it is committed, or nothing. A deed may
// be run again after a conflict with another, and so begins by itself from the start.
func (s *Store) write(ctx context.Context, deed func(*tx) error) error {
	return s.hold(ctx, func(ctx context.Context, conn *sql.Conn) error { return s.commit(ctx, conn, deed) })
}

// writeSoon is write for a deed that may be lost with the machine, though not with
// this process: it does not wait for the disk where the engine can do without.
func (s *Store) writeSoon(ctx context.Context, deed func(*tx) error) error {
	hurry := s.config.Hurry
	if hurry == nil {
		return s.write(ctx, func(t *tx) error {
			if s.config.Lightly != "" {
				t.queue(s.config.Lightly)
			}
			return deed(t)
		})
	}
	return s.hold(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if err := hurry(ctx, conn, true); err != nil {
			return s.translate(err)
		}
		err := s.commit(ctx, conn, deed)
		if hurry(ctx, conn, false) != nil {
			abandon(conn)
		}
		return err
	})
}

// hold does something on a connection of the writer that is nobody else's meanwhile.
func (s *Store) hold(ctx context.Context, do func(context.Context, *sql.Conn) error) error {
	waiting, stop := s.patiently(ctx)
	conn, err := s.config.Writer.Conn(waiting)
	stop()
	if err != nil {
		return s.translate(err)
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	for try := 1; ; try++ {
		// A deed that has its turn is done, even if its caller goes away.
		turn, stop := s.patiently(context.WithoutCancel(ctx))
		err := do(turn, conn)
		stop()
		if err == nil || try == tries || s.config.Conflict == nil || !s.config.Conflict(err) {
			return err
		}
	}
}

// patiently bounds what the memory may take for one thing.
func (s *Store) patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.config.Patience == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.config.Patience)
}

// commit runs a deed. The transaction begins with the deed's first question and is
// committed together with its last statements.
func (s *Store) commit(ctx context.Context, conn *sql.Conn, deed func(*tx) error) error {
	t := &tx{
		queries: s.on(ctx, conn), sealer: s.config.Sealer,
		lock: s.config.ForUpdate, skip: s.config.SkipLocked, next: s.config.Numbering.Next,
		lockName: s.config.LockName, clock: s.config.Clock, now: s.config.Now,
	}
	committed := false
	defer func() {
		if !committed && t.pipe.sent > 0 { // the deed may have panicked
			s.rollback(ctx, conn)
		}
	}()
	t.queue(s.config.Begin)
	if err := deed(t); err != nil {
		return err
	}
	t.queue("COMMIT")
	if err := t.flush(); err != nil {
		return err
	}
	committed = true
	news := News{Facts: t.facts, Mail: t.mail}
	s.Heard(news)
	if s.config.Tell != nil && news != (News{}) {
		s.config.Tell(news)
	}
	return nil
}

// on runs statements on a connection of the writer.
func (s *Store) on(ctx context.Context, conn *sql.Conn) queries {
	q := queries{ctx: ctx, send: oneByOne(conn), translate: s.translate, pipe: &pipe{}}
	if together := s.config.Together; together != nil {
		q.send = func(ctx context.Context, statements []Statement) error { return together(ctx, conn, statements) }
	}
	return q
}

// rollback ends a transaction that is not to be; a connection where that fails is not
// used again.
func (s *Store) rollback(ctx context.Context, conn *sql.Conn) {
	ctx, stop := s.patiently(context.WithoutCancel(ctx))
	defer stop()
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		abandon(conn)
	}
}

// abandon takes a connection out of its pool.
func abandon(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// read answers from the read pool.
func (s *Store) read(ctx context.Context) queries { return s.ask(ctx, s.config.Reader) }

// ask answers from a pool, each question as soon as the engine's patience asks for.
func (s *Store) ask(ctx context.Context, pool *sql.DB) queries {
	return queries{ctx: ctx, send: oneByOne(pool), translate: s.translate, patience: s.config.Patience, pipe: &pipe{}}
}

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
