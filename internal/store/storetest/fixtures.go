package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/session"
)

const (
	tenant  = "shop"
	account = "user-1"
)

// The destinations of the tests stand nowhere in the store's files as they do here.
const (
	Address = "rosalind.franklin@post.example"
	Number  = "+4915112345678"
)

var key = block.Key{Tenant: tenant, Name: "block-1"}

func spec() block.Spec {
	return block.Spec{
		Account: account, Reason: block.UnusualActivity, Scope: block.Account, Start: Start,
		Duration: 24 * time.Hour, Steps: []block.Step{block.VerifyCode, block.ChangePassword}, CodeTo: block.SecurityInfo,
	}
}

func email(id, address string) contact.Contact {
	return contact.Contact{
		ID: id, Channel: contact.Email, Address: address, Standing: contact.Full,
		Language: "de", Added: Start, Proven: Start,
	}
}

func notice(id string) message.Message {
	return message.Message{
		ID: id, Tenant: tenant, Account: account, Kind: message.Notice, Notice: message.NoticeReleased,
		Channel: contact.Email, Address: Address, Language: "de",
		About:   message.About{Until: Start.Add(720 * time.Hour), Added: []string{"•••• 78"}},
		Created: Start, NotBefore: Start, Expires: Start.Add(72 * time.Hour),
	}
}

// person is one account at the pages: its block is frozen, its contact written and
// its flow open.
type person struct {
	Backend
	t    *testing.T
	flow session.Flow
	key  block.Key
	// issued numbers the challenges.
	issued int
}

func newPerson(t *testing.T, b Backend, account string) *person {
	t.Helper()
	return newPersonOf(t, b, account, email("c1", Address))
}

// newPersonOf has contacts of its own.
func newPersonOf(t *testing.T, b Backend, account string, contacts ...contact.Contact) *person {
	t.Helper()
	p := &person{Backend: b, t: t, key: block.Key{Tenant: tenant, Name: "block-of-" + account}}
	blocked := spec()
	blocked.Account = account
	_, err := b.FreezeBlock(t.Context(), p.key, "uid", blocked)
	must(t, err)
	must(t, b.ImportContacts(t.Context(), tenant, account, contacts, nil, Start))
	p.flow = flowOf(account, "flow-of-"+account, p.key.Name)
	must(t, b.OpenFlow(t.Context(), p.flow))
	return p
}

// newFlow is the same person at a later flow.
func newFlow(p *person, id string, opened time.Time) *person {
	p.t.Helper()
	later := &person{Backend: p.Backend, t: p.t, key: p.key, flow: flowOf(p.flow.Account, id, p.key.Name)}
	later.flow.Opened, later.flow.Expires = opened, opened.Add(session.Life)
	must(p.t, p.OpenFlow(p.t.Context(), later.flow))
	return later
}

func flowOf(account, id, object string) session.Flow {
	return session.Flow{
		ID: id, Tenant: tenant, Host: "help.example", Account: account, Purpose: code.Unblock, Object: object,
		Stage: session.Opened, Secret: sha256.Sum256([]byte(id)), Ticket: "ticket-of-" + id, Bearer: true,
		Opened: Start, Expires: Start.Add(session.Life),
	}
}

// issue is what asks for a code to the account's contact at now.
func (p *person) issue(now time.Time) code.Issue {
	p.issued++
	id := fmt.Sprintf("%s-challenge-%d", p.flow.ID, p.issued)
	return code.Issue{
		Challenge: code.Challenge{
			ID: id, Tenant: tenant, Account: p.flow.Account, Purpose: code.Unblock, Object: p.flow.Object, Flow: p.flow.ID,
			ContactID: "c1", Channel: contact.Email, Destination: "hash-of-address", Hint: "ro•••@•••", Language: "de",
			Nonce: [16]byte{1, 2, byte(p.issued)}, Epoch: 1, Digits: 6,
			Created: now, Expires: now.Add(10 * time.Minute), MaxAttempts: 5,
		},
		Address: Address, MaxWrongPerDay: 10, ResendWaits: firstWaits, MessageID: "message-" + id, Now: now,
	}
}

// entered is what asks for a code to a number that the person types.
func (p *person) entered(now time.Time) code.Issue {
	issue := p.issue(now)
	issue.Address, issue.Entered, issue.PerNumber = Number, true, perNumber
	c := &issue.Challenge
	c.ContactID, c.Channel, c.Destination, c.Hint = "", contact.SMS, "hash-of-number", "•••• 78"
	return issue
}

func (p *person) mustIssue(issue code.Issue) code.Challenge {
	p.t.Helper()
	return mustGet[code.Challenge](p.t)(p.IssueChallenge(p.t.Context(), issue))
}

// wrong submits a wrong code.
func (p *person) wrong(c code.Challenge, now time.Time) error {
	_, err := p.CountAttempt(p.t.Context(), c.ID, p.flow.ID, code.Budget{PerDay: 10}, now)
	return err
}

// right submits the right code.
func (p *person) right(c code.Challenge, now time.Time) error {
	if err := p.wrong(c, now); err != nil {
		return err
	}
	return p.accept(c, now)
}

func (p *person) accept(c code.Challenge, now time.Time) error {
	return p.AcceptCode(p.t.Context(), code.Accept{Challenge: c, PerNumber: perNumber, NewSecret: secondSecret(p.flow.ID), Now: now})
}

func secondSecret(flowID string) [32]byte { return sha256.Sum256([]byte("second " + flowID)) }

func (p *person) release(now time.Time, notices ...message.Message) (block.Record, error) {
	return p.ReleaseBlock(p.t.Context(), block.Release{Key: p.key, FlowID: p.flow.ID, Notices: notices, Now: now})
}

// wantLimit wants a refusal for volume of one subject.
func wantLimit(t *testing.T, err error, subject string, retry time.Duration) {
	t.Helper()
	var limited *rules.LimitError
	if !errors.As(err, &limited) {
		t.Fatalf("got error %v, want a limit of %s", err, subject)
	}
	equal(t, "limit", *limited, rules.LimitError{Subject: subject, RetryAfter: retry})
}

var (
	firstWaits = []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute}
	perNumber  = limit.Rate{Count: 3, Per: 720 * time.Hour}
)

var hourly = limit.Rate{Count: 1, Per: time.Hour, Burst: 2}

// take are limits whatever the address.
func take(limits ...code.Limit) func(string) []code.Limit {
	return func(string) []code.Limit { return limits }
}

// byContact is a limit of the address.
func byContact(rate limit.Rate) func(string) []code.Limit {
	return func(address string) []code.Limit {
		return []code.Limit{{Subject: "contact", Secret: address, Rate: rate}}
	}
}

// drain takes the courier's signal, if any.
func drain(b Backend) {
	select {
	case <-b.Wake():
	default:
	}
}
