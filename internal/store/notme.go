package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/disowned"
)

// ReportCode voids the challenge's code. It ends its flow, and the network that asked for
// it gets no other for code.ReportPause (seed 41), but for a code that cancels, or of
// somebody else's account where the address was typed (disowned.EndsFlow); of somebody else's
// account the destination rests. The account's own limits, budgets and block stay as they are. It acts once on a
// challenge: done is false where it was reported before, or is unknown to the tenant.
func (s *Store) ReportCode(ctx context.Context, r code.Report) (done bool, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		done, err = t.report(r)
		return err
	})
	return done && err == nil, err
}

func (t *tx) report(r code.Report) (done bool, err error) {
	now := stored(r.Now)
	c, err := one(t.queries, scanChallenge, `SELECT `+challengeColumns+` FROM challenges
		WHERE id = $1 AND tenant = $2 AND reported_at IS NULL AND epoch = `+currentEpoch, r.ChallengeID, r.Tenant)
	if err != nil {
		return false, unlessMissing(err, rules.ErrNotFound)
	}
	if r.Kind == code.NotMyAccount { // it reaches into the account's other flows: one at a time
		t.lockAccount(c.Tenant, c.Account)
	}
	// The flow is held first, as by those who issue and accept codes. It may be gone.
	if _, err := t.lockFlow(c.Flow).one(); unlessMissing(err, rules.ErrNoFlow) != nil {
		return false, err
	}
	network, err := one(t.queries, plain[string], `UPDATE challenges SET reported_at = $2
		WHERE id = $1 AND reported_at IS NULL RETURNING network`, r.ChallengeID, instant(now))
	if err != nil {
		return false, unlessMissing(err, rules.ErrNotFound)
	}
	if disowned.EndsFlow(r.Kind, c) {
		t.supersede(c.Flow, now)
		t.queue(`UPDATE flows SET expires_at = $2 WHERE id = $1 AND expires_at > $2 AND stage <> 'Done'`, c.Flow, instant(now))
		t.pause(r, c.Account, network, now)
	} else { // it expires in place: the code that follows has no more guesses
		t.queue(`UPDATE challenges SET expires_at = $2 WHERE id = $1 AND expires_at > $2`, c.ID, instant(now))
	}
	if r.Kind == code.NotMyAccount {
		if err := t.disownChallenge(c, now); err != nil {
			return false, err
		}
	}
	return true, t.auditReport(r.Kind, network, entry{at: now, tenant: r.Tenant, account: c.Account, object: r.ChallengeID})
}

// auditReport notes a report and from which network its code was asked for.
func (t *tx) auditReport(kind code.ReportKind, network string, e entry) error {
	detail, err := json.Marshal(struct {
		Kind    code.ReportKind `json:"kind"`
		Network string          `json:"network,omitempty"`
	}{kind, network})
	if err != nil {
		return fmt.Errorf("write the report of %s: %w", e.object, err)
	}
	e.action, e.detail = actionNotMe, string(detail)
	t.audit(e)
	return nil
}

// pause uses up the limit of the network that asked; one that is unknown is nobody's.
func (t *tx) pause(r code.Report, account, network string, now time.Time) {
	if network == "" {
		return
	}
	t.queue(`INSERT INTO limits (tenant, subject, id, tat) VALUES ($1, 'network', $2, $3)
		ON CONFLICT (tenant, subject, id) DO UPDATE SET tat = excluded.tat WHERE limits.tat IS NULL OR limits.tat < excluded.tat`,
		r.Tenant, network, instant(r.Network(account).UsedUp(now, code.ReportPause)))
}

// unlessMissing is err, but for the one that says that nothing is there.
func unlessMissing(err, missing error) error {
	if errors.Is(err, missing) {
		return nil
	}
	return err
}
