package flow

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/recheck"
	"holdfast.dev/holdfast/internal/rules/session"
)

// ChangeStore remembers changes of security info, and when people are asked to make sure
// that they can receive a code.
type ChangeStore interface {
	// FreezeChange records a change at its first sight; every later one finds it as it is.
	FreezeChange(ctx context.Context, seen change.Sight) (change.Record, error)
	// Change reads a record, or rules.ErrNotFound.
	Change(ctx context.Context, key change.Key) (change.Record, error)
	OpenChanges(ctx context.Context, tenant, account string) ([]change.Record, error)
	// Restricting are the open changes, and those that have ended and restrict on at now.
	Restricting(ctx context.Context, tenant, account string, now time.Time) ([]change.Record, error)
	// ChangeContacts are those that a change brings and those before it, with their
	// addresses.
	ChangeContacts(ctx context.Context, key change.Key) (fresh, old []contact.Contact, err error)
	// ProveChange takes a proof; with the last one the change is applied or goes on hold.
	ProveChange(ctx context.Context, p change.Proving) (change.Record, error)
	// CancelChange cancels by a code that was accepted for a contact of the snapshot, and
	// begins a block then, which the flow of a signed-in person has proved already.
	CancelChange(ctx context.Context, c change.Cancelling, then block.Spec) ([]change.Record, error)
	// BlocksProvedIn are the open blocks that a flow has proved.
	BlocksProvedIn(ctx context.Context, f session.Flow) ([]block.Record, error)
	// CancelledBefore reports whether a contact has cancelled without the first factor
	// before the hold of a change began.
	CancelledBefore(ctx context.Context, r change.Record, contactID string) (bool, error)
	// AcceptedIn reports whether a code for a change was accepted in a flow.
	AcceptedIn(ctx context.Context, flowID string, purpose code.Purpose, name string) (bool, error)
	// CancelledSince reports whether a hold was cancelled by a code after an instant.
	CancelledSince(ctx context.Context, tenant, account string, then time.Time) (bool, error)
	// ForgetChange drops a change of the pages of which nothing has come yet, or returns
	// rules.ErrOrder.
	ForgetChange(ctx context.Context, v change.Visit) error
	// DeleteChange ends the incarnation of a change.
	DeleteChange(ctx context.Context, v change.Visit, uid string) (change.Record, error)
	// NoticedChange is what a notice told of, or rules.ErrNotFound.
	NoticedChange(ctx context.Context, tenant, messageID string) (change.Noticed, error)
	// AcceptProof consumes a challenge once and gives its flow a new credential.
	AcceptProof(ctx context.Context, a code.Accept) error
	// SteppedUpBy is the challenge that stepped a session up, or rules.ErrNotFound.
	SteppedUpBy(ctx context.Context, s session.Session) (challengeID string, err error)

	// Recheck is what is known of an account.
	Recheck(ctx context.Context, tenant, account string) (recheck.Record, error)
	// SeeSignIn notes a sign-in and begins a round where one is due.
	SeeSignIn(ctx context.Context, tenant, account string, terms recheck.Terms, now time.Time) (recheck.Record, error)
	// SkipRecheck puts the question off; rules.ErrOrder says that it may not be skipped.
	SkipRecheck(ctx context.Context, tenant, account string, terms recheck.Terms, now time.Time) (recheck.Record, error)
	// ProveRecheck ends the round.
	ProveRecheck(ctx context.Context, tenant, account string, now time.Time) (recheck.Record, error)
}

// Change is a change of security info as its person sees it: contacts by their masks
// alone.
type Change struct {
	// ID is the change's name within the tenant.
	ID     string
	Action change.Action
	State  change.State
	// Own says that a page began it, so that a page may forget it before its code.
	Own            bool
	Added, Removed []Piece
	Created        time.Time
	// Deadline is when the proofs must be there; HoldStart and HoldUntil are zero before
	// the hold.
	Deadline, HoldStart, HoldUntil time.Time
	// Restricted is what does not work until RestrictedUntil; zero where that is not known.
	Restricted      change.Restriction
	RestrictedUntil time.Time
	// Missing is what the person has still to do.
	Missing []change.Proof
	// Contested says that another replacement stands against this one.
	Contested bool
	// WithoutFull says that no full contact vouches for the new one.
	WithoutFull bool
	// JuniorFor is for how long such a contact proves nothing.
	JuniorFor time.Duration
	End       change.End
}

// Piece is a contact as its owner recognises it.
type Piece struct {
	// ContactID is empty for a new contact.
	ContactID string
	Channel   contact.Channel
	Hint      string
	// Language is that of a new contact's messages (BCP 47), frozen with it (seed 40).
	Language string
	Apart
}

// changeIn shows a record, given the account's other open changes and its contacts, which
// it tells apart.
func changeIn(r change.Record, others []change.Record, contacts []contact.Contact, now time.Time) Change {
	c, told := changeOf(r, others, now), apart(contacts)
	for i, p := range c.Removed {
		c.Removed[i].Apart = told[p.ContactID]
	}
	return c
}

// changeOf shows a record, given the account's other open changes.
func changeOf(r change.Record, others []change.Record, now time.Time) Change {
	c := Change{
		ID: r.Key.Name, Action: r.Spec.Action, State: r.State(now), Own: r.Key.Own(), Created: r.Created, Deadline: r.Deadline,
		HoldStart: r.HoldStart, HoldUntil: r.HoldUntil, Missing: r.Missing(), Contested: r.Contested(others, now),
		WithoutFull: r.HoldStart.IsZero() && !r.Proofs.WithoutFull.IsZero() && r.Proofs.FullAt.IsZero(),
		JuniorFor:   r.Terms.JuniorFor, End: r.End,
	}
	c.Restricted, c.RestrictedUntil = r.Restricts(now)
	for _, n := range r.Spec.New {
		c.Added = append(c.Added, Piece{Channel: n.Channel, Hint: n.Hint, Language: n.Language})
	}
	all := r.Spec.Action == change.Replace || r.Spec.Action == change.Clear
	for _, o := range r.Snapshot {
		if !o.Gone && (all || slices.Contains(r.Spec.Removed, o.ID)) {
			c.Removed = append(c.Removed, Piece{ContactID: o.ID, Channel: o.Channel, Hint: o.Hint})
		}
	}
	return c
}

// Changes are what is open about an account's security info.
type Changes struct {
	Welcome
	Ends time.Time
	// Open are the account's open changes.
	Open []Change
	// Full says that no change may be begun before another one has ended.
	Full bool
	// Frozen is nil unless what is on hold keeps contacts from being added and removed
	// (seed 53).
	Frozen *change.FrozenError
	// Any says that the account has contacts, Room that it may have more.
	Any, Room bool
	// Prompt is what the person is asked to make sure of, MustBy when skipping ends.
	Prompt recheck.Prompt
	MustBy time.Time
	// Clears says that a help desk may clear the account's contacts, with the person's own
	// word that a device is lost (seed 45, 46).
	Clears bool
}

// Changes lists what is open in a session, and changes nothing.
func (d *Desk) Changes(ctx context.Context, v Visit) (Changes, error) {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return Changes{}, err
	}
	now := d.Now()
	restricting, err := d.Store.Restricting(ctx, s.Tenant, s.Account, now)
	if err != nil {
		return Changes{}, err
	}
	book, err := d.Store.Book(ctx, s.Tenant, s.Account)
	if err != nil {
		return Changes{}, err
	}
	round, err := d.Store.Recheck(ctx, s.Tenant, s.Account)
	if err != nil {
		return Changes{}, err
	}
	all := Changes{
		Welcome: welcome(p, s.Account), Ends: s.Expires,
		Any: len(book.Contacts) > 0, Room: len(book.Contacts) < p.Changes.MaxContacts,
		Clears: p.Changes.Requesters > 0,
	}
	all.Prompt, all.MustBy = round.Prompt(now)
	for _, r := range restricting {
		if !r.State(now).Terminal() {
			all.Open = append(all.Open, changeIn(r, restricting, book.Contacts, now))
		}
	}
	own := slices.DeleteFunc(slices.Clone(all.Open), func(c Change) bool { return !c.Own })
	all.Full = len(own) >= change.MaxOpen
	add := change.Record{Spec: change.Spec{Account: s.Account, Action: change.Add}}
	errors.As(add.Frozen(book, restricting, now), &all.Frozen)
	return all, nil
}

// changeFor reads a change of the flow's account; those of others are none.
func (d *Desk) changeFor(ctx context.Context, f session.Flow, id string) (change.Record, error) {
	r, err := d.Store.Change(ctx, change.Key{Tenant: f.Tenant, Name: id})
	if err == nil && (r.Spec.Account != f.Account || r.Deleted) {
		return change.Record{}, rules.ErrNotFound
	}
	return r, err
}

// Reach is how messages to an account can go out.
type Reach struct {
	Welcome
	Channels []contact.Channel
	// Countries are those whose numbers get codes (ISO 3166 alpha-2), OwnDomains mail
	// domains of the account's own provider (seed 24).
	Countries, OwnDomains []string
	// Vouched says that the session was stepped up; Any that the account has contacts.
	Vouched, Any bool
	// Language is the one for people whose own is not known (BCP 47), or empty.
	Language string
	// Junior is for how long a contact that no full one vouches for proves nothing, Hold
	// how long a replacement waits.
	Junior, Hold time.Duration
	// Restricted is what a removal of all contacts denies as long as it is on hold.
	Restricted change.Restriction
}

// Reach shows how a new contact of a session's account can be reached.
func (d *Desk) Reach(ctx context.Context, v Visit) (Reach, error) {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return Reach{}, err
	}
	book, err := d.Store.Book(ctx, s.Tenant, s.Account)
	if err != nil {
		return Reach{}, err
	}
	reach := Reach{
		Welcome: welcome(p, s.Account), Countries: p.Countries(), OwnDomains: p.OwnDomains,
		Vouched: s.Assurance.Covers(session.StepUp), Any: len(book.Contacts) > 0, Junior: p.Changes.JuniorFor, Hold: p.Changes.Hold,
		Language: p.Messages.DefaultLanguage, Restricted: cmp.Or(p.Changes.Restrict, change.SensitiveActions),
	}
	for _, channel := range []contact.Channel{contact.Email, contact.SMS, contact.Voice} {
		if p.Serves(channel) {
			reach.Channels = append(reach.Channels, channel)
		}
	}
	return reach, nil
}
