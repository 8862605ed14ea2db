package webtest

import (
	"context"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

// RequestProof implements web.ChangeDesk.
func (d *Desk) RequestProof(_ context.Context, v flow.Visit, ask flow.Ask) (flow.ChallengeView, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls, d.Changing.Asks = append(d.Calls, "RequestProof"), append(d.Changing.Asks, ask)
	if err := d.Fail["RequestProof"]; err != nil {
		return flow.ChallengeView{}, err
	}
	_, err := d.infoOf("RequestProof", v)
	if d.Changing.cancels[v.Credential] == "" && err != nil {
		return flow.ChallengeView{}, err
	}
	now := d.Now()
	view := flow.ChallengeView{
		ID: d.next("challenge"), Digits: len(Code), ExpiresAt: now.Add(10 * time.Minute), ResendAt: now.Add(time.Minute),
		AttemptsLeft: 5, Repeatable: true, Delivery: message.Delivery{State: message.Sent},
	}
	for _, way := range d.Sessions.Info.Destinations {
		if way.ContactID == ask.To.ContactID {
			view.Channel, view.Hint, view.ContactID = way.Channel, way.Hint, way.ContactID
		} else if ask.Purpose != code.AddContact {
			view.Alternatives = append(view.Alternatives, way)
		}
	}
	if c, err := d.changeOf(ask.Change); err == nil && ask.Purpose == code.AddContact {
		view.Channel, view.Hint = c.Added[0].Channel, c.Added[0].Hint
	}
	if view.Hint == "" {
		return flow.ChallengeView{}, rules.ErrDestination
	}
	d.Changing.challenge = &view
	return view, nil
}

// ResendProof implements web.ChangeDesk.
func (d *Desk) ResendProof(ctx context.Context, v flow.Visit, id string, to flow.Target) (flow.ChallengeView, error) {
	d.mu.Lock()
	current := d.Changing.challenge
	if current == nil || current.ID != id || len(d.Changing.Asks) == 0 {
		d.mu.Unlock()
		return flow.ChallengeView{}, rules.ErrNotFound
	}
	ask := d.Changing.Asks[len(d.Changing.Asks)-1]
	if to.ContactID != "" {
		ask.To = to
	}
	d.mu.Unlock()
	return d.RequestProof(ctx, v, ask)
}

// SubmitProof implements web.ChangeDesk.
func (d *Desk) SubmitProof(_ context.Context, v flow.Visit, id, submitted string) (flow.Proved, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "SubmitProof")
	info, err := d.infoOf("SubmitProof", v)
	cancels := d.Changing.cancels[v.Credential]
	current := d.Changing.challenge
	switch {
	case cancels == "" && err != nil:
		return flow.Proved{}, err
	case current == nil || current.ID != id:
		return flow.Proved{}, rules.ErrNotFound
	case current.AttemptsLeft == 0:
		return flow.Proved{}, rules.ErrSpent
	}
	current.AttemptsLeft--
	if submitted != Code {
		return flow.Proved{}, rules.ErrWrongCode
	}
	ask := d.Changing.Asks[len(d.Changing.Asks)-1]
	d.Changing.challenge = nil
	done := flow.Proved{Purpose: ask.Purpose}
	if done.Credential = d.next("proved"); cancels != "" {
		delete(d.Changing.cancels, v.Credential)
		d.Changing.cancels[done.Credential] = cancels
	} else {
		delete(d.Sessions.live, v.Credential)
		d.Sessions.live[done.Credential] = info
	}
	if ask.Purpose == code.Recheck {
		d.Changing.Prompt = recheck.None
		return done, nil
	}
	c, err := d.changeOf(ask.Change)
	if err != nil {
		return done, err
	}
	if ask.Purpose == code.Cancel {
		c.State, c.End = change.Cancelled, change.End{State: change.Cancelled, At: d.Now(), Reason: change.ByCode}
		c.Restricted, c.RestrictedUntil = "", time.Time{}
	} else {
		d.proven(c, info)
	}
	done.Change = *c
	return done, nil
}
