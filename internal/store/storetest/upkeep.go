package storetest

import (
	"context"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
)

var upkeepTests = map[string]func(*testing.T, Backend){
	"upkeep/epoch is 1 at creation and stays":          firstEpoch,
	"upkeep/a signal is kept in the audit":             signalKept,
	"upkeep/prune forgets what is over":                pruned,
	"upkeep/law 1: prune keeps what a restore revives": prunedKeeps,
	"upkeep/prune goes in small steps":                 prunedInSteps,
	"upkeep/a closed store is unavailable":             closed,
	"upkeep/a call whose time is up is unavailable":    timeIsUp,
}

func firstEpoch(t *testing.T, b Backend) {
	must(t, b.Ping(t.Context()))
	equal(t, "epoch", mustGet[int64](t)(b.Epoch(t.Context())), 1)
	equal(t, "epoch after a restart", mustGet[int64](t)(b.Reopen(t).Epoch(t.Context())), 1)
}

func signalKept(t *testing.T, b Backend) {
	s := fact.Signal{Tenant: tenant, Account: account, Type: fact.FailedSignIn, Network: "192.0.2.1", Method: "TOTP", At: Start}
	must(t, b.RecordSignal(t.Context(), s))
	kept := count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE tenant = $1 AND account = $2 AND at = $3
		AND action = 'Signal' AND object = 'FailedSignIn' AND detail = $4`,
		tenant, account, Start.UnixMilli(), `{"network":"192.0.2.1","method":"TOTP"}`)
	equal(t, "kept", kept, 1)
}

func pruned(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	issue := p.entered(Start)
	must(t, p.right(p.mustIssue(issue), Start))
	_, err := p.release(Start)
	must(t, err)
	lease(t, b, 10, Start) // drops the consumed code
	_, err = b.EndBlock(t.Context(), p.key, "uid", spec(), block.End{}, true)
	must(t, err)

	rows := func() int {
		n := 0
		for _, table := range []string{"audit", "flows", "challenges", "outbox", "blocks", "restrictions", "limits", "wrong_codes", "entered_numbers"} {
			n += count(t, b.DB, `SELECT COUNT(*) FROM `+table)
		}
		return n
	}
	before := rows()
	n, err := b.Prune(t.Context(), Start.Add(time.Minute), Start)
	must(t, err)
	equal(t, "rows pruned that still matter", n, 0)
	equal(t, "rows", rows(), before)

	year := Start.Add(8760 * time.Hour)
	_, err = b.Prune(t.Context(), year, year)
	must(t, err)
	equal(t, "rows a year later", rows(), 0)
	equal(t, "the newest fact keeps its number", count(t, b.DB, `SELECT COUNT(*) FROM facts`), 1)
}

func prunedKeeps(t *testing.T, b Backend) {
	forever := spec()
	forever.Permanent = true
	end := block.End{State: block.Revoked, At: Start}
	_, err := b.EndBlock(t.Context(), key, "uid", forever, end, true)
	must(t, err)
	open := block.Key{Tenant: tenant, Name: "open"}
	_, err = b.FreezeBlock(t.Context(), open, "uid", spec())
	must(t, err)
	year := Start.Add(8760 * time.Hour)
	_, err = b.Prune(t.Context(), year, year)
	must(t, err)
	r := mustGet[block.Record](t)(b.FreezeBlock(t.Context(), key, "uid", forever))
	equal(t, "a restored permanent block", r.End, end)
	_, err = b.Block(t.Context(), open)
	must(t, err)
}

// prunedInSteps has the last of many old messages refuse to go: those before it are
// gone all the same, so nobody has waited for all of them at once.
func prunedInSteps(t *testing.T, b Backend) {
	const messages = 1300
	exec := func(query string, args ...any) {
		t.Helper()
		_, err := b.DB.ExecContext(context.WithoutCancel(t.Context()), query, args...)
		must(t, err)
	}
	exec(`INSERT INTO outbox (id, tenant, account, kind, notice, challenge_id, channel, language, attempts, due_at, expires_at, state, class)
		WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < CAST($1 AS BIGINT))
		SELECT 'message-' || n, 'shop', '', '', '', '', '', '', 0, 0, n, 'Sent', '' FROM numbers`, messages)
	exec(`CREATE TABLE pinned (message TEXT NOT NULL REFERENCES outbox (id))`)
	t.Cleanup(func() { exec(`DROP TABLE pinned`) })
	exec(`INSERT INTO pinned (message) VALUES ('message-1300')`)
	if _, err := b.Prune(t.Context(), Start, Start); err == nil {
		t.Fatal("a message was deleted that a row refers to")
	}
	if left := count(t, b.DB, `SELECT COUNT(*) FROM outbox`); left == 0 || left > messages/2 {
		t.Fatalf("%d of %d messages are left: too many went at once", left, messages)
	}
}

func closed(t *testing.T, b Backend) {
	must(t, b.Close())
	wantErr(t, b.Ping(t.Context()), rules.ErrUnavailable)
	_, err := b.FreezeBlock(t.Context(), key, "uid", spec())
	wantErr(t, err, rules.ErrUnavailable)
	wantErr(t, b.OpenFlow(t.Context(), flowOf(account, "f1", "block-1")), rules.ErrUnavailable)
	must(t, b.Close())
}

func timeIsUp(t *testing.T, b Backend) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, b.Ping(ctx), rules.ErrUnavailable)
	wantErr(t, b.OpenFlow(ctx, flowOf(account, "f1", "block-1")), rules.ErrUnavailable)
	must(t, b.OpenFlow(t.Context(), flowOf(account, "f1", "block-1")))
}
