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

// instant is a time as a row keeps it: milliseconds since 1970, NULL for the zero
// time.
type instant time.Time

// Value implements driver.Valuer.
func (i instant) Value() (driver.Value, error) {
	if time.Time(i).IsZero() {
		return nil, nil
	}
	return time.Time(i).UnixMilli(), nil
}

// Scan implements sql.Scanner.
func (i *instant) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*i = instant{}
	case int64:
		*i = instant(time.UnixMilli(v).UTC())
	default:
		return fmt.Errorf("an instant is kept as milliseconds, not as %T", value)
	}
	return nil
}

// stored is t as it comes back from a row, so that a record compares equal before
// and after.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// queries runs SQL in one place, a transaction or the read pool, and translates
// the engine's errors. It lives as long as one call, and so does its context.
type queries struct {
	ctx context.Context
	// send runs statements one after the other, up to the first that fails.
	send      func(ctx context.Context, statements []Statement) error
	translate func(error) error
	// patience bounds each flush; 0 is for ever.
	patience time.Duration
	pipe     *pipe
}

// pipe holds statements back until an answer is needed: each flush is one round trip.
type pipe struct {
	held []Statement
	// sent counts the statements that are no longer held; failed is what ended them.
	sent   int
	failed error
}

// queue holds a statement back. Its error comes with the flush.
func (q queries) queue(query string, args ...any) {
	q.pipe.held = append(q.pipe.held, Statement{SQL: query, Args: args})
}

// flush sends all that is held back. After a failure nothing is sent any more.
func (q queries) flush() error {
	if q.pipe.failed != nil || len(q.pipe.held) == 0 {
		return q.pipe.failed
	}
	ctx, stop := q.ctx, context.CancelFunc(func() {})
	if q.patience != 0 {
		ctx, stop = context.WithTimeout(ctx, q.patience)
	}
	defer stop()
	held := q.pipe.held
	q.pipe.held, q.pipe.sent = nil, q.pipe.sent+len(held)
	q.pipe.failed = q.translate(q.send(ctx, held))
	return q.pipe.failed
}

// exec returns how many rows it touched.
func (q queries) exec(query string, args ...any) (touched int64, err error) {
	q.pipe.held = append(q.pipe.held, Statement{SQL: query, Args: args, Touched: &touched})
	err = q.flush()
	return touched, err
}

// answer is what a statement that is held back will have read.
type answer[T any] struct {
	from queries
	// place is that of the statement in the pipe.
	place   int
	values  []T
	missing error
}

// or names the error that stands for no row, in place of rules.ErrNotFound.
func (a *answer[T]) or(missing error) *answer[T] {
	a.missing = missing
	return a
}

// ask holds back a statement that answers rows: several may be asked at once.
func ask[T any](q queries, scan func(scanner) (T, error), query string, args ...any) *answer[T] {
	a := &answer[T]{from: q, place: q.pipe.sent + len(q.pipe.held), missing: rules.ErrNotFound}
	q.pipe.held = append(q.pipe.held, Statement{SQL: query, Args: args, Row: func(row scanner) error {
		value, err := scan(row)
		if err == nil {
			a.values = append(a.values, value)
		}
		return err
	}})
	return a
}

// all are the rows.
func (a *answer[T]) all() ([]T, error) {
	if a.place >= a.from.pipe.sent {
		return a.values, a.from.flush()
	}
	return a.values, a.from.pipe.failed
}

// one is the first row; without any it returns the error that says so.
func (a *answer[T]) one() (value T, err error) {
	values, err := a.all()
	if err != nil {
		return value, err
	}
	if len(values) == 0 {
		return value, a.missing
	}
	return values[0], nil
}

// one reads a single row; without any it returns rules.ErrNotFound.
func one[T any](q queries, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	return ask(q, scan, query, args...).one()
}

// list reads all rows.
func list[T any](q queries, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	return ask(q, scan, query, args...).all()
}

// plain scans a row of one column.
func plain[T any](r scanner) (value T, err error) {
	err = r.Scan(&value)
	return value, err
}

// moment scans a row of one instant.
func moment(r scanner) (time.Time, error) {
	i, err := plain[instant](r)
	return time.Time(i), err
}

// Statement is one of those that an engine runs together.
type Statement struct {
	SQL  string
	Args []any
	// Row reads each row of the answer; nil for a statement that has none.
	Row func(row scanner) error
	// Touched gets how many rows were changed; nil where nobody asks. It goes without Row.
	Touched *int64
}

// scanner is a row that is read once.
type scanner interface{ Scan(dest ...any) error }

// handle is a *sql.DB, *sql.Conn or *sql.Tx.
type handle interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// oneByOne sends each statement by itself.
func oneByOne(on handle) func(context.Context, []Statement) error {
	return func(ctx context.Context, statements []Statement) error {
		for _, s := range statements {
			if err := s.run(ctx, on); err != nil {
				return err
			}
		}
		return nil
	}
}

func (s Statement) run(ctx context.Context, on handle) (err error) {
	if s.Row == nil {
		result, err := on.ExecContext(ctx, s.SQL, s.Args...)
		if err == nil && s.Touched != nil {
			*s.Touched, err = result.RowsAffected()
		}
		return err
	}
	rows, err := on.QueryContext(ctx, s.SQL, s.Args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := s.Row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
