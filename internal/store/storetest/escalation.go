package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// EscalationStore is what the suite asks of counters and of what they come to.
type EscalationStore interface {
	Fail(ctx context.Context, signal *fact.Signal, f escalation.Failure) ([]escalation.Result, error)
	Welcome(ctx context.Context, signal *fact.Signal, w escalation.Welcome) error
	CodeSent(ctx context.Context, sent escalation.Sent) ([]escalation.Result, error)
	CodeCountry(ctx context.Context, flowID string) (string, error)
	OwnBlocks(ctx context.Context, now time.Time) ([]block.Key, error)
}

var escalationTests = map[string]func(*testing.T, Backend){
	"escalation/seed 28, 47: a method first, then the account":      escalateMethodFirst,
	"escalation/the record is in the feed before any object":        escalateTells,
	"escalation/replicas at once make one block":                    escalateOnce,
	"escalation/failures at once all count":                         escalateCountsAll,
	"escalation/failures of two windows are not added":              escalateWindows,
	"escalation/odd methods count together":                         escalateOddMethods,
	"escalation/what lay before a release counts no more":           escalateAfterRelease,
	"escalation/seed 15: permanent where the policy says so":        escalatePermanent,
	"escalation/O1: a known device counts for nothing":              escalateKnownDevice,
	"escalation/O1: the block spares the devices known before it":   escalateSpares,
	"escalation/law 5: many accounts make one block of the network": escalateNetwork,
	"escalation/O1: sign-ins take an account out of the crowd":      escalateWelcome,
	"escalation/law 5: the budget bounds what becomes an object":    escalateBudget,
	"escalation/mode Shadow notes and blocks nothing":               escalateShadow,
	"escalation/seed 16: a country whose codes nobody verifies":     escalateRegion,
	"escalation/a resend takes the country of the flow's last code": escalateCountry,
	"escalation/old counters go":                                    escalatePrune,
}

func failureOf(account string, edits ...func(*escalation.Failure)) escalation.Failure {
	f := escalation.Failure{Tenant: tenant, Account: account, Method: "SMS", PastFirst: true, Policy: policy.Default(), Now: Start}
	for _, edit := range edits {
		edit(&f)
	}
	return f
}

func escalateCountsAll(t *testing.T, b Backend) {
	f := failureOf(account, func(f *escalation.Failure) {
		f.Policy.Escalation.MethodAfter, f.Policy.Escalation.AccountAfter = 1000, 1000
	})
	passed := race(func(int) bool { _, err := b.Fail(t.Context(), nil, f); return err == nil })
	equal(t, "failures counted", count(t, b.DB, `SELECT SUM(failed) FROM failures`), passed)
	equal(t, "failures that happened", passed, 16)
}

// fail lets a failure happen n times and returns what they came to.
func fail(t *testing.T, b Backend, n int, f escalation.Failure) (results []escalation.Result) {
	t.Helper()
	for range n {
		results = append(results, mustGet[[]escalation.Result](t)(b.Fail(t.Context(), nil, f))...)
	}
	return results
}

func own(t *testing.T, b Backend, now time.Time) []block.Record {
	t.Helper()
	var records []block.Record
	for _, key := range mustGet[[]block.Key](t)(b.OwnBlocks(t.Context(), now)) {
		records = append(records, mustGet[block.Record](t)(b.Block(t.Context(), key)))
	}
	return records
}

func blocked(reason block.Reason, scope block.Scope) []escalation.Result {
	return []escalation.Result{{Reason: reason, Scope: scope, Outcome: escalation.Blocked}}
}

func escalateMethodFirst(t *testing.T, b Backend) {
	equal(t, "after 9 failures", fail(t, b, 9, failureOf(account)), nil)
	equal(t, "the 10th", fail(t, b, 1, failureOf(account)), blocked(block.HighRequestVolume, block.Method))
	equal(t, "up to the 19th", fail(t, b, 9, failureOf(account)), nil)
	voice := failureOf(account, func(f *escalation.Failure) { f.Method = "Voice" })
	equal(t, "the 20th, by another method", fail(t, b, 1, voice), blocked(block.HighRequestVolume, block.Account))
	equal(t, "from then on", fail(t, b, 30, failureOf(account)), nil)
	want := block.Spec{
		Account: account, Reason: block.HighRequestVolume, Scope: block.Method, Value: "SMS", Start: Start, Duration: 24 * time.Hour,
		Steps: []block.Step{block.VerifyCode, block.ChangePassword}, CodeTo: block.SecurityInfo,
	}
	method := mustGet[block.Record](t)(b.Block(t.Context(), block.Key{Tenant: tenant, Name: block.OwnName(want)}))
	equal(t, "block of the method", method.Spec, want)
	if n := len(own(t, b, Start)); n != 2 {
		t.Errorf("%d blocks, want 2", n)
	}
}

func escalateTells(t *testing.T, b Backend) {
	f := follow(t, b.Store, Start)
	f.wantReplay(t)
	fail(t, b, 10, failureOf(account))
	made := own(t, b, Start)
	f.wantNext(t, fact.Fact{Block: &made[0]})
	if made[0].UID != "" || !made[0].Key.Own() || !made[0].Enforced(Start) {
		t.Errorf("record %+v", made[0])
	}
	equal(t, "audited", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'BlockEscalated' AND account = $1`, account), 1)
}

func escalateOnce(t *testing.T, b Backend) {
	var group sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 8 {
		group.Go(func() {
			for range 5 {
				results, err := b.Fail(context.Background(), nil, failureOf(account, func(f *escalation.Failure) { f.Policy.Escalation.AccountAfter = 1000 }))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				made += len(results)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if n := len(own(t, b, Start)); made != 1 || n != 1 {
		t.Errorf("made %d times, %d blocks", made, n)
	}
}

func escalateWindows(t *testing.T, b Backend) {
	fail(t, b, 9, failureOf(account))
	later := failureOf(account, func(f *escalation.Failure) { f.Now = Start.Add(24 * time.Hour) })
	equal(t, "in the next window", fail(t, b, 9, later), nil)
	equal(t, "its 10th", fail(t, b, 1, later), blocked(block.HighRequestVolume, block.Method))
}

func escalateOddMethods(t *testing.T, b Backend) {
	for i := range 19 {
		fail(t, b, 1, failureOf(account, func(f *escalation.Failure) { f.Method = fmt.Sprint("m", i) }))
	}
	if n := count(t, b.DB, `SELECT COUNT(*) FROM failures`); n > escalation.MaxMethods+1 {
		t.Errorf("%d rows for one account", n)
	}
	odd := failureOf(account, func(f *escalation.Failure) { f.Method = "no method's name" })
	equal(t, "the 20th", fail(t, b, 1, odd), blocked(block.HighRequestVolume, block.Account))
}

func escalateAfterRelease(t *testing.T, b Backend) {
	fail(t, b, 10, failureOf(account))
	r := own(t, b, Start)[0]
	at := Start.Add(time.Hour)
	mustGet[block.Record](t)(b.EndBlock(t.Context(), r.Key, "uid", r.Spec, block.End{State: block.Revoked, At: at}, true))
	after := failureOf(account, func(f *escalation.Failure) { f.Now = at.Add(time.Minute) })
	equal(t, "at once after it was lifted", fail(t, b, 9, after), nil)
	equal(t, "ten more", fail(t, b, 1, after), blocked(block.HighRequestVolume, block.Method))
}

func escalatePermanent(t *testing.T, b Backend) {
	for i, permanent := range []bool{false, true} {
		at := Start.Add(time.Duration(i) * 48 * time.Hour)
		fail(t, b, 10, failureOf(account, func(f *escalation.Failure) {
			f.Now, f.Policy.Blocks[block.HighRequestVolume] = at, policy.Block{Duration: time.Hour, PermanentAfter: 2}
		}))
		if made := own(t, b, at); len(made) != 1 || made[0].Spec.Permanent != permanent {
			t.Errorf("block %d: %+v", i, made)
		}
	}
}

var laptop = block.DeviceOf(tenant, account, "laptop")

func signsIn(account, network string, device block.Device) escalation.Welcome {
	return escalation.Welcome{Tenant: tenant, Account: account, Network: network, Device: device, Now: Start}
}

func escalateKnownDevice(t *testing.T, b Backend) {
	must(t, b.Welcome(t.Context(), nil, signsIn(account, "", laptop)))
	from := func(d block.Device, ago time.Duration) escalation.Failure {
		return failureOf(account, func(f *escalation.Failure) { f.Device, f.Network, f.Now = d, "203.0.113.0/24", Start.Add(ago) })
	}
	equal(t, "from the known device", fail(t, b, 30, from(laptop, 0)), nil)
	equal(t, "rows", count(t, b.DB, `SELECT (SELECT COUNT(*) FROM failures) + (SELECT COUNT(*) FROM crowds)`), 0)
	equal(t, "from another", fail(t, b, 10, from(block.DeviceOf(tenant, account, "x"), 0)), blocked(block.HighRequestVolume, block.Method))
	fail(t, b, 1, from(laptop, escalation.DeviceLife))
	equal(t, "counted once it is forgotten", count(t, b.DB, `SELECT COUNT(*) FROM failures WHERE start_at > $1`, Start.UnixMilli()), 1)
}

func escalateSpares(t *testing.T, b Backend) {
	for i := range escalation.MaxDevices + 3 {
		w := signsIn(account, "", block.DeviceOf(tenant, account, fmt.Sprint("old-", i)))
		w.Now = Start.Add(time.Duration(i-100) * time.Hour)
		must(t, b.Welcome(t.Context(), nil, w))
	}
	must(t, b.Welcome(t.Context(), nil, signsIn(account, "", laptop)))
	must(t, b.Welcome(t.Context(), nil, signsIn(account, "", laptop)))
	fail(t, b, 10, failureOf(account))
	must(t, b.Welcome(t.Context(), nil, signsIn(account, "", block.DeviceOf(tenant, account, "later"))))
	r := own(t, b, Start)[0]
	if len(r.Spared) != escalation.MaxDevices || !r.Spares(laptop) || r.Spares(block.DeviceOf(tenant, account, "old-0")) || r.Spares(block.DeviceOf(tenant, account, "later")) {
		t.Errorf("spared: %d devices, the laptop: %v", len(r.Spared), r.Spares(laptop))
	}
}

func escalateBudget(t *testing.T, b Backend) {
	tight := func(now time.Time) func(*escalation.Failure) {
		return func(f *escalation.Failure) { f.Policy.Escalation.ObjectBudget, f.Now = 20, now }
	}
	over := escalation.Result{Reason: block.HighRequestVolume, Scope: block.Method, Outcome: escalation.OverBudget}
	for i := range 40 {
		want := blocked(block.HighRequestVolume, block.Method)
		if i >= 18 {
			want = slices.Repeat([]escalation.Result{over}, 6) // a tenth is left to networks and regions
		}
		equal(t, fmt.Sprint("account ", i+1), fail(t, b, 15, failureOf(fmt.Sprint("a", i), tight(Start))), want)
	}
	for i := range 25 {
		fail(t, b, 1, failureOf(fmt.Sprint("v", i), tight(Start), func(f *escalation.Failure) { f.PastFirst, f.Network = false, hostile }))
	}
	if made := own(t, b, Start); len(made) != 19 {
		t.Errorf("%d blocks, want 18 of accounts and one of the network", len(made))
	}
	equal(t, "audited once a minute", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'BlockOverBudget'`), 1)
	other := failureOf("a1", tight(Start), func(f *escalation.Failure) { f.Tenant = "bank" })
	equal(t, "another tenant", fail(t, b, 10, other), blocked(block.HighRequestVolume, block.Method))
	tomorrow := Start.Add(25 * time.Hour)
	equal(t, "when the blocks have ended", fail(t, b, 10, failureOf("new", tight(tomorrow))), blocked(block.HighRequestVolume, block.Method))
}

func escalateShadow(t *testing.T, b Backend) {
	shadow := func(f *escalation.Failure) { f.Policy.Mode = policy.Shadow }
	want := []escalation.Result{{Reason: block.HighRequestVolume, Scope: block.Method, Outcome: escalation.Shadowed}}
	equal(t, "19 failures", fail(t, b, 19, failureOf(account, shadow)), want)
	want[0].Scope = block.Account
	equal(t, "30 more", fail(t, b, 30, failureOf(account, shadow)), want)
	equal(t, "blocks", count(t, b.DB, `SELECT (SELECT COUNT(*) FROM blocks) + (SELECT COUNT(*) FROM facts)`), 0)
	equal(t, "audited", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'BlockShadowed' AND account = $1`, account), 2)
}

func escalatePrune(t *testing.T, b Backend) {
	fail(t, b, 1, wrongPassword(account))
	fail(t, b, 1, failureOf(account))
	must(t, b.Welcome(t.Context(), nil, signsIn(account, "", laptop)))
	sendSMS(t, b, "other", Start)
	rows := `SELECT (SELECT COUNT(*) FROM failures WHERE failed > 0) + (SELECT COUNT(*) FROM crowds) + (SELECT COUNT(*) FROM devices) + (SELECT COUNT(*) FROM code_countries)`
	equal(t, "rows", count(t, b.DB, rows), 4)
	mustGet[int64](t)(b.Prune(t.Context(), Start.Add(24*time.Hour-time.Second), Start))
	equal(t, "rows within a day", count(t, b.DB, rows), 4)
	mustGet[int64](t)(b.Prune(t.Context(), Start.Add(24*time.Hour), Start))
	equal(t, "rows after a day", count(t, b.DB, rows), 2)
	mustGet[int64](t)(b.Prune(t.Context(), Start.Add(escalation.DeviceLife), Start.Add(time.Hour)))
	equal(t, "rows after 90 days", count(t, b.DB, rows), 0)
	equal(t, "failures", count(t, b.DB, `SELECT COUNT(*) FROM failures`), 0)
}
