package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	sqlitedriver "modernc.org/sqlite"
)

// preparing opens connections that parse each statement once: on an embedded engine
// parsing costs more than running.
type preparing struct{ driver.Connector }

func newConnector(dsn string) (driver.Connector, error) {
	c, err := sqlitedriver.NewConnector(dsn)
	return preparing{c}, err
}

// Connect opens a connection.
func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	c, ok := opened.(engine)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%T lacks methods of a connection to SQLite", opened), opened.Close())
	}
	return &connection{c, map[string]statement{}}, nil
}

// engine is what the driver's connections can do.
type engine interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// connection keeps what it has prepared until it closes. database/sql lets one caller
// at a time use it, and the store reads every answer to its end before the next
// question: no statement runs twice at once.
type connection struct {
	engine
	prepared map[string]statement
}

// ExecContext runs a statement that answers nothing.
func (c *connection) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args)
}

// QueryContext runs a statement that answers rows.
func (c *connection) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args)
}

func (c *connection) statement(ctx context.Context, query string) (statement, error) {
	if known, ok := c.prepared[query]; ok {
		return known, nil
	}
	made, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s, ok := made.(statement)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%T lacks methods of a statement", made), made.Close())
	}
	c.prepared[query] = s
	return s, nil
}

// Close closes the statements, then the connection.
func (c *connection) Close() error {
	var errs []error
	for _, s := range c.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.engine.Close())...)
}
