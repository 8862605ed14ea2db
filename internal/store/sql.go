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

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// queries runs SQL in one place, a transaction or the read pool, and translates
// the engine's errors. It lives as long as one call, and so does its context.
type queries struct {
	ctx context.Context
	on  interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	translate func(error) error
	// patience bounds each question, its answer included; 0 is for ever.
	patience time.Duration
}

// patiently is the context of one question.
func (q queries) patiently() (context.Context, context.CancelFunc) {
	if q.patience == 0 {
		return q.ctx, func() {}
	}
	return context.WithTimeout(q.ctx, q.patience)
}

// exec returns how many rows it touched.
func (q queries) exec(query string, args ...any) (int64, error) {
	ctx, stop := q.patiently()
	defer stop()
	result, err := q.on.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, q.translate(err)
	}
	n, err := result.RowsAffected()
	return n, q.translate(err)
}

// one reads a single row; without any it returns rules.ErrNotFound.
func one[T any](q queries, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	ctx, stop := q.patiently()
	defer stop()
	value, err := scan(q.on.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return value, rules.ErrNotFound
	}
	return value, q.translate(err)
}

// list reads all rows.
func list[T any](q queries, scan func(scanner) (T, error), query string, args ...any) (values []T, err error) {
	ctx, stop := q.patiently()
	defer stop()
	rows, err := q.on.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, q.translate(err)
	}
	defer func() { err = errors.Join(err, q.translate(rows.Close())) }()
	for rows.Next() {
		value, err := scan(rows)
		if err != nil {
			return nil, q.translate(err)
		}
		values = append(values, value)
	}
	return values, q.translate(rows.Err())
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
