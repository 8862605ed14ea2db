package flow

import (
	"context"
	"errors"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// stepUpScene is where a step-up code may go: to full contacts of the account and nowhere
// else, whatever it has or lacks.
func stepUpScene(s session.Session, p policy.Policy, book contact.Book) scene {
	f := s.Flow
	f.Purpose = code.StepUp
	return scene{flow: f, policy: p, block: block.Record{}, book: book}
}

// RequestStepUp sends a step-up code of this session to a full contact, in place of the
// one that is on its way. It never goes to a number that somebody enters.
func (d *Desk) RequestStepUp(ctx context.Context, v Visit, to Target) (ChallengeView, error) {
	return d.stepUpOnce(ctx, v, "", to)
}

// ResendStepUp sends another step-up code in place of a challenge, to the same contact or
// to another one (seed 6).
func (d *Desk) ResendStepUp(ctx context.Context, v Visit, challengeID string, to Target) (ChallengeView, error) {
	return d.stepUpOnce(ctx, v, challengeID, to)
}

func (d *Desk) stepUpOnce(ctx context.Context, v Visit, challengeID string, to Target) (ChallengeView, error) {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return ChallengeView{}, err
	}
	if challengeID != "" {
		if err := d.isStepUp(ctx, s, challengeID); err != nil {
			return ChallengeView{}, err
		}
	}
	book, err := d.Store.Book(ctx, s.Tenant, s.Account)
	if err != nil {
		return ChallengeView{}, err
	}
	here := stepUpScene(s, p, book)
	once := d.once(v, here.flow, challengeID, to)
	if earlier, err := d.answered(ctx, here.flow, here.block, once); !errors.Is(err, rules.ErrNotFound) {
		return earlier, err
	}
	if to.Number != "" {
		return ChallengeView{}, rules.ErrDestination
	}
	target, err := d.target(ctx, here, to)
	if err != nil {
		return ChallengeView{}, err
	}
	stored, err := d.send(ctx, v, here, target, target.ID, once)
	if err != nil {
		return ChallengeView{}, err
	}
	return d.challengeView(ctx, here, stored, message.Delivery{State: message.Waiting})
}

// send issues a code to a contact of the scene and notes where it goes. contactID is the
// one of the account's contacts that it proves; empty where it is none of them.
func (d *Desk) send(ctx context.Context, v Visit, here scene, target contact.Contact, contactID string, once code.Once) (code.Challenge, error) {
	country, err := d.route(ctx, here, target)
	if err != nil {
		return code.Challenge{}, err
	}
	issue, err := d.issue(v, here.flow, here.policy, target)
	if err != nil {
		return code.Challenge{}, err
	}
	issue.Challenge.ContactID, issue.Once = contactID, once
	stored, err := d.Store.IssueChallenge(ctx, issue)
	if limited(err) { // a failure of the channel, as at an unblock (seed 15)
		f := here.flow
		err = errors.Join(err, d.fail(ctx, nil, escalation.Failure{
			Tenant: f.Tenant, Account: f.Account, Method: string(target.Channel), PastFirst: f.Notified == "",
		}))
	}
	if err != nil {
		return code.Challenge{}, err
	}
	d.sent(ctx, stored, country, here.policy)
	return stored, nil
}

// SteppedUp is what a right step-up code has brought about.
type SteppedUp struct {
	// Credential replaces the one of the visit.
	Credential string
	// Cancelled was on hold before this code (seed 34); its zero value is none. NewPassword
	// says that a new password is next.
	Cancelled   Change
	NewPassword bool
}

// SubmitStepUp counts an attempt, compares, and accepts a right code once. The session
// then has the assurance StepUp.
func (d *Desk) SubmitStepUp(ctx context.Context, v Visit, challengeID, submitted string) (SteppedUp, error) {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return SteppedUp{}, err
	}
	if err := d.isStepUp(ctx, s, challengeID); err != nil {
		return SteppedUp{}, err
	}
	right, credential, err := d.enter(ctx, s.Flow, guesses(p), challengeID, submitted)
	if err != nil {
		return SteppedUp{}, err
	}
	if err := d.Store.StepUp(ctx, right); err != nil {
		return SteppedUp{}, err
	}
	done := SteppedUp{Credential: credential}
	cancelled, err := d.cancelHolds(ctx, s.Flow, challengeID, escalation.Reclaim(p, s.Account, d.Now()))
	if err == nil && cancelled.Key.Name != "" {
		done.Cancelled, done.NewPassword = changeOf(cancelled, nil, d.Now()), setsPasswords(p)
	}
	return done, err
}

// isStepUp refuses a challenge of another purpose: what adds a contact proves no other.
func (d *Desk) isStepUp(ctx context.Context, s session.Session, challengeID string) error {
	c, _, err := d.Store.Challenge(ctx, challengeID, s.ID)
	if err == nil && (c.Purpose != code.StepUp || c.Object != "") { // that of a change vouches for it alone
		err = rules.ErrNotFound
	}
	return err
}
