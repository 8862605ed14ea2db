package webtest

import (
	"context"
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

// month is how long the desk holds changes.
const month = 720 * time.Hour

// Changing is what is changed of the desk's one account.
type Changing struct {
	// Changes are those that were begun, the first first.
	Changes []*flow.Change
	// Notices are the changes that messages told of, by the message's ID.
	Notices map[string]string
	// Prompt is what the person is asked, by MustBy; Skip is 0 where they must.
	Prompt recheck.Prompt
	MustBy time.Time
	Skip   time.Duration
	// Typed are the contacts that were entered, Asks the wishes for codes.
	Typed []flow.NewContact
	Asks  []flow.Ask
	// Reach is how a new contact can be reached.
	Reach flow.Reach
	// SignIn says that a cancel takes the password.
	SignIn bool
	// Frozen keeps contacts from being added and removed; nil does not.
	Frozen *change.FrozenError
	// Clears says that a help desk may clear the contacts.
	Clears bool

	challenge *flow.ChallengeView
	// cancels are the changes of flows that cancel.
	cancels map[string]string
}

func changing() Changing {
	return Changing{
		Notices: map[string]string{}, cancels: map[string]string{},
		Reach: flow.Reach{
			Channels:  []contact.Channel{contact.Email, contact.SMS, contact.Voice},
			Countries: []string{"AT", "DE", "FR", "GB"}, OwnDomains: []string{"harbour.example"}, Any: true, Junior: month, Hold: month,
		},
	}
}

// inSession runs a deed in the session of a visit.
func inSession[T any](d *Desk, method string, v flow.Visit, deed func(*flow.SecurityInfo) (T, error)) (out T, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if method != "" {
		d.Calls = append(d.Calls, method)
	}
	info, err := d.infoOf(method, v)
	if err != nil {
		return out, err
	}
	return deed(info)
}

// Changes implements web.ChangeDesk.
func (d *Desk) Changes(_ context.Context, v flow.Visit) (flow.Changes, error) {
	return inSession(d, "", v, func(info *flow.SecurityInfo) (flow.Changes, error) {
		all := flow.Changes{
			Welcome: info.Welcome, Ends: info.Ends, Any: len(info.Contacts) > 0, Room: true,
			Prompt: d.Changing.Prompt, MustBy: d.Changing.MustBy, Clears: d.Changing.Clears, Frozen: d.Changing.Frozen,
		}
		for _, c := range d.Changing.Changes {
			if !c.State.Terminal() {
				all.Open = append(all.Open, *c)
			}
		}
		return all, nil
	})
}

func (d *Desk) changeOf(id string) (*flow.Change, error) {
	for _, c := range d.Changing.Changes {
		if c.ID == id {
			return c, nil
		}
	}
	return nil, rules.ErrNotFound
}

// ChangeStep implements web.ChangeDesk.
func (d *Desk) ChangeStep(_ context.Context, v flow.Visit, id string) (flow.ChangeStep, error) {
	return inSession(d, "", v, func(info *flow.SecurityInfo) (flow.ChangeStep, error) {
		c, err := d.changeOf(id)
		if err != nil {
			return flow.ChangeStep{}, err
		}
		step := flow.ChangeStep{Welcome: info.Welcome, Ends: info.Ends, Change: *c, Challenge: d.Changing.challenge}
		if len(c.Missing) > 0 {
			step.Next, step.Frozen = c.Missing[0], d.Changing.Frozen
		}
		if step.Next == change.FullContactCode {
			step.Destinations, step.Without = info.Destinations, c.Action == change.Add
		}
		return step, nil
	})
}

// Reach implements web.ChangeDesk.
func (d *Desk) Reach(_ context.Context, v flow.Visit) (flow.Reach, error) {
	return inSession(d, "", v, func(info *flow.SecurityInfo) (flow.Reach, error) {
		reach := d.Changing.Reach
		reach.Welcome = info.Welcome
		return reach, nil
	})
}

// StartAdd implements web.ChangeDesk.
func (d *Desk) StartAdd(_ context.Context, v flow.Visit, c flow.NewContact) (string, error) {
	return d.startWith(v, "StartAdd", change.Add, c)
}

// StartReplace implements web.ChangeDesk.
func (d *Desk) StartReplace(_ context.Context, v flow.Visit, c flow.NewContact) (string, error) {
	return d.startWith(v, "StartReplace", change.Replace, c)
}

func (d *Desk) startWith(v flow.Visit, method string, action change.Action, c flow.NewContact) (string, error) {
	return inSession(d, method, v, func(info *flow.SecurityInfo) (string, error) {
		d.Changing.Typed = append(d.Changing.Typed, c)
		if (c.Channel == contact.Email) != strings.Contains(c.Address, "@") {
			return "", rules.Refuse(rules.NoNumber)
		}
		begun := d.begin(action)
		begun.Added = []flow.Piece{{Channel: c.Channel, Hint: contact.Mask(c.Channel, c.Address), Language: c.Language}}
		begun.Missing = []change.Proof{change.NewContactCode}
		if action == change.Add {
			begun.Missing = append(begun.Missing, change.FullContactCode)
		} else {
			begun.Removed = pieces(info.Contacts)
		}
		return begun.ID, nil
	})
}

func pieceOf(c flow.SecurityContact) flow.Piece {
	p := flow.Piece{ContactID: c.ID, Channel: c.Channel, Hint: c.Hint}
	if c.Nth > 0 {
		p.Apart = flow.Apart{Added: c.Added, Nth: c.Nth}
	}
	return p
}

func pieces(all []flow.SecurityContact) []flow.Piece {
	var list []flow.Piece
	for _, c := range all {
		list = append(list, pieceOf(c))
	}
	return list
}

func (d *Desk) begin(action change.Action) *flow.Change {
	now := d.Now()
	c := &flow.Change{
		ID: d.next("change"), Action: action, State: change.AwaitingCode, Own: true, Created: now, Deadline: now.Add(change.ProveWithin), JuniorFor: month,
	}
	d.Changing.Changes, d.Changing.challenge = append(d.Changing.Changes, c), nil
	return c
}

// StartRemove implements web.ChangeDesk.
func (d *Desk) StartRemove(_ context.Context, v flow.Visit, ids []string) (string, error) {
	return inSession(d, "StartRemove", v, func(info *flow.SecurityInfo) (string, error) {
		begun := d.begin(change.Remove)
		for _, c := range info.Contacts {
			if slices.Contains(ids, c.ID) {
				begun.Removed = append(begun.Removed, pieceOf(c))
			}
		}
		begun.Missing = []change.Proof{change.FullContactCode, change.Confirmation}
		return begun.ID, nil
	})
}

// proven takes the next proof of a change, and does what follows.
func (d *Desk) proven(c *flow.Change, info *flow.SecurityInfo) {
	if c.Missing = c.Missing[1:]; len(c.Missing) > 0 {
		return
	}
	now := d.Now()
	if c.Action == change.Replace || len(c.Removed) == len(info.Contacts) {
		d.hold(c, month)
		d.Changing.Notices[d.next("notice")] = c.ID
		return
	}
	c.State, c.End = change.Applied, change.End{State: change.Applied, At: now}
}

// hold puts a change on hold for a while; it restricts for a month.
func (d *Desk) hold(c *flow.Change, wait time.Duration) {
	now := d.Now()
	c.State, c.Missing, c.HoldStart, c.HoldUntil = change.OnHold, nil, now, now.Add(wait)
	c.Restricted, c.RestrictedUntil = change.SensitiveActions, now.Add(month)
}

// AskToClear is what a help desk asks for: it waits for another requester, or the person.
func (d *Desk) AskToClear() {
	c := d.begin(change.Clear)
	c.Own, c.Missing, c.Removed = false, []change.Proof{change.Requester}, pieces(d.Sessions.Info.Contacts)
}

// Affirm implements web.ChangeDesk.
func (d *Desk) Affirm(_ context.Context, v flow.Visit, id string, p change.Proof) (flow.Change, error) {
	return inSession(d, "Affirm", v, func(info *flow.SecurityInfo) (flow.Change, error) {
		c, err := d.changeOf(id)
		if err != nil {
			return flow.Change{}, err
		}
		fits := len(c.Missing) > 0 && (p == c.Missing[0] || p == change.WithoutFull && c.Missing[0] == change.FullContactCode)
		if !fits {
			return flow.Change{}, rules.ErrOrder
		}
		c.WithoutFull = p == change.WithoutFull
		d.proven(c, info)
		return *c, nil
	})
}

// Forget implements web.ChangeDesk.
func (d *Desk) Forget(_ context.Context, v flow.Visit, id string) error {
	_, err := inSession(d, "Forget", v, func(*flow.SecurityInfo) (struct{}, error) {
		c, err := d.changeOf(id)
		if err == nil {
			c.State = change.Cancelled
		}
		return struct{}{}, err
	})
	return err
}

// Recheck implements web.ChangeDesk.
func (d *Desk) Recheck(_ context.Context, v flow.Visit) (flow.Recheck, error) {
	return inSession(d, "", v, func(info *flow.SecurityInfo) (flow.Recheck, error) {
		return flow.Recheck{
			Welcome: info.Welcome, Prompt: d.Changing.Prompt, MustBy: d.Changing.MustBy, Skip: d.Changing.Skip,
			Destinations: info.Destinations, Challenge: d.Changing.challenge,
		}, nil
	})
}

// SkipRecheck implements web.ChangeDesk.
func (d *Desk) SkipRecheck(_ context.Context, v flow.Visit) error {
	_, err := inSession(d, "SkipRecheck", v, func(*flow.SecurityInfo) (struct{}, error) {
		if d.Changing.Skip == 0 {
			return struct{}{}, rules.ErrOrder
		}
		d.Changing.Prompt = recheck.None
		return struct{}{}, nil
	})
	return err
}

// ReportLoss implements web.ChangeDesk.
func (d *Desk) ReportLoss(_ context.Context, v flow.Visit) error {
	_, err := inSession(d, "ReportLoss", v, func(*flow.SecurityInfo) (struct{}, error) {
		for _, c := range d.Changing.Changes {
			if c.Action == change.Clear && c.State == change.AwaitingCode {
				d.hold(c, change.DefaultClearDelay)
			}
		}
		return struct{}{}, nil
	})
	return err
}
