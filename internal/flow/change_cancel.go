package flow

import (
	"context"
	"errors"
	"slices"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// Cancelling is a change and the ways on which a code can go that cancels it.
type Cancelling struct {
	Welcome
	Change Change
	// FirstFactor says that the person is signed in; else SignIn says that they must, since
	// the contacts that could cancel have done so once without.
	FirstFactor, SignIn bool
	// SetsPasswords says that a new password can be chosen here afterwards.
	SetsPasswords bool
	Destinations  []Destination
	Resting       []Resting
	// Challenge is the code that is on its way, nil where there is none.
	Challenge *ChallengeView
}

// PeekNotice shows what a notice told of, and changes nothing (law 7). Whoever has not got
// the notice learns nothing (law 6): rules.ErrNotFound.
func (d *Desk) PeekNotice(ctx context.Context, host, messageID string) (Cancelling, error) {
	r, _, p, err := d.noticed(ctx, host, messageID)
	if err != nil {
		return Cancelling{}, err
	}
	return Cancelling{Welcome: welcome(p, r.Spec.Account), Change: changeOf(r, nil, d.Now())}, nil
}

// noticed is the change that a notice told of, and to which contact.
func (d *Desk) noticed(ctx context.Context, host, messageID string) (r change.Record, contactID string, p policy.Policy, err error) {
	tenant, known := d.Policies.Tenant(host)
	if !known || messageID == "" {
		return r, "", p, rules.ErrNotFound
	}
	told, err := d.Store.NoticedChange(ctx, tenant, messageID)
	if err != nil {
		return r, "", p, err
	}
	if r, err = d.Store.Change(ctx, told.Key); err != nil {
		return r, "", p, err
	}
	p = d.Policies.For(tenant, r.Spec.Account)
	if !slices.Contains(p.Hosts, host) {
		err = rules.ErrNotFound
	}
	return r, told.ContactID, p, err
}

// OpenCancel opens a flow of 15 minutes that can do nothing but cancel the change that a
// notice told of, by a fresh code to a contact of the snapshot. It returns the new
// credential. change.ErrEnded says that there is nothing left to cancel.
func (d *Desk) OpenCancel(ctx context.Context, v Visit, messageID string) (credential string, err error) {
	r, contactID, _, err := d.noticed(ctx, v.Host, messageID)
	if err != nil {
		return "", err
	}
	if r.State(d.Now()).Terminal() {
		return "", change.ErrEnded
	}
	f, credential, err := d.newFlow(r.Key.Tenant, v.Host, r.Spec.Account, code.Cancel)
	if err != nil {
		return "", err
	}
	f.Object, f.Notified = r.Key.Name, contactID
	return credential, d.Store.OpenFlow(ctx, f)
}

// Cancelling shows how a change can be cancelled: the one that the flow was opened for, or
// in a session any of its account.
func (d *Desk) Cancelling(ctx context.Context, v Visit, id string) (Cancelling, error) {
	who, err := d.prover(ctx, v)
	if err != nil {
		return Cancelling{}, err
	}
	if who.Purpose == code.Cancel {
		id = who.Object
	}
	r, err := d.changeFor(ctx, who.Flow, id)
	if err != nil {
		return Cancelling{}, err
	}
	shown := Cancelling{
		Welcome: welcome(who.policy, who.Account), Change: changeOf(r, nil, d.Now()),
		FirstFactor: who.firstFactor, SetsPasswords: setsPasswords(who.policy),
	}
	if r.State(d.Now()).Terminal() {
		return shown, nil
	}
	here, err := d.proofScene(ctx, who.Flow, who.policy, Ask{Purpose: code.Cancel, Change: id}, who.firstFactor)
	if errors.Is(err, change.ErrFirstFactor) {
		shown.SignIn = true
		return shown, nil
	}
	if err != nil {
		return Cancelling{}, err
	}
	var ways Overview
	d.addDestinations(&ways, here)
	shown.Destinations, shown.Resting = ways.Destinations, ways.Resting
	shown.Challenge, err = d.proofOnItsWay(ctx, here)
	return shown, err
}

// setsPasswords reports whether a policy names an adapter, which sets passwords.
func setsPasswords(p policy.Policy) bool { return p.Identity.Adapter != "" }

// cancelling are the contacts of the snapshot to which a code may go that cancels. Each
// does so once without the first factor.
func (d *Desk) cancelling(ctx context.Context, r change.Record, firstFactor bool) ([]contact.Contact, error) {
	if r.State(d.Now()).Terminal() {
		return nil, change.ErrEnded
	}
	_, old, err := d.Store.ChangeContacts(ctx, r.Key)
	if err != nil {
		return nil, err
	}
	var may []contact.Contact
	used := false
	for _, known := range r.MayCancelBy() {
		before, err := d.Store.CancelledBefore(ctx, r, known.ID)
		if err != nil {
			return nil, err
		}
		if err := r.MayCancel(known.ID, firstFactor, before, d.Now()); err != nil {
			used = used || errors.Is(err, change.ErrFirstFactor)
			continue
		}
		for _, c := range old {
			if c.ID == known.ID && c.Address != "" {
				c.Standing = contact.Full
				may = append(may, c)
			}
		}
	}
	if len(may) == 0 && used {
		return nil, change.ErrFirstFactor
	}
	return may, nil
}

// cancel ends the change that the accepted code was for (seed 34).
func (d *Desk) cancel(ctx context.Context, who prover, c code.Challenge) (change.Record, error) {
	done, err := d.Store.CancelChange(ctx, change.Cancelling{
		Key: change.Key{Tenant: c.Tenant, Name: c.Object}, Account: c.Account, ChallengeID: c.ID,
		FirstFactor: who.firstFactor, Now: d.Now(),
	}, escalation.Reclaim(who.policy, c.Account, d.Now()))
	if err != nil || len(done) == 0 {
		return change.Record{}, err
	}
	return done[0], nil
}

// cancelHolds ends what the owner's old info speaks against: somebody has signed in with a
// code to one of its contacts (seed 34). It returns the first of them; then is the block
// that follows.
func (d *Desk) cancelHolds(ctx context.Context, f session.Flow, challengeID string, then block.Spec) (change.Record, error) {
	done, err := d.Store.CancelChange(ctx, change.Cancelling{
		Key: change.Key{Tenant: f.Tenant}, Account: f.Account, ChallengeID: challengeID, FirstFactor: true, Now: d.Now(),
	}, then)
	if err != nil || len(done) == 0 {
		return change.Record{}, err
	}
	return done[0], nil
}

// SetPasswordAfterCancel gives the account a new password after a change of somebody else
// was cancelled: in a session, which knew the password, in which a code to a contact of the
// snapshot was entered. It goes straight to the IdP, which ends the account's sessions
// (law 10), and ends the blocks that cancellations have begun here. A notice's link alone sets
// no password.
func (d *Desk) SetPasswordAfterCancel(ctx context.Context, v Visit, id, newPassword string) error {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return err
	}
	r, err := d.changeFor(ctx, s.Flow, id)
	if err != nil {
		return err
	}
	if err := d.cancelledIn(ctx, s, r); err != nil {
		return err
	}
	if strength := d.check(p, s.Account, newPassword); !strength.Acceptable {
		return &WeakPasswordError{strength}
	}
	if err := d.Identity.SetPassword(ctx, p, s.Account, newPassword, d.deed(s.Flow, newPassword)); err != nil {
		return err
	}
	proved, err := d.Store.BlocksProvedIn(ctx, s.Flow)
	for i := 0; err == nil && i < len(proved); i++ {
		err = d.release(ctx, s.Flow, proved[i].Key, false)
	}
	return err
}

// cancelledIn returns rules.ErrOrder unless this very session has cancelled the hold by a
// code: who signed in with the password alone waits for no owner to cancel elsewhere.
func (d *Desk) cancelledIn(ctx context.Context, s session.Session, r change.Record) error {
	byCode := r.End.State == change.Cancelled && r.End.Reason == change.ByCode && !r.HoldStart.IsZero()
	if !byCode || r.End.At.Before(s.Opened) {
		return rules.ErrOrder
	}
	if s.ProvedBy != "" && s.ProvedBy == r.End.By {
		return nil
	}
	here, err := d.Store.AcceptedIn(ctx, s.ID, code.Cancel, r.Key.Name)
	if err == nil && !here {
		err = rules.ErrOrder
	}
	return err
}
