package flow

import (
	"context"
	"time"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

// Recheck is the question whether a person can still receive a code (seed 38).
type Recheck struct {
	Welcome
	// Prompt is empty where nothing is asked; MustBy is when skipping ends.
	Prompt recheck.Prompt
	MustBy time.Time
	// Skip is for how long the question can be put off; 0 where it cannot.
	Skip         time.Duration
	Destinations []Destination
	Resting      []Resting
	Challenge    *ChallengeView
}

// Recheck shows the question in a session, and changes nothing.
func (d *Desk) Recheck(ctx context.Context, v Visit) (Recheck, error) {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return Recheck{}, err
	}
	round, err := d.Store.Recheck(ctx, s.Tenant, s.Account)
	if err != nil {
		return Recheck{}, err
	}
	asked := Recheck{Welcome: welcome(p, s.Account)}
	asked.Prompt, asked.MustBy = round.Prompt(d.Now())
	if later, may := round.Skip(p.Recheck, d.Now()); may {
		asked.Skip = later.SkippedUntil.Sub(d.Now())
	}
	here, err := d.proofScene(ctx, s.Flow, p, Ask{Purpose: code.Recheck}, true)
	if err != nil {
		return Recheck{}, err
	}
	book, err := d.Store.Book(ctx, s.Tenant, s.Account)
	if err != nil {
		return Recheck{}, err
	}
	here.known, here.book = book.Contacts, d.claimed(ctx, here)
	var ways Overview
	d.addDestinations(&ways, here)
	asked.Destinations, asked.Resting = ways.Destinations, ways.Resting
	asked.Challenge, err = d.proofOnItsWay(ctx, here)
	return asked, err
}

// SkipRecheck puts the question off (seed 38); rules.ErrOrder says that it cannot be.
func (d *Desk) SkipRecheck(ctx context.Context, v Visit) error {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return err
	}
	_, err = d.Store.SkipRecheck(ctx, s.Tenant, s.Account, p.Recheck, d.Now())
	return err
}

// ReportLoss takes the person's own word that they have lost a device: a Clear that a help
// desk has asked for needs no second one then (seed 45, 46). Everything else is as it was.
func (d *Desk) ReportLoss(ctx context.Context, v Visit) error {
	s, _, err := d.session(ctx, v)
	if err != nil {
		return err
	}
	open, err := d.Store.OpenChanges(ctx, s.Tenant, s.Account)
	if err != nil {
		return err
	}
	for _, r := range open {
		if r.Spec.Action != change.Clear || r.State(d.Now()) != change.AwaitingCode {
			continue
		}
		if _, err := d.Store.ProveChange(ctx, change.Proving{Key: r.Key, Proof: change.LossReport, Now: d.Now()}); err != nil {
			return err
		}
	}
	return nil
}
