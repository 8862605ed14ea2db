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
	HelpURL     string
	Reason      block.Reason
	State       block.State
	// Until is zero for a permanent block.
	Until time.Time
	// Releasable says whether the person can end the block themselves.
	Releasable bool
	Stage      session.Stage
	// Remaining are the steps that this flow has still to do.
	Remaining []block.Step
	// Destinations are the contacts to which a code can go now, masked.
	Destinations []Destination
	// EnterNumber offers a number of the person's own instead, on Channels.
	EnterNumber bool
	Channels    []contact.Channel
	// Challenge is the current one, nil before the first.
	Challenge *ChallengeView
	// EnteredNumber tells that the release will restrict payments for a time.
	EnteredNumber bool
}

// Destination is a contact as its owner recognises it.
type Destination struct {
	ContactID string
	Channel   contact.Channel
	Hint      string
}

// ChallengeView is what a client may know of its challenge.
type ChallengeView struct {
	ID           string
	Channel      contact.Channel
	Hint         string
	Digits       int
	ExpiresAt    time.Time
	ResendAt     time.Time
	AttemptsLeft int
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
	id, err := d.token(16)
	if err != nil {
		return "", err
	}
	credential, err := d.token(32)
	if err != nil {
		return "", err
	}
	now := d.Now()
	return credential, d.Store.OpenFlow(ctx, session.Flow{
		ID: id, Tenant: claims.Tenant, Host: claims.Host, Account: claims.Account,
		Purpose: claims.Purpose, Object: claims.Block, Stage: session.Opened,
		Secret: hash(credential), Ticket: claims.ID, Bearer: bearer,
		Opened: now, Expires: now.Add(session.Life),
	})
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
	d.addDestinations(&view, p, record, book)
	current, delivery, err := d.Store.CurrentChallenge(ctx, f.ID)
	if errors.Is(err, rules.ErrNotFound) {
		return view, nil
	}
	view.Challenge = challengeView(current, delivery, view.Destinations)
	return view, err
}

func (d *Desk) blockView(p policy.Policy, account string, r block.Record) Overview {
	return Overview{
		Account: contact.MaskAccount(account), ProductName: p.Messages.ProductName, HelpURL: p.HelpURL,
		Reason: r.Spec.Reason, State: r.State(d.Now()), Until: r.Expires,
		Releasable: r.Releasable(), Stage: session.Opened, Remaining: r.Spec.Steps,
	}
}

// addDestinations lists where a code of this flow may go (seed 3, narrowed): the
// account's own contacts, or a number that the person enters where the account is
// known to have none or the policy allows any.
func (d *Desk) addDestinations(view *Overview, p policy.Policy, r block.Record, book contact.Book) {
	for _, c := range book.Releasing() {
		if p.Reaches(c.Channel, d.plan(c)) {
			view.Destinations = append(view.Destinations, Destination{c.ID, c.Channel, c.Mask()})
		}
	}
	if !mayEnter(book, r) {
		return
	}
	for _, channel := range []contact.Channel{contact.SMS, contact.Voice} {
		if p.Serves(channel) {
			view.Channels = append(view.Channels, channel)
		}
	}
	view.EnterNumber = len(view.Channels) > 0
}

func mayEnter(book contact.Book, r block.Record) bool {
	return book.Absent() || r.Spec.CodeTo == block.AnyNumber
}

func challengeView(c code.Challenge, delivery message.Delivery, all []Destination) *ChallengeView {
	view := &ChallengeView{
		ID: c.ID, Channel: c.Channel, Hint: c.Hint, Digits: c.Digits, ExpiresAt: c.Expires,
		ResendAt: c.ResendAfter, AttemptsLeft: c.AttemptsLeft(), Delivery: delivery,
		Advice: receipt.Advise(c.Channel, delivery, receipt.Receipt{}),
	}
	for _, alternative := range all {
		if alternative.ContactID != c.ContactID {
			view.Alternatives = append(view.Alternatives, alternative)
		}
	}
	return view
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
