package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// What the audit names of escalations.
const (
	actionBlockEscalated  = "BlockEscalated"
	actionBlockShadowed   = "BlockShadowed"
	actionBlockOverBudget = "BlockOverBudget"
)

// budgetPause is how long a budget that was found used up is not counted again.
const budgetPause = time.Minute

// Fail counts a failure and, in the same transaction, records the blocks that it comes
// to: they bind from the commit on, wherever the feed reaches. A failure from a known
// device counts for nothing (O1). signal is what told of it; nil where a page did. A
// flood of failures does not wait for the disk: a block does, a count may be lost with
// the machine.
func (s *Store) Fail(ctx context.Context, signal *fact.Signal, f escalation.Failure) ([]escalation.Result, error) {
	f.Now = stored(f.Now)
	var results []escalation.Result
	err := s.writeSoon(ctx, func(t *tx) (err error) {
		if err := t.auditSignal(signal); err != nil {
			return err
		}
		results, err = t.fail(f)
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, s.settle(ctx, f.Tenant, results)
}

// settle waits until the blocks among the results are on the disk.
func (s *Store) settle(ctx context.Context, tenant string, results []escalation.Result) error {
	for _, r := range results {
		if r.Outcome == escalation.Blocked && (s.config.Hurry != nil || s.config.Lightly != "") {
			return s.write(ctx, func(t *tx) error {
				t.queue(`UPDATE object_budgets SET full_until = full_until WHERE tenant = $1`, tenant)
				return nil
			})
		}
	}
	return nil
}

func (t *tx) fail(f escalation.Failure) (results []escalation.Result, err error) {
	known, err := t.knowsDevice(f)
	if err != nil || known {
		return nil, err
	}
	for _, count := range []func(escalation.Failure) (escalation.Result, error){t.failAccount, t.failNetwork} {
		result, err := count(f)
		if err != nil {
			return nil, err
		}
		if result.Outcome != "" {
			results = append(results, result)
		}
	}
	return results, nil
}

// failAccount counts a failure past the first factor.
func (t *tx) failAccount(f escalation.Failure) (escalation.Result, error) {
	if !f.PastFirst {
		return escalation.Result{}, nil
	}
	tally, err := t.countFailure(f)
	if err != nil || !escalation.Account(f, tally, nil).Blocks() {
		return escalation.Result{}, err
	}
	past, err := list(t.queries, scanBlock, `SELECT `+blockColumns+` FROM blocks
		WHERE tenant = $1 AND account = $2 AND start_at > $3`,
		f.Tenant, f.Account, instant(f.Now.Add(-escalation.RepeatWindow)))
	if err != nil {
		return escalation.Result{}, err
	}
	v := escalation.Account(f, tally, past)
	if v.Forget {
		t.queue(`DELETE FROM failures WHERE tenant = $1 AND account = $2`, f.Tenant, f.Account)
		_, err := t.countFailure(f)
		return escalation.Result{}, err
	}
	return t.escalate(f.Tenant, v, f.Policy, f.Now)
}

// countFailure counts one failure in the window of its method and tells of them all.
func (t *tx) countFailure(f escalation.Failure) (escalation.Tally, error) {
	method, length := escalation.MethodName(f.Method), f.Policy.Escalation.Window
	// The row of odd names stands for the account: of failures at once, each sees those before.
	t.queue(`INSERT INTO failures (tenant, account, method, until_at, failed) VALUES ($1, $2, '', $3, 0)
		ON CONFLICT (tenant, account, method) DO UPDATE SET until_at = excluded.until_at`,
		f.Tenant, f.Account, instant(f.Now.Add(length)))
	windows, err := list(t.queries, scanFailures, `SELECT method, start_at, failed FROM failures
		WHERE tenant = $1 AND account = $2`, f.Tenant, f.Account)
	if err != nil {
		return escalation.Tally{}, err
	}
	at := map[string]escalation.Window{}
	for _, w := range windows {
		at[w.method] = w.Window
	}
	if _, counted := at[method]; !counted && len(at) > escalation.MaxMethods {
		method = ""
	}
	at[method] = at[method].Add(f.Now, length)
	mine := at[method]
	tally := escalation.Tally{Method: mine.Count, Since: mine.Start}
	for _, w := range at {
		if w.Open(f.Now, length) {
			tally.All += w.Count
			tally.Since = earlier(tally.Since, w.Start)
		}
	}
	t.queue(`INSERT INTO failures (tenant, account, method, start_at, until_at, failed) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant, account, method) DO UPDATE SET start_at = excluded.start_at, until_at = excluded.until_at, failed = excluded.failed`,
		f.Tenant, f.Account, method, instant(mine.Start), instant(mine.Start.Add(length)), mine.Count)
	return tally, nil
}

type failures struct {
	escalation.Window
	method string
}

func scanFailures(row scanner) (failures, error) {
	var f failures
	err := row.Scan(&f.method, (*instant)(&f.Start), &f.Count)
	return f, err
}

// escalate turns a verdict into the record of a block, unless the policy's mode is
// Shadow, which is noted once for the block's time, or the tenant's budget is used up.
func (t *tx) escalate(tenant string, v escalation.Verdict, p policy.Policy, now time.Time) (escalation.Result, error) {
	if !v.Blocks() {
		return escalation.Result{}, nil
	}
	spec := normal(v.Block)
	result := escalation.Result{Reason: spec.Reason, Scope: spec.Scope, Outcome: escalation.Blocked}
	if p.Mode == policy.Shadow {
		result.Outcome = escalation.Shadowed
		return t.note(tenant, spec, result, now)
	}
	room, err := t.room(tenant, spec.Scope, p.Escalation.ObjectBudget, now)
	if err != nil {
		return escalation.Result{}, err
	}
	if !room {
		result.Outcome = escalation.OverBudget
		return result, nil
	}
	made, err := t.makeBlock(block.Key{Tenant: tenant, Name: block.OwnName(spec)}, spec, now)
	if err != nil || !made {
		return escalation.Result{}, err
	}
	return result, nil
}

// makeBlock writes the record of a block that has no object yet. One of this name that
// stands, or ended without its deletion, stays as it is.
func (t *tx) makeBlock(key block.Key, spec block.Spec, now time.Time) (made bool, err error) {
	r := block.NewRecord(key, "", spec)
	if r.Spared, err = t.sparedBy(key.Tenant, spec, now); err != nil {
		return false, err
	}
	inserted, err := t.insertBlock(r)
	switch {
	case err != nil:
		return false, err
	case inserted:
		t.tellBlock(r, now, actionBlockEscalated)
		return true, nil
	}
	before, err := t.lockBlock(key).one()
	if err != nil {
		return false, err
	}
	after := before.Merge("", spec)
	if reflect.DeepEqual(before, after) || after.End.State.Terminal() {
		return false, nil
	}
	after.Spared = r.Spared
	return true, t.saveBlock(after, now, actionBlockEscalated)
}

// room asks whether the tenant's budget allows one more block of Holdfast's own. The
// row is touched only here, and while the budget is used up once a minute, as is the
// audit: a flood fills neither.
func (t *tx) room(tenant string, scope block.Scope, budget int, now time.Time) (bool, error) {
	full, err := one(t.queries, moment, `SELECT full_until FROM object_budgets WHERE tenant = $1`, tenant)
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return false, err
	}
	if now.Before(full) && (scope == block.Account || scope == block.Method) {
		return false, nil
	}
	t.queue(`INSERT INTO object_budgets (tenant, full_until) VALUES ($1, NULL)
		ON CONFLICT (tenant) DO UPDATE SET full_until = NULL`, tenant)
	open, err := one(t.queries, plain[int], `SELECT COUNT(*) FROM blocks
		WHERE tenant = $1 AND uid = '' AND end_state = '' AND (expires_at IS NULL OR expires_at > $2)`, tenant, instant(now))
	if err != nil || escalation.MayOpen(scope, open, budget) {
		return err == nil, err
	}
	t.queue(`UPDATE object_budgets SET full_until = $2 WHERE tenant = $1`, tenant, instant(now.Add(budgetPause)))
	t.audit(entry{at: now, tenant: tenant, action: actionBlockOverBudget, object: string(scope)})
	return false, nil
}

// note keeps in the audit what mode Enforce would block, once for as long as the block
// would stand.
func (t *tx) note(tenant string, s block.Spec, result escalation.Result, now time.Time) (escalation.Result, error) {
	stands := s.Duration
	if s.Permanent {
		stands = escalation.RepeatWindow
	}
	object := fmt.Sprintf("%s %s", s.Scope, s.Value)
	noted, err := one(t.queries, plain[bool], `SELECT EXISTS (SELECT 1 FROM audit
		WHERE tenant = $1 AND account = $2 AND at > $3 AND action = $4 AND object = $5)`,
		tenant, s.Account, instant(now.Add(-stands)), actionBlockShadowed, object)
	if err != nil || noted {
		return escalation.Result{}, err
	}
	t.audit(entry{at: now, tenant: tenant, account: s.Account, action: actionBlockShadowed, object: object, detail: string(s.Reason)})
	return result, nil
}

// OwnBlocks lists the blocks of Holdfast's own that bind at now and whose objects no
// deletion has ended: each has an object, or is to get one.
func (s *Store) OwnBlocks(ctx context.Context, now time.Time) ([]block.Key, error) {
	return list(s.read(ctx), func(row scanner) (k block.Key, err error) {
		err = row.Scan(&k.Tenant, &k.Name)
		return k, err
	}, `SELECT tenant, name FROM blocks
		WHERE uid = '' AND end_state = '' AND (expires_at IS NULL OR expires_at > $1) ORDER BY tenant, name`, instant(now))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
