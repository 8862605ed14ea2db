package store

import (
	"context"
	"errors"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// Welcome notes a sign-in that went well: its device is known from now on, and what
// the account failed at from this network was its owner's own doing. signal is what
// told of it.
func (s *Store) Welcome(ctx context.Context, signal *fact.Signal, w escalation.Welcome) error {
	w.Now = stored(w.Now)
	return s.writeSoon(ctx, func(t *tx) error {
		if err := t.auditSignal(signal); err != nil {
			return err
		}
		if err := t.learnDevice(w); err != nil {
			return err
		}
		return t.greet(w)
	})
}

// greet writes only where the network has failures to take back or accounts to learn.
func (t *tx) greet(w escalation.Welcome) error {
	if w.Network == "" {
		return nil
	}
	c, err := t.crowd(w.Tenant, w.Network, w.Now)
	if err != nil || c.Since.IsZero() {
		return err
	}
	c, changed := c.Greet(escalation.Member(w.Account))
	if !changed {
		return nil
	}
	t.queue(`UPDATE crowds SET refused = $3, welcome = $4 WHERE tenant = $1 AND network = $2`,
		w.Tenant, w.Network, c.Refused.Bytes(), c.Welcome.Bytes())
	return nil
}

// failNetwork counts the account among those that a network fails at. It writes only
// for an account that is new there, so that hammering one costs nothing.
func (t *tx) failNetwork(f escalation.Failure) (escalation.Result, error) {
	if f.Network == "" {
		return escalation.Result{}, nil
	}
	c, err := t.crowd(f.Tenant, f.Network, f.Now)
	if err != nil {
		return escalation.Result{}, err
	}
	c, changed := c.Refuse(escalation.Member(f.Account), f.Now)
	if changed {
		t.saveCrowd(f, c)
	}
	if !escalation.Network(f, c, nil).Blocks() {
		return escalation.Result{}, nil
	}
	past, err := list(t.queries, scanBlock, `SELECT `+blockColumns+` FROM blocks
		WHERE tenant = $1 AND account = '' AND scope = $2 AND start_at > $3 AND value = $4`,
		f.Tenant, block.Network, instant(f.Now.Add(-escalation.RepeatWindow)), f.Network)
	if err != nil {
		return escalation.Result{}, err
	}
	v := escalation.Network(f, c, past)
	if v.Forget {
		c, _ = escalation.Crowd{}.Refuse(escalation.Member(f.Account), f.Now)
		t.saveCrowd(f, c)
		return escalation.Result{}, nil
	}
	return t.escalate(f.Tenant, v, f.Policy, f.Now)
}

// crowd is who came from a network in the window that is open at now, if any. Nobody is
// held up by it: of two who come at once one may be forgotten until it comes again.
func (t *tx) crowd(tenant, network string, now time.Time) (escalation.Crowd, error) {
	c, err := one(t.queries, scanCrowd, `SELECT start_at, refused, welcome FROM crowds
		WHERE tenant = $1 AND network = $2 AND until_at > $3`, tenant, network, instant(now))
	if errors.Is(err, rules.ErrNotFound) {
		return escalation.Crowd{}, nil
	}
	return c, err
}

func (t *tx) saveCrowd(f escalation.Failure, c escalation.Crowd) {
	t.queue(`INSERT INTO crowds (tenant, network, start_at, until_at, refused, welcome) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant, network) DO UPDATE SET start_at = excluded.start_at, until_at = excluded.until_at,
			refused = excluded.refused, welcome = excluded.welcome`,
		f.Tenant, f.Network, instant(c.Since), instant(c.Since.Add(f.Policy.Escalation.Window)), c.Refused.Bytes(), c.Welcome.Bytes())
}

func scanCrowd(row scanner) (escalation.Crowd, error) {
	var c escalation.Crowd
	var refused, welcome []byte
	err := row.Scan((*instant)(&c.Since), &refused, &welcome)
	c.Refused, c.Welcome = escalation.SketchOf(refused), escalation.SketchOf(welcome)
	return c, err
}
