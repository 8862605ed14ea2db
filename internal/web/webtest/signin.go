package webtest

import (
	"context"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// Sessions are those of the security-info pages.
type Sessions struct {
	// Info is what a session shows; its assurance is the session's own.
	Info flow.SecurityInfo
	// Ways are where people may sign in.
	Ways []flow.Way
	// To is where a sign-in leads to.
	To string
	// Returned are what browsers brought back, Browsers their secrets.
	Returned []flow.Returned
	Browsers []string

	live map[string]*flow.SecurityInfo
	used map[string]bool
}

// showsInfo gives the desk an account with three contacts and a place to sign in.
func showsInfo(now time.Time) Sessions {
	return Sessions{
		Ways: []flow.Way{{ID: "way-1", Host: "id.harbour.example"}}, To: "https://id.harbour.example/auth?state=s",
		Info: flow.SecurityInfo{
			Welcome:  flow.Welcome{Account: "ma•••", ProductName: "Harbour Shop", Help: flow.Help{URL: "https://help.example/"}},
			Recorded: true,
			Contacts: []flow.SecurityContact{
				{ID: "c1", Channel: contact.Email, Hint: "ma•••@•••", Standing: contact.Full, Language: "en", Added: now.AddDate(-2, 0, 0), Proven: now.AddDate(0, -1, 0)},
				{ID: "c2", Channel: contact.SMS, Hint: "•••• 42", Standing: contact.Full, Language: "de", Added: now.AddDate(-1, 0, 0)},
				{ID: "c3", Channel: contact.Email, Hint: "m.•••@•••", Standing: contact.Junior, Language: "pt-BR", Added: now.AddDate(0, 0, -2), Proven: now.AddDate(0, 0, -2)},
			},
			Destinations: []flow.Destination{{ContactID: "c1", Channel: contact.Email, Hint: "ma•••@•••"}, {ContactID: "c2", Channel: contact.SMS, Hint: "•••• 42"}},
		},
		live: map[string]*flow.SecurityInfo{}, used: map[string]bool{},
	}
}

// InfoTicket is a new ticket to the security info.
func (d *Desk) InfoTicket() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.next("pass")
}

// PeekSession implements web.SignInDesk.
func (d *Desk) PeekSession(_ context.Context, _, sealed string) (flow.Welcome, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.Fail["PeekSession"]; err != nil {
		return flow.Welcome{}, err
	}
	if len(sealed) < 5 || sealed[:5] != "pass-" {
		return flow.Welcome{}, ticket.ErrInvalid
	}
	return d.Sessions.Info.Welcome, nil
}

// OpenSession implements web.SignInDesk.
func (d *Desk) OpenSession(_ context.Context, v flow.Visit, sealed string, _ bool) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls, d.Visits = append(d.Calls, "OpenSession"), append(d.Visits, v)
	switch {
	case d.Fail["OpenSession"] != nil:
		return "", d.Fail["OpenSession"]
	case len(sealed) < 5 || sealed[:5] != "pass-":
		return "", ticket.ErrInvalid
	case d.Sessions.used[sealed]:
		return "", rules.ErrTicketUsed
	}
	d.Sessions.used[sealed] = true
	return d.session(session.Password), nil
}

func (d *Desk) session(a session.Assurance) string {
	credential := d.next("session")
	info := d.Sessions.Info
	info.Assurance, info.Ends = a, d.Now().Add(session.Life)
	d.Sessions.live[credential] = &info
	return credential
}

// SignInWays implements web.SignInDesk.
func (d *Desk) SignInWays(string) []flow.Way {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Sessions.Ways
}

// StartSignIn implements web.SignInDesk.
func (d *Desk) StartSignIn(_ context.Context, _, way string) (string, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "StartSignIn")
	if err := d.Fail["StartSignIn"]; err != nil {
		return "", "", err
	}
	if len(d.Sessions.Ways) == 0 || way != d.Sessions.Ways[0].ID {
		return "", "", rules.ErrSignIn
	}
	return d.Sessions.To, d.next("browser"), nil
}

// FinishSignIn implements web.SignInDesk.
func (d *Desk) FinishSignIn(_ context.Context, v flow.Visit, browser string, r flow.Returned) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls, d.Visits = append(d.Calls, "FinishSignIn"), append(d.Visits, v)
	d.Sessions.Returned, d.Sessions.Browsers = append(d.Sessions.Returned, r), append(d.Sessions.Browsers, browser)
	switch {
	case d.Fail["FinishSignIn"] != nil:
		return "", d.Fail["FinishSignIn"]
	case browser == "" || r.Refused || r.Code == "":
		return "", rules.ErrSignIn
	}
	return d.session(session.Password), nil
}

// infoOf is the session of a visit, with the error that a method shall give.
func (d *Desk) infoOf(method string, v flow.Visit) (*flow.SecurityInfo, error) {
	d.Visits = append(d.Visits, v)
	if err := d.Fail[method]; err != nil {
		return nil, err
	}
	for _, credential := range []string{v.Credential, v.Ticket} {
		if info := d.Sessions.live[credential]; info != nil && d.Now().Before(info.Ends) {
			return info, nil
		}
	}
	return nil, rules.ErrNoFlow
}

// SecurityInfo implements web.SignInDesk.
func (d *Desk) SecurityInfo(_ context.Context, v flow.Visit) (flow.SecurityInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	info, err := d.infoOf("SecurityInfo", v)
	if err != nil {
		return flow.SecurityInfo{}, err
	}
	return *info, nil
}

// RequestStepUp implements web.SignInDesk.
func (d *Desk) RequestStepUp(_ context.Context, v flow.Visit, to flow.Target) (flow.ChallengeView, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "RequestStepUp")
	info, err := d.infoOf("RequestStepUp", v)
	if err != nil {
		return flow.ChallengeView{}, err
	}
	now := d.Now()
	c := flow.ChallengeView{
		ID: d.next("challenge"), Digits: len(Code), ExpiresAt: now.Add(10 * time.Minute), ResendAt: now.Add(time.Minute),
		AttemptsLeft: 5, Repeatable: true, Delivery: message.Delivery{State: message.Sent},
	}
	for _, way := range info.Destinations {
		if way.ContactID == to.ContactID {
			c.Channel, c.Hint, c.ContactID = way.Channel, way.Hint, way.ContactID
		} else {
			c.Alternatives = append(c.Alternatives, way)
		}
	}
	if c.Hint == "" {
		return flow.ChallengeView{}, rules.ErrDestination
	}
	info.Challenge = &c
	return c, nil
}

// ResendStepUp implements web.SignInDesk.
func (d *Desk) ResendStepUp(ctx context.Context, v flow.Visit, id string, to flow.Target) (flow.ChallengeView, error) {
	info, err := d.SecurityInfo(ctx, v)
	switch {
	case err != nil:
		return flow.ChallengeView{}, err
	case info.Challenge == nil || info.Challenge.ID != id:
		return flow.ChallengeView{}, rules.ErrNotFound
	case to.ContactID == "":
		to.ContactID = info.Challenge.ContactID
	}
	return d.RequestStepUp(ctx, v, to)
}

// SubmitStepUp implements web.SignInDesk.
func (d *Desk) SubmitStepUp(_ context.Context, v flow.Visit, id, submitted string) (flow.SteppedUp, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "SubmitStepUp")
	info, err := d.infoOf("SubmitStepUp", v)
	switch {
	case err != nil:
		return flow.SteppedUp{}, err
	case info.Challenge == nil || info.Challenge.ID != id:
		return flow.SteppedUp{}, rules.ErrNotFound
	case info.Challenge.AttemptsLeft == 0:
		return flow.SteppedUp{}, rules.ErrSpent
	}
	info.Challenge.AttemptsLeft--
	if submitted != Code {
		return flow.SteppedUp{}, rules.ErrWrongCode
	}
	delete(d.Sessions.live, v.Credential)
	return flow.SteppedUp{Credential: d.session(session.StepUp)}, nil
}

// EndSession implements web.SignInDesk.
func (d *Desk) EndSession(_ context.Context, v flow.Visit) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "EndSession")
	if _, err := d.infoOf("EndSession", v); err != nil {
		return err
	}
	delete(d.Sessions.live, v.Credential)
	return nil
}

// Serves implements web.SignInDesk.
func (d *Desk) Serves(_ context.Context, v flow.Visit) (code.Purpose, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Sessions.live[v.Credential] != nil || d.Sessions.live[v.Ticket] != nil {
		return session.SecurityInfo, nil
	}
	if d.Changing.cancels[v.Credential] != "" {
		return code.Cancel, nil
	}
	if d.flows[v.Credential] != nil || d.tickets[v.Ticket] != nil || d.flows[v.Ticket] != nil {
		return code.Unblock, nil
	}
	return "", rules.ErrNoFlow
}
