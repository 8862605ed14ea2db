package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

var attemptTests = map[string]func(*testing.T, Backend){
	"attempt/law 3: counted before any comparison":                  attemptCounted,
	"attempt/law 3: a race never exceeds the maximum":               attemptRace,
	"attempt/law 3: only the flow that opened it":                   attemptOfAnotherFlow,
	"attempt/law 3: gone at the instant of expiry":                  attemptExpired,
	"attempt/law 3: parallel challenges share the account's budget": parallelChallenges,
	"attempt/law 3: the account's budget holds under a race":        budgetRace,
	"attempt/law 3: the budget begins anew after a day":             budgetWindow,
	"attempt/law 1: attempts outlive a restart":                     attemptsAfterRestart,
	"attempt/section 6: a new epoch voids open codes":               newEpoch,
	"accept/law 3: single use of 16 at once":                        acceptRace,
	"accept/law 3: spent after acceptance, also after a restart":    acceptOnce,
	"accept/law 3: a replaced code is not accepted":                 acceptReplaced,
	"accept/flow, contact and block carry the proof":                accepted,
	"accept/the right attempt is given back":                        refunded,
	"accept/a block that has ended":                                 acceptOver,
	"accept/a removed contact proves nothing":                       acceptRemoved,
	"accept/a flow that has run out":                                acceptLate,
}

func attemptCounted(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	for want := 1; want <= 5; want++ {
		got := mustGet[code.Challenge](t)(b.CountAttempt(t.Context(), c.ID, p.flow.ID, code.Budget{PerDay: 10}, Start))
		equal(t, "attempts", got.Attempts, want)
	}
	wantErr(t, p.wrong(c, Start), rules.ErrSpent)
	got, _, err := b.Challenge(t.Context(), c.ID, p.flow.ID)
	must(t, err)
	equal(t, "attempts stored", got.Attempts, 5)
	equal(t, "audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'AttemptCounted'`), 5)
}

func attemptRace(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	passed := race(func(int) bool {
		err := p.wrong(c, Start)
		if err != nil && !errors.Is(err, rules.ErrSpent) {
			t.Error(err)
		}
		return err == nil
	})
	equal(t, "attempts that passed", passed, 5)
}

func attemptOfAnotherFlow(t *testing.T, b Backend) {
	p, thief := newPerson(t, b, account), newPerson(t, b, "thief")
	c := p.mustIssue(p.issue(Start))
	wantErr(t, thief.wrong(c, Start), rules.ErrNotFound)
	stolen := c
	stolen.Flow = thief.flow.ID
	wantErr(t, thief.accept(stolen, Start), rules.ErrGone)
	must(t, p.right(c, Start))
}

func attemptExpired(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	must(t, p.wrong(c, c.Expires.Add(-time.Millisecond)))
	wantErr(t, p.wrong(c, c.Expires), rules.ErrGone)
	wantErr(t, p.accept(c, c.Expires), rules.ErrGone)
}

func parallelChallenges(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	first := p.mustIssue(p.issue(Start))
	other := newFlow(p, "parallel", Start)
	second := other.mustIssue(other.issue(Start))
	for range 3 {
		_, err := p.CountAttempt(t.Context(), first.ID, p.flow.ID, code.Budget{PerDay: 4}, Start)
		must(t, err)
	}
	_, err := other.CountAttempt(t.Context(), second.ID, other.flow.ID, code.Budget{PerDay: 4}, Start)
	must(t, err)
	_, err = other.CountAttempt(t.Context(), second.ID, other.flow.ID, code.Budget{PerDay: 4}, Start.Add(time.Minute))
	wantLimit(t, err, "account", 24*time.Hour-time.Minute)
	got, _, err := b.Challenge(t.Context(), second.ID, other.flow.ID)
	must(t, err)
	equal(t, "a refused attempt counts nothing", got.Attempts, 1)
}

func budgetRace(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	var people []*person
	var challenges []code.Challenge
	for i := range 16 {
		other := newFlow(p, fmt.Sprint("parallel-", i), Start)
		people, challenges = append(people, other), append(challenges, other.mustIssue(other.issue(Start)))
	}
	passed := race(func(i int) bool { return people[i].wrong(challenges[i], Start) == nil })
	equal(t, "attempts that passed", passed, 10)
	counted := count(t, b.DB, `SELECT SUM(attempts) FROM challenges`)
	equal(t, "attempts counted", counted, 10)
}

func budgetWindow(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	first := p.mustIssue(p.issue(Start))
	_, err := p.CountAttempt(t.Context(), first.ID, p.flow.ID, code.Budget{PerDay: 1}, Start)
	must(t, err)
	tomorrow := Start.Add(24 * time.Hour)
	later := newFlow(p, "tomorrow", tomorrow)
	early := later.issue(tomorrow.Add(-time.Millisecond))
	early.MaxWrongPerDay = 1
	_, err = later.IssueChallenge(t.Context(), early)
	wantLimit(t, err, "account", time.Millisecond)
	c := later.mustIssue(later.issue(tomorrow))
	_, err = later.CountAttempt(t.Context(), c.ID, later.flow.ID, code.Budget{PerDay: 1}, tomorrow)
	must(t, err)
}

func attemptsAfterRestart(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	for range 5 {
		must(t, p.wrong(c, Start))
	}
	_, err := b.Reopen(t).CountAttempt(t.Context(), c.ID, p.flow.ID, code.Budget{PerDay: 10}, Start)
	wantErr(t, err, rules.ErrSpent)
}

func newEpoch(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	_, err := b.DB.ExecContext(t.Context(), `UPDATE meta SET value = 2 WHERE name = 'epoch'`)
	must(t, err)
	wantErr(t, p.wrong(c, Start), rules.ErrGone)
	wantErr(t, p.accept(c, Start), rules.ErrNoFlow)
	leased, err := b.Lease(t.Context(), 1, Start, Start.Add(time.Minute))
	must(t, err)
	equal(t, "voided codes to send", len(leased), 0)
	_, err = p.IssueChallenge(t.Context(), p.issue(Start.Add(time.Minute)))
	wantErr(t, err, rules.ErrNoFlow)
	later := newFlow(p, "later", Start)
	equal(t, "epoch", later.mustIssue(later.issue(Start.Add(time.Minute))).Epoch, 2)
}

func acceptRace(t *testing.T, b Backend) {
	for i := range 8 {
		p := newPerson(t, b, fmt.Sprint("user-", i))
		c := p.mustIssue(p.issue(Start))
		must(t, p.wrong(c, Start))
		accepted := race(func(int) bool {
			err := p.accept(c, Start)
			if err != nil && !errors.Is(err, rules.ErrGone) {
				t.Error(err)
			}
			return err == nil
		})
		equal(t, "acceptances", accepted, 1)
		proofs := count(t, b.DB, `SELECT COUNT(*) FROM facts WHERE proof_flow = $1`, p.flow.ID)
		equal(t, "proofs told", proofs, 1)
	}
}

func acceptOnce(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	must(t, p.right(c, Start))
	wantErr(t, p.wrong(c, Start), rules.ErrGone)
	wantErr(t, p.accept(c, Start), rules.ErrGone)
	p.Store = b.Reopen(t)
	wantErr(t, p.wrong(c, Start), rules.ErrGone)
	wantErr(t, p.accept(c, Start), rules.ErrGone)
}

func acceptReplaced(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	first := p.mustIssue(p.issue(Start))
	must(t, p.wrong(first, Start))
	p.mustIssue(p.issue(Start.Add(time.Minute)))
	wantErr(t, p.accept(first, Start.Add(time.Minute)), rules.ErrGone)
}

func accepted(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	at := Start.Add(3 * time.Minute)
	must(t, p.right(c, at))

	_, err := b.FlowBySecret(t.Context(), p.flow.Secret)
	wantErr(t, err, rules.ErrNoFlow)
	want := p.flow
	want.Stage, want.Secret, want.Bearer = session.Proved, secondSecret(p.flow.ID), false
	equal(t, "flow", mustGet[session.Flow](t)(b.FlowBySecret(t.Context(), want.Secret)), want)

	book := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account))
	equal(t, "contact proven", book.Contacts[0].Proven, at)
	r := mustGet[block.Record](t)(b.Block(t.Context(), p.key))
	equal(t, "proof", r.Proof, block.Proof{Flow: p.flow.ID, At: at})
	equal(t, "state", r.State(at), block.Releasing)
	equal(t, "audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'CodeAccepted' AND object = $1`, c.ID), 1)
}

func refunded(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	must(t, p.wrong(c, Start))
	must(t, p.right(c, Start))
	equal(t, "wrong codes", wrongCodes(t, b), 1)
}

func acceptOver(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	must(t, p.wrong(c, Start))
	_, err := b.EndBlock(t.Context(), p.key, "uid", spec(), block.End{State: block.Revoked, At: Start}, false)
	must(t, err)
	wantErr(t, p.accept(c, Start.Add(time.Second)), rules.ErrOver)
	got, _, err := b.Challenge(t.Context(), c.ID, p.flow.ID)
	must(t, err)
	equal(t, "consumed", got.Consumed, time.Time{})
}

func acceptRemoved(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	_, err := b.DB.ExecContext(t.Context(), `DELETE FROM contacts WHERE account = $1`, account)
	must(t, err)
	wantErr(t, p.right(c, Start), rules.ErrGone)
	equal(t, "proof", mustGet[block.Record](t)(b.Block(t.Context(), p.key)).Proof, block.Proof{})
}

func acceptLate(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	issue := p.issue(Start)
	issue.Challenge.Expires = Start.Add(time.Hour)
	c := p.mustIssue(issue)
	wantErr(t, p.right(c, Start.Add(session.Life)), rules.ErrNoFlow)
}
