package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/postgres/pgtest"
	"holdfast.dev/holdfast/internal/store/storetest"
)

const secretWord = "correct-horse"

// as is a URL for another role.
func as(t *testing.T, at, role, password string) string {
	t.Helper()
	there := mustParse(t, at)
	there.User = url.UserPassword(role, password)
	return there.String()
}

// Law 2: whatever is wrong with a URL, no error tells a password or who connects.
func TestNoErrorQuotesTheURL(t *testing.T) {
	at := emptied(t)
	for _, bad := range []string{
		as(t, at, "stranger", secretWord),
		strings.Replace(as(t, at, "stranger", secretWord), "/contract", "/no-such-database", 1),
		"postgres://stranger:" + secretWord + "@127.0.0.1:1/db",
		"postgres://stranger:" + secretWord + "@localhost:port/db",
		"postgres://stranger:" + secretWord + "/@localhost/db",
		"postgres://stranger:%zz" + secretWord + "@localhost/db",
		"postgres://stranger:" + secretWord + "@localhost/db?sslmode=perhaps",
		"postgres://stranger:" + secretWord + "@localhost/db?sslmode=verify-full&sslrootcert=/no/such/file",
		"postgres://stranger:" + secretWord + "@localhost/db?pool_max_conns=many",
		"host=localhost user=stranger password=" + secretWord,
		"",
	} {
		s, err := Open(t.Context(), bad, options(t))
		if err == nil {
			t.Errorf("%s: opened %v", bad, s)
			continue
		}
		for _, told := range []string{secretWord, "://stranger", "user=stranger"} {
			if strings.Contains(err.Error(), told) {
				t.Errorf("%s: the error tells %q: %v", bad, told, err)
			}
		}
	}
}

// A password that is rotated takes effect without a restart; meanwhile the store is
// unavailable, and no error tells the password.
func TestRotatedPassword(t *testing.T) {
	at := fresh(t)
	server := pgtest.Shared(t)
	name := strings.TrimPrefix(mustParse(t, at).Path, "/")
	if err := server.Exec(t.Context(),
		"CREATE ROLE rotated LOGIN PASSWORD '"+secretWord+"'",
		"ALTER DATABASE "+name+" OWNER TO rotated"); err != nil {
		t.Fatal(err)
	}
	if _, err := tables(t, at).ExecContext(t.Context(), `GRANT ALL ON ALL TABLES IN SCHEMA public TO rotated;
		GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO rotated; GRANT ALL ON SCHEMA public TO rotated`); err != nil {
		t.Fatal(err)
	}
	var current atomic.Value
	current.Store(as(t, at, "rotated", secretWord))
	o := options(t)
	o.Renew = func() (string, error) { return current.Load().(string), nil }
	s := mustOpen(t, current.Load().(string), o)
	if err := freeze(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(t.Context(), "ALTER ROLE rotated PASSWORD 'another-word'",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'"); err != nil {
		t.Fatal(err)
	}
	err := errors.New("nothing was tried")
	for range 2 * o.Connections { // each broken connection is found once
		if err = s.Ping(t.Context()); err != nil && strings.Contains(err.Error(), "28P01") {
			break
		}
	}
	wantUnavailable(t, "with the former password", err)
	if err == nil || !strings.Contains(err.Error(), "28P01") || strings.Contains(err.Error(), secretWord) {
		t.Fatalf("with the former password: %v", err)
	}
	current.Store(as(t, at, "rotated", "another-word"))
	if err := lengthen(t.Context(), s); err != nil {
		t.Fatalf("with the new password: %v", err)
	}
}

func mustParse(t *testing.T, at string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestURLSettings(t *testing.T) {
	target, err := parse("postgres://holdfast@db/holdfast?sslmode=disable&pool_max_conns=7&application_name=shop")
	if err != nil {
		t.Fatal(err)
	}
	if target.connections != 7 || target.config.RuntimeParams["application_name"] != "shop" {
		t.Errorf("%d connections, %v", target.connections, target.config.RuntimeParams)
	}
}

// Several replicas that start at once migrate one after the other.
func TestReplicasStartAtOnce(t *testing.T) {
	at := pgtest.Fresh(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := Open(context.Background(), at, Options{Now: storetest.Now, After: never})
			if err == nil {
				err = errors.Join(s.Ping(context.Background()), s.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var versions, twice int
	if err := tables(t, at).QueryRowContext(t.Context(), `SELECT COUNT(*), COUNT(*) - COUNT(DISTINCT version_id) FROM goose_db_version`).Scan(&versions, &twice); err != nil {
		t.Fatal(err)
	}
	if versions < 3 || twice != 0 {
		t.Errorf("%d versions, %d of them twice", versions, twice)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	at := fresh(t)
	if _, err := tables(t, at).ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, TRUE)`); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), at, options(t)); !errors.Is(err, store.ErrNewerSchema) || !strings.Contains(err.Error(), "999") {
		t.Fatalf("got %v, want ErrNewerSchema", err)
	}
}

func TestErrorsThatPass(t *testing.T) {
	at := emptied(t)
	db := tables(t, at)
	for _, code := range []string{"08006", "53300", "57P01", "57P03", "55P03", "57014", "25006", "58030", "40001", "40P01"} {
		_, err := db.ExecContext(t.Context(), fmt.Sprintf(`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '%s'; END $$`, code))
		if err == nil || !unavailable(err) {
			t.Errorf("%s: %v does not count as unavailable", code, err)
		}
		if (code[:2] == "40") != conflict(err) {
			t.Errorf("%s: conflict is %t", code, conflict(err))
		}
	}
	for _, query := range []string{`SELECT 1 / 0`, `SELECT no_such_column`, `INSERT INTO meta (name, value) VALUES ('epoch', 7)`} {
		if _, err := db.ExecContext(t.Context(), query); err == nil || unavailable(err) || errors.Is(err, rules.ErrUnavailable) {
			t.Errorf("%s: %v counts as unavailable", query, err)
		}
	}
}
