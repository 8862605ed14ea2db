package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/recheck"
	"holdfast.dev/holdfast/internal/rules/session"
)

// ChangeStore is what the suite asks about changes of security info and rechecks.
type ChangeStore interface {
	Change(ctx context.Context, key change.Key) (change.Record, error)
	OpenChanges(ctx context.Context, tenant, account string) ([]change.Record, error)
	Restricting(ctx context.Context, tenant, account string, now time.Time) ([]change.Record, error)
	ChangeContacts(ctx context.Context, key change.Key) (fresh, old []contact.Contact, err error)
	FreezeChange(ctx context.Context, seen change.Sight) (change.Record, error)
	AdoptChange(ctx context.Context, seen change.Sight, remembered change.Memory) (change.Record, error)
	ProveChange(ctx context.Context, p change.Proving) (change.Record, error)
	CancelChange(ctx context.Context, c change.Cancelling, then block.Spec) ([]change.Record, error)
	BlocksProvedIn(ctx context.Context, f session.Flow) ([]block.Record, error)
	VisitChange(ctx context.Context, v change.Visit) (change.Record, error)
	ApplyChange(ctx context.Context, key change.Key, clocks change.Clocks) (change.Record, error)
	DeleteChange(ctx context.Context, v change.Visit, uid string) (change.Record, error)
	Wakes(ctx context.Context) ([]change.Wake, error)
	EndedOwn(ctx context.Context) ([]change.Key, error)
	PendingNotices(ctx context.Context, now time.Time, n int) ([]change.Record, error)
	NoticedChange(ctx context.Context, tenant, messageID string) (change.Noticed, error)
	Clock(ctx context.Context) (time.Time, error)

	Recheck(ctx context.Context, tenant, account string) (recheck.Record, error)
	SeeSignIn(ctx context.Context, tenant, account string, terms recheck.Terms, now time.Time) (recheck.Record, error)
	SkipRecheck(ctx context.Context, tenant, account string, terms recheck.Terms, now time.Time) (recheck.Record, error)
	ProveRecheck(ctx context.Context, tenant, account string, now time.Time) (recheck.Record, error)
}

// owner is an account with contacts, whose changes are tried.
type owner struct {
	Backend
	t       *testing.T
	account string
	codes   int
}

var (
	thirty = Start.Add(change.DefaultHold)
	day    = 24 * time.Hour
)

const (
	secondAddress = "second@post.example"
	newAddress    = "brand-new@post.example"
)

// newOwner has two contacts that the IdP has vouched for, a and b.
func newOwner(t *testing.T, b Backend) *owner {
	t.Helper()
	o := &owner{Backend: b, t: t, account: account}
	must(t, b.ImportContacts(t.Context(), tenant, account, []contact.Contact{email("a", Address), email("b", secondAddress)}, nil, Start))
	return o
}

func (o *owner) key(name string) change.Key { return change.Key{Tenant: tenant, Name: name} }

// sight is a change of the owner as its page asks for it at now.
func (o *owner) sight(name string, action change.Action, now time.Time) change.Sight {
	terms := change.DefaultTerms()
	terms.Requesters = change.DefaultRequesters
	s := change.Sight{
		Key: o.key(name), UID: "uid-of-" + name, Terms: terms, Now: now,
		Spec: change.Spec{Account: o.account, Action: action},
	}
	if action == change.Add || action == change.Replace {
		s.Spec.New = []change.NewContact{{ID: "new-" + name, Channel: contact.Email, Hint: "br•••@•••", Language: "fr"}}
		s.Addresses = map[string]string{"new-" + name: name + newAddress}
	}
	return s
}

func (o *owner) freeze(s change.Sight) change.Record {
	o.t.Helper()
	return mustGet[change.Record](o.t)(o.FreezeChange(o.t.Context(), s))
}

func (o *owner) removal(name string, now time.Time, ids ...string) change.Record {
	o.t.Helper()
	s := o.sight(name, change.Remove, now)
	s.Spec.Removed = ids
	return o.freeze(s)
}

// code has a code accepted: to a contact of the account, or to an address where there is
// no ID.
func (o *owner) code(purpose code.Purpose, object, contactID, address string, now time.Time) string {
	o.t.Helper()
	return o.codeBy(contact.Email, purpose, object, contactID, address, now)
}

func (o *owner) codeBy(channel contact.Channel, purpose code.Purpose, object, contactID, address string, now time.Time) string {
	o.t.Helper()
	o.codes++
	f := flowOf(o.account, fmt.Sprintf("flow-%d-of-%s-at-%d", o.codes, o.account, now.Unix()), object)
	f.Purpose, f.Opened, f.Expires = purpose, now, now.Add(session.Life)
	must(o.t, o.OpenFlow(o.t.Context(), f))
	p := &person{Backend: o.Backend, t: o.t, flow: f}
	issue := p.issue(now)
	issue.Address, issue.Challenge.ContactID, issue.Challenge.Purpose = address, contactID, purpose
	issue.Challenge.Destination, issue.Challenge.Channel = "hash-of-"+address, channel
	c := p.mustIssue(issue)
	must(o.t, o.AcceptCode(o.t.Context(), code.Accept{Challenge: c, NewSecret: sha256.Sum256([]byte(f.ID + " second")), Now: now}))
	return c.ID
}

// steppedUp proves a full contact for a change.
func (o *owner) steppedUp(name, contactID string, now time.Time) (change.Record, error) {
	o.t.Helper()
	id := o.code(code.StepUp, name, contactID, Address, now)
	return o.ProveChange(o.t.Context(), change.Proving{Key: o.key(name), Proof: change.FullContactCode, ChallengeID: id, Now: now})
}

// provenNew proves the contact that a change brings.
func (o *owner) provenNew(name string, now time.Time) (change.Record, error) {
	o.t.Helper()
	id := o.code(code.AddContact, name, "", name+newAddress, now)
	return o.ProveChange(o.t.Context(), change.Proving{Key: o.key(name), Proof: change.NewContactCode, ChallengeID: id, Now: now})
}

func (o *owner) prove(name string, proof change.Proof, now time.Time) (change.Record, error) {
	return o.ProveChange(o.t.Context(), change.Proving{Key: o.key(name), Proof: proof, Now: now})
}

func (o *owner) cancel(name, contactID string, firstFactor bool, now time.Time) error {
	o.t.Helper()
	id := o.code(code.Cancel, name, contactID, Address, now)
	_, err := o.CancelChange(o.t.Context(), change.Cancelling{Key: o.key(name), Account: o.account, ChallengeID: id, FirstFactor: firstFactor, Now: now}, block.Spec{})
	return err
}

// apply asks for the end of a hold by clocks that agree.
func (o *owner) apply(name string, now time.Time) (change.Record, error) {
	return o.ApplyChange(o.t.Context(), o.key(name), change.Clocks{Process: now, APIServer: now, Database: now})
}

func (o *owner) must(r change.Record, err error) change.Record {
	o.t.Helper()
	must(o.t, err)
	return r
}

func (o *owner) wantState(name string, now time.Time, want change.State) {
	o.t.Helper()
	equal(o.t, "state of "+name, mustGet[change.Record](o.t)(o.Change(o.t.Context(), o.key(name))).State(now), want)
}

func (o *owner) wantContacts(want ...string) {
	o.t.Helper()
	ids := []string{}
	for _, c := range mustGet[contact.Book](o.t)(o.Book(o.t.Context(), tenant, o.account)).Contacts {
		ids = append(ids, c.ID)
	}
	equal(o.t, "contacts", ids, append([]string{}, want...))
}

// told counts the messages of a notice.
func (o *owner) told(notice string) int {
	o.t.Helper()
	return count(o.t, o.DB, `SELECT COUNT(*) FROM outbox WHERE kind = 'Notice' AND account = $1 AND notice = $2`, o.account, notice)
}

// abouts are what the messages of a notice tell of.
func (o *owner) abouts(notice string) (list []message.About) {
	o.t.Helper()
	rows, err := o.DB.QueryContext(o.t.Context(), `SELECT about FROM outbox WHERE account = $1 AND notice = $2`, o.account, notice)
	must(o.t, err)
	defer func() { must(o.t, rows.Close()) }()
	for rows.Next() {
		var told []byte
		var about message.About
		must(o.t, rows.Scan(&told))
		must(o.t, json.Unmarshal(told, &about))
		list = append(list, about)
	}
	must(o.t, rows.Err())
	return list
}

// held has a replacement of the owner on hold from Start.
func held(t *testing.T, b Backend) *owner {
	t.Helper()
	o := newOwner(t, b)
	o.freeze(o.sight("c", change.Replace, Start))
	r := o.must(o.provenNew("c", Start))
	equal(t, "state", r.State(Start), change.OnHold)
	return o
}
