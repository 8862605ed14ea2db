package store

import (
	"context"
	"fmt"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/session"
)

const flowColumns = `id, tenant, host, account, purpose, object, stage, secret, ticket, bearer, opened_at, expires_at, notified`

// OpenFlow records the ticket's first use and the flow that it opens; a ticket used
// before gives rules.ErrTicketUsed.
func (s *Store) OpenFlow(ctx context.Context, f session.Flow) error {
	return s.write(ctx, func(t *tx) error { return t.openFlow(f) })
}

func (t *tx) openFlow(f session.Flow) error {
	n, err := t.exec(`INSERT INTO flows (`+flowColumns+`, epoch)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, `+currentEpoch+`)
		ON CONFLICT (tenant, ticket) WHERE ticket <> '' DO NOTHING`,
		f.ID, f.Tenant, f.Host, f.Account, f.Purpose, f.Object, f.Stage,
		f.Secret[:], f.Ticket, f.Bearer, instant(f.Opened), instant(f.Expires), f.Notified)
	if err != nil {
		return err
	}
	if n == 0 {
		return rules.ErrTicketUsed
	}
	t.audit(entry{at: f.Opened, tenant: f.Tenant, account: f.Account, action: actionFlowOpened, object: f.ID, detail: f.Object})
	return nil
}

// FlowBySecret finds the flow of a credential's hash, or rules.ErrNoFlow. A flow of
// an earlier epoch is none.
func (s *Store) FlowBySecret(ctx context.Context, secret [32]byte) (session.Flow, error) {
	return ask(s.read(ctx), scanFlow, `SELECT `+flowColumns+` FROM flows WHERE secret = $1 AND epoch = `+currentEpoch, secret[:]).
		or(rules.ErrNoFlow).one()
}

// FlowByTicket finds the flow that a ticket opened, or rules.ErrNoFlow.
func (s *Store) FlowByTicket(ctx context.Context, tenant, ticketID string) (session.Flow, error) {
	return ask(s.read(ctx), scanFlow, `SELECT `+flowColumns+` FROM flows
		WHERE ticket <> '' AND tenant = $1 AND ticket = $2 AND epoch = `+currentEpoch, tenant, ticketID).or(rules.ErrNoFlow).one()
}

// heldFlow is a flow that nobody else changes before the commit.
type heldFlow struct {
	session.Flow
	epoch int64
}

// lockFlow reads a flow for change, or rules.ErrNoFlow.
func (t *tx) lockFlow(id string) *answer[heldFlow] {
	return ask(t.queries, func(row scanner) (f heldFlow, err error) {
		f.Flow, err = scanFlowWith(row, &f.epoch)
		return f, err
	}, `SELECT `+flowColumns+`, epoch FROM flows WHERE id = $1 AND epoch = `+currentEpoch+t.lock, id).or(rules.ErrNoFlow)
}

func scanFlow(row scanner) (session.Flow, error) { return scanFlowWith(row) }

// scanFlowWith reads flowColumns and the columns behind them.
func scanFlowWith(row scanner, others ...any) (session.Flow, error) {
	var f session.Flow
	var secret []byte
	err := row.Scan(append([]any{&f.ID, &f.Tenant, &f.Host, &f.Account, &f.Purpose, &f.Object, &f.Stage,
		&secret, &f.Ticket, &f.Bearer, (*instant)(&f.Opened), (*instant)(&f.Expires), &f.Notified}, others...)...)
	if err == nil && copy(f.Secret[:], secret) != len(f.Secret) {
		err = fmt.Errorf("the credential of flow %s has %d bytes instead of %d", f.ID, len(secret), len(f.Secret))
	}
	return f, err
}
