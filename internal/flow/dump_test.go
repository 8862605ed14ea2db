package flow_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

// law 2: after everything that a person can do, waiting and done, whoever reads every
// column of every table reads no address, code, password, ticket or credential.
func TestADumpOfTheStoreHoldsNothingSecret(t *testing.T) {
	d := newDesk(t)
	path := filepath.Join(t.TempDir(), "dumped.db")
	memory, err := sqlite.Open(t.Context(), path, sqlite.Options{Sealer: d.keys, Now: d.Now})
	is(t, err, nil)
	t.Cleanup(func() { is(t, memory.Close(), nil) })
	d.memory, d.index = memory, newIndex(memory)
	d.Store, d.Index = memory, d.index

	secrets := d.wholeRun()
	tables := dump(t, path)
	for _, needed := range []string{"contacts", "challenges", "outbox", "audit", "limits", "entered_numbers", "flows", "books", "blocks", "facts", "restrictions", "idempotency"} {
		if tables[needed] == "" {
			t.Errorf("the table %s is empty: nothing was looked at", needed)
		}
	}
	for table, text := range tables {
		for what, secret := range secrets {
			// Six digits stand within other numbers by chance, not as a word of their own.
			if regexp.MustCompile(`(^|[^0-9A-Za-z_-])` + regexp.QuoteMeta(secret) + `($|[^0-9A-Za-z_-])`).MatchString(text) {
				t.Errorf("the table %s holds %s", table, what)
			}
		}
		for _, part := range []string{"kowalski", "@post.example", "4915112345678", "15112345678", "4915198765432", "15198765432"} {
			if strings.Contains(strings.ToLower(text), part) || strings.Contains(text, hex.EncodeToString([]byte(part))) {
				t.Errorf("the table %s holds a part of an address: %s", table, part)
			}
		}
	}
}

// wholeRun imports, blocks, sends, mistypes, proves and releases, and leaves codes and
// notices that wait. It returns what must stand nowhere.
func (d *desk) wholeRun() map[string]string {
	t, ctx := d.t, d.t.Context()
	secrets := map[string]string{"a password": strong, "another password": stronger}
	is(t, d.ImportContacts(ctx, imported(mailIn, cellIn)), nil)
	is(t, d.ImportContacts(ctx, imported(cellIn, flow.ImportedContact{Channel: mailIn.Channel, Address: "other@post.example"})), rules.ErrRecorded)
	d.block("b1")
	is(t, d.Report(ctx, fact.Signal{Tenant: shop, Account: anna, Type: fact.FailedSignIn, Network: network.String(), At: d.Now()}), nil)
	secrets["a ticket"] = d.ticket(anna)
	v := d.open(anna)
	secrets["a credential"], v.Key = v.Credential, "the client's own key"
	first := d.request(v, flow.Target{ContactID: d.book().Contacts[0].ID})
	secrets["a code that was replaced"] = d.code(first.ID)
	d.clock.step(2 * time.Minute)
	v.Key = ""
	second, err := d.Resend(ctx, v, first.ID, flow.Target{ContactID: d.book().Contacts[1].ID})
	is(t, err, nil)
	is(t, d.submit(v, second.ID, d.wrong(second.ID)), rules.ErrWrongCode)
	secrets["a code that was accepted"] = d.code(second.ID)
	_, v.Credential, err = d.SubmitCode(ctx, v, second.ID, d.code(second.ID))
	is(t, err, nil)
	secrets["the second credential"] = v.Credential
	is(t, d.SetPassword(ctx, v, stronger), nil)
	d.told(message.NoticeReleased, annaMail, annaCell)

	d.has("ben") // has none, so he enters a number
	d.block("b2", func(s *block.Spec) { s.Account = "ben" })
	ben := d.prove(d.open("ben"), toNumber)
	is(t, d.SetPassword(ctx, ben, strong), nil)
	d.has("cleo", mail)
	d.block("b3", func(s *block.Spec) { s.Account = "cleo" })
	waiting := d.open("cleo")
	open := d.request(waiting, toMail)
	f, err := d.memory.FlowBySecret(ctx, sha256.Sum256([]byte(waiting.Credential)))
	is(t, err, nil)
	c, _, err := d.memory.Challenge(ctx, open.ID, f.ID)
	is(t, err, nil)
	secrets["a code that waits"] = d.keys.Code(c)
	return secrets
}

// dump is the text of every column of every table.
func dump(t *testing.T, path string) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	is(t, err, nil)
	defer func() { is(t, db.Close(), nil) }()
	tables := map[string]string{}
	for _, table := range column(t, db, `SELECT name FROM sqlite_master WHERE type = 'table'`) {
		tables[table] = strings.Join(column(t, db, `SELECT * FROM `+table), "\n")
	}
	return tables
}

// column is each row of a query as text.
func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	is(t, err, nil)
	defer func() { is(t, rows.Close(), nil) }()
	names, err := rows.Columns()
	is(t, err, nil)
	var lines []string
	for rows.Next() {
		values := make([]any, len(names))
		for i := range values {
			values[i] = new(any)
		}
		is(t, rows.Scan(values...), nil)
		words := make([]string, len(values))
		for i, v := range values {
			if raw, ok := (*v.(*any)).([]byte); ok {
				words[i] = string(raw) + " " + hex.EncodeToString(raw)
			} else {
				words[i] = fmt.Sprint(*v.(*any))
			}
		}
		lines = append(lines, strings.Join(words, " | "))
	}
	is(t, rows.Err(), nil)
	return lines
}
