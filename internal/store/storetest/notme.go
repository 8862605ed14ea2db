package storetest

import (
	"context"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/limit"
)

// ReportStore is what the suite asks for reports.
type ReportStore interface {
	ReportCode(ctx context.Context, r code.Report) (done bool, err error)
}

var reportTests = map[string]func(*testing.T, Backend){
	"report/seed 41: it voids the code and ends the flow":              reportEnds,
	"report/seed 41: the network that asked gets no code for an hour":  reportPauses,
	"report/seed 41: the account's own limits and block stay":          reportSparesTheAccount,
	"report/seed 41: of 16 at once one counts":                         reportRace,
	"report/an earlier code of the flow ends the later one too":        reportOfAnEarlierCode,
	"report/another tenant's or an unknown challenge changes nothing":  reportElsewhere,
	"report/a pause that is longer already is not shortened":           reportKeepsALongerPause,
	"report/a code that was accepted: the flow cannot go on from it":   reportAfterProof,
	"report/section 6: a challenge of another epoch is none":           reportOfAnEpoch,
	"report/an unknown network is nobody's: nothing but the code ends": reportWithoutNetwork,
}

const asking = "198.51.100.0/24"

var networkRate = limit.Rate{Count: 60, Per: time.Hour, Burst: 20}

// report says of a challenge that nobody asked for it.
func report(challengeID string, now time.Time) code.Report {
	return code.Report{
		Kind: code.NotMe, Tenant: tenant, ChallengeID: challengeID, Now: now,
		Network: func(string) limit.Rate { return networkRate },
	}
}

// issueFrom asks for a code from a network.
func (p *person) issueFrom(network string, now time.Time) code.Issue {
	issue := p.issue(now)
	issue.Network = network
	issue.Limits = take(
		code.Limit{Subject: "account", ID: p.flow.Account, Rate: networkRate},
		code.Limit{Subject: "network", ID: network, Rate: networkRate},
	)
	return issue
}

func (p *person) report(challengeID string, now time.Time) bool {
	p.t.Helper()
	return mustGet[bool](p.t)(p.ReportCode(p.t.Context(), report(challengeID, now)))
}

func audited(t *testing.T, b Backend) int {
	t.Helper()
	return count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'NotMe'`)
}

func reportEnds(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issueFrom(asking, Start))
	later := Start.Add(time.Second)
	equal(t, "done", p.report(c.ID, later), true)
	wantErr(t, p.right(c, later), rules.ErrGone)
	_, err := b.IssueChallenge(t.Context(), p.issueFrom("203.0.113.0/24", later.Add(time.Minute)))
	wantErr(t, err, rules.ErrNoFlow)
	equal(t, "done again", p.report(c.ID, later), false)
	equal(t, "in the audit", audited(t, b), 1)
}

func reportPauses(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	later := Start.Add(time.Minute)
	p.report(p.mustIssue(p.issueFrom(asking, Start)).ID, later)
	next := newFlow(p, "next", later)
	_, err := b.IssueChallenge(t.Context(), next.issueFrom(asking, later))
	wantLimit(t, err, "network", code.ReportPause)
	end := later.Add(code.ReportPause)
	last := newFlow(p, "last", end.Add(-time.Minute))
	_, err = b.IssueChallenge(t.Context(), last.issueFrom(asking, end.Add(-time.Millisecond)))
	wantLimit(t, err, "network", time.Millisecond)
	last.mustIssue(last.issueFrom(asking, end))
}

func reportSparesTheAccount(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issueFrom(asking, Start))
	before := mustGet[block.Record](t)(b.Block(t.Context(), p.key))
	rows := count(t, b.DB, `SELECT COUNT(*) FROM limits`)
	p.report(c.ID, Start)
	equal(t, "block", mustGet[block.Record](t)(b.Block(t.Context(), p.key)), before)
	equal(t, "limits", count(t, b.DB, `SELECT COUNT(*) FROM limits`), rows)
	equal(t, "wrong codes", count(t, b.DB, `SELECT COUNT(*) FROM wrong_codes`), 0)
	equal(t, "failures", count(t, b.DB, `SELECT COUNT(*) FROM contacts WHERE failures > 0`), 0)
	own := newFlow(p, "own", Start)
	must(t, own.right(own.mustIssue(own.issueFrom("203.0.113.0/24", Start)), Start))
}

func reportRace(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issueFrom(asking, Start))
	won := race(func(int) bool {
		done, err := b.ReportCode(t.Context(), report(c.ID, Start))
		if err != nil {
			t.Error(err)
		}
		return done
	})
	equal(t, "reports that counted", won, 1)
	equal(t, "in the audit", audited(t, b), 1)
}

func reportOfAnEarlierCode(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	first := p.mustIssue(p.issueFrom(asking, Start))
	later := Start.Add(2 * time.Minute)
	second := p.mustIssue(p.issueFrom(asking, later))
	equal(t, "done", p.report(first.ID, later), true)
	wantErr(t, p.right(second, later), rules.ErrGone)
}

func reportElsewhere(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issueFrom(asking, Start))
	foreign := report(c.ID, Start)
	foreign.Tenant = "elsewhere"
	equal(t, "of another tenant", mustGet[bool](t)(b.ReportCode(t.Context(), foreign)), false)
	equal(t, "unknown", p.report("nobody's", Start), false)
	must(t, p.right(c, Start))
	equal(t, "in the audit", audited(t, b), 0)
}

func reportKeepsALongerPause(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issueFrom(asking, Start))
	_, err := b.DB.ExecContext(t.Context(), `UPDATE limits SET tat = $1 WHERE subject = 'network'`, Start.Add(48*time.Hour).UnixMilli())
	must(t, err)
	p.report(c.ID, Start)
	equal(t, "kept", count(t, b.DB, `SELECT COUNT(*) FROM limits WHERE subject = 'network' AND tat = $1`, Start.Add(48*time.Hour).UnixMilli()), 1)
}

func reportAfterProof(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issueFrom(asking, Start))
	must(t, p.right(c, Start))
	equal(t, "done", p.report(c.ID, Start), true)
	_, err := p.release(Start)
	wantErr(t, err, rules.ErrOrder)
}

func reportOfAnEpoch(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issueFrom(asking, Start))
	_, err := b.DB.ExecContext(t.Context(), `UPDATE meta SET value = 2 WHERE name = 'epoch'`)
	must(t, err)
	equal(t, "done", p.report(c.ID, Start), false)
}

func reportWithoutNetwork(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	equal(t, "done", p.report(c.ID, Start), true)
	wantErr(t, p.right(c, Start), rules.ErrGone)
	equal(t, "limits", count(t, b.DB, `SELECT COUNT(*) FROM limits`), 0)
}
