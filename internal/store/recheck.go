package store

import (
	"context"
	"errors"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

const recheckColumns = `tenant, account, first_notice_at, must_at, skipped_until, signed_in_at, proven_at, register`

// Recheck is what is known of an account; zero but for its name where nothing is.
func (s *Store) Recheck(ctx context.Context, tenant, account string) (recheck.Record, error) {
	return recheckOf(s.read(ctx), tenant, account, "")
}

func recheckOf(q queries, tenant, account, lock string) (recheck.Record, error) {
	r, err := one(q, scanRecheck, `SELECT `+recheckColumns+` FROM rechecks WHERE tenant = $1 AND account = $2`+lock, tenant, account)
	if errors.Is(err, rules.ErrNotFound) {
		return recheck.Record{Tenant: tenant, Account: account}, nil
	}
	return r, err
}

// SeeSignIn notes that an account signed in at now, and begins a round of rechecks where
// one is due (seed 39).
func (s *Store) SeeSignIn(ctx context.Context, tenant, account string, terms recheck.Terms, now time.Time) (recheck.Record, error) {
	now = stored(now)
	known, err := s.Recheck(ctx, tenant, account)
	if err != nil || known.Recent(now) {
		return known, err
	}
	return s.writeRecheck(ctx, tenant, account, func(t *tx, r recheck.Record) (recheck.Record, error) {
		type proofs struct {
			count int
			last  instant
		}
		p, err := one(t.queries, func(row scanner) (p proofs, err error) { return p, row.Scan(&p.count, &p.last) },
			`SELECT COUNT(*), MAX(proven_at) FROM contacts WHERE tenant = $1 AND account = $2`, tenant, account)
		if last := time.Time(p.last); last.After(r.LastProof) {
			r.LastProof = last
		}
		return r.Begin(terms, p.count, now), err
	})
}

// SkipRecheck puts the question off; rules.ErrOrder says that it may not be skipped.
func (s *Store) SkipRecheck(ctx context.Context, tenant, account string, terms recheck.Terms, now time.Time) (recheck.Record, error) {
	return s.writeRecheck(ctx, tenant, account, func(_ *tx, r recheck.Record) (recheck.Record, error) {
		r, skipped := r.Skip(terms, stored(now))
		if !skipped {
			return r, rules.ErrOrder
		}
		return r, nil
	})
}

// ProveRecheck ends the round: the person has proven a contact.
func (s *Store) ProveRecheck(ctx context.Context, tenant, account string, now time.Time) (recheck.Record, error) {
	return s.writeRecheck(ctx, tenant, account, func(_ *tx, r recheck.Record) (recheck.Record, error) {
		return r.Proven(stored(now)), nil
	})
}

func (s *Store) writeRecheck(ctx context.Context, tenant, account string, deed func(*tx, recheck.Record) (recheck.Record, error)) (recheck.Record, error) {
	var after recheck.Record
	err := s.write(ctx, func(t *tx) error {
		return t.changeRecheck(tenant, account, func(r recheck.Record) (_ recheck.Record, err error) {
			after, err = deed(t, r)
			return after, err
		})
	})
	if err != nil {
		return recheck.Record{}, err
	}
	return after, nil
}

// changeRecheck changes what is known of an account. The feed is told of rounds alone:
// that somebody signed in concerns nobody else.
func (t *tx) changeRecheck(tenant, account string, deed func(recheck.Record) (recheck.Record, error)) error {
	t.queue(`INSERT INTO rechecks (tenant, account, register) VALUES ($1, $2, FALSE) ON CONFLICT (tenant, account) DO NOTHING`, tenant, account)
	before, err := recheckOf(t.queries, tenant, account, t.lock)
	if err != nil {
		return err
	}
	after, err := deed(before)
	if err != nil || after == before {
		return err
	}
	t.queue(`UPDATE rechecks SET first_notice_at = $3, must_at = $4, skipped_until = $5, signed_in_at = $6, proven_at = $7, register = $8
		WHERE tenant = $1 AND account = $2`, tenant, account, instant(after.FirstNotice), instant(after.MustAt),
		instant(after.SkippedUntil), instant(after.LastSignIn), instant(after.LastProof), after.Register)
	if after.SameRound(before) {
		return nil
	}
	return t.tell(tenant, account, fact.Fact{Recheck: &after})
}

func scanRecheck(row scanner) (r recheck.Record, err error) {
	return r, row.Scan(&r.Tenant, &r.Account, (*instant)(&r.FirstNotice), (*instant)(&r.MustAt),
		(*instant)(&r.SkippedUntil), (*instant)(&r.LastSignIn), (*instant)(&r.LastProof), &r.Register)
}
