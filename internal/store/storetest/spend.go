package storetest

import (
	"context"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/limit"
)

// SpendStore is what the suite asks of spend caps.
type SpendStore interface {
	Spend(ctx context.Context, tenant string, caps []code.Limit, now time.Time) (over bool, err error)
}

var spendTests = map[string]func(*testing.T, Backend){
	"spend/T6: what is sent counts in the cap that codes ask":                 spendCounts,
	"spend/law 8: over the cap it is counted and not refused, codes wait":     spendNeverRefuses,
	"spend/T6: of 16 at once each counts, and another tenant's cap stays":     spendRace,
	"spend/T6: a country's own cap stops its codes alone":                     spendOfACountry,
	"spend/retention: a cap that is paid is forgotten":                        spendPruned,
	"spend/what codes have taken before is counted on from, not begun afresh": spendAfterCodes,
}

// capped are a policy's caps as a text to a country takes from them: five texts in any
// hour, one of them at once.
func capped(country string) []code.Limit {
	return []code.Limit{
		{Subject: "spend-country", ID: "policy/" + country, Rate: limit.Cap(1, time.Hour)},
		{Subject: "spend", ID: "policy", Rate: limit.Cap(5, time.Hour)},
	}
}

func spend(t *testing.T, b SpendStore, caps []code.Limit, now time.Time) (over bool) {
	t.Helper()
	return mustGet[bool](t)(b.Spend(t.Context(), tenant, caps, now))
}

// capping asks for a code that takes from caps.
func (p *person) capping(caps []code.Limit, now time.Time) error {
	p.t.Helper()
	issue := newFlow(p, caps[0].ID+" at "+now.String(), now).issue(now)
	issue.Limits = take(caps...)
	_, err := p.IssueChallenge(p.t.Context(), issue)
	return err
}

func spendCounts(t *testing.T, b Backend) {
	p := newPersonOf(t, b, account, email("c1", Address))
	equal(t, "over", spend(t, b, capped("DE")[1:], Start), false)
	wantLimit(t, p.capping(capped("DE")[1:], Start), "spend", 12*time.Minute)
	must(t, p.capping(capped("DE")[1:], Start.Add(12*time.Minute)))
}

func spendNeverRefuses(t *testing.T, b Backend) {
	p := newPersonOf(t, b, account, email("c1", Address))
	whole := capped("DE")[1:]
	over := 0
	for range 30 {
		if spend(t, b, whole, Start) {
			over++
		}
	}
	equal(t, "over the cap", over, 29)
	wantLimit(t, p.capping(whole, Start), "spend", time.Hour)
	must(t, p.capping(whole, Start.Add(time.Hour))) // all of it is more than an hour past
}

func spendRace(t *testing.T, b Backend) {
	p := newPersonOf(t, b, account, email("c1", Address))
	wide := []code.Limit{{Subject: "spend", ID: "policy", Rate: limit.Rate{Count: 60, Per: time.Hour, Burst: 1}}}
	race(func(int) bool {
		_, err := b.Spend(t.Context(), tenant, wide, Start)
		if err != nil {
			t.Error(err)
		}
		return true
	})
	wantLimit(t, p.capping(wide, Start), "spend", 16*time.Minute)
	equal(t, "over, elsewhere", mustGet[bool](t)(b.Spend(t.Context(), "elsewhere", wide, Start)), false)
}

func spendOfACountry(t *testing.T, b Backend) {
	p := newPersonOf(t, b, account, email("c1", Address))
	spend(t, b, capped("DE"), Start)
	later := Start.Add(12 * time.Minute)
	wantLimit(t, p.capping(capped("DE"), later), "spend-country", 48*time.Minute)
	must(t, p.capping(capped("PL"), later))
}

func spendPruned(t *testing.T, b Backend) {
	spend(t, b, capped("DE"), Start)
	_, err := b.Prune(t.Context(), Start.Add(2*time.Hour), Start)
	must(t, err)
	equal(t, "rows", count(t, b.DB, `SELECT COUNT(*) FROM limits`), 0)
}

func spendAfterCodes(t *testing.T, b Backend) {
	p := newPersonOf(t, b, account, email("c1", Address))
	whole := capped("DE")[1:]
	must(t, p.capping(whole, Start))
	equal(t, "over", spend(t, b, whole, Start.Add(time.Minute)), true)
	wantLimit(t, p.capping(whole, Start.Add(2*time.Minute)), "spend", 22*time.Minute)
}
