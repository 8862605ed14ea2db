package storetest

import (
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/session"
)

var issueTests = map[string]func(*testing.T, Backend){
	"issue/challenge and message":                                     issued,
	"issue/seed 6: a resend waits, and waits longer each time":        resendWaits,
	"issue/law 3: a resend adds no guesses":                           resendAddsNoGuesses,
	"issue/law 3: a spent challenge is not renewed":                   spentNotRenewed,
	"issue/seed 6: a number is repeated from the store":               repeatedNumber,
	"issue/seed 15: a limit refuses and nothing is committed":         limitRefuses,
	"issue/seed 15: refusals are audited once a minute":               refusalsAudited,
	"issue/law 3: refused when the account's wrong codes are used up": issueWithoutBudget,
	"issue/a number serves 3 accounts in 720h":                        enteredNumber,
	"issue/a number serves 3 accounts though codes were under way":    enteredNumberRace,
	"issue/only in a live flow that has proved nothing":               issueNeedsFlow,
}

func issued(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	drain(b)
	issue := p.issue(Start)
	c := p.mustIssue(issue)
	want := issue.Challenge
	want.Sends, want.ResendAfter, want.CodeKey = 1, Start.Add(time.Minute), mustGet[*Sealer](t)(NewSealer(formerKey)).CodeKey()
	equal(t, "as returned", c, want)

	for name, read := range map[string]func() (code.Challenge, message.Delivery, error){
		"by ID":   func() (code.Challenge, message.Delivery, error) { return b.Challenge(t.Context(), c.ID, p.flow.ID) },
		"current": func() (code.Challenge, message.Delivery, error) { return b.CurrentChallenge(t.Context(), p.flow.ID) },
	} {
		got, delivery, err := read()
		must(t, err)
		equal(t, name, got, want)
		equal(t, name+": delivery", delivery, message.Delivery{State: message.Waiting})
	}
	_, _, err := b.Challenge(t.Context(), c.ID, "another-flow")
	wantErr(t, err, rules.ErrNotFound)
	_, _, err = b.CurrentChallenge(t.Context(), "another-flow")
	wantErr(t, err, rules.ErrNotFound)
	equal(t, "audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'CodeIssued' AND object = $1`, c.ID), 1)
	select {
	case <-b.Wake():
	default:
		t.Fatal("the courier was not woken")
	}
}

func resendWaits(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	first := p.mustIssue(p.issue(Start))
	_, err := p.IssueChallenge(t.Context(), p.issue(Start.Add(20*time.Second)))
	wantLimit(t, err, "resend", 40*time.Second)
	got, _, err := p.CurrentChallenge(t.Context(), p.flow.ID)
	must(t, err)
	equal(t, "a refused resend leaves the challenge", got, first)

	second := p.mustIssue(p.issue(Start.Add(time.Minute)))
	equal(t, "wait after two", second.ResendAfter, Start.Add(3*time.Minute))
	_, err = p.IssueChallenge(t.Context(), p.issue(Start.Add(2*time.Minute)))
	wantLimit(t, err, "resend", time.Minute)
	got, _, err = p.Challenge(t.Context(), first.ID, p.flow.ID)
	must(t, err)
	equal(t, "the first was replaced", got.Superseded, Start.Add(time.Minute))
	wantErr(t, p.wrong(first, Start.Add(time.Minute)), rules.ErrGone)
}

func resendAddsNoGuesses(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	for range 3 {
		must(t, p.wrong(c, Start))
	}
	c = p.mustIssue(p.issue(Start.Add(time.Minute)))
	equal(t, "attempts carried over", c.Attempts, 3)
	for range 2 {
		must(t, p.wrong(c, Start.Add(time.Minute)))
	}
	wantErr(t, p.wrong(c, Start.Add(time.Minute)), rules.ErrSpent)
}

func spentNotRenewed(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	for range 5 {
		must(t, p.wrong(c, Start))
	}
	_, err := p.IssueChallenge(t.Context(), p.issue(Start.Add(time.Hour/5)))
	wantErr(t, err, rules.ErrSpent)
	equal(t, "messages", count(t, b.DB, `SELECT COUNT(*) FROM outbox`), 1)
}

func repeatedNumber(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	repeat := p.entered(Start)
	repeat.Address, repeat.Challenge.Destination, repeat.Challenge.Hint = "", "", ""
	_, err := p.IssueChallenge(t.Context(), repeat)
	wantErr(t, err, rules.ErrDestination)

	first := p.entered(Start)
	first.Limits = byContact(hourly)
	must(t, b.MarkSent(t.Context(), "message-"+p.mustIssue(first).ID, Start))
	at := Start.Add(time.Minute)
	repeat.Now, repeat.Limits = at, byContact(hourly)
	c := p.mustIssue(repeat)
	equal(t, "destination", c.Destination, first.Challenge.Destination)
	equal(t, "hint", c.Hint, first.Challenge.Hint)
	leased := mustGet[[]message.Message](t)(b.Lease(t.Context(), 10, at, at.Add(time.Minute)))
	equal(t, "messages", len(leased), 1)
	equal(t, "address", leased[0].Address, Number)

	third := p.entered(Start.Add(5 * time.Minute))
	third.Limits = byContact(hourly)
	_, err = p.IssueChallenge(t.Context(), third)
	wantLimit(t, err, "contact", 55*time.Minute)
}

func limitRefuses(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	limits := []code.Limit{
		{Subject: "account", ID: account, Rate: hourly},
		{Subject: "network", ID: "192.0.2.0/24", Rate: hourly},
	}
	for i := range 2 {
		issue := p.issue(Start.Add(time.Duration(i) * time.Minute))
		issue.Limits = take(limits[0])
		p.mustIssue(issue)
	}
	current, _, err := p.CurrentChallenge(t.Context(), p.flow.ID)
	must(t, err)
	refused := p.issue(Start.Add(10 * time.Minute))
	refused.Limits = take(limits[1], limits[0])
	_, err = p.IssueChallenge(t.Context(), refused)
	wantLimit(t, err, "account", 50*time.Minute)

	got, _, err := p.CurrentChallenge(t.Context(), p.flow.ID)
	must(t, err)
	equal(t, "current challenge", got, current)
	equal(t, "messages", count(t, b.DB, `SELECT COUNT(*) FROM outbox`), 2)
	equal(t, "network limit taken", count(t, b.DB, `SELECT COUNT(*) FROM limits WHERE subject = 'network'`), 0)
	refused.Now = Start.Add(time.Hour)
	refused.Challenge.Expires = Start.Add(70 * time.Minute)
	_, err = p.IssueChallenge(t.Context(), refused)
	wantErr(t, err, rules.ErrNoFlow)
}

func refusalsAudited(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	p.mustIssue(p.issue(Start))
	refusals := func() int { return count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'CodeRefused'`) }
	for range 3 {
		_, err := p.IssueChallenge(t.Context(), p.issue(Start.Add(time.Second)))
		wantLimit(t, err, "resend", 59*time.Second)
	}
	equal(t, "refusals", refusals(), 1)
	p.mustIssue(p.issue(Start.Add(time.Minute)))
	_, err := p.IssueChallenge(t.Context(), p.issue(Start.Add(62*time.Second)))
	wantLimit(t, err, "resend", 118*time.Second)
	equal(t, "refusals a minute later", refusals(), 2)
}

func issueWithoutBudget(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	must(t, p.wrong(c, Start))
	must(t, p.wrong(c, Start))
	next := p.issue(Start.Add(2 * time.Minute))
	next.MaxWrongPerDay = 2
	_, err := p.IssueChallenge(t.Context(), next)
	wantLimit(t, err, "account", 24*time.Hour-2*time.Minute)
	equal(t, "messages", count(t, b.DB, `SELECT COUNT(*) FROM outbox`), 1)
}

func enteredNumber(t *testing.T, b Backend) {
	for i := range 3 {
		p := newPerson(t, b, fmt.Sprint("user-", i))
		must(t, p.right(p.mustIssue(p.entered(Start)), Start.Add(time.Duration(i)*time.Second)))
	}
	p := newPerson(t, b, "user-3")
	at := Start.Add(time.Minute)
	_, err := p.IssueChallenge(t.Context(), p.entered(at))
	wantLimit(t, err, "number", 720*time.Hour-time.Minute)
	other := p.entered(at)
	other.Challenge.Destination = "hash-of-another-number"
	p.mustIssue(other)

	free := Start.Add(720 * time.Hour)
	later := newFlow(p, "later", free)
	later.mustIssue(later.entered(free))
}

func enteredNumberRace(t *testing.T, b Backend) {
	var people []*person
	var challenges []code.Challenge
	for i := range 5 {
		p := newPerson(t, b, fmt.Sprint("user-", i))
		people, challenges = append(people, p), append(challenges, p.mustIssue(p.entered(Start)))
	}
	for i, p := range people[:3] {
		must(t, p.right(challenges[i], Start))
	}
	err := people[3].right(challenges[3], Start)
	wantLimit(t, err, "number", 720*time.Hour)
	f := mustGet[session.Flow](t)(b.FlowBySecret(t.Context(), people[3].flow.Secret))
	equal(t, "stage", f.Stage, session.Opened)
}

func issueNeedsFlow(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	strange := p.issue(Start)
	strange.Challenge.Flow = "never-opened"
	_, err := p.IssueChallenge(t.Context(), strange)
	wantErr(t, err, rules.ErrNoFlow)
	_, err = p.IssueChallenge(t.Context(), p.issue(Start.Add(session.Life)))
	wantErr(t, err, rules.ErrNoFlow)
	must(t, p.right(p.mustIssue(p.issue(Start)), Start))
	_, err = p.IssueChallenge(t.Context(), p.issue(Start.Add(time.Minute)))
	wantErr(t, err, rules.ErrOrder)
}
