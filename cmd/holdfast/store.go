package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/postgres"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

// storeVariable holds the URL of --store postgres: without a --store-file.
const storeVariable = "HOLDFAST_STORE"

// place is where the memory is: a file of SQLite, or else a PostgreSQL whose URL is
// asked for at each new connection, so that a rotated password takes effect.
type place struct {
	storePath string
	storeURL  func() (string, error)
}

// readPlace reads --store and --store-file. No error quotes a URL, which may hold a
// password.
func readPlace(store, file string, variable func(string) string) (place, error) {
	path, isFile := strings.CutPrefix(store, "sqlite:")
	switch {
	case isFile && path != "" && file == "":
		return place{storePath: path}, nil
	case isFile && file != "":
		return place{}, errors.New("--store-file goes with --store postgres: and with no other")
	case store == "postgres:" && file != "":
		return place{storeURL: func() (string, error) { return readURL(file) }}, nil
	case store == "postgres:" && variable(storeVariable) != "":
		return fixed(variable(storeVariable)), nil
	case store == "postgres:":
		return place{}, fmt.Errorf("--store postgres: needs the URL of the database: name a file that holds it (--store-file), or set %s", storeVariable)
	case strings.HasPrefix(store, "postgres://") && file == "":
		return fixed(store), refusePassword(store)
	default:
		return place{}, errors.New("--store: write sqlite:PATH, or postgres: with the URL in --store-file or " + storeVariable +
			", or postgres://USER@HOST/DATABASE alone if it needs no password")
	}
}

func fixed(url string) place {
	return place{storeURL: func() (string, error) { return strings.TrimSpace(url), nil }}
}

func readURL(file string) (string, error) {
	data, err := os.ReadFile(file) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return "", fmt.Errorf("read the URL of the database (--store-file): %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// refusePassword keeps passwords out of the process list.
func refusePassword(flag string) error {
	parsed, err := url.Parse(flag)
	if err != nil {
		return errors.New("--store: the URL cannot be read")
	}
	_, has := parsed.User.Password()
	if has || cmp.Or(parsed.Query().Get("password"), parsed.Query().Get("sslpassword")) != "" {
		return fmt.Errorf("--store: everybody on the machine can read a password in a flag: write --store postgres: "+
			"and put the URL into a file (--store-file) or into %s", storeVariable)
	}
	return nil
}

// openStore opens the memory that --store names. Without a sealer nothing sealed can be
// read or written.
func openStore(ctx context.Context, s settings, sealer store.Sealer) (*store.Store, error) {
	if s.storeURL == nil {
		return sqlite.Open(ctx, s.storePath, sqlite.Options{Sealer: sealer, Now: clock.Wall})
	}
	url, err := s.storeURL()
	if err != nil {
		return nil, err
	}
	return postgres.Open(ctx, url, postgres.Options{Sealer: sealer, Now: clock.Wall, After: clock.WallTimer, Renew: s.storeURL})
}
