package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// target is where a URL leads.
type target struct {
	config *pgx.ConnConfig
	// connections is the URL's pool_max_conns; 0 where it has none.
	connections int
}

// parse reads a URL. Its errors quote nothing of it.
func parse(url string) (target, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return target{}, errors.New("the store's URL does not begin with postgres://")
	}
	config, err := pgx.ParseConfig(url)
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return target{}, fmt.Errorf("a file that the PostgreSQL URL names cannot be used: %w", file)
	case err != nil:
		return target{}, errors.New("the PostgreSQL URL cannot be read: write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, " +
			"with characters such as / @ : ? in a password percent-encoded")
	}
	t := target{config: config}
	params := config.RuntimeParams
	if most, ok := params["pool_max_conns"]; ok {
		if t.connections, err = strconv.Atoi(most); err != nil || t.connections < 1 {
			return target{}, errors.New("pool_max_conns in the PostgreSQL URL is not a number of connections")
		}
		delete(params, "pool_max_conns")
	}
	if params["application_name"] == "" {
		params["application_name"] = "holdfast"
	}
	return t, nil
}

// connector opens connections with the settings that every one of them has.
type connector struct {
	target
	renew    func() (string, error)
	settings map[string]string
	now      func() time.Time
	// doubted is when the server was last seen to go, in nanoseconds since 1970.
	doubted atomic.Int64
}

// restUntried is how long a connection may rest and be used again untried.
const restUntried = time.Second

// doubt has all connections tried before they are used again: they may lead to a server
// that is no more.
func (c *connector) doubt() { c.doubted.Store(c.now().UnixNano()) }

func (c *connector) doubtful(_ context.Context, conn stdlib.ShouldPingParams) bool {
	return conn.IdleDuration > restUntried || c.now().Add(-conn.IdleDuration).UnixNano() <= c.doubted.Load()
}

// Driver is pgx.
func (c *connector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

// Connect opens a connection for the pool.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	config, err := c.current()
	if err != nil {
		return nil, err
	}
	return plainly{stdlib.GetConnector(*config, stdlib.OptionShouldPing(c.doubtful))}.Connect(ctx)
}

// listener opens a connection outside the pool.
func (c *connector) listener(ctx context.Context) (*pgx.Conn, error) {
	config, err := c.current()
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

// current is the configuration of the next connection.
func (c *connector) current() (*pgx.ConnConfig, error) {
	config := c.config.Copy()
	if c.renew != nil {
		url, err := c.renew()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errConnect, err)
		}
		t, err := parse(url)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errConnect, err)
		}
		config = t.config
	}
	maps.Copy(config.RuntimeParams, c.settings)
	return config, nil
}

// errConnect says that there is no connection.
var errConnect = errors.New("connect to PostgreSQL")

// plainly keeps the user and the database out of the errors of a connector.
type plainly struct{ driver.Connector }

// Connect opens a connection.
func (p plainly) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := p.Connector.Connect(ctx)
	var detailed *pgconn.ConnectError
	if errors.As(err, &detailed) {
		err = errors.Unwrap(detailed)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConnect, err)
	}
	return conn, nil
}
