package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/disowned"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/session"
)

// DisownedStore is what the suite asks for reports of somebody else's account.
type DisownedStore interface {
	DisownNotice(ctx context.Context, by disowned.ByNotice) (done bool, err error)
}

var disownedTests = map[string]func(*testing.T, Backend){
	"disowned/seed 41: the open codes to it are void, in every flow of the account":   disownedVoids,
	"disowned/seed 3: a number that was entered rests for that account, for a time":   disownedNumber,
	"disowned/law 3: a void code refunds no guess":                                    disownedGuesses,
	"disowned/a listed contact stays as it was, and a proof ends what is said of it":  disownedListed,
	"disowned/the other contacts are told once, and the stranger is not":              disownedTold,
	"disowned/of 16 at once the others are told once":                                 disownedRace,
	"disowned/the change that brought the contact is dropped":                         disownedDrops,
	"disowned/law 8: what is on hold stays, and its notices still go there":           disownedHold,
	"disowned/law 8: the notice of a hold says it once, for its own tenant":           disownedByNotice,
	"report/law 8: of a code that cancels it voids the code and stops nobody":         reportOfACancel,
	"disowned/who has stepped up gets a code there, and so does who cancels":          disownedExempt,
	"disowned/a rotation of the keys refunds nothing and the present key ends it":     disownedAcrossRotation,
	"disowned/retention: of a listed contact it is shown until a proof, else for 30d": disownedPruned,
}

// lookup is the hash under which the stores of the tests keep an address.
func lookup(t *testing.T, address string) string {
	t.Helper()
	return mustGet[*Sealer](t)(NewSealer(formerKey)).Lookup(tenant, address)
}

// strangers is an account with two contacts, the second a phone.
func strangers(t *testing.T, b Backend) *person {
	t.Helper()
	phone := contact.Contact{ID: "c2", Channel: contact.SMS, Address: "+4915187654321", Standing: contact.Full, Language: "pl", Added: Start, Proven: Start}
	return newPersonOf(t, b, account, email("c1", Address), phone)
}

// listed asks for a code to c1, numbered asks for one to a number that is entered.
func (p *person) listed(now time.Time) code.Issue {
	issue := p.issueFrom(asking, now)
	issue.Challenge.Destination = lookup(p.t, Address)
	return issue
}

// fromHome asks for the same from a network that nobody has reported.
func (p *person) fromHome(now time.Time) code.Issue {
	issue := p.listed(now)
	issue.Network, issue.Limits = "", nil
	return issue
}

func (p *person) numbered(now time.Time) code.Issue {
	issue := p.entered(now)
	issue.Network, issue.Challenge.Destination = asking, lookup(p.t, Number)
	return issue
}

// disown says of a code that its account is somebody else's.
func (p *person) disown(c code.Challenge, now time.Time) {
	p.t.Helper()
	r := report(c.ID, now)
	r.Kind = code.NotMyAccount
	equal(p.t, "done", mustGet[bool](p.t)(p.ReportCode(p.t.Context(), r)), true)
}

// disownedAt is when somebody said so of c1.
func (p *person) disownedAt() time.Time {
	p.t.Helper()
	c, _ := mustGet[contact.Book](p.t)(p.Book(p.t.Context(), tenant, p.flow.Account)).Find("c1")
	return c.Disowned
}

func toldDisowned(t *testing.T, b Backend) int {
	t.Helper()
	return count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE notice = $1`, message.NoticeContactDisowned)
}

func disownedVoids(t *testing.T, b Backend) {
	p := strangers(t, b)
	other, elsewhere := newFlow(p, "other", Start), newPersonOf(t, b, "user-2", email("c1", Address))
	first, second, theirs := p.mustIssue(p.listed(Start)), other.mustIssue(other.listed(Start)), elsewhere.mustIssue(elsewhere.listed(Start))
	p.disown(first, Start)
	wantErr(t, p.right(first, Start), rules.ErrGone)
	wantErr(t, other.right(second, Start), rules.ErrGone)
	must(t, elsewhere.right(theirs, Start))
	equal(t, "in the audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'NotMe' AND detail LIKE '%"NotMyAccount"%'`), 1)
	// The flow that asked for a code to a contact ends, as with every report.
	_, err := b.IssueChallenge(t.Context(), p.listed(Start.Add(time.Hour)))
	wantErr(t, err, rules.ErrNoFlow)
}

func disownedNumber(t *testing.T, b Backend) {
	p := newPersonOf(t, b, account)
	c := p.mustIssue(p.numbered(Start))
	p.disown(c, Start)
	wantErr(t, p.right(c, Start), rules.ErrGone)
	equal(t, "limits", count(t, b.DB, `SELECT COUNT(*) FROM limits WHERE subject = 'network'`), 0)

	later := Start.Add(2 * time.Minute)
	_, err := b.IssueChallenge(t.Context(), p.numbered(later))
	wantLimit(t, err, "disowned", disowned.Rest-2*time.Minute)
	again := p.numbered(later)
	again.Address, again.Challenge.Destination = "", ""
	_, err = b.IssueChallenge(t.Context(), again) // repeated, only the store knows where it goes
	wantLimit(t, err, "disowned", disowned.Rest-2*time.Minute)
	another := p.numbered(later)
	another.Address, another.Challenge.Destination = "+4915100000000", lookup(t, "+4915100000000")
	must(t, p.right(p.mustIssue(another), later)) // the flow goes on: the number was mistyped

	stranger := newPersonOf(t, b, "user-2")
	stranger.mustIssue(stranger.numbered(later))
	end := Start.Add(disowned.Rest)
	last := newFlow(p, "last", end)
	last.mustIssue(last.numbered(end))
}

func disownedGuesses(t *testing.T, b Backend) {
	p := newPersonOf(t, b, account)
	c := p.mustIssue(p.numbered(Start))
	must(t, p.wrong(c, Start))
	must(t, p.wrong(c, Start))
	p.disown(c, Start)
	next := p.numbered(Start.Add(2 * time.Minute))
	next.Address, next.Challenge.Destination = "+4915100000000", lookup(t, "+4915100000000")
	equal(t, "attempts", p.mustIssue(next).Attempts, 2)
}

func disownedListed(t *testing.T, b Backend) {
	p := strangers(t, b)
	before := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account))
	at := Start.Add(time.Minute)
	p.disown(p.mustIssue(p.listed(Start)), at)
	after := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account))
	equal(t, "said of c1", after.Contacts[0].Disowned, at)
	after.Contacts[0].Disowned = time.Time{}
	equal(t, "book", after, before)

	later := at.Add(time.Minute)
	other := newFlow(p, "other", later)
	must(t, other.right(other.mustIssue(other.fromHome(later)), later))
	equal(t, "said of c1 after a proof", p.disownedAt(), time.Time{})
}

// disownedTold also tries that a second report of the same tells nobody again, and that
// one after a proof does.
func disownedTold(t *testing.T, b Backend) {
	p := strangers(t, b)
	p.disown(p.mustIssue(p.listed(Start)), Start)
	mails := mustGet[[]message.Message](t)(b.Lease(t.Context(), 10, Start, Start.Add(time.Minute)))
	equal(t, "messages", len(mails), 1)
	m := mails[0]
	equal(t, "notice", []string{m.Notice, m.Address, m.Language, m.About.Contact},
		[]string{message.NoticeContactDisowned, "+4915187654321", "pl", "ro•••@•••"})

	second := newFlow(p, "second", Start)
	p.disown(second.mustIssue(second.fromHome(Start)), Start)
	equal(t, "told", toldDisowned(t, b), 1)
	third := newFlow(p, "third", Start)
	must(t, third.right(third.mustIssue(third.fromHome(Start)), Start))
	fourth := newFlow(p, "fourth", Start)
	p.disown(fourth.mustIssue(fourth.fromHome(Start.Add(time.Second))), Start.Add(time.Second))
	equal(t, "told after a proof", toldDisowned(t, b), 2)
}

func disownedRace(t *testing.T, b Backend) {
	p := strangers(t, b)
	var open []code.Challenge
	for i := range 16 {
		one := newFlow(p, fmt.Sprint("flow-", i), Start)
		open = append(open, one.mustIssue(one.fromHome(Start)))
	}
	won := race(func(i int) bool {
		r := report(open[i].ID, Start)
		r.Kind = code.NotMyAccount
		done, err := b.ReportCode(t.Context(), r)
		if err != nil {
			t.Error(err)
		}
		return done
	})
	equal(t, "reports that counted", won, 16)
	equal(t, "told", toldDisowned(t, b), 1)
}

// bringing has a code on its way to the new contact of a change.
func (o *owner) bringing(name, id string, now time.Time) (*person, code.Challenge) {
	o.t.Helper()
	f := flowOf(o.account, id, name)
	f.Purpose, f.Opened, f.Expires = code.AddContact, now, now.Add(session.Life)
	must(o.t, o.OpenFlow(o.t.Context(), f))
	p := &person{Backend: o.Backend, t: o.t, flow: f}
	issue := p.issue(now)
	issue.Address = name + newAddress
	issue.Challenge.ContactID, issue.Challenge.Purpose, issue.Challenge.Destination = "", code.AddContact, lookup(o.t, name+newAddress)
	return p, p.mustIssue(issue)
}

func disownedDrops(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("add", change.Add, Start))
	p, c := o.bringing("add", "adding", Start)
	p.disown(c, Start)
	r := mustGet[change.Record](t)(b.Change(t.Context(), o.key("add")))
	equal(t, "end", r.End, change.End{State: change.Rejected, At: Start, Reason: disowned.NotTheirs})
	o.wantContacts("a", "b")
	equal(t, "told", toldDisowned(t, b), 0) // it was never theirs

	o.freeze(o.sight("add", change.Add, Start)) // the name stands for the change that ended
	f := flowOf(o.account, "again", "add")
	f.Purpose = code.AddContact
	must(t, b.OpenFlow(t.Context(), f))
	again := &person{Backend: b, t: t, flow: f}
	issue := again.issue(Start)
	issue.Address, issue.Challenge.ContactID, issue.Challenge.Purpose = "add"+newAddress, "", code.AddContact
	issue.Challenge.Destination = lookup(t, "add"+newAddress)
	_, err := b.IssueChallenge(t.Context(), issue)
	wantLimit(t, err, "disowned", disowned.Rest)
}

func disownedHold(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("c", change.Replace, Start))
	p, c := o.bringing("c", "replacing", Start)
	must(t, p.wrong(c, Start))
	must(t, b.AcceptCode(t.Context(), code.Accept{Challenge: c, NewSecret: sha256.Sum256([]byte("next")), Now: Start}))
	r := o.must(b.ProveChange(t.Context(), change.Proving{Key: o.key("c"), Proof: change.NewContactCode, ChallengeID: c.ID, Now: Start}))
	equal(t, "state", r.State(Start), change.OnHold)

	f := flowOf(o.account, "mallory", "")
	must(t, b.OpenFlow(t.Context(), f))
	mailbox := &person{Backend: b, t: t, flow: f}
	issue := mailbox.listed(Start)
	issue.Challenge.ContactID, issue.Challenge.Purpose = "a", code.StepUp
	mailbox.disown(mailbox.mustIssue(issue), Start)
	mailbox.disown(c, Start) // whoever got the code of the new contact
	equal(t, "hold", mustGet[change.Record](t)(b.Change(t.Context(), o.key("c"))), r)

	next := Start.Add(day)
	before := o.told(change.NoticeReminder)
	o.must(b.VisitChange(t.Context(), change.Visit{Key: o.key("c"), Now: next}))
	equal(t, "reminders", o.told(change.NoticeReminder)-before, 2)
	must(t, o.cancel("c", "a", true, next))
	o.wantState("c", next, change.Cancelled)
}

func disownedByNotice(t *testing.T, b Backend) {
	o := held(t, b)
	var link string
	must(t, b.DB.QueryRowContext(t.Context(), `SELECT message FROM change_notices WHERE contact = 'a' AND number = 0`).Scan(&link))
	before := mustGet[change.Record](t)(b.Change(t.Context(), o.key("c")))
	say := func(of, link string) bool {
		return mustGet[bool](t)(b.DisownNotice(t.Context(), disowned.ByNotice{Tenant: of, Message: link, Now: Start}))
	}
	equal(t, "of another tenant", say("elsewhere", link), false)
	equal(t, "unknown", say(tenant, "nobody's"), false)
	equal(t, "said", say(tenant, link), true)
	equal(t, "said again", say(tenant, link), false)
	book := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account))
	equal(t, "said of a", []time.Time{book.Contacts[0].Disowned, book.Contacts[1].Disowned}, []time.Time{Start, {}})
	equal(t, "told", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE notice = $1`, message.NoticeContactDisowned), 1)
	equal(t, "change", mustGet[change.Record](t)(b.Change(t.Context(), o.key("c"))), before)
	equal(t, "in the audit", audited(t, b), 1)
}

func disownedExempt(t *testing.T, b Backend) {
	p := newPersonOf(t, b, account)
	p.disown(p.mustIssue(p.numbered(Start)), Start)
	f := flowOf(account, "session", "")
	f.Purpose = session.SecurityInfo
	must(t, b.OpenSession(t.Context(), session.Session{Flow: f, Assurance: session.Password}))
	in := &person{Backend: b, t: t, flow: f}
	ask := func(purpose code.Purpose) error {
		issue := in.numbered(Start)
		issue.Challenge.Purpose = purpose
		_, err := b.IssueChallenge(t.Context(), issue)
		return err
	}
	wantLimit(t, ask(code.AddContact), "disowned", disowned.Rest)
	must(t, ask(code.Cancel)) // law 8, seed 34: nothing keeps the owner from stopping a thief
	_, err := b.DB.ExecContext(t.Context(), `UPDATE sessions SET assurance = $1`, session.StepUp)
	must(t, err)
	_, err = b.DB.ExecContext(t.Context(), `UPDATE challenges SET resend_at = created_at`)
	must(t, err)
	must(t, ask(code.AddContact))
}

func disownedAcrossRotation(t *testing.T, b Backend) {
	p := strangers(t, b)
	p.disown(p.mustIssue(p.listed(Start)), Start)
	number := newPersonOf(t, b, "user-2")
	number.disown(number.mustIssue(number.numbered(Start)), Start)

	rotating := beside(t, b, presentKey, formerKey)
	later := Start.Add(2 * time.Minute)
	issue := number.numbered(later)
	issue.Challenge.Destination = mustGet[*Sealer](t)(NewSealer(presentKey)).Lookup(tenant, Number)
	_, err := rotating.IssueChallenge(t.Context(), issue)
	wantLimit(t, err, "disowned", disowned.Rest-2*time.Minute)
	over := Start.Add(time.Hour)
	_, err = rotating.Reseal(t.Context(), 2, over, carryOn)
	must(t, err)
	present := beside(t, b, presentKey)
	equal(t, "said of c1", p.at(present).disownedAt(), Start)

	next := newFlow(p, "next", over).at(present)
	proof := next.fromHome(over)
	proof.Challenge.Destination = mustGet[*Sealer](t)(NewSealer(presentKey)).Lookup(tenant, Address)
	must(t, next.right(next.mustIssue(proof), over))
	equal(t, "said of c1 after a proof", p.at(present).disownedAt(), time.Time{})
}

func disownedPruned(t *testing.T, b Backend) {
	p := strangers(t, b)
	p.disown(p.mustIssue(p.listed(Start)), Start)
	number := newPersonOf(t, b, "user-2")
	number.disown(number.mustIssue(number.numbered(Start)), Start)
	rows := func(now time.Time) int {
		_, err := b.Prune(t.Context(), now, now.Add(-time.Hour))
		must(t, err)
		return count(t, b.DB, `SELECT COUNT(*) FROM disowned`)
	}
	equal(t, "before", rows(Start.Add(disowned.Rest-time.Millisecond)), 2)
	equal(t, "after", rows(Start.Add(disowned.Rest)), 1)
	equal(t, "said of c1", p.disownedAt(), Start)
}

// reportOfACancel: whoever reads the mailbox says of each code that cancels what they like;
// its owner asks again at once, with the guesses that are left.
func reportOfACancel(t *testing.T, b Backend) {
	p := strangers(t, b)
	now := Start
	for attempts, kind := range []code.ReportKind{code.NotMe, code.UnrequestedCode, code.NotMyAccount} {
		issue := p.listed(now)
		issue.Challenge.Purpose = code.Cancel
		c := p.mustIssue(issue)
		equal(t, "attempts", c.Attempts, attempts)
		must(t, p.wrong(c, now))
		r := report(c.ID, now)
		r.Kind = kind
		equal(t, "done", mustGet[bool](t)(b.ReportCode(t.Context(), r)), true)
		wantErr(t, p.wrong(c, now), rules.ErrGone)
		now = now.Add(5 * time.Minute / 2)
	}
	other := newFlow(p, "other", now)
	beside := other.listed(now)
	beside.Challenge.Purpose = code.Cancel
	c := other.mustIssue(beside)
	last := newFlow(p, "last", now)
	last.disown(last.mustIssue(last.listed(now)), now)
	must(t, other.wrong(c, now)) // a code that cancels stays open
}
