package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// rows hold both sides of a comparison to the same rows: where the store comes to write
// others than the bare statements, the comparison means nothing.
type rows struct{ first map[string]int }

// same compares what is at a place with what the first leg has left.
func (r *rows) same(ctx context.Context, d dialect, at place) error {
	db, err := at.bare(1)
	if err != nil {
		return err
	}
	found, err := count(ctx, d, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if r.first == nil {
		r.first = found
	}
	names := maps.Clone(r.first)
	maps.Copy(names, found)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if r.first[name] != found[name] {
			return fmt.Errorf("store and bare statements no longer write the same: %s stands in %d rows after one leg and in %d after another",
				name, r.first[name], found[name])
		}
	}
	return nil
}

// counted are columns whose every value is counted.
var counted = []string{"stage", "state", "action", "end_state", "kind", "standing"}

// count says for each column in how many rows it holds something, and for some what.
func count(ctx context.Context, d dialect, db *sql.DB) (map[string]int, error) {
	columns, err := columnsOf(ctx, d, db)
	if err != nil {
		return nil, err
	}
	found := map[string]int{}
	for table, names := range columns {
		query := `SELECT COUNT(*)`
		for _, name := range names {
			query += fmt.Sprintf(`, COUNT(CASE WHEN CAST(%s AS TEXT) NOT IN ('', '0', 'false', '[]') THEN 1 END)`, name)
		}
		counts := make([]int, 1+len(names))
		into := make([]any, len(counts))
		for i := range counts {
			into[i] = &counts[i]
		}
		if err := db.QueryRowContext(ctx, query+` FROM `+table).Scan(into...); err != nil {
			return nil, fmt.Errorf("count the rows of %s: %w", table, err)
		}
		found[table] = counts[0]
		for i, name := range names {
			found[table+"."+name] = counts[1+i]
			if slices.Contains(counted, name) {
				if err := countValues(ctx, db, table, name, found); err != nil {
					return nil, err
				}
			}
		}
	}
	return found, nil
}

func columnsOf(ctx context.Context, d dialect, db *sql.DB) (map[string][]string, error) {
	list, err := db.QueryContext(ctx, d.columns)
	if err != nil {
		return nil, err
	}
	defer list.Close()
	columns := map[string][]string{}
	for list.Next() {
		var table, column string
		if err := list.Scan(&table, &column); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(table, "goose_") && !strings.HasPrefix(table, "sqlite_") {
			columns[table] = append(columns[table], column)
		}
	}
	return columns, list.Err()
}

func countValues(ctx context.Context, db *sql.DB, table, column string, found map[string]int) error {
	list, err := db.QueryContext(ctx, fmt.Sprintf(`SELECT %[2]s, COUNT(*) FROM %[1]s GROUP BY %[2]s`, table, column))
	if err != nil {
		return err
	}
	defer list.Close()
	for list.Next() {
		var value string
		var n int
		if err := list.Scan(&value, &n); err != nil {
			return err
		}
		found[table+"."+column+" = "+value] = n
	}
	return list.Err()
}
