package store

import (
	"context"
	"errors"
	"fmt"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/session"
)

const flowColumns = `id, tenant, host, account, purpose, object, stage, secret, ticket, bearer, opened_at, expires_at`

// OpenFlow records the ticket's first use and the flow that it opens; a ticket used
// before gives rules.ErrTicketUsed.
func (s *Store) OpenFlow(ctx context.Context, f session.Flow) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec(`INSERT INTO flows (`+flowColumns+`, epoch)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, `+currentEpoch+`)
			ON CONFLICT (tenant, ticket) WHERE ticket <> '' DO NOTHING`,
			f.ID, f.Tenant, f.Host, f.Account, f.Purpose, f.Object, f.Stage,
			f.Secret[:], f.Ticket, f.Bearer, instant(f.Opened), instant(f.Expires))
		if err != nil {
			return err
		}
		if n == 0 {
			return rules.ErrTicketUsed
		}
		return t.audit(entry{at: f.Opened, tenant: f.Tenant, account: f.Account, action: actionFlowOpened, object: f.ID, detail: f.Object})
	})
}

// FlowBySecret finds the flow of a credential's hash, or rules.ErrNoFlow. A flow of
// an earlier epoch is none.
func (s *Store) FlowBySecret(ctx context.Context, secret [32]byte) (session.Flow, error) {
	return flow(one(s.read(ctx), scanFlow, `SELECT `+flowColumns+` FROM flows WHERE secret = $1 AND epoch = `+currentEpoch, secret[:]))
}

// FlowByTicket finds the flow that a ticket opened, or rules.ErrNoFlow.
func (s *Store) FlowByTicket(ctx context.Context, tenant, ticketID string) (session.Flow, error) {
	return flow(one(s.read(ctx), scanFlow,
		`SELECT `+flowColumns+` FROM flows WHERE ticket <> '' AND tenant = $1 AND ticket = $2 AND epoch = `+currentEpoch, tenant, ticketID))
}

// lockFlow reads a flow for change, or rules.ErrNoFlow.
func (t *tx) lockFlow(id string) (session.Flow, error) {
	return flow(one(t.queries, scanFlow, `SELECT `+flowColumns+` FROM flows WHERE id = $1 AND epoch = `+currentEpoch+t.lock, id))
}

// flow names a missing row by its own error.
func flow(f session.Flow, err error) (session.Flow, error) {
	if errors.Is(err, rules.ErrNotFound) {
		return session.Flow{}, rules.ErrNoFlow
	}
	return f, err
}

func scanFlow(row scanner) (session.Flow, error) {
	var f session.Flow
	var secret []byte
	err := row.Scan(&f.ID, &f.Tenant, &f.Host, &f.Account, &f.Purpose, &f.Object, &f.Stage,
		&secret, &f.Ticket, &f.Bearer, (*instant)(&f.Opened), (*instant)(&f.Expires))
	if err == nil && copy(f.Secret[:], secret) != len(f.Secret) {
		err = fmt.Errorf("the credential of flow %s has %d bytes instead of %d", f.ID, len(secret), len(f.Secret))
	}
	return f, err
}
