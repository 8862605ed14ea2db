package flow

import (
	"context"
	"slices"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// guesses are the wrong codes that a policy allows.
func guesses(p policy.Policy) code.Budget {
	return code.Budget{PerDay: p.Codes.MaxWrongPerDay, InARow: p.Codes.DisableAfter}
}

// enter counts an attempt and compares. A right code is still to be accepted, once, with
// the credential that takes the place of the flow's.
func (d *Desk) enter(ctx context.Context, f session.Flow, budget code.Budget, challengeID, submitted string) (right code.Accept, credential string, err error) {
	c, err := d.Store.CountAttempt(ctx, challengeID, f.ID, budget, d.Now())
	switch {
	case err != nil:
		return right, "", err
	case c.Epoch != d.Epoch():
		return right, "", rules.ErrGone
	case !d.right(c, submitted):
		return right, "", d.miss(ctx, c)
	}
	credential, err = d.token(32)
	return code.Accept{Challenge: c, NewSecret: hash(credential), Now: d.Now()}, credential, err
}

// SubmitCode counts an attempt, compares, and accepts a right code once. The
// returned credential replaces the one of the visit. Where the code was the last
// step, the block is released.
func (d *Desk) SubmitCode(ctx context.Context, v Visit, challengeID, submitted string) (next block.Step, credential string, err error) {
	f, err := d.flow(ctx, v)
	if err != nil {
		return "", "", err
	}
	record, err := d.boundBlock(ctx, f)
	if err != nil {
		return "", "", err
	}
	p := d.Policies.For(f.Tenant, f.Account)
	right, credential, err := d.enter(ctx, f, guesses(p), challengeID, submitted)
	if err != nil {
		return "", "", err
	}
	right.PerNumber = p.Limits.AccountsPerNumber
	if err := d.Store.AcceptCode(ctx, right); err != nil {
		return "", "", err
	}
	next, err = d.proved(ctx, f, p, record, right.Challenge)
	return next, credential, err
}

// proved does what follows from a code that was accepted for a block: of an account's own
// contact it cancels holds too, and where it was the last step it releases.
func (d *Desk) proved(ctx context.Context, f session.Flow, p policy.Policy, record block.Record, c code.Challenge) (next block.Step, err error) {
	if slices.Contains(record.Spec.Steps, block.ChangePassword) {
		next = block.ChangePassword
	}
	if c.ContactID != "" {
		var then block.Spec
		if next == "" { // else a new password follows here
			then = escalation.Reclaim(p, f.Account, d.Now())
		}
		if _, err := d.cancelHolds(ctx, f, c.ID, then); err != nil {
			return "", err
		}
	}
	if next != "" {
		return next, nil
	}
	return "", d.release(ctx, f, record.Key, c.ContactID == "")
}

// boundBlock returns the flow's block, which must still bind, as the index knows it: the
// transactions that follow look at the memory's own again.
func (d *Desk) boundBlock(ctx context.Context, f session.Flow) (block.Record, error) {
	key := block.Key{Tenant: f.Tenant, Name: f.Object}
	record, seen := d.Index.Block(key)
	switch {
	case !seen:
		return d.openBlock(ctx, key, f.Account)
	case record.Spec.Account != f.Account, record.State(d.Now()).Terminal():
		return block.Record{}, rules.ErrOver
	default:
		return record, nil
	}
}

// openFlowBlock finds the flow of a visit and its block, which must still bind.
func (d *Desk) openFlowBlock(ctx context.Context, v Visit) (session.Flow, block.Record, error) {
	f, err := d.flow(ctx, v)
	if err != nil {
		return session.Flow{}, block.Record{}, err
	}
	record, err := d.openBlock(ctx, block.Key{Tenant: f.Tenant, Name: f.Object}, f.Account)
	return f, record, err
}
