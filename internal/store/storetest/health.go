package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/health"
	"holdfast.dev/holdfast/internal/rules/message"
)

// HealthStore is what the suite asks of how providers and countries fare.
type HealthStore interface {
	ReportHealth(ctx context.Context, r health.Report) error
	HealthReports(ctx context.Context, now time.Time) ([]health.Report, error)
	Regions(ctx context.Context, now time.Time) ([]health.Region, error)
	Conversion(ctx context.Context, tenant, country string, began time.Time) (escalation.Conversion, error)
}

var healthTests = map[string]func(*testing.T, Backend){
	"health/each replica says its own, which ends by itself": healthReported,
	"health/seed 16: the countries whose codes are stopped":  healthRegions,
	"health/seed 16: conversion as it was judged":            healthConversion,
}

func healthReported(t *testing.T, b Backend) {
	report := func(replica string, channel contact.Channel, class message.ErrorClass, until time.Time) health.Report {
		return health.Report{
			Circuit: health.Circuit{Tenant: tenant, Provider: "texts", Type: "Twilio", Secret: "twilio", Channel: channel},
			Replica: replica, Class: class, Until: until,
		}
	}
	later := Start.Add(health.Stands)
	sms, voice := report("a", contact.SMS, message.Unreachable, later), report("a", contact.Voice, message.Temporary, later)
	other := report("b", contact.SMS, message.Temporary, later)
	for _, r := range []health.Report{report("a", contact.SMS, message.Temporary, Start.Add(1)), sms, voice, other} {
		must(t, b.ReportHealth(t.Context(), r))
	}
	reports := func(now time.Time) []health.Report {
		t.Helper()
		return mustGet[[]health.Report](t)(b.HealthReports(t.Context(), now))
	}
	equal(t, "reports", reports(Start), []health.Report{sms, other, voice})
	sms.Until = Start.Add(health.Calm)
	must(t, b.ReportHealth(t.Context(), sms))
	equal(t, "after a recovery", reports(Start.Add(health.Calm)), []health.Report{other, voice})
	equal(t, "when nobody saw more", reports(later), nil)
	_, err := b.Prune(t.Context(), later, Start)
	must(t, err)
	equal(t, "rows that are over", count(t, b.DB, `SELECT COUNT(*) FROM provider_health`), 0)
}

func healthRegions(t *testing.T, b Backend) {
	freeze := func(namespace, name string, spec block.Spec) {
		t.Helper()
		_, err := b.FreezeBlock(t.Context(), block.Key{Tenant: namespace, Name: name}, "uid-"+name, spec)
		must(t, err)
	}
	region := func(country string, start time.Time, duration time.Duration) block.Spec {
		return block.Spec{
			Reason: block.CompromisedTraffic, Scope: block.Region, Value: country, Start: start,
			Duration: duration, Permanent: duration == 0, CodeTo: block.SecurityInfo,
		}
	}
	freeze(tenant, "slowed", region("XX", Start, time.Hour))
	freeze(tenant, "for-ever", region("YY", Start, 0))
	freeze(tenant, "to-come", region("ZZ", Start.Add(time.Hour), time.Hour))
	freeze("another", "stopped", region("XX", Start, 24*time.Hour))
	freeze(tenant, "of-an-account", spec())
	of := func(namespace, country string, until time.Time) health.Region {
		return health.Region{Tenant: namespace, Country: country, Reason: block.CompromisedTraffic, Start: Start, Until: until}
	}
	regions := func(now time.Time) []health.Region {
		t.Helper()
		return mustGet[[]health.Region](t)(b.Regions(t.Context(), now))
	}
	stopped, forever := of("another", "XX", Start.Add(24*time.Hour)), of(tenant, "YY", time.Time{})
	equal(t, "regions", regions(Start), []health.Region{stopped, of(tenant, "XX", Start.Add(time.Hour)), forever})
	to := of(tenant, "ZZ", Start.Add(2*time.Hour))
	to.Start = Start.Add(time.Hour)
	equal(t, "an hour later", regions(Start.Add(time.Hour)), []health.Region{stopped, forever, to})
	_, err := b.EndBlock(t.Context(), block.Key{Tenant: tenant, Name: "for-ever"}, "uid-for-ever", region("YY", Start, 0), block.End{}, true)
	must(t, err)
	equal(t, "after a deletion", regions(Start.Add(3*time.Hour)), []health.Region{stopped})
}

// healthConversion: ten of forty people verified, then nobody did. What came after a
// block began does not change how it is told.
func healthConversion(t *testing.T, b Backend) {
	for i := range 40 {
		p, _ := sendSMS(t, b, fmt.Sprint("early", i), Start)
		if i < 10 {
			must(t, p.right(mustCurrent(t, p), Start))
		}
	}
	began := Start.Add(escalation.RegionPatience)
	equal(t, "fared", mustGet[escalation.Conversion](t)(b.Conversion(t.Context(), tenant, "XX", began)), escalation.Conversion{Sent: 40, Verified: 10})
	for i := range 5 {
		sendSMS(t, b, fmt.Sprint("late", i), began)
	}
	equal(t, "later", mustGet[escalation.Conversion](t)(b.Conversion(t.Context(), tenant, "XX", began)), escalation.Conversion{Sent: 40, Verified: 10})
	equal(t, "elsewhere", mustGet[escalation.Conversion](t)(b.Conversion(t.Context(), tenant, "YY", began)), escalation.Conversion{})
}
