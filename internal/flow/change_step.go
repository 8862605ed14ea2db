package flow

import (
	"context"
	"errors"
	"time"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// ChangeStep is where one change stands and what its person may do next.
type ChangeStep struct {
	Welcome
	Ends   time.Time
	Change Change
	// Next is the first of what is missing; empty where nothing is.
	Next change.Proof
	// Without says that this session may go on without a full contact: it has proven the
	// new one.
	Without bool
	// Frozen is nil unless another change keeps this one from going on (seed 53).
	Frozen *change.FrozenError
	// Destinations are the full contacts on which a step-up code can go now, where Next is
	// FullContactCode; Resting are those that are closed for a time.
	Destinations []Destination
	Resting      []Resting
	// OwnDomain is the new address's domain where it is the account's own provider's
	// (seed 24).
	OwnDomain string
	// Challenge is the code that is on its way for this change, nil where there is none.
	Challenge *ChallengeView
}

// ChangeStep shows one change of a session's account, and changes nothing.
func (d *Desk) ChangeStep(ctx context.Context, v Visit, id string) (ChangeStep, error) {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return ChangeStep{}, err
	}
	r, err := d.changeFor(ctx, s.Flow, id)
	if err != nil {
		return ChangeStep{}, err
	}
	open, err := d.Store.OpenChanges(ctx, s.Tenant, s.Account)
	if err != nil {
		return ChangeStep{}, err
	}
	book, err := d.Store.Book(ctx, s.Tenant, s.Account)
	if err != nil {
		return ChangeStep{}, err
	}
	step := ChangeStep{Welcome: welcome(p, s.Account), Ends: s.Expires, Change: changeIn(r, open, book.Contacts, d.Now())}
	if step.Change.State != change.AwaitingCode || len(step.Change.Missing) == 0 {
		return step, nil
	}
	if err := d.setNext(ctx, &step, s); err != nil {
		return ChangeStep{}, err
	}
	if err := d.frozen(ctx, r); err != nil && !errors.As(err, &step.Frozen) {
		return ChangeStep{}, err
	}
	return step, d.addStep(ctx, &step, s, p, book.Contacts)
}

// setNext says what this session has to do next. What another one has proven it proves
// anew before it says yes.
func (d *Desk) setNext(ctx context.Context, step *ChangeStep, s session.Session) (err error) {
	step.Next = step.Change.Missing[0]
	switch {
	case step.Next == change.Confirmation:
		var mine bool
		if mine, err = d.mayAffirm(ctx, s, step.Change.ID, change.Confirmation); !mine {
			step.Next = change.FullContactCode
		}
	case step.Next == change.FullContactCode && step.Change.Action == change.Add:
		step.Without, err = d.mayAffirm(ctx, s, step.Change.ID, change.WithoutFull)
	}
	return err
}

// frozen returns a *change.FrozenError where another change of the account keeps this one
// from going on.
func (d *Desk) frozen(ctx context.Context, r change.Record) error {
	now := d.Now()
	others, err := d.Store.Restricting(ctx, r.Key.Tenant, r.Spec.Account, now)
	if err != nil {
		return err
	}
	book, err := d.Store.Book(ctx, r.Key.Tenant, r.Spec.Account)
	if err != nil {
		return err
	}
	return r.Frozen(book, others, now)
}

// addStep adds the ways of the next code and the one that is on its way.
func (d *Desk) addStep(ctx context.Context, step *ChangeStep, s session.Session, p policy.Policy, known []contact.Contact) error {
	purpose, ok := purposeOf(step.Next)
	if !ok {
		return nil
	}
	here, err := d.proofScene(ctx, s.Flow, p, Ask{Purpose: purpose, Change: step.Change.ID}, true)
	if err != nil {
		return err
	}
	here.known, here.book = known, d.claimed(ctx, here)
	if purpose == code.AddContact {
		step.OwnDomain = OwnDomain(here.book.Contacts[0], p)
	} else {
		var ways Overview
		d.addDestinations(&ways, here)
		step.Destinations, step.Resting = ways.Destinations, ways.Resting
	}
	step.Challenge, err = d.proofOnItsWay(ctx, here)
	return err
}

// purposeOf is that of the code that gives a proof.
func purposeOf(p change.Proof) (code.Purpose, bool) {
	switch p {
	case change.NewContactCode:
		return code.AddContact, true
	case change.FullContactCode:
		return code.StepUp, true
	default:
		return "", false
	}
}
