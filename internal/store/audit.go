package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/rules/fact"
)

// The actions that the audit names.
const (
	actionBlockFrozen      = "BlockFrozen"
	actionBlockAdopted     = "BlockAdopted"
	actionBlockLengthened  = "BlockLengthened"
	actionBlockEnded       = "BlockEnded"
	actionBlockProved      = "BlockProved"
	actionBlockReleased    = "BlockReleased"
	actionFlowOpened       = "FlowOpened"
	actionSessionEnded     = "SessionEnded"
	actionContactsImported = "ContactsImported"
	actionCodeIssued       = "CodeIssued"
	actionCodeRefused      = "CodeRefused"
	actionAttemptCounted   = "AttemptCounted"
	actionCodeAccepted     = "CodeAccepted"
	actionMessageSent      = "MessageSent"
	actionMessageDelayed   = "MessageDelayed"
	actionMessageDead      = "MessageDead"
	actionNotMe            = "NotMe"
	actionReceiptTaken     = "ReceiptTaken"
	actionSignal           = "Signal"
	actionEpochBegun       = "EpochBegun"
)

// entry is one row of the audit. It carries nothing secret.
type entry struct {
	at              time.Time
	tenant, account string
	action, object  string
	detail          string
}

// audit writes an entry with what the deed sends next.
func (q queries) audit(e entry) {
	q.queue(`INSERT INTO audit (at, tenant, account, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)`,
		instant(e.at), e.tenant, e.account, e.action, e.object, e.detail)
}

// refusalsEvery bounds what a flood of refused requests writes.
const refusalsEvery = time.Minute

// auditRefusal notes that a code was refused, at most once a minute and account,
// as well as it can: the refusal stands without it.
func (s *Store) auditRefusal(ctx context.Context, e entry) {
	seen, err := one(s.read(ctx), plain[bool],
		`SELECT EXISTS (SELECT 1 FROM audit WHERE tenant = $1 AND account = $2 AND at > $3 AND action = $4)`,
		e.tenant, e.account, instant(e.at.Add(-refusalsEvery)), e.action)
	if err != nil || seen {
		return
	}
	_ = s.write(ctx, func(t *tx) error {
		t.audit(e)
		return nil
	})
}

// RecordSignal keeps what an IdP or an app saw.
func (s *Store) RecordSignal(ctx context.Context, signal fact.Signal) error {
	return s.write(ctx, func(t *tx) error { return t.auditSignal(&signal) })
}

// auditSignal notes a signal; nil is none.
func (t *tx) auditSignal(signal *fact.Signal) error {
	if signal == nil {
		return nil
	}
	detail, err := json.Marshal(struct {
		Network string `json:"network,omitempty"`
		Country string `json:"country,omitempty"`
		Method  string `json:"method,omitempty"`
		Device  string `json:"device,omitempty"`
	}{signal.Network, signal.Country, signal.Method, signal.Device})
	if err != nil {
		return fmt.Errorf("write the signal %s: %w", signal.Type, err)
	}
	t.audit(entry{signal.At, signal.Tenant, signal.Account, actionSignal, signal.Type, string(detail)})
	return nil
}
