package postgres

import (
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// unavailable recognises what passes without the data being wrong: no connection, a
// server that starts, stops, is full or only reads, a lock or a statement that took too
// long, transactions that stood in each other's way too often.
func unavailable(err error) bool {
	if errors.Is(err, errConnect) {
		return true
	}
	var failed *pgconn.PgError
	if errors.As(err, &failed) {
		switch failed.Code[:2] {
		case "08", "53", "58": // connection, resources, the system under the server
			return true
		}
		switch failed.Code {
		case "25006", // read-only: a standby, before it is promoted
			"25P03", "55P03", "57014", // idle in a transaction, lock, statement: time is up
			"57P01", "57P02", "57P03", "57P05": // shutdown, crash, start, idle connection
			return true
		}
		return conflict(err)
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// conflict recognises what two transactions do to each other.
func conflict(err error) bool {
	var failed *pgconn.PgError
	return errors.As(err, &failed) && (failed.Code == "40001" || failed.Code == "40P01")
}
