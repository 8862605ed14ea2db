package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/store"
)

var keyTests = map[string]func(*testing.T, Backend){
	"keys/law 3: an open code is accepted after a rotation":      codeAcrossRotation,
	"keys/law 3: a rotation gives no more guesses":               guessesAcrossRotation,
	"keys/law 3: a rotation refunds no limit":                    limitAcrossRotation,
	"keys/law 3: a repeated destination is counted as before":    repeatAcrossRotation,
	"keys/law 3: a rotation refunds no limit of a prefix":        prefixAcrossRotation,
	"keys/a number's accounts count across a rotation":           numberAcrossRotation,
	"keys/law 13: contacts sealed with lost keys are no absence": lostKeys,
	"keys/re-sealing leaves nothing to the former keys":          resealed,
	"keys/re-sealing is broken off and begun again":              resealResumed,
	"keys/re-sealing leaves alone what others change":            resealBeside,
	"keys/re-sealing counts what does not open":                  resealUnreadable,
}

// The passphrases of a rotation: every backend is opened with the first.
const (
	formerKey  = "test"
	presentKey = "rotated"
)

// beside is another replica on the same tables, with keys of its own.
func beside(t *testing.T, b Backend, present string, former ...string) Backend {
	t.Helper()
	sealer := mustGet[*Sealer](t)(NewSealer(present, former...))
	return Backend{Store: store.New(store.Config{Writer: b.DB, Reader: b.DB, Sealer: sealer, Now: Now}), DB: b.DB}
}

// at is the same person at another replica.
func (p *person) at(b Backend) *person {
	other := *p
	other.Backend = b
	return &other
}

// hashed is an issue as the flow asks for it: its destination is the hash under a key,
// and the contact has a limit.
func hashed(t *testing.T, issue code.Issue, key string) code.Issue {
	t.Helper()
	issue.Challenge.Destination = mustGet[*Sealer](t)(NewSealer(key)).Lookup(tenant, issue.Address)
	issue.Limits = byContact(hourly)
	return issue
}

func codeAcrossRotation(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(hashed(t, p.issue(Start), formerKey))
	ahead := p.at(beside(t, b, presentKey, formerKey))
	counted := mustGet[code.Challenge](t)(ahead.CountAttempt(t.Context(), c.ID, p.flow.ID, code.Budget{PerDay: 10}, Start))
	equal(t, "key of the code", counted.CodeKey, c.CodeKey)
	must(t, ahead.accept(c, Start))
	wantErr(t, p.accept(c, Start), rules.ErrGone)

	other := newPerson(t, beside(t, b, presentKey, formerKey), "user-2")
	fresh := other.mustIssue(hashed(t, other.issue(Start), presentKey))
	if fresh.CodeKey == c.CodeKey {
		t.Fatal("a new code is derived with the former key")
	}
	equal(t, "the key as stored", mustGet[code.Challenge](t)(other.CountAttempt(t.Context(), fresh.ID, other.flow.ID, code.Budget{PerDay: 10}, Start)).CodeKey, fresh.CodeKey)
}

func guessesAcrossRotation(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(hashed(t, p.issue(Start), formerKey))
	for range 3 {
		must(t, p.wrong(c, Start))
	}
	ahead := p.at(beside(t, b, presentKey, formerKey))
	again := ahead.mustIssue(hashed(t, ahead.issue(Start.Add(time.Minute)), presentKey))
	equal(t, "attempts carried over", again.Attempts, 3)
	for range 2 {
		must(t, ahead.wrong(again, Start.Add(time.Minute)))
	}
	wantErr(t, ahead.wrong(again, Start.Add(time.Minute)), rules.ErrSpent)
	equal(t, "wrong codes of the day", wrongCodes(t, b), 5)
}

// limitAcrossRotation takes a burst of two, one on each side of the promotion, and then
// asks every replica that there may be: behind, ahead, and with the former key retired.
func limitAcrossRotation(t *testing.T, b Backend) {
	rotating := beside(t, b, presentKey, formerKey)
	behind := beside(t, b, formerKey, presentKey)
	var people []*person
	for i := range 5 {
		people = append(people, newPerson(t, b, fmt.Sprint("user-", i)))
	}
	people[0].mustIssue(hashed(t, people[0].issue(Start), formerKey))
	people[1].at(rotating).mustIssue(hashed(t, people[1].issue(Start), presentKey))
	refused := func(p *person, on Backend, key string) {
		t.Helper()
		_, err := on.IssueChallenge(t.Context(), hashed(t, p.issue(Start), key))
		wantLimit(t, err, "contact", time.Hour)
	}
	refused(people[2], behind, formerKey)
	refused(people[3], rotating, presentKey)
	refused(people[3], rotating, formerKey) // hashed just before the keys were read anew
	equal(t, "rows of the contact", count(t, b.DB, `SELECT COUNT(*) FROM limits WHERE subject = 'contact'`), 1)
	_, err := rotating.Reseal(t.Context(), 10, Start, carryOn)
	must(t, err)
	refused(people[4], beside(t, b, presentKey), presentKey)
}

func prefixAcrossRotation(t *testing.T, b Backend) {
	rotating := beside(t, b, presentKey, formerKey)
	byPrefix := func(p *person) code.Issue {
		issue := p.entered(Start)
		issue.Limits = func(address string) []code.Limit {
			return []code.Limit{{Subject: "prefix", Secret: code.Prefix(address), Rate: hourly}}
		}
		return issue
	}
	for i, on := range []Backend{b, rotating} {
		p := newPerson(t, b, fmt.Sprint("user-", i)).at(on)
		p.mustIssue(byPrefix(p))
	}
	for i, on := range []Backend{rotating, beside(t, b, formerKey, presentKey), rotating} {
		_, err := on.IssueChallenge(t.Context(), byPrefix(newPerson(t, b, fmt.Sprint("user-", i+2))))
		wantLimit(t, err, "prefix", time.Hour)
	}
	_, err := rotating.Reseal(t.Context(), 10, Start, carryOn)
	must(t, err)
	_, err = beside(t, b, presentKey).IssueChallenge(t.Context(), byPrefix(newPerson(t, b, "user-9")))
	wantLimit(t, err, "prefix", time.Hour)
}

func repeatAcrossRotation(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	first := p.mustIssue(hashed(t, p.entered(Start), formerKey))
	ahead := p.at(beside(t, b, presentKey, formerKey))
	for i, wait := range []time.Duration{0, 54 * time.Minute} {
		repeat := p.entered(Start.Add(time.Duration(i*5+1) * time.Minute))
		repeat.Address, repeat.Challenge.Destination = "", ""
		repeat.Limits = byContact(hourly)
		c, err := ahead.IssueChallenge(t.Context(), repeat)
		if wait > 0 {
			wantLimit(t, err, "contact", wait)
			continue
		}
		must(t, err)
		if c.Destination == first.Destination {
			t.Fatal("the destination is hashed with the former key")
		}
	}
}

func numberAcrossRotation(t *testing.T, b Backend) {
	rotating := beside(t, b, presentKey, formerKey)
	var people []*person
	for i := range 6 {
		people = append(people, newPerson(t, b, fmt.Sprint("user-", i)))
	}
	unlimited := func(p *person, key string) code.Issue {
		issue := hashed(t, p.entered(Start), key)
		issue.Limits = nil
		return issue
	}
	must(t, people[0].right(people[0].mustIssue(unlimited(people[0], formerKey)), Start))
	// Issued before the promotion, proved after it.
	must(t, people[1].at(rotating).right(people[1].mustIssue(unlimited(people[1], formerKey)), Start))
	late := people[3].mustIssue(unlimited(people[3], formerKey))
	ahead := people[2].at(rotating)
	must(t, ahead.right(ahead.mustIssue(unlimited(people[2], presentKey)), Start))

	wantLimit(t, people[3].at(rotating).right(late, Start), "number", 720*time.Hour)
	_, err := rotating.IssueChallenge(t.Context(), unlimited(people[4], presentKey))
	wantLimit(t, err, "number", 720*time.Hour)
	_, err = beside(t, b, formerKey, presentKey).IssueChallenge(t.Context(), unlimited(people[4], formerKey))
	wantLimit(t, err, "number", 720*time.Hour)

	over := Start.Add(time.Hour)
	done := mustGet[store.Resealed](t)(rotating.Reseal(t.Context(), 2, over, carryOn))
	equal(t, "complete", done.Complete(), true)
	_, err = beside(t, b, presentKey).IssueChallenge(t.Context(), unlimited(people[5], presentKey))
	wantLimit(t, err, "number", 720*time.Hour)
}

func lostKeys(t *testing.T, b Backend) {
	must(t, b.ImportContacts(t.Context(), tenant, account, []contact.Contact{email("c1", Address)}, nil, Start))
	other := beside(t, b, "other keys")
	book, err := other.Book(t.Context(), tenant, account)
	if err == nil || book.Absent() {
		t.Fatalf("got %+v, %v", book, err)
	}
	err = other.ImportContacts(t.Context(), tenant, account, []contact.Contact{email("c9", "mallory@post.example")}, nil, Start)
	if err == nil {
		t.Fatal("contacts that do not open were replaced")
	}
	wantErr(t, other.CheckSeal(t.Context()), store.ErrOtherKeys)
	must(t, b.CheckSeal(t.Context()))
	must(t, beside(t, b, presentKey, formerKey).CheckSeal(t.Context()))
}

func carryOn() error { return nil }

func resealed(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	two := []contact.Contact{email("c1", Address), email("c2", "other@post.example")}
	must(t, b.ImportContacts(t.Context(), tenant, "user-2", two, []message.Message{notice("n1"), notice("n2")}, Start))
	superseded := p.mustIssue(hashed(t, p.issue(Start), formerKey))
	open := p.mustIssue(hashed(t, p.issue(Start.Add(time.Minute)), formerKey))

	rotating := beside(t, b, presentKey, formerKey)
	now := Start.Add(2 * time.Minute)
	done := mustGet[store.Resealed](t)(rotating.Reseal(t.Context(), 2, now, carryOn))
	want := store.Resealed{Contacts: 3, Challenges: 2, Messages: 2, Open: 1, OpenUntil: open.Expires}
	equal(t, "done", done, want)
	equal(t, "complete", done.Complete(), false)
	again := mustGet[store.Resealed](t)(rotating.Reseal(t.Context(), 2, now, carryOn))
	equal(t, "done again", again, store.Resealed{Open: 1, OpenUntil: open.Expires})
	kept, _, err := rotating.Challenge(t.Context(), open.ID, p.flow.ID)
	must(t, err)
	equal(t, "the open code's destination", kept.Destination, open.Destination)
	moved, _, err := rotating.Challenge(t.Context(), superseded.ID, p.flow.ID)
	must(t, err)
	if moved.Destination == superseded.Destination {
		t.Fatal("the hash of a code that is over was left to the former key")
	}
	must(t, p.at(rotating).right(open, now))
	equal(t, "complete at last", mustGet[store.Resealed](t)(rotating.Reseal(t.Context(), 2, now, carryOn)).Complete(), true)

	retired := beside(t, b, presentKey)
	equal(t, "contacts", mustGet[contact.Book](t)(retired.Book(t.Context(), tenant, "user-2")).Contacts, two)
	for _, m := range mustGet[[]message.Message](t)(retired.Lease(t.Context(), 10, now, now.Add(time.Minute))) {
		equal(t, "address of "+m.ID, m.Address, Address)
	}
	must(t, retired.ImportContacts(t.Context(), tenant, "user-2", two, nil, Start)) // the same list, by hash
}

var errStop = errors.New("stop")

func resealResumed(t *testing.T, b Backend) {
	for i := range 5 {
		newPerson(t, b, fmt.Sprint("user-", i))
	}
	rotating := beside(t, b, presentKey, formerKey)
	batches := 0
	done, err := rotating.Reseal(t.Context(), 2, Start, func() error {
		if batches++; batches == 2 {
			return errStop
		}
		return nil
	})
	wantErr(t, err, errStop)
	equal(t, "contacts at first", done.Contacts, 4)
	done = mustGet[store.Resealed](t)(rotating.Reseal(t.Context(), 2, Start, carryOn))
	equal(t, "contacts then", done.Contacts, 1)
}

// meddler runs a deed of somebody else's once, right after a row was read.
type meddler struct {
	*Sealer
	deed func()
}

func (m *meddler) Open(sealed []byte, associated string) ([]byte, error) {
	if deed := m.deed; deed != nil {
		m.deed = nil
		deed()
	}
	return m.Sealer.Open(sealed, associated)
}

func resealBeside(t *testing.T, b Backend) {
	newPerson(t, b, account)
	m := &meddler{Sealer: mustGet[*Sealer](t)(NewSealer(presentKey, formerKey))}
	m.deed = func() {
		_, err := b.DB.ExecContext(t.Context(), `UPDATE contacts SET address = $1, lookup = 'theirs'`, []byte("theirs"))
		must(t, err)
	}
	rotating := store.New(store.Config{Writer: b.DB, Reader: b.DB, Sealer: m, Now: Now})
	equal(t, "done", mustGet[store.Resealed](t)(rotating.Reseal(t.Context(), 10, Start, carryOn)), store.Resealed{})
	equal(t, "theirs", count(t, b.DB, `SELECT COUNT(*) FROM contacts WHERE lookup = 'theirs' AND address = $1`, []byte("theirs")), 1)
}

func resealUnreadable(t *testing.T, b Backend) {
	newPerson(t, b, account)
	newPerson(t, b, "user-2")
	_, err := b.DB.ExecContext(t.Context(), `UPDATE contacts SET address = $1 WHERE account = $2`, []byte("nonsense"), account)
	must(t, err)
	rotating := beside(t, b, presentKey, formerKey)
	done := mustGet[store.Resealed](t)(rotating.Reseal(t.Context(), 1, Start, carryOn))
	equal(t, "done", done, store.Resealed{Contacts: 1, Unreadable: 1})
	equal(t, "complete", done.Complete(), false)
	must(t, rotating.CheckSeal(t.Context())) // one damaged row is no lost key
}
