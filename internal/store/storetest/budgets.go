package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
)

var budgetTests = map[string]func(*testing.T, Backend){
	"N3: the day of wrong codes slides":                            slidingDay,
	"N3: a right code gives back the latest attempt alone":         refundIsOne,
	"N4: failures in a row disable a contact":                      failuresInARow,
	"N4: a right code ends the row, even as the last one":          rightCodeEndsTheRow,
	"N4: another contact's code enables a disabled one again":      anotherEnables,
	"N4: a disabled contact is told, counts and keeps its address": disabledStays,
	"T3: limits see the address that is repeated":                  limitsOfTheRepeated,
}

// guess submits one wrong code of a new flow at an instant, under budgets that let only
// the contact's row decide.
func guess(p *person, id string, inARow int, at time.Time) error {
	p.t.Helper()
	f := newFlow(p, id, at)
	issue := f.issue(at)
	issue.MaxWrongPerDay = 1000
	c, err := f.IssueChallenge(p.t.Context(), issue)
	if err != nil {
		return err
	}
	_, err = f.CountAttempt(p.t.Context(), c.ID, f.flow.ID, code.Budget{PerDay: 1000, InARow: inARow}, at)
	return err
}

func standing(p *person) contact.Standing {
	p.t.Helper()
	book, err := p.Book(p.t.Context(), tenant, account)
	must(p.t, err)
	c, ok := book.Find("c1")
	if !ok {
		p.t.Fatal("the contact is gone")
	}
	return c.Standing
}

func slidingDay(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	var err error
	// Two at the end of one day and two at the begin of the next are four within an hour.
	for i, at := range []time.Duration{0, 23 * time.Hour, 23*time.Hour + time.Minute, 24 * time.Hour, 24*time.Hour + time.Minute} {
		f := newFlow(p, "f"+string(rune('a'+i)), Start.Add(at))
		c := f.mustIssue(f.issue(Start.Add(at)))
		_, err = f.CountAttempt(t.Context(), c.ID, f.flow.ID, code.Budget{PerDay: 3}, Start.Add(at))
		if i < 4 {
			must(t, err)
		}
	}
	wantLimit(t, err, "account", 23*time.Hour-time.Minute)
}

func refundIsOne(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	must(t, p.wrong(c, Start))
	must(t, p.right(c, Start.Add(time.Minute)))
	f := newFlow(p, "next", Start.Add(2*time.Minute))
	next := f.mustIssue(f.issue(Start.Add(2 * time.Minute)))
	_, err := f.CountAttempt(t.Context(), next.ID, f.flow.ID, code.Budget{PerDay: 1}, Start.Add(2*time.Minute))
	wantLimit(t, err, "account", 24*time.Hour-2*time.Minute)
}

func failuresInARow(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	for i, at := range []time.Duration{0, 30 * time.Hour, 60 * time.Hour} {
		equal(t, "standing", standing(p), contact.Full)
		must(t, guess(p, "f"+string(rune('a'+i)), 3, Start.Add(at)))
	}
	equal(t, "after three in a row", standing(p), contact.Disabled)
	wantErr(t, guess(p, "later", 3, Start.Add(1000*time.Hour)), rules.ErrGone)
	// No policy edit brings it back.
	wantErr(t, guess(p, "edited", 100, Start.Add(1001*time.Hour)), rules.ErrGone)
}

func rightCodeEndsTheRow(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	must(t, guess(p, "one", 2, Start))
	f := newFlow(p, "two", Start.Add(time.Minute))
	c := f.mustIssue(f.issue(Start.Add(time.Minute)))
	_, err := f.CountAttempt(t.Context(), c.ID, f.flow.ID, code.Budget{PerDay: 10, InARow: 2}, Start.Add(time.Minute))
	must(t, err)
	must(t, f.accept(c, Start.Add(time.Minute)))
	equal(t, "after the right code", standing(p), contact.Full)
	must(t, guess(p, "three", 2, Start.Add(2*time.Minute)))
	equal(t, "the row began anew", standing(p), contact.Full)
}

func anotherEnables(t *testing.T, b Backend) {
	p := newPersonOf(t, b, account, email("c1", Address), email("c2", "second@post.example"))
	must(t, guess(p, "one", 1, Start))
	equal(t, "after the failure", standing(p), contact.Disabled)
	f := newFlow(p, "two", Start.Add(time.Minute))
	issue := f.issue(Start.Add(time.Minute))
	issue.Challenge.ContactID, issue.Address = "c2", "second@post.example"
	must(t, f.right(f.mustIssue(issue), Start.Add(time.Minute)))
	equal(t, "after the other's code", standing(p), contact.Full)
	must(t, guess(p, "three", 2, Start.Add(2*time.Minute)))
}

func disabledStays(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	must(t, guess(p, "one", 1, Start))
	book, err := p.Book(t.Context(), tenant, account)
	must(t, err)
	equal(t, "absent", book.Absent(), false)
	equal(t, "contacts", len(book.Contacts), 1)
	equal(t, "address", book.Contacts[0].Address, Address)
	equal(t, "contacts that release", len(book.Releasing()), 0)
}

func limitsOfTheRepeated(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	first := p.entered(Start)
	p.mustIssue(first)
	repeat := p.entered(Start.Add(time.Minute))
	repeat.Address = ""
	var asked string
	repeat.Limits = func(address string) []code.Limit { asked = address; return nil }
	p.mustIssue(repeat)
	equal(t, "the address that the limits see", asked, Number)
}

// wrongCodes is how many count for the one account that has any.
func wrongCodes(t *testing.T, b Backend) int {
	t.Helper()
	var text string
	must(t, b.DB.QueryRowContext(t.Context(), `SELECT recent FROM wrong_codes`).Scan(&text))
	var at []int64
	must(t, json.Unmarshal([]byte(text), &at))
	return len(at)
}
