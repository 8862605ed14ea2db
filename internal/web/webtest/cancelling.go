package webtest

import (
	"context"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
)

// PeekNotice implements web.ChangeDesk.
func (d *Desk) PeekNotice(_ context.Context, _, messageID string) (flow.Cancelling, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.changeOf(d.Changing.Notices[messageID])
	if err != nil {
		return flow.Cancelling{}, err
	}
	return flow.Cancelling{Welcome: d.Sessions.Info.Welcome, Change: *c}, nil
}

// OpenCancel implements web.ChangeDesk.
func (d *Desk) OpenCancel(_ context.Context, v flow.Visit, messageID string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls, d.Visits = append(d.Calls, "OpenCancel"), append(d.Visits, v)
	c, err := d.changeOf(d.Changing.Notices[messageID])
	switch {
	case err != nil:
		return "", err
	case c.State.Terminal():
		return "", change.ErrEnded
	}
	credential := d.next("cancel")
	d.Changing.cancels[credential], d.Changing.challenge = c.ID, nil
	return credential, nil
}

// Cancelling implements web.ChangeDesk.
func (d *Desk) Cancelling(_ context.Context, v flow.Visit, id string) (flow.Cancelling, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	shown := flow.Cancelling{Welcome: d.Sessions.Info.Welcome, SignIn: d.Changing.SignIn, SetsPasswords: true}
	if cancels := d.Changing.cancels[v.Credential]; cancels != "" {
		id = cancels
	} else if _, err := d.infoOf("Cancelling", v); err != nil {
		return flow.Cancelling{}, err
	} else {
		shown.FirstFactor, shown.SignIn = true, false
	}
	c, err := d.changeOf(id)
	if err != nil {
		return flow.Cancelling{}, err
	}
	if shown.Change = *c; !c.State.Terminal() && !shown.SignIn {
		shown.Destinations, shown.Challenge = d.Sessions.Info.Destinations, d.Changing.challenge
	}
	return shown, nil
}

// SetPasswordAfterCancel implements web.ChangeDesk.
func (d *Desk) SetPasswordAfterCancel(_ context.Context, v flow.Visit, id, password string) error {
	_, err := inSession(d, "SetPasswordAfterCancel", v, func(*flow.SecurityInfo) (struct{}, error) {
		c, err := d.changeOf(id)
		switch {
		case err != nil:
			return struct{}{}, err
		case c.End.Reason != change.ByCode:
			return struct{}{}, rules.ErrOrder
		case password != Strong:
			return struct{}{}, rules.ErrIdentityRefused
		}
		return struct{}{}, nil
	})
	return err
}
