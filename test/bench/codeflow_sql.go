package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// bareFlow is what the rows of one flow hold, each value as long as Holdfast's own.
type bareFlow struct {
	account, block, flow, ticket, challenge, code, notice, network, lookup string
	secret, proved, nonce, sealed                                          []byte
	now, later                                                             int64
}

func newBareFlow(i int) bareFlow {
	now := time.Now().UnixMilli()
	id := func() string { return rand.Text()[:22] }
	bytes := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return b
	}
	return bareFlow{
		account: blockedAccount(i), block: blockKey(i).Name, flow: id(), ticket: id(), challenge: id(), code: id(), notice: id(),
		network: fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255), lookup: id() + id()[:21],
		secret: bytes(32), proved: bytes(32), nonce: bytes(16), sealed: bytes(71), now: now, later: now + 600_000,
	}
}

// statement is one of a transaction.
type statement struct {
	query string
	args  func(f bareFlow) []any
}

const (
	auditRow = `INSERT INTO audit (at, tenant, account, action, object, detail) VALUES ($1, 'shop', $2, $3, $4, $5)`
	limitRow = `INSERT INTO limits (tenant, subject, id, tat) VALUES ('shop', $1, $2, $3)
		ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = excluded.tat`
	messageRow = `INSERT INTO outbox (id, tenant, account, kind, notice, challenge_id, channel, address, language, attempts,
		due_at, expires_at, created_at, state, class) VALUES ($1, 'shop', $2, $3, $4, $5, 'Email', $6, 'en', 0, $7, $8, $7, 'Waiting', '')`
	leasedRow = `UPDATE outbox SET due_at = $2 WHERE id = $1`
	sentRow   = `UPDATE outbox SET state = 'Sent', address = NULL WHERE id = $1`
	factRow   = `INSERT INTO facts (seq, at, tenant, name, uid, account, reason, scope, value, start_at, duration_ms, permanent, steps,
			code_to, expires_at, extensions, proof_flow, proof_at, proof_entered, end_state, end_at, end_entered, deleted)
		SELECT (SELECT COALESCE(MAX(seq), 0) + 1 FROM facts), $2, tenant, name, uid, account, reason, scope, value, start_at, duration_ms,
			permanent, steps, code_to, expires_at, extensions, proof_flow, proof_at, proof_entered, end_state, end_at, end_entered, deleted
		FROM blocks WHERE tenant = 'shop' AND name = $1`
)

func audited(action string, object func(bareFlow) string) statement {
	return statement{auditRow, func(f bareFlow) []any { return []any{f.now, f.account, action, object(f), f.block} }}
}

func ofFlow(f bareFlow) string      { return f.flow }
func ofChallenge(f bareFlow) string { return f.challenge }
func ofCode(f bareFlow) string      { return f.code }
func ofNotice(f bareFlow) string    { return f.notice }
func ofBlock(f bareFlow) string     { return f.block }

func limited(subject string, id func(bareFlow) string) statement {
	return statement{limitRow, func(f bareFlow) []any { return []any{subject, id(f), f.later} }}
}

var fact = statement{factRow, func(f bareFlow) []any { return []any{f.block, f.now} }}

// bareTransactions write what one flow of Holdfast writes, in as many transactions:
// open, issue, lease, sent, attempt, accept, release, lease, sent. They read nothing,
// check nothing and seal nothing.
var bareTransactions = [][]statement{
	{
		{`INSERT INTO flows (id, tenant, host, account, purpose, object, stage, secret, ticket, bearer, opened_at, expires_at)
			VALUES ($1, 'shop', 'account.shop.example', $2, 'Unblock', $3, 'Opened', $4, $5, FALSE, $6, $7)`,
			func(f bareFlow) []any { return []any{f.flow, f.account, f.block, f.secret, f.ticket, f.now, f.later} }},
		audited("FlowOpened", ofFlow),
	},
	{
		limited("account", func(f bareFlow) string { return f.account }),
		limited("contact", func(f bareFlow) string { return f.lookup }),
		limited("network", func(f bareFlow) string { return f.network }),
		{`INSERT INTO challenges (id, tenant, account, purpose, object, flow, contact_id, channel, destination, hint, language, nonce,
				epoch, digits, created_at, expires_at, resend_at, max_attempts, attempts, sends, address)
			VALUES ($1, 'shop', $2, 'Unblock', $3, $4, 'contact-00000000', 'Email', $5, 'bl•••@•••', 'en', $6, 1, 6, $7, $8, $8, 5, 0, 1, $9)`,
			func(f bareFlow) []any {
				return []any{f.challenge, f.account, f.block, f.flow, f.lookup, f.nonce, f.now, f.later, f.sealed}
			}},
		{messageRow, func(f bareFlow) []any {
			return []any{f.code, f.account, "Code", "", f.challenge, nil, f.now, f.later}
		}},
		audited("CodeIssued", ofChallenge),
	},
	{{leasedRow, func(f bareFlow) []any { return []any{f.code, f.later} }}},
	{{sentRow, func(f bareFlow) []any { return []any{f.code} }}, audited("MessageSent", ofCode)},
	{
		{`UPDATE challenges SET attempts = 1 WHERE id = $1`, func(f bareFlow) []any { return []any{f.challenge} }},
		{`INSERT INTO wrong_codes (tenant, account, start_at, wrong) VALUES ('shop', $1, $2, 1)`,
			func(f bareFlow) []any { return []any{f.account, f.now} }},
		audited("AttemptCounted", ofChallenge),
	},
	{
		{`UPDATE challenges SET consumed_at = $2 WHERE id = $1`, func(f bareFlow) []any { return []any{f.challenge, f.now} }},
		{`UPDATE flows SET stage = 'Proved', secret = $2 WHERE id = $1`, func(f bareFlow) []any { return []any{f.flow, f.proved} }},
		{`UPDATE wrong_codes SET wrong = 0 WHERE tenant = 'shop' AND account = $1`, func(f bareFlow) []any { return []any{f.account} }},
		{`UPDATE contacts SET proven_at = $2 WHERE tenant = 'shop' AND account = $1 AND id = 'contact-00000000'`,
			func(f bareFlow) []any { return []any{f.account, f.now} }},
		{`UPDATE blocks SET proof_flow = $2, proof_at = $3 WHERE tenant = 'shop' AND name = $1`,
			func(f bareFlow) []any { return []any{f.block, f.flow, f.now} }},
		audited("BlockProved", ofBlock), fact, audited("CodeAccepted", ofChallenge),
	},
	{
		{`UPDATE flows SET stage = 'Done' WHERE id = $1`, func(f bareFlow) []any { return []any{f.flow} }},
		{messageRow, func(f bareFlow) []any {
			return []any{f.notice, f.account, "Notice", "AccountReleased", "", f.sealed, f.now, f.later}
		}},
		{`UPDATE blocks SET end_state = 'Released', end_at = $2 WHERE tenant = 'shop' AND name = $1`,
			func(f bareFlow) []any { return []any{f.block, f.now} }},
		audited("BlockReleased", ofBlock), fact,
	},
	{{leasedRow, func(f bareFlow) []any { return []any{f.notice, f.later} }}},
	{{sentRow, func(f bareFlow) []any { return []any{f.notice} }}, audited("MessageSent", ofNotice)},
}

// sqlLeg writes the rows of as many flows into a store that was prepared alike, with
// prepared statements over one connection of the same durability.
func sqlLeg(ctx context.Context, path string, flows, people int) (figures, error) {
	p, err := openPost(ctx, path, flows)
	if err != nil {
		return figures{}, err
	}
	if err := p.store.Close(); err != nil {
		return figures{}, err
	}
	db, err := openSQL(path)
	if err != nil {
		return figures{}, err
	}
	prepared := map[string]*sql.Stmt{}
	for _, transaction := range bareTransactions {
		for _, s := range transaction {
			if prepared[s.query] == nil {
				if prepared[s.query], err = db.PrepareContext(ctx, s.query); err != nil {
					return figures{}, errors.Join(fmt.Errorf("prepare %s: %w", s.query, err), db.Close())
				}
			}
		}
	}
	f, err := inTurn(ctx, flows, people, func(ctx context.Context, i int) error {
		// Nothing is interrupted midway: to watch for that would cost each statement a goroutine.
		ctx, values := context.WithoutCancel(ctx), newBareFlow(i)
		for _, transaction := range bareTransactions {
			if err := commit(ctx, db, prepared, transaction, values); err != nil {
				return err
			}
		}
		return nil
	})
	err = errors.Join(err, db.Close())
	if err == nil {
		err = sameRows(ctx, path, flows)
	}
	return f, err
}

func openSQL(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?"+url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
	}.Encode())
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

func commit(ctx context.Context, db *sql.DB, prepared map[string]*sql.Stmt, transaction []statement, values bareFlow) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, s := range transaction {
		if _, err := tx.StmtContext(ctx, prepared[s.query]).ExecContext(ctx, s.args(values)...); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", s.query, err), tx.Rollback())
		}
	}
	return tx.Commit()
}

// rowsOfAFlow is what is there after each flow, whoever wrote it.
var rowsOfAFlow = map[string]int{
	`SELECT COUNT(*) FROM flows WHERE stage = 'Done'`:                                    1,
	`SELECT COUNT(*) FROM limits WHERE tat IS NOT NULL`:                                  3,
	`SELECT COUNT(*) FROM challenges WHERE attempts = 1 AND consumed_at > 0`:             1,
	`SELECT COUNT(*) FROM outbox WHERE state = 'Sent' AND address IS NULL`:               2,
	`SELECT COUNT(*) FROM wrong_codes WHERE wrong = 0`:                                   1,
	`SELECT COUNT(*) FROM blocks WHERE proof_at > 0 AND end_state = 'Released'`:          1,
	`SELECT COUNT(*) FROM facts WHERE proof_at > 0`:                                      2,
	`SELECT COUNT(*) FROM audit WHERE action NOT IN ('BlockFrozen', 'ContactsImported')`: 8,
	`SELECT COUNT(*) FROM restrictions`:                                                  0,
	`SELECT COUNT(*) FROM entered_numbers`:                                               0,
}

// sameRows holds both sides to the same rows: where the store writes others than the
// bare statements, the comparison means nothing.
func sameRows(ctx context.Context, path string, flows int) error {
	db, err := openSQL(path)
	if err != nil {
		return err
	}
	defer db.Close()
	for query, each := range rowsOfAFlow {
		var n int
		if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		if n != each*flows {
			return fmt.Errorf("%s: %d rows after %d flows, want %d a flow: store and bare statements no longer write the same", query, n, flows, each)
		}
	}
	return nil
}
