package postgres

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/store/storetest"
)

// Seed 45: somebody takes a Clear back while another replica writes the one that seconds
// it, whose row it could not see when it began to wait.
func TestSecondOfAnEndingClear(t *testing.T) {
	at := emptied(t)
	here, there, db := mustOpen(t, at, options(t)), mustOpen(t, at, options(t)), tables(t, at)
	start := storetest.Start
	if err := here.ImportContacts(t.Context(), key.Tenant, "anna", []contact.Contact{{
		ID: "c1", Channel: contact.Email, Address: storetest.Address, Standing: contact.Full, Language: "de", Added: start,
	}}, nil, start); err != nil {
		t.Fatal(err)
	}
	terms := change.DefaultTerms()
	terms.Requesters = change.DefaultRequesters
	sight := func(name string) change.Sight {
		return change.Sight{Key: change.Key{Tenant: key.Tenant, Name: name}, UID: name, Terms: terms, Now: start,
			Spec: change.Spec{Account: "anna", Action: change.Clear, RequestedBy: name}}
	}
	if _, err := here.FreezeChange(t.Context(), sight("lead")); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // it was committed unless the test has failed
	if _, err := tx.ExecContext(t.Context(), `LOCK TABLE outbox IN SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	go func() { // it stops before it writes the notices of the hold
		_, err := there.FreezeChange(t.Context(), sight("second"))
		done <- err
	}()
	waiting(t, db, 1)
	go func() {
		_, err := here.DeleteChange(t.Context(), change.Visit{Key: sight("lead").Key, Now: start}, "lead")
		done <- err
	}()
	waiting(t, db, 2)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	r, err := here.Change(t.Context(), sight("second").Key)
	if err != nil || r.Joined != "lead" || r.End.State != change.Cancelled {
		t.Errorf("the second is %s with lead %q, %v; want it Cancelled with its lead", r.State(start), r.Joined, err)
	}
}

// waiting waits until so many statements wait for a lock.
func waiting(t *testing.T, db *sql.DB, want int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	for n := -1; n != want; {
		if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n); err != nil {
			t.Fatalf("%d wait for a lock, not %d: %v", n, want, err)
		}
	}
}

// Law 11: the server's time is read whatever its DateStyle and its time zone.
func TestClockOfTheServer(t *testing.T) {
	at, o := emptied(t), options(t)
	o.clock = ""
	for _, style := range []string{"ISO", "German", "SQL,DMY", "Postgres"} {
		s := mustOpen(t, at+"&datestyle="+style+"&timezone=Asia/Kathmandu", o)
		told, err := s.Clock(t.Context())
		if here := time.Now(); err != nil || told.Location() != time.UTC || here.Sub(told).Abs() > time.Minute {
			t.Errorf("%s: the server says %v, %v; it is %v", style, told, err, here)
		}
	}
}
