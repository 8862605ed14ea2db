package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
)

// reported is what the memory knows of who asked for a code.
type reported struct{ account, network string }

func scanReported(row scanner) (r reported, err error) { return r, row.Scan(&r.account, &r.network) }

// ReportCode voids the challenge's code and ends its flow, and the network that asked
// for it gets no other for code.ReportPause (seed 41). The account's own limits, budgets
// and block stay as they are. It acts once on a challenge: done is false where it was
// reported before, or is unknown to the tenant.
func (s *Store) ReportCode(ctx context.Context, r code.Report) (done bool, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		done, err = t.report(r)
		return err
	})
	return done && err == nil, err
}

func (t *tx) report(r code.Report) (done bool, err error) {
	now := stored(r.Now)
	flowID, err := one(t.queries, plain[string], `SELECT flow FROM challenges
		WHERE id = $1 AND tenant = $2 AND reported_at IS NULL AND epoch = `+currentEpoch, r.ChallengeID, r.Tenant)
	if err != nil {
		return false, unlessMissing(err, rules.ErrNotFound)
	}
	// The flow is held first, as by those who issue and accept codes. It may be gone.
	if _, err := t.lockFlow(flowID).one(); unlessMissing(err, rules.ErrNoFlow) != nil {
		return false, err
	}
	from, err := one(t.queries, scanReported, `UPDATE challenges SET reported_at = $2
		WHERE id = $1 AND reported_at IS NULL RETURNING account, network`, r.ChallengeID, instant(now))
	if err != nil {
		return false, unlessMissing(err, rules.ErrNotFound)
	}
	t.supersede(flowID, now)
	t.queue(`UPDATE flows SET expires_at = $2 WHERE id = $1 AND expires_at > $2 AND stage <> 'Done'`, flowID, instant(now))
	t.pause(r, from, now)
	detail, err := json.Marshal(struct {
		Kind    code.ReportKind `json:"kind"`
		Network string          `json:"network,omitempty"`
	}{r.Kind, from.network})
	if err != nil {
		return false, fmt.Errorf("write the report of challenge %s: %w", r.ChallengeID, err)
	}
	t.audit(entry{at: now, tenant: r.Tenant, account: from.account, action: actionNotMe, object: r.ChallengeID, detail: string(detail)})
	return true, nil
}

// pause uses up the limit of the network that asked; one that is unknown is nobody's.
func (t *tx) pause(r code.Report, from reported, now time.Time) {
	if from.network == "" {
		return
	}
	t.queue(`INSERT INTO limits (tenant, subject, id, tat) VALUES ($1, 'network', $2, $3)
		ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = excluded.tat WHERE limits.tat IS NULL OR limits.tat < excluded.tat`,
		r.Tenant, from.network, instant(r.Network(from.account).UsedUp(now, code.ReportPause)))
}

// unlessMissing is err, but for the one that says that nothing is there.
func unlessMissing(err, missing error) error {
	if errors.Is(err, missing) {
		return nil
	}
	return err
}
