package flow

import (
	"context"
	"errors"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// Ask is a wish for a code that proves something about an account's security info.
type Ask struct {
	// Purpose is AddContact, StepUp or Cancel of a change, or Recheck.
	Purpose code.Purpose
	// Change is the ID of the change; empty for Recheck.
	Change string
	// To is the contact; without one, AddContact goes to the new contact and a resend to
	// where the last code went.
	To Target
}

// Proved is what an accepted code has brought about.
type Proved struct {
	// Credential replaces the one of the visit.
	Credential string
	Purpose    code.Purpose
	// Change is the one that the code was for; its zero value is none.
	Change Change
	// NewPassword says that a new password is next: the code has cancelled a hold, and the
	// person had signed in before.
	NewPassword bool
}

// prover is who may ask for such codes: a session, or somebody who was told of a hold.
type prover struct {
	session.Flow
	policy policy.Policy
	// firstFactor says that the flow began with a sign-in.
	firstFactor bool
}

// prover finds the live flow of a visit: a session, or one that cancels.
func (d *Desk) prover(ctx context.Context, v Visit) (prover, error) {
	s, p, err := d.session(ctx, v)
	if err == nil {
		return prover{s.Flow, p, true}, nil
	}
	if !errors.Is(err, rules.ErrNoFlow) {
		return prover{}, err
	}
	f, err := d.flowFor(ctx, v, code.Cancel)
	if err == nil && !f.Live(d.Now()) {
		err = rules.ErrNoFlow
	}
	return prover{Flow: f, policy: d.Policies.For(f.Tenant, f.Account)}, err
}

// RequestProof sends a code in place of the one that is on its way in this flow. It adds
// no guesses while that one is open.
func (d *Desk) RequestProof(ctx context.Context, v Visit, ask Ask) (ChallengeView, error) {
	who, err := d.prover(ctx, v)
	if err != nil {
		return ChallengeView{}, err
	}
	return d.proofOnce(ctx, v, who, "", ask)
}

// ResendProof sends another code in place of a challenge, to the same contact or another
// (seed 6).
func (d *Desk) ResendProof(ctx context.Context, v Visit, challengeID string, to Target) (ChallengeView, error) {
	who, err := d.prover(ctx, v)
	if err != nil {
		return ChallengeView{}, err
	}
	c, err := d.proofChallenge(ctx, who, challengeID)
	if err != nil {
		return ChallengeView{}, err
	}
	return d.proofOnce(ctx, v, who, challengeID, Ask{Purpose: c.Purpose, Change: c.Object, To: to})
}

func (d *Desk) proofOnce(ctx context.Context, v Visit, who prover, challengeID string, ask Ask) (ChallengeView, error) {
	here, err := d.proofScene(ctx, who.Flow, who.policy, ask, who.firstFactor)
	if err != nil {
		return ChallengeView{}, err
	}
	once := d.once(v, here.flow, challengeID, Target{ContactID: string(ask.Purpose) + " " + ask.Change + " " + ask.To.ContactID, Channel: ask.To.Channel})
	if once.Key != "" {
		earlier, delivery, err := d.Store.Issued(ctx, here.flow.ID, once)
		if !errors.Is(err, rules.ErrNotFound) {
			if err != nil {
				return ChallengeView{}, err
			}
			return d.proofView(ctx, here, earlier, delivery)
		}
	}
	target, err := d.proofTarget(ctx, here, ask.To)
	if err != nil {
		return ChallengeView{}, err
	}
	return d.sendProof(ctx, v, here, target, once)
}

// proofTarget is the contact that is asked for, the one of the last code, or the only one.
func (d *Desk) proofTarget(ctx context.Context, here scene, to Target) (contact.Contact, error) {
	if to.Number != "" {
		return contact.Contact{}, rules.ErrDestination
	}
	current, _, err := d.Store.CurrentChallenge(ctx, here.flow.ID)
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return contact.Contact{}, err
	}
	if to.ContactID == "" && err == nil && serves(current, here) {
		to.ContactID = d.idOf(here, current)
		if to.Channel == "" {
			to.Channel = current.Channel
		}
	}
	if to.ContactID == "" && len(here.book.Contacts) > 0 {
		to.ContactID = here.book.Contacts[0].ID
	}
	if here.flow.Purpose == code.AddContact { // how it comes was chosen with it (seed 56)
		to.Channel = ""
	}
	return d.ownContact(here, to.ContactID, to.Channel)
}

func (d *Desk) sendProof(ctx context.Context, v Visit, here scene, target contact.Contact, once code.Once) (ChallengeView, error) {
	if here.flow.Purpose == code.AddContact || here.flow.Purpose == code.StepUp {
		if err := d.frozen(ctx, here.change); err != nil {
			return ChallengeView{}, err
		}
	}
	book, err := d.Store.Book(ctx, here.flow.Tenant, here.flow.Account)
	if err != nil {
		return ChallengeView{}, err
	}
	listed, _ := book.Find(target.ID) // empty: it is none of the account's, or not any more
	stored, err := d.send(ctx, v, here, target, listed.ID, once)
	if err != nil {
		return ChallengeView{}, err
	}
	return d.proofView(ctx, here, stored, message.Delivery{State: message.Waiting})
}

// proofView shows a challenge with the ways of its scene.
func (d *Desk) proofView(ctx context.Context, here scene, c code.Challenge, delivery message.Delivery) (ChallengeView, error) {
	c.ContactID = d.idOf(here, c)
	view, err := d.challengeView(ctx, here, c, delivery)
	if here.flow.Purpose == code.AddContact {
		view.Alternatives = nil
	}
	return view, err
}

// proofOnItsWay is the flow's current challenge where it serves the scene.
func (d *Desk) proofOnItsWay(ctx context.Context, here scene) (*ChallengeView, error) {
	current, delivery, err := d.Store.CurrentChallenge(ctx, here.flow.ID)
	if errors.Is(err, rules.ErrNotFound) || err == nil && !serves(current, here) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	view, err := d.proofView(ctx, here, current, delivery)
	return &view, err
}

// proofChallenge is a challenge of the flow that proves something about a change, or that
// codes arrive; the step-up of a session is none of them.
func (d *Desk) proofChallenge(ctx context.Context, who prover, id string) (code.Challenge, error) {
	c, _, err := d.Store.Challenge(ctx, id, who.ID)
	if err == nil && c.Object == "" && c.Purpose != code.Recheck {
		err = rules.ErrNotFound
	}
	return c, err
}

// SubmitProof counts an attempt, compares, and accepts a right code once; then it does what
// the code was for.
func (d *Desk) SubmitProof(ctx context.Context, v Visit, challengeID, submitted string) (Proved, error) {
	who, err := d.prover(ctx, v)
	if err != nil {
		return Proved{}, err
	}
	c, err := d.proofChallenge(ctx, who, challengeID)
	if err != nil {
		return Proved{}, err
	}
	budget := guesses(who.policy)
	if c.Purpose == code.Cancel { // wrong codes keep no contact from cancelling
		budget.InARow = 0
	}
	right, credential, err := d.enter(ctx, who.Flow, budget, challengeID, submitted)
	if err != nil {
		return Proved{}, err
	}
	if err := d.Store.AcceptProof(ctx, right); err != nil {
		return Proved{}, err
	}
	done := Proved{Credential: credential, Purpose: c.Purpose}
	r, err := d.prove(ctx, who, c)
	if err == nil && r.Key.Name != "" {
		done.Change = changeOf(r, nil, d.Now())
		done.NewPassword = c.Purpose == code.Cancel && who.firstFactor && !r.HoldStart.IsZero() && setsPasswords(who.policy)
	}
	return done, err
}

// prove does what an accepted code was for.
func (d *Desk) prove(ctx context.Context, who prover, c code.Challenge) (change.Record, error) {
	proving := change.Proving{Key: change.Key{Tenant: c.Tenant, Name: c.Object}, ChallengeID: c.ID, Now: d.Now()}
	switch c.Purpose {
	case code.AddContact:
		proving.Proof = change.NewContactCode
	case code.StepUp:
		proving.Proof = change.FullContactCode
	case code.Recheck:
		_, err := d.Store.ProveRecheck(ctx, c.Tenant, c.Account, d.Now())
		return change.Record{}, err
	case code.Cancel:
		return d.cancel(ctx, who, c)
	default:
		return change.Record{}, rules.ErrOrder
	}
	return d.Store.ProveChange(ctx, proving)
}
