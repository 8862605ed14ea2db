package store

import (
	"context"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/health"
)

// ReportHealth keeps what a replica saw of a circuit, in place of what it said before.
func (s *Store) ReportHealth(ctx context.Context, r health.Report) error {
	return s.writeSoon(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO provider_health (tenant, provider, kind, secret, channel, replica, class, until_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (tenant, provider, kind, secret, channel, replica)
			DO UPDATE SET class = excluded.class, until_at = excluded.until_at`,
			r.Tenant, r.Provider, r.Type, r.Secret, r.Channel, r.Replica, r.Class, instant(r.Until))
		return err
	})
}

// HealthReports lists what the replicas of all tenants say of circuits that fail at now.
func (s *Store) HealthReports(ctx context.Context, now time.Time) ([]health.Report, error) {
	return list(s.read(ctx), func(row scanner) (r health.Report, err error) {
		return r, row.Scan(&r.Tenant, &r.Provider, &r.Type, &r.Secret, &r.Channel, &r.Replica, &r.Class, (*instant)(&r.Until))
	}, `SELECT tenant, provider, kind, secret, channel, replica, class, until_at FROM provider_health
		WHERE until_at > $1 ORDER BY tenant, provider, kind, secret, channel, replica`, instant(now))
}

// Regions lists the countries of all tenants whose codes a block stops at now.
func (s *Store) Regions(ctx context.Context, now time.Time) ([]health.Region, error) {
	// The words stand in the query, so that it takes the index that holds no other blocks.
	return list(s.read(ctx), func(row scanner) (r health.Region, err error) {
		return r, row.Scan(&r.Tenant, &r.Country, &r.Reason, (*instant)(&r.Start), (*instant)(&r.Until))
	}, `SELECT tenant, value, reason, start_at, CASE WHEN permanent THEN NULL ELSE expires_at END FROM blocks
		WHERE scope = 'Region' AND end_state = '' AND NOT deleted
		AND start_at <= $1 AND (permanent OR expires_at > $1) ORDER BY tenant, value, start_at, name`, instant(now))
}

// Conversion is how a country's codes had fared when a block of it began.
func (s *Store) Conversion(ctx context.Context, tenant, country string, began time.Time) (escalation.Conversion, error) {
	past, err := s.regionBlocks(ctx, tenant, country, began)
	if err != nil {
		return escalation.Conversion{}, err
	}
	past = slices.DeleteFunc(past, func(r block.Record) bool { return !r.Spec.Start.Before(began) })
	return s.fared(ctx, tenant, country, past, began)
}
