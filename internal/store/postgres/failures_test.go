package postgres

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/storetest"
)

var key = block.Key{Tenant: "shop", Name: "block-1"}

func freeze(ctx context.Context, s *store.Store) error {
	_, err := s.FreezeBlock(ctx, key, "uid", block.Spec{
		Account: "anna", Reason: block.UnusualActivity, Scope: block.Account, Start: storetest.Start, Duration: 24 * time.Hour,
	})
	return err
}

func lengthen(ctx context.Context, s *store.Store) error {
	_, err := s.LengthenBlock(ctx, key, "uid", block.Spec{Start: storetest.Start}, storetest.Start.Add(12*time.Hour), 24*time.Hour)
	return err
}

func wantUnavailable(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, rules.ErrUnavailable) {
		t.Errorf("%s: %v, want ErrUnavailable", what, err)
	}
}

// frozen is a proxy before a server that can stop answering without closing anything.
type frozen struct {
	ice sync.RWMutex
	url string
}

// before makes a proxy before the server of a URL.
func before(t *testing.T, at string) *frozen {
	t.Helper()
	parsed, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	const socket = ".s.PGSQL.5432"
	server := filepath.Join(parsed.Query().Get("host"), socket)
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, socket))
	if err != nil {
		t.Fatal(err)
	}
	f := &frozen{}
	parsed.RawQuery = url.Values{"host": {dir}}.Encode()
	f.url = parsed.String()
	var all sync.WaitGroup
	all.Go(func() { f.accept(listener, server, &all) })
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return f
}

func (f *frozen) accept(listener net.Listener, server string, all *sync.WaitGroup) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return // the test is over
		}
		upstream, err := net.Dial("unix", server)
		if err != nil {
			_ = client.Close()
			continue
		}
		all.Go(func() { f.pass(upstream, client) })
		all.Go(func() { f.pass(client, upstream) })
	}
}

func (f *frozen) pass(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		f.ice.RLock()
		_, writeErr := to.Write(buffer[:n])
		f.ice.RUnlock()
		if err != nil || writeErr != nil {
			return
		}
	}
}

// A database that hangs is unavailable after a time, though callers would wait for
// ever, and comes back by itself.
func TestHangingDatabase(t *testing.T) {
	at := emptied(t)
	proxy, o := before(t, at), options(t)
	o.Patience = 2 * time.Second
	s := mustListen(t, proxy.url, o)
	if err := freeze(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	caughtUp, ended := make(chan struct{}), make(chan error, 3)
	go func() { ended <- s.Follow(t.Context(), time.Time{}, func() { close(caughtUp) }, func(fact.Fact) {}) }()
	wait(t, caughtUp, "the replay")

	proxy.ice.Lock()
	s.Heard(everything)
	go func() { ended <- s.Ping(context.Background()) }()
	go func() { ended <- lengthen(context.Background(), s) }()
	for range 3 {
		wantUnavailable(t, "while it hangs", wait(t, ended, "an answer"))
	}
	proxy.ice.Unlock()
	for end := time.Now().Add(patience); ; {
		err := lengthen(t.Context(), s)
		if err == nil {
			break
		}
		wantUnavailable(t, "while it comes back", err)
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestLockedRow(t *testing.T) {
	at := emptied(t)
	o := options(t)
	o.Patience = time.Second
	s, db := mustOpen(t, at, o), tables(t, at)
	if err := freeze(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	holder := begin(t, db)
	if _, err := holder.ExecContext(t.Context(), `SELECT 1 FROM blocks FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, "while the row is locked", lengthen(t.Context(), s))
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := lengthen(t.Context(), s); err != nil {
		t.Fatalf("after the lock: %v", err)
	}
}

// Once the server was seen to go, no connection to it is used, however short its rest.
func TestRestartedServer(t *testing.T) {
	at := emptied(t)
	target, err := parse(at)
	if err != nil {
		t.Fatal(err)
	}
	c := &connector{target: target, now: time.Now}
	db := sql.OpenDB(c)
	defer func() { _ = db.Close() }()
	const connections = 5
	db.SetMaxIdleConns(connections)
	use := func() (failed int) {
		var held []*sql.Conn
		for range connections {
			conn, err := db.Conn(t.Context())
			if err == nil {
				held = append(held, conn)
				_, err = conn.ExecContext(t.Context(), `SELECT`)
			}
			if err != nil {
				failed++
			}
		}
		for _, conn := range held {
			_ = conn.Close()
		}
		return failed
	}
	for range 2 { // pgx tries a connection that it has never used
		if n := use(); n != 0 {
			t.Fatalf("%d connections fail from the start", n)
		}
	}
	if _, err := tables(t, at).ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	c.doubt()
	if n := use(); n != 0 {
		t.Errorf("%d of %d connections lead to a server that is gone", n, connections)
	}
}

// After a failover a replica may find a standby that only reads: blocks are still known.
func TestStandby(t *testing.T) {
	at := fresh(t)
	s, db := mustOpen(t, at, options(t)), tables(t, at)
	if err := freeze(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$;
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; {
		_, err := s.Block(t.Context(), key)
		if err == nil {
			break
		}
		wantUnavailable(t, "over a broken connection", err)
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	err := lengthen(t.Context(), s)
	wantUnavailable(t, "on a standby", err)
	if !strings.Contains(err.Error(), "25006") {
		t.Errorf("the error %q does not tell why", err)
	}
}

// A transaction that PostgreSQL ended to solve a deadlock is run again.
func TestDeadlock(t *testing.T) {
	at, o := fresh(t), options(t)
	o.Patience = time.Minute
	db := tables(t, at)
	// The other one looks for the deadlock too late to be its victim.
	if _, err := db.ExecContext(t.Context(), `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''3s''', current_database()); END $$`); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, at, o)
	f := session.Flow{ID: "f1", Tenant: key.Tenant, Account: "anna", Object: key.Name, Stage: session.Opened, Opened: storetest.Start, Expires: storetest.Start.Add(time.Hour)}
	if err := errors.Join(freeze(t.Context(), s), s.OpenFlow(t.Context(), f)); err != nil {
		t.Fatal(err)
	}
	other := begin(t, db)
	for _, query := range []string{`SET LOCAL deadlock_timeout = '1h'`, `SELECT 1 FROM blocks FOR UPDATE`} {
		if _, err := other.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	released := make(chan error, 1)
	go func() {
		_, err := s.ReleaseBlock(context.Background(), block.Release{Key: key, FlowID: f.ID, Now: storetest.Start})
		released <- err
	}()
	for waiting := 0; waiting == 0; { // it holds the flow and waits for the block
		if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := other.ExecContext(t.Context(), `SELECT 1 FROM flows FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	if err := other.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, released, "the deed"); !errors.Is(err, rules.ErrOrder) {
		t.Errorf("the deed ended with %v, want ErrOrder, which is its answer", err)
	}
}

// Prune waits for nobody: what somebody holds goes the next time.
func TestPruneSkipsWhatIsHeld(t *testing.T) {
	at := emptied(t)
	s, db := mustOpen(t, at, options(t)), tables(t, at)
	if _, err := db.ExecContext(t.Context(), `INSERT INTO limits (tenant, subject, id, tat) VALUES ('shop', 'account', 'held', 1), ('shop', 'account', 'free', 1)`); err != nil {
		t.Fatal(err)
	}
	holder := begin(t, db)
	if _, err := holder.ExecContext(t.Context(), `SELECT 1 FROM limits WHERE id = 'held' FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{1, 1} {
		n, err := s.Prune(t.Context(), storetest.Start, time.Time{})
		if err != nil || n != want {
			t.Fatalf("pruned %d rows, %v; want %d", n, err, want)
		}
		_ = holder.Rollback() // from here on nobody holds it
	}
}
