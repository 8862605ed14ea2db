package flow

import (
	"context"
	"errors"
	"reflect"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/receipt"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// Overview is what a page shows of a block and of how far its release has come.
type Overview struct {
	// Account is masked.
	Account     string
	ProductName string
	// ProductURL is where people go back to who are done here; it may be empty.
	ProductURL string
	Help       Help
	// Sender is the address that mail comes from, empty where the policy names none.
	Sender string
	// OwnDomains are mail domains of the account's own provider (seed 24).
	OwnDomains []string
	Reason     block.Reason
	State      block.State
	// Until is zero for a permanent block.
	Until time.Time
	// Releasable says whether the person can end the block themselves.
	Releasable bool
	Stage      session.Stage
	// Remaining are the steps that this flow has still to do.
	Remaining []block.Step
	// Destinations are the contacts to which a code can go now, masked: the one of a
	// number by text and, where calls are served, the same by call.
	Destinations []Destination
	// Resting are those that are closed for a time.
	Resting []Resting
	// EnterNumber offers a number of the person's own instead, on Channels, of one of the
	// Countries (ISO 3166 alpha-2).
	EnterNumber bool
	Channels    []contact.Channel
	Countries   []string
	// Challenge is the current one, nil before the first.
	Challenge *ChallengeView
	// EnteredNumber tells that the release will restrict payments for a time.
	EnteredNumber bool
}

// Help is where people are sent whom the pages cannot help (seed 49); each may be empty.
type Help struct{ URL, Email, Phone string }

// Destination is a way to a contact as its owner recognises it.
type Destination struct {
	// ContactID is empty for the number that the person entered.
	ContactID string
	Channel   contact.Channel
	Hint      string
	Apart
}

// Resting is a way that gets no codes for a time, since too many went wrong on it or too
// few arrive in its country (seed 16, 28).
type Resting struct {
	Destination
	// Until is zero where it does not end by itself.
	Until time.Time
}

// ChallengeView is what a client may know of its challenge.
type ChallengeView struct {
	ID string
	// ContactID is empty for the number that the person entered.
	ContactID    string
	Channel      contact.Channel
	Hint         string
	Digits       int
	ExpiresAt    time.Time
	ResendAt     time.Time
	AttemptsLeft int
	// Repeatable says whether another code may go the same way, Alternatives which other
	// ways are open.
	Repeatable   bool
	Alternatives []Destination
	Delivery     message.Delivery
	// Advice is what the person had better do, none where nothing is known.
	Advice receipt.Advice
}

// Peek shows the block of a ticket and changes nothing (law 7).
func (d *Desk) Peek(ctx context.Context, host, sealed string) (Overview, error) {
	claims, err := d.claims(host, sealed)
	if err != nil {
		return Overview{}, err
	}
	record, _, err := d.record(ctx, block.Key{Tenant: claims.Tenant, Name: claims.Block}, claims.Account)
	if err != nil {
		return Overview{}, err
	}
	p := d.Policies.For(claims.Tenant, claims.Account)
	return d.blockView(p, claims.Account, record), nil
}

func helpOf(p policy.Policy) Help { return Help{p.HelpURL, p.HelpEmail, p.HelpPhone} }

// Open redeems a ticket once and opens a flow of 15 minutes. It returns the new
// credential; bearer lets the ticket itself serve until the first proof, for
// clients without cookies.
func (d *Desk) Open(ctx context.Context, host, sealed string, bearer bool) (credential string, err error) {
	claims, err := d.claims(host, sealed)
	if err != nil {
		return "", err
	}
	if _, err := d.openBlock(ctx, block.Key{Tenant: claims.Tenant, Name: claims.Block}, claims.Account); err != nil {
		return "", err
	}
	return d.openFlow(ctx, claims, bearer)
}

func (d *Desk) openFlow(ctx context.Context, claims ticket.Claims, bearer bool) (string, error) {
	f, credential, err := d.newFlow(claims.Tenant, claims.Host, claims.Account, claims.Purpose)
	if err != nil {
		return "", err
	}
	f.Object, f.Ticket, f.Bearer = claims.Block, claims.ID, bearer
	return credential, d.Store.OpenFlow(ctx, f)
}

// newFlow is a flow of 15 minutes that begins now, and its credential.
func (d *Desk) newFlow(tenant, host, account string, purpose code.Purpose) (f session.Flow, credential string, err error) {
	id, err := d.token(16)
	if err != nil {
		return f, "", err
	}
	if credential, err = d.token(32); err != nil {
		return f, "", err
	}
	now := d.Now()
	return session.Flow{
		ID: id, Tenant: tenant, Host: host, Account: account, Purpose: purpose,
		Stage: session.Opened, Secret: hash(credential), Opened: now, Expires: now.Add(session.Life),
	}, credential, nil
}

// Overview shows where the flow of a visit stands.
func (d *Desk) Overview(ctx context.Context, v Visit) (Overview, error) {
	f, err := d.flow(ctx, v)
	if err != nil {
		return Overview{}, err
	}
	record, _, err := d.record(ctx, block.Key{Tenant: f.Tenant, Name: f.Object}, f.Account)
	if err != nil {
		return Overview{}, err
	}
	p := d.Policies.For(f.Tenant, f.Account)
	view := d.blockView(p, f.Account, record)
	view.Stage, view.Remaining = f.Stage, record.Remaining(f.ID, d.Now())
	view.EnteredNumber = record.Proof.Flow == f.ID && record.Proof.EnteredNumber
	if f.Stage != session.Opened || !view.Releasable || view.State.Terminal() {
		return view, nil
	}
	book, err := d.Store.Book(ctx, f.Tenant, f.Account)
	if err != nil {
		return Overview{}, err
	}
	here := scene{flow: f, policy: p, block: record, book: book}
	d.addDestinations(&view, here)
	current, delivery, err := d.Store.CurrentChallenge(ctx, f.ID)
	if errors.Is(err, rules.ErrNotFound) {
		return view, nil
	}
	if err != nil {
		return view, err
	}
	challenge, err := d.challengeView(ctx, here, current, delivery)
	view.Challenge = &challenge
	return view, err
}

func (d *Desk) blockView(p policy.Policy, account string, r block.Record) Overview {
	return Overview{
		Account: contact.MaskAccount(account), ProductName: p.Messages.ProductName, ProductURL: p.Messages.ProductURL, Help: helpOf(p),
		Sender: p.Messages.Sender, OwnDomains: p.OwnDomains,
		Reason: r.Spec.Reason, State: r.State(d.Now()), Until: r.Expires,
		Releasable: r.Releasable(), Stage: session.Opened, Remaining: r.Spec.Steps,
	}
}

// record reads the block of an account from the memory, or from the index where no
// controller has frozen it yet. An end that the index alone has seen counts, as it
// does for decisions (law 4). A name that meanwhile stands for another account's
// block is none of this one's: its own is over. frozen says that to freeze it again
// would change nothing.
func (d *Desk) record(ctx context.Context, key block.Key, account string) (r block.Record, frozen bool, err error) {
	r, frozen, err = d.known(ctx, key)
	if err == nil && r.Spec.Account != account {
		return block.Record{}, false, rules.ErrOver
	}
	return r, frozen, err
}

func (d *Desk) known(ctx context.Context, key block.Key) (r block.Record, frozen bool, err error) {
	indexed, seen := d.Index.Block(key)
	stored, err := d.Store.Block(ctx, key)
	switch {
	case errors.Is(err, rules.ErrNotFound) && seen:
		return indexed, false, nil
	case errors.Is(err, rules.ErrNotFound):
		return block.Record{}, false, rules.ErrOver
	case err != nil || !seen:
		return stored, true, err
	}
	merged := stored.Merge(indexed.UID, indexed.Spec)
	frozen = reflect.DeepEqual(stored, merged)
	if merged.UID == indexed.UID && !merged.End.State.Terminal() {
		merged.End = indexed.End
	}
	return merged, frozen, nil
}

// openBlock returns a block that still binds, frozen in the memory.
func (d *Desk) openBlock(ctx context.Context, key block.Key, account string) (block.Record, error) {
	record, frozen, err := d.record(ctx, key, account)
	if err == nil && !frozen && !record.State(d.Now()).Terminal() {
		record, err = d.Store.FreezeBlock(ctx, key, record.UID, record.Spec)
	}
	if err == nil && record.State(d.Now()).Terminal() {
		err = rules.ErrOver // perhaps only since it was read
	}
	return record, err
}
