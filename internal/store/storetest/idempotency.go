package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
)

var idempotencyTests = map[string]func(*testing.T, Backend){
	"idempotency/a repeated request costs one message":         repeatedRequest,
	"idempotency/it is answered alike after a restart":         repeatedAfterRestart,
	"idempotency/16 at once are one":                           repeatedAtOnce,
	"idempotency/a key with another request is refused":        keyReused,
	"idempotency/a key answers in its own flow only":           keyOfAnotherFlow,
	"idempotency/a refused request leaves its key free":        refusedLeavesKey,
	"idempotency/a key is forgotten after a day, never sooner": keyForgotten,
}

var once = code.Once{Key: "key", Fingerprint: "request"}

// repeat is what asks for a code under a key.
func (p *person) repeat(now time.Time, once code.Once) code.Issue {
	issue := p.issue(now)
	issue.Once = once
	return issue
}

func messages(t *testing.T, b Backend) int {
	t.Helper()
	return count(t, b.DB, `SELECT COUNT(*) FROM outbox`)
}

func repeatedRequest(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	_, _, err := b.Issued(t.Context(), p.flow.ID, once)
	wantErr(t, err, rules.ErrNotFound)
	first := p.mustIssue(p.repeat(Start, once))
	equal(t, "at once, in spite of the resend wait", p.mustIssue(p.repeat(Start, once)), first)
	equal(t, "much later", p.mustIssue(p.repeat(Start.Add(14*time.Minute), once)), first)
	equal(t, "messages", messages(t, b), 1)
	got, delivery, err := b.Issued(t.Context(), p.flow.ID, once)
	must(t, err)
	equal(t, "issued", got, first)
	equal(t, "delivery", delivery, message.Delivery{State: message.Waiting})

	next := p.mustIssue(p.repeat(Start.Add(time.Minute), code.Once{Key: "next", Fingerprint: "request"}))
	equal(t, "messages of two keys", messages(t, b), 2)
	again := p.mustIssue(p.repeat(Start.Add(time.Minute), once))
	equal(t, "the first again, though it was replaced", again.ID, first.ID)
	current, _, err := b.CurrentChallenge(t.Context(), p.flow.ID)
	must(t, err)
	equal(t, "current", current, next)
}

func repeatedAfterRestart(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	first := p.mustIssue(p.repeat(Start, once))
	s := b.Reopen(t)
	got, _, err := s.Issued(t.Context(), p.flow.ID, once)
	must(t, err)
	equal(t, "issued", got, first)
	equal(t, "again", mustGet[code.Challenge](t)(s.IssueChallenge(t.Context(), p.repeat(Start, once))), first)
	equal(t, "messages", messages(t, b), 1)
}

func repeatedAtOnce(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	requests := make([]code.Issue, 16)
	for i := range requests {
		requests[i] = p.repeat(Start, once)
	}
	var answers sync.Map
	won := race(func(i int) bool {
		c, err := b.IssueChallenge(t.Context(), requests[i])
		if err != nil {
			t.Error(err)
		}
		answers.Store(c.ID, true)
		return c.ID == requests[i].Challenge.ID
	})
	equal(t, "requests that issued", won, 1)
	distinct := 0
	answers.Range(func(any, any) bool { distinct++; return true })
	equal(t, "answers", distinct, 1)
	equal(t, "messages", messages(t, b), 1)
}

func keyReused(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	p.mustIssue(p.repeat(Start, once))
	other := code.Once{Key: once.Key, Fingerprint: "another request"}
	_, err := b.IssueChallenge(t.Context(), p.repeat(Start.Add(time.Minute), other))
	wantErr(t, err, rules.ErrKeyReused)
	_, _, err = b.Issued(t.Context(), p.flow.ID, other)
	wantErr(t, err, rules.ErrKeyReused)
	equal(t, "messages", messages(t, b), 1)
}

func keyOfAnotherFlow(t *testing.T, b Backend) {
	one, two := newPerson(t, b, "user-1"), newPerson(t, b, "user-2")
	first := one.mustIssue(one.repeat(Start, once))
	_, _, err := b.Issued(t.Context(), two.flow.ID, once)
	wantErr(t, err, rules.ErrNotFound)
	second := two.mustIssue(two.repeat(Start, once))
	if first.ID == second.ID {
		t.Fatal("two people got one challenge")
	}
	equal(t, "messages", messages(t, b), 2)
}

func refusedLeavesKey(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	p.mustIssue(p.issue(Start))
	_, err := b.IssueChallenge(t.Context(), p.repeat(Start, once))
	wantLimit(t, err, "resend", time.Minute)
	_, _, err = b.Issued(t.Context(), p.flow.ID, once)
	wantErr(t, err, rules.ErrNotFound)
	p.mustIssue(p.repeat(Start.Add(time.Minute), once))
	equal(t, "messages", messages(t, b), 2)
}

func keyForgotten(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	p.mustIssue(p.repeat(Start, once))
	for _, step := range []struct {
		after time.Duration
		kept  int
	}{{code.OnceLife - time.Millisecond, 1}, {code.OnceLife, 0}} {
		_, err := b.Prune(t.Context(), Start.Add(step.after), Start)
		must(t, err)
		equal(t, fmt.Sprint("keys after ", step.after), count(t, b.DB, `SELECT COUNT(*) FROM idempotency`), step.kept)
	}
}
