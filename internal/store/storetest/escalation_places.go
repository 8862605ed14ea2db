package storetest

import (
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// What strangers and codes come to for a network and for a country.

const hostile = "203.0.113.0/24"

func wrongPassword(account string) escalation.Failure {
	return failureOf(account, func(f *escalation.Failure) { f.Method, f.PastFirst, f.Network = "Password", false, hostile })
}

func escalateNetwork(t *testing.T, b Backend) {
	anna := block.DeviceOf(tenant, "anna", "phone")
	must(t, b.Welcome(t.Context(), nil, signsIn("anna", hostile, anna)))
	for i := range 100 {
		got := fail(t, b, 3, wrongPassword(fmt.Sprint("victim-", i)))
		var want []escalation.Result
		if i == 19 {
			want = blocked(block.CompromisedTraffic, block.Network)
		}
		equal(t, fmt.Sprint("account ", i+1), got, want)
	}
	made := own(t, b, Start)
	if len(made) != 1 || made[0].Spec.Value != hostile || made[0].Spec.Account != "" || !made[0].Spares(anna) {
		t.Errorf("blocks %+v", made)
	}
	equal(t, "rows of accounts", count(t, b.DB, `SELECT COUNT(*) FROM failures`), 0)
	equal(t, "rows of the network", count(t, b.DB, `SELECT COUNT(*) FROM crowds`), 1)
}

func escalateWelcome(t *testing.T, b Backend) {
	for i := range 60 {
		who := fmt.Sprint("colleague-", i)
		equal(t, who, fail(t, b, 2, wrongPassword(who)), nil)
		must(t, b.Welcome(t.Context(), nil, signsIn(who, hostile, block.Device{})))
	}
	equal(t, "blocks", own(t, b, Start), nil)
}

// sendSMS issues a code to an account's number and notes its country.
func sendSMS(t *testing.T, b Backend, account string, now time.Time) (*person, []escalation.Result) {
	t.Helper()
	p := newPerson(t, b, account)
	p.flow.Expires = Start.Add(100 * time.Hour)
	_, err := b.DB.ExecContext(t.Context(), `UPDATE flows SET expires_at = $2 WHERE id = $1`, p.flow.ID, p.flow.Expires.UnixMilli())
	must(t, err)
	issue := p.issue(now)
	issue.Challenge.Channel, issue.Limits = contact.SMS, nil
	c := p.mustIssue(issue)
	results, err := b.CodeSent(t.Context(), escalation.Sent{
		Tenant: tenant, Account: account, ChallengeID: c.ID, Flow: p.flow.ID, Country: "XX", Policy: policy.Default(), Now: now,
	})
	must(t, err)
	return p, results
}

func escalateRegion(t *testing.T, b Backend) {
	wave := func(name string, at time.Time, verified int) (results []escalation.Result) {
		for i := range 40 {
			p, got := sendSMS(t, b, fmt.Sprint(name, i), at)
			results = append(results, got...)
			if i < verified {
				c := mustCurrent(t, p)
				must(t, p.right(c, at))
			}
		}
		return results
	}
	equal(t, "codes that people verify", wave("a", Start, 10), nil)
	equal(t, "half an hour later", wave("b", Start.Add(30*time.Minute), 0), nil)
	equal(t, "two hours later: 10 of 80 were verified", wave("c", Start.Add(2*time.Hour), 0), nil)
	got := wave("d", Start.Add(4*time.Hour), 0)
	equal(t, "when only the unverified ones are left", got, blocked(block.CompromisedTraffic, block.Region))
	made := own(t, b, Start.Add(4*time.Hour))
	if len(made) != 1 || made[0].Spec.Value != "XX" || made[0].Spec.Duration != escalation.RegionSlow {
		t.Errorf("blocks %+v", made)
	}
	equal(t, "it has lifted by itself", own(t, b, Start.Add(5*time.Hour)), nil)
}

func escalateCountry(t *testing.T, b Backend) {
	p, _ := sendSMS(t, b, account, Start)
	equal(t, "country", mustGet[string](t)(b.CodeCountry(t.Context(), p.flow.ID)), "XX")
	equal(t, "country of a flow without codes", mustGet[string](t)(b.CodeCountry(t.Context(), "other")), "")
	_, err := b.CodeSent(t.Context(), escalation.Sent{Tenant: tenant, Account: account, ChallengeID: "again", Flow: p.flow.ID, Policy: policy.Default(), Now: Start})
	must(t, err)
	_, err = b.CodeSent(t.Context(), escalation.Sent{Tenant: tenant, Account: account, ChallengeID: "mail", Flow: "other", Policy: policy.Default(), Now: Start})
	must(t, err)
	equal(t, "codes to XX", count(t, b.DB, `SELECT COUNT(*) FROM code_countries WHERE country = 'XX'`), 2)
	equal(t, "codes", count(t, b.DB, `SELECT COUNT(*) FROM code_countries`), 2)
}

func mustCurrent(t *testing.T, p *person) code.Challenge {
	t.Helper()
	c, _, err := p.CurrentChallenge(t.Context(), p.flow.ID)
	must(t, err)
	return c
}
