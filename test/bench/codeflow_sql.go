package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/flow"
)

// bareValues are what the rows of one flow hold, each value as long as Holdfast's own.
type bareValues struct {
	account, block, flow, ticket, challenge, code, notice, network, lookup string
	secret, proved, nonce, sealed                                          []byte
	now, later                                                             int64
}

func newBareValues(i int) bareValues {
	now := time.Now().UnixMilli()
	id := func() string { return rand.Text()[:22] }
	bytes := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return b
	}
	return bareValues{
		account: blockedAccount(i), block: blockKey(i).Name, flow: id(), ticket: id(), challenge: id(), code: id(), notice: id(),
		network: flow.NetworkOf(addressOf(i)), lookup: id() + id()[:21],
		secret: bytes(32), proved: bytes(32), nonce: bytes(16), sealed: bytes(71), now: now, later: now + 600_000,
	}
}

// transaction is what is committed at once.
type transaction struct {
	// soon is not worth a wait for the disk; leases are made for all who wait at once.
	soon, leases bool
	statements   []statement
}

// statement is one of a transaction.
type statement struct {
	query string
	args  func(v bareValues) []any
}

const (
	auditRow   = `INSERT INTO audit (at, tenant, account, action, object, detail) VALUES ($1, 'shop', $2, $3, $4, $5)`
	messageRow = `INSERT INTO outbox (id, tenant, account, kind, notice, challenge_id, channel, address, language, attempts,
		due_at, expires_at, created_at, handed, destination, state, class)
		VALUES ($1, 'shop', $2, $3, $4, $5, 'Email', $6, 'en', 0, $7, $8, $7, 0, $9, 'Waiting', '')`
	leasedRow = `UPDATE outbox SET due_at = $2, leased = TRUE WHERE id = $1`
	handedRow = `UPDATE outbox SET handed = 1 WHERE id = $1`
	sentRow   = `UPDATE outbox SET state = 'Sent', class = '', done_at = $2, address = NULL, leased = FALSE WHERE id = $1`
	// NEXT stands for the engine's number of the next fact.
	factRow = `INSERT INTO facts (seq, at, tenant, name, uid, account, reason, scope, value, start_at, duration_ms, permanent, steps,
			code_to, expires_at, extensions, proof_flow, proof_at, proof_entered, end_state, end_at, end_entered, deleted, spared)
		SELECT NEXT, CAST($2 AS BIGINT), tenant, name, uid, account, reason, scope, value, start_at, duration_ms,
			permanent, steps, code_to, expires_at, extensions, proof_flow, proof_at, proof_entered, end_state, end_at, end_entered,
			deleted, spared
		FROM blocks WHERE tenant = 'shop' AND name = $1`
)

func ofFlow(v bareValues) string      { return v.flow }
func ofChallenge(v bareValues) string { return v.challenge }
func ofCode(v bareValues) string      { return v.code }
func ofNotice(v bareValues) string    { return v.notice }
func ofBlock(v bareValues) string     { return v.block }
func nothing(bareValues) string       { return "" }

func audited(action string, object, detail func(bareValues) string) statement {
	return statement{auditRow, func(v bareValues) []any { return []any{v.now, v.account, action, object(v), detail(v)} }}
}

var fact = statement{factRow, func(v bareValues) []any { return []any{v.block, v.now} }}

// sending leases a message, hands it over and marks it sent.
func sending(id func(bareValues) string) []transaction {
	return []transaction{
		{leases: true, statements: []statement{{leasedRow, func(v bareValues) []any { return []any{id(v), v.later} }}}},
		{soon: true, statements: []statement{{handedRow, func(v bareValues) []any { return []any{id(v)} }}}},
		{statements: []statement{
			{sentRow, func(v bareValues) []any { return []any{id(v), v.now} }}, audited("MessageSent", id, nothing),
		}},
	}
}

// bareFlow writes what one flow of Holdfast writes, in as many transactions: open,
// issue, the code's sending, attempt, accept, release, the notice's sending. It reads
// nothing, checks nothing and seals nothing.
var bareFlow = append(append([]transaction{bareOpen, bareIssue}, append(sending(ofCode), bareAttempt, bareAccept, bareRelease)...), sending(ofNotice)...)

var bareOpen = transaction{statements: []statement{
	{
		`INSERT INTO flows (id, tenant, host, account, purpose, object, stage, secret, ticket, bearer, opened_at, expires_at, epoch)
			VALUES ($1, 'shop', 'account.shop.example', $2, 'Unblock', $3, 'Opened', $4, $5, FALSE, $6, $7, 1)`,
		func(v bareValues) []any { return []any{v.flow, v.account, v.block, v.secret, v.ticket, v.now, v.later} },
	},
	audited("FlowOpened", ofFlow, ofBlock),
}}

var bareIssue = transaction{statements: []statement{
	{
		`INSERT INTO limits (tenant, subject, id, tat) VALUES ('shop', 'account', $1, $4), ('shop', 'contact', $2, $4), ('shop', 'network', $3, $4)`,
		func(v bareValues) []any { return []any{v.account, v.lookup, v.network, v.later} },
	},
	{
		`INSERT INTO challenges (id, tenant, account, purpose, object, flow, contact_id, channel, destination, hint, language, nonce,
				epoch, digits, created_at, expires_at, resend_at, max_attempts, attempts, sends, code_key, network, address)
			VALUES ($1, 'shop', $2, 'Unblock', $3, $4, 'contact-00000000', 'Email', $5, 'bl•••@•••', 'en', $6, 1, 6, $7, $8, $8, 5, 0, 1, $9, $10, $11)`,
		func(v bareValues) []any {
			return []any{v.challenge, v.account, v.block, v.flow, v.lookup, v.nonce, v.now, v.later, codeKey, v.network, v.sealed}
		},
	},
	{messageRow, func(v bareValues) []any {
		return []any{v.code, v.account, "Code", "", v.challenge, nil, v.now, v.later, v.lookup}
	}},
	audited("CodeIssued", ofChallenge, ofBlock),
}}

// codeKey is as long as the number of a key.
const codeKey = 1 << 30

var bareAttempt = transaction{statements: []statement{
	{`UPDATE challenges SET attempts = 1 WHERE id = $1`, func(v bareValues) []any { return []any{v.challenge} }},
	{
		`INSERT INTO wrong_codes (tenant, account, recent, last_at) VALUES ('shop', $1, '[1700000000000]', $2)`,
		func(v bareValues) []any { return []any{v.account, v.now} },
	},
	{
		`UPDATE contacts SET failures = 1 WHERE tenant = 'shop' AND account = $1 AND id = 'contact-00000000'`,
		func(v bareValues) []any { return []any{v.account} },
	},
	audited("AttemptCounted", ofChallenge, nothing),
}}

var bareAccept = transaction{statements: []statement{
	{`UPDATE challenges SET consumed_at = $2 WHERE id = $1`, func(v bareValues) []any { return []any{v.challenge, v.now} }},
	{
		`UPDATE flows SET stage = 'Proved', secret = $2, bearer = FALSE WHERE id = $1`,
		func(v bareValues) []any { return []any{v.flow, v.proved} },
	},
	{
		`UPDATE wrong_codes SET recent = '[]', last_at = $2 WHERE tenant = 'shop' AND account = $1`,
		func(v bareValues) []any { return []any{v.account, v.now} },
	},
	{
		`UPDATE contacts SET proven_at = $2, failures = 0 WHERE tenant = 'shop' AND account = $1 AND id = 'contact-00000000'`,
		func(v bareValues) []any { return []any{v.account, v.now} },
	},
	{
		`UPDATE blocks SET proof_flow = $2, proof_at = $3 WHERE tenant = 'shop' AND name = $1`,
		func(v bareValues) []any { return []any{v.block, v.flow, v.now} },
	},
	audited("BlockProved", ofBlock, nothing), fact, audited("CodeAccepted", ofChallenge, ofBlock),
}}

var bareRelease = transaction{statements: []statement{
	{`UPDATE flows SET stage = 'Done' WHERE id = $1`, func(v bareValues) []any { return []any{v.flow} }},
	{messageRow, func(v bareValues) []any {
		return []any{v.notice, v.account, "Notice", "AccountReleased", "", v.sealed, v.now, v.later, v.lookup}
	}},
	{
		`UPDATE blocks SET end_state = 'Released', end_at = $2 WHERE tenant = 'shop' AND name = $1`,
		func(v bareValues) []any { return []any{v.block, v.now} },
	},
	audited("BlockReleased", ofBlock, nothing), fact,
}}

// bare is an engine without Holdfast, every statement prepared.
type bare struct {
	dialect
	db       *sql.DB
	prepared map[string]*sql.Stmt
	values   []bareValues
	leasing  together[deed, struct{}]
}

// openBare makes every connection and prepares every statement on it.
func openBare(ctx context.Context, d dialect, at place, people, flows int) (*bare, error) {
	db, err := at.bare(people)
	if err != nil {
		return nil, err
	}
	b := &bare{dialect: d, db: db, prepared: map[string]*sql.Stmt{}, values: make([]bareValues, flows)}
	for i := range b.values {
		b.values[i] = newBareValues(i)
	}
	for _, t := range bareFlow {
		for _, s := range t.statements {
			if b.prepared[s.query] != nil {
				continue
			}
			if b.prepared[s.query], err = db.PrepareContext(ctx, strings.Replace(s.query, "NEXT", d.nextFact, 1)); err != nil {
				return nil, errors.Join(fmt.Errorf("prepare %s: %w", s.query, err), db.Close())
			}
		}
	}
	return b, nil
}

// commits are the transactions of one flow.
func (b *bare) commits(transactions []transaction) func(ctx context.Context, i int) error {
	return func(ctx context.Context, i int) error {
		// Nothing is interrupted midway: to watch for that would cost each statement a goroutine.
		ctx = context.WithoutCancel(ctx)
		for _, t := range transactions {
			if err := b.commit(ctx, deed{t, b.values[i]}); err != nil {
				return err
			}
		}
		return nil
	}
}

// deed is a transaction with what it writes.
type deed struct {
	transaction
	values bareValues
}

func (b *bare) commit(ctx context.Context, d deed) error {
	if !d.leases {
		return b.commitAll(ctx, d)
	}
	_, err := b.leasing.do(d, func(all []deed) ([]struct{}, error) {
		return make([]struct{}, len(all)), b.commitAll(ctx, all...)
	})
	return err
}

// commitAll is one transaction for deeds of one kind.
func (b *bare) commitAll(ctx context.Context, all ...deed) error {
	conn, err := b.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if !all[0].soon {
		return b.run(ctx, conn, all)
	}
	if err := do(ctx, conn, b.soon); err != nil {
		return err
	}
	return errors.Join(b.run(ctx, conn, all), do(ctx, conn, b.tillSoon))
}

func (b *bare) run(ctx context.Context, conn *sql.Conn, all []deed) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if all[0].soon {
		err = do(ctx, tx, b.withinSoon)
	}
	for _, d := range all {
		for _, s := range d.statements {
			if err == nil {
				_, err = tx.StmtContext(ctx, b.prepared[s.query]).ExecContext(ctx, s.args(d.values)...)
			}
		}
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// do runs a statement, if there is any.
func do(ctx context.Context, on interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, query string,
) error {
	if query == "" {
		return nil
	}
	_, err := on.ExecContext(ctx, query)
	return err
}
