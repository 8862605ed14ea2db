package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/storetest"
)

// The store satisfies the port of the use cases without knowing it.
var _ flow.Store = (*store.Store)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.db")
	mustOpenAndClose(t, empty)
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		path := filepath.Join(t.TempDir(), "holdfast.db")
		mustCopy(t, empty, path)
		s := mustOpen(t, path, options(t))
		return storetest.Backend{Store: s, DB: tables(t, path), Reopen: func(t *testing.T) storetest.Store {
			t.Helper()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = mustOpen(t, path, options(t))
			return s
		}}
	})
}

// tables reaches a store's file beside the store.
func tables(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := pool(path, 1, url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(5000)"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func mustCopy(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func options(t *testing.T) Options {
	t.Helper()
	sealer, err := storetest.NewSealer("test")
	if err != nil {
		t.Fatal(err)
	}
	return Options{Sealer: sealer, Now: storetest.Now, BusyTimeout: 50 * time.Millisecond}
}

func mustOpen(t *testing.T, path string, o Options) *store.Store {
	t.Helper()
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var key = block.Key{Tenant: "shop", Name: "block-1"}

func spec() block.Spec {
	return block.Spec{Account: "user-1", Reason: block.UnusualActivity, Scope: block.Account, Start: storetest.Start, Duration: 24 * time.Hour}
}

// Law 2: whoever reads the files reads no address.
func TestAddressesAreSealedAtRest(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, filepath.Join(dir, "holdfast.db"), options(t))
	contacts := []contact.Contact{
		{ID: "c1", Channel: contact.Email, Address: storetest.Address, Standing: contact.Full},
		{ID: "c2", Channel: contact.SMS, Address: storetest.Number, Standing: contact.Full},
	}
	notice := message.Message{
		ID: "n1", Tenant: "shop", Account: "user-1", Kind: message.Notice, Address: storetest.Address,
		NotBefore: storetest.Start, Created: storetest.Start, Expires: storetest.Start.Add(time.Hour),
	}
	err := s.ImportContacts(t.Context(), "shop", "user-1", contacts, []message.Message{notice}, storetest.Start)
	if err != nil {
		t.Fatal(err)
	}
	files := read(t, dir)
	if !bytes.Contains(files, []byte("user-1")) {
		t.Fatal("the files do not hold the account: this test reads the wrong ones")
	}
	for _, secret := range []string{storetest.Address, storetest.Number, "rosalind", "4915112345678"} {
		if bytes.Contains(files, []byte(secret)) {
			t.Errorf("%q stands in the store's files", secret)
		}
	}
}

func read(t *testing.T, dir string) []byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v, %v", e.Name(), info, err)
		}
		all = append(all, data...)
	}
	return all
}

// A process that is killed leaves the file and its log as they are: the message that
// it had leased is sent by the next one, with the same code.
func TestCrashLosesNoMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.db")
	s := mustOpen(t, path, options(t))
	f := session.Flow{ID: "f1", Tenant: "shop", Stage: session.Opened, Opened: storetest.Start, Expires: storetest.Start.Add(time.Hour)}
	if err := s.OpenFlow(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	issued, err := s.IssueChallenge(t.Context(), code.Issue{
		Challenge: code.Challenge{ID: "c1", Tenant: "shop", Flow: "f1", Expires: storetest.Start.Add(time.Hour), MaxAttempts: 5},
		Address:   storetest.Address, MaxWrongPerDay: 10, MessageID: "m1", Now: storetest.Start,
	})
	if err != nil {
		t.Fatal(err)
	}
	end := storetest.Start.Add(time.Minute)
	if leased, err := s.Lease(t.Context(), 1, storetest.Start, end); err != nil || len(leased) != 1 {
		t.Fatalf("leased %d, %v", len(leased), err)
	}
	killed := filepath.Join(t.TempDir(), "holdfast.db")
	mustCopy(t, path, killed)
	mustCopy(t, path+"-wal", killed+"-wal")
	leased, err := mustOpen(t, killed, options(t)).Lease(t.Context(), 1, end, end.Add(time.Minute))
	if err != nil || len(leased) != 1 || leased[0].Challenge != issued || leased[0].Address != storetest.Address {
		t.Fatalf("after the crash: %d messages, %v; want the one that was leased", len(leased), err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.db")
	s := mustOpen(t, path, options(t))
	_, err := Open(t.Context(), path, options(t))
	if !errors.Is(err, ErrInUse) || !bytes.Contains([]byte(err.Error()), []byte(path)) {
		t.Fatalf("got %v, want ErrInUse that names %s", err, path)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path, options(t))
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.db")
	s := mustOpen(t, path, options(t))
	if _, err := tables(t, path).ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, TRUE)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, options(t)); !errors.Is(err, store.ErrNewerSchema) {
		t.Fatalf("got %v, want ErrNewerSchema", err)
	}
}

// A backup or a curious administrator may hold the write lock.
func TestLockedStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.db")
	s := mustOpen(t, path, options(t))
	if _, err := s.FreezeBlock(t.Context(), key, "uid", spec()); err != nil {
		t.Fatal(err)
	}
	holder, err := tables(t, path).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	attempt := storetest.Start.Add(12 * time.Hour)
	if _, err := s.LengthenBlock(t.Context(), key, "uid", spec(), attempt, block.MaxLength); !errors.Is(err, rules.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	r, err := s.Block(t.Context(), key)
	if err != nil || r.Extensions != 0 {
		t.Fatalf("while locked the record is %+v, %v", r, err)
	}
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	if r, err := s.LengthenBlock(t.Context(), key, "uid", spec(), attempt, block.MaxLength); err != nil || r.Extensions != 1 {
		t.Fatalf("after the lock the record is %+v, %v", r, err)
	}
}

func TestFullStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.db")
	mustOpenAndClose(t, path)
	small := options(t)
	small.pragmas = []string{"max_page_count(80)"}
	s := mustOpen(t, path, small)
	if err := fill(t.Context(), s); !errors.Is(err, rules.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	counts := map[string]int{}
	for what, query := range map[string]string{
		"flows": `SELECT COUNT(*) FROM flows`,
		"audit": `SELECT COUNT(*) FROM audit WHERE action = 'FlowOpened'`,
	} {
		var n int
		if err := tables(t, path).QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		counts[what] = n
	}
	if counts["flows"] == 0 || counts["flows"] != counts["audit"] {
		t.Fatalf("a flow was half written: %v", counts)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, path, options(t))
	if err := s.OpenFlow(t.Context(), session.Flow{ID: "with room again", Secret: [32]byte{255}, Opened: storetest.Start}); err != nil {
		t.Fatal(err)
	}
}

func mustOpenAndClose(t *testing.T, path string) {
	t.Helper()
	if err := mustOpen(t, path, options(t)).Close(); err != nil {
		t.Fatal(err)
	}
}

// fill opens flows until the store refuses.
func fill(ctx context.Context, s *store.Store) error {
	host := string(bytes.Repeat([]byte("x"), 2000))
	for i := range 1000 {
		f := session.Flow{ID: host[:i%100] + string(rune(i+0x4e00)), Host: host, Secret: [32]byte{byte(i), byte(i >> 8)}, Opened: storetest.Start, Expires: storetest.Start}
		if err := s.OpenFlow(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
