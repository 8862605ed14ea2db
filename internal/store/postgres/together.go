package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"holdfast.dev/holdfast/internal/store"
)

// together sends statements as one batch of pgx: the server answers them in order and
// leaves out those behind one that fails.
func together(ctx context.Context, conn *sql.Conn, statements []store.Statement) error {
	return conn.Raw(func(driver any) error {
		there, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("%T is no connection of pgx", driver)
		}
		batch := &pgx.Batch{}
		for _, s := range statements {
			batch.Queue(s.SQL, s.Args...)
		}
		results := there.Conn().SendBatch(ctx, batch)
		for _, s := range statements {
			if err := read(results, s); err != nil {
				_ = results.Close() // it tells the same
				return err
			}
		}
		return results.Close()
	})
}

func read(results pgx.BatchResults, s store.Statement) error {
	if s.Row == nil {
		tag, err := results.Exec()
		switch {
		case err != nil:
			return err
		case s.SQL == "COMMIT" && tag.String() != s.SQL:
			return pgx.ErrTxCommitRollback
		case s.Touched != nil:
			*s.Touched = tag.RowsAffected()
		}
		return nil
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := s.Row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
