package storetest

import (
	"database/sql"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/limit"
)

// Old is a store of an earlier version that is still empty.
type Old struct {
	DB *sql.DB
	// Bytes turns X'...' into what the engine writes for bytes.
	Bytes func(statements string) string
	// Open brings the schema forward and opens the store, as NewSealer("test") and Now.
	Open func(t *testing.T) Store
}

//go:embed testdata/version2.sql
var version2 string

// RunMigrations holds an engine to what it has kept since version 2 of its schema: open
// gives a store of that version.
func RunMigrations(t *testing.T, open func(t *testing.T, version int64) Old) {
	old := open(t, 2)
	_, err := old.DB.ExecContext(t.Context(), old.Bytes(version2))
	must(t, err)
	tables := regexp.MustCompile(`(?m)^INSERT INTO (\w+) \((.*)\) VALUES$`).FindAllStringSubmatch(version2, -1)
	before := map[string][]string{}
	for _, table := range tables {
		before[table[1]] = dump(t, old.DB, table[1], table[2])
		if len(before[table[1]]) == 0 {
			t.Fatalf("the fixture has no row for %s", table[1])
		}
	}
	b := Backend{Store: old.Open(t), DB: old.DB}
	delete(before, "wrong_codes") // version 7 keeps them in another form: keptCodes tries what they mean
	for _, table := range tables {
		if before[table[1]] == nil {
			continue
		}
		equal(t, "rows of "+table[1], dump(t, old.DB, table[1], table[2]), before[table[1]])
	}
	for name, test := range map[string]func(*testing.T, Backend){
		"blocks":   keptBlocks,
		"contacts": keptContacts,
		"outbox":   keptOutbox,
		"codes":    keptCodes,
		"feed":     keptFeed,
	} {
		t.Run(name, func(t *testing.T) { test(t, b) })
	}
}

// dump is what stands in a table, in some columns.
func dump(t *testing.T, db *sql.DB, table, columns string) (lines []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT `+columns+` FROM `+table) //nolint:gosec // G202: the names are the fixture's own
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	for rows.Next() {
		values := make([]any, strings.Count(columns, ",")+1)
		targets := make([]any, len(values))
		for i := range values {
			targets[i] = &values[i]
		}
		must(t, rows.Scan(targets...))
		lines = append(lines, fmt.Sprintf("%v", values))
	}
	must(t, rows.Err())
	slices.Sort(lines)
	return lines
}

func keptBlocks(t *testing.T, b Backend) {
	for name, want := range map[string]block.State{"block-of-anna": block.Active, "block-of-carl": block.Released, "block-of-dora": block.Revoked} {
		r := mustGet[block.Record](t)(b.Block(t.Context(), block.Key{Tenant: tenant, Name: name}))
		equal(t, name, r.State(Start.Add(2*time.Hour)), want)
		equal(t, "end of "+name, r.Expires, Start.Add(24*time.Hour))
	}
}

func keptContacts(t *testing.T, b Backend) {
	equal(t, "anna", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, "anna")),
		contact.Book{Recorded: true, Contacts: []contact.Contact{email("c1", Address)}})
	equal(t, "bert", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, "bert")), contact.Book{Recorded: true})
	equal(t, "unknown", mustGet[contact.Book](t)(b.Book(t.Context(), tenant, "emil")), contact.Book{})
}

func keptOutbox(t *testing.T, b Backend) {
	leased := lease(t, b, 10, Start.Add(time.Second))
	got := map[string]string{}
	for _, m := range leased {
		got[m.ID] = m.Address
	}
	equal(t, "leased; carl's code was used", got, map[string]string{"message-flow-of-anna-challenge-1": Address, "notice-of-carl": Address})
}

// keptCodes uses up what is left of anna's guesses, and no more (law 3).
func keptCodes(t *testing.T, b Backend) {
	used := flowOf("anna", "another", "block-of-anna")
	used.Ticket = "ticket-of-flow-of-anna"
	wantErr(t, b.OpenFlow(t.Context(), used), rules.ErrTicketUsed)
	anna := &person{Backend: b, t: t, flow: flowOf("anna", "flow-of-anna", "block-of-anna")}
	_, err := b.FlowBySecret(t.Context(), anna.flow.Secret)
	must(t, err)
	c, _, err := b.CurrentChallenge(t.Context(), anna.flow.ID)
	must(t, err)
	equal(t, "attempts", c.Attempts, 2)
	refused := anna.issue(Start.Add(time.Minute))
	refused.Limits = take(code.Limit{Subject: "account", ID: "anna", Rate: limit.Rate{Count: 1, Per: time.Hour, Burst: 1}})
	_, err = b.IssueChallenge(t.Context(), refused)
	wantLimit(t, err, "account", time.Hour-time.Minute)
	_, err = b.CountAttempt(t.Context(), c.ID, c.Flow, code.Budget{PerDay: 2}, Start.Add(time.Second))
	wantLimit(t, err, "account", 24*time.Hour-time.Second)
	for range 3 {
		must(t, anna.wrong(c, Start))
	}
	wantErr(t, anna.wrong(c, Start), rules.ErrSpent)
}

func keptFeed(t *testing.T, b Backend) {
	f := follow(t, b.Store, Start)
	names := map[string]bool{}
	for _, told := range within(t, f.caughtUp, "the replay") {
		switch {
		case told.Block != nil:
			names[told.Block.Key.Name] = true
		case told.Restriction != nil:
			names["restriction of "+told.Restriction.Account] = true
		}
	}
	equal(t, "replay", names, map[string]bool{
		"block-of-anna": true, "block-of-carl": true, "block-of-dora": true, "restriction of carl": true,
	})
	r := mustGet[block.Record](t)(b.FreezeBlock(t.Context(), key, "uid", spec()))
	f.wantNext(t, fact.Fact{Block: &r})
	equal(t, "the next number", count(t, b.DB, `SELECT MAX(seq) FROM facts`), 7)
}
