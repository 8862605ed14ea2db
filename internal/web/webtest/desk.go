// Package webtest serves the pages without a store: a desk in memory with one
// blocked account.
package webtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/password"
	"holdfast.dev/holdfast/internal/rules/receipt"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// Code is the code of every challenge.
const Code = "135790"

// Strong is the one password that the desk takes.
const Strong = "otter violin lantern quarry"

// Desk satisfies web.Desk. Its fields may be changed between requests under Change.
type Desk struct {
	Now func() time.Time
	// Block is what Peek shows.
	Block flow.Overview
	// Delivery is that of every message, Advice what follows from it.
	Delivery message.Delivery
	Advice   receipt.Advice
	// Receipts are what providers told: host, policy, provider, message, Twilio's
	// signature and body of each.
	Receipts []string
	// Fail gives a method's error in place of its answer.
	Fail map[string]error
	// Sessions are those of the security-info pages.
	Sessions Sessions
	// Changing is what is changed of the security info.
	Changing Changing
	// Calls lists the methods that change something, in the order of the calls.
	Calls []string
	// Visits are the visits of all calls.
	Visits []flow.Visit
	// Targets are where codes were asked for.
	Targets []flow.Target
	// Reports are the kinds and tokens of reports, in their order.
	Reports []string
	// Ways are the contacts of the account (Destinations, Resting) and what it may enter.
	Ways flow.Overview

	mu      sync.Mutex
	count   int
	tickets map[string]*passage
	flows   map[string]*passage
}

// passage is one flow.
type passage struct {
	stage     session.Stage
	bearer    bool
	entered   bool
	challenge *flow.ChallengeView
	// number is the mask of what was entered.
	number string
	// answers are the challenges by key.
	answers map[string]*flow.ChallengeView
}

// New is a desk with an account blocked for a day, with an email contact and a
// telephone.
func New(now func() time.Time) *Desk {
	return &Desk{
		Now: now,
		Block: flow.Overview{
			Account: "ma•••", ProductName: "Harbour Shop", Help: flow.Help{URL: "https://help.example/"},
			Reason: block.UnusualActivity, State: block.Active, Until: now().Add(24 * time.Hour), Releasable: true,
			Stage: session.Opened, Remaining: []block.Step{block.VerifyCode, block.ChangePassword},
		},
		Ways: flow.Overview{Destinations: []flow.Destination{
			{ContactID: "c1", Channel: contact.Email, Hint: "ma•••@•••"},
			{ContactID: "c2", Channel: contact.SMS, Hint: "•••• 42"},
		}},
		Delivery: message.Delivery{State: message.Sent}, Sessions: showsInfo(now()), Changing: changing(),
		Fail: map[string]error{}, tickets: map[string]*passage{}, flows: map[string]*passage{},
	}
}

// Change changes the desk between requests.
func (d *Desk) Change(change func(*Desk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// Ticket is a new ticket.
func (d *Desk) Ticket() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.next("ticket")
}

func (d *Desk) next(kind string) string {
	d.count++
	return fmt.Sprintf("%s-%d", kind, d.count)
}

// Peek implements web.Desk.
func (d *Desk) Peek(_ context.Context, _, sealed string) (flow.Overview, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.Fail["Peek"]; err != nil {
		return flow.Overview{}, err
	}
	if len(sealed) < 7 || sealed[:7] != "ticket-" {
		return flow.Overview{}, ticket.ErrInvalid
	}
	return d.Block, nil
}

// Open implements web.Desk.
func (d *Desk) Open(_ context.Context, _, sealed string, bearer bool) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "Open")
	switch {
	case d.Fail["Open"] != nil:
		return "", d.Fail["Open"]
	case len(sealed) < 7 || sealed[:7] != "ticket-":
		return "", ticket.ErrInvalid
	case d.tickets[sealed] != nil:
		return "", rules.ErrTicketUsed
	}
	p := &passage{stage: session.Opened, bearer: bearer}
	credential := d.next("credential")
	d.tickets[sealed], d.flows[credential] = p, p
	return credential, nil
}

// find is the flow of a visit, with the error that a method shall give.
func (d *Desk) find(method string, v flow.Visit) (*passage, error) {
	d.Visits = append(d.Visits, v)
	if err := d.Fail[method]; err != nil {
		return nil, err
	}
	if p := d.flows[v.Credential]; p != nil {
		return p, nil
	}
	if v.Credential != "" {
		return nil, rules.ErrNoFlow
	}
	if p := d.tickets[v.Ticket]; p != nil && p.bearer {
		return p, nil
	}
	if p := d.flows[v.Ticket]; p != nil {
		return p, nil
	}
	return nil, rules.ErrNoFlow
}

// Overview implements web.Desk.
func (d *Desk) Overview(_ context.Context, v flow.Visit) (flow.Overview, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, err := d.find("Overview", v)
	if err != nil {
		return flow.Overview{}, err
	}
	o := d.Block
	o.Stage, o.EnteredNumber = p.stage, p.entered
	switch p.stage {
	case session.Proved:
		o.State, o.Remaining = block.Releasing, []block.Step{block.ChangePassword}
	case session.Done:
		o.State = block.Released
	default:
		o.Destinations, o.Resting = d.Ways.Destinations, d.Ways.Resting
		o.EnterNumber, o.Channels, o.Countries = d.Ways.EnterNumber, d.Ways.Channels, d.Ways.Countries
		o.Challenge = p.challenge
		if p.challenge != nil {
			c := *p.challenge
			c.Delivery, c.Advice = d.Delivery, d.Advice
			o.Challenge = &c
		}
	}
	return o, nil
}

// RequestCode implements web.Desk.
func (d *Desk) RequestCode(_ context.Context, v flow.Visit, to flow.Target) (flow.ChallengeView, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "RequestCode")
	p, err := d.find("RequestCode", v)
	if err != nil {
		return flow.ChallengeView{}, err
	}
	return d.once(p, v, to)
}

// once answers a repeated request as the first time.
func (d *Desk) once(p *passage, v flow.Visit, to flow.Target) (flow.ChallengeView, error) {
	if earlier := p.answers[v.Key]; earlier != nil {
		return *earlier, nil
	}
	c, err := d.issue(p, to)
	if err == nil && v.Key != "" {
		if p.answers == nil {
			p.answers = map[string]*flow.ChallengeView{}
		}
		p.answers[v.Key] = &c
	}
	return c, err
}

func (d *Desk) issue(p *passage, to flow.Target) (flow.ChallengeView, error) {
	d.Targets = append(d.Targets, to)
	now := d.Now()
	c := flow.ChallengeView{
		ID: d.next("challenge"), Digits: len(Code), ExpiresAt: now.Add(10 * time.Minute), ResendAt: now.Add(time.Minute),
		AttemptsLeft: 5, Delivery: message.Delivery{State: message.Waiting},
	}
	if p.challenge != nil {
		c.AttemptsLeft = p.challenge.AttemptsLeft
	}
	ways := d.Ways.Destinations
	switch last := p.challenge; {
	case to.Number != "":
		p.number, p.entered = "•••• "+to.Number[max(len(to.Number)-2, 0):], true
	case to.ContactID == "" && last != nil:
		to.ContactID, to.Channel = last.ContactID, cmp.Or(to.Channel, last.Channel)
	}
	if to.ContactID == "" && p.number != "" {
		ways = append(slices.Clone(ways), flow.Destination{Channel: contact.SMS, Hint: p.number}, flow.Destination{Channel: contact.Voice, Hint: p.number})
	}
	for _, way := range ways {
		if way.ContactID == to.ContactID && (to.Channel == "" || way.Channel == to.Channel) && c.Hint == "" {
			c.ContactID, c.Channel, c.Hint, c.Repeatable = way.ContactID, way.Channel, way.Hint, true
		} else {
			c.Alternatives = append(c.Alternatives, way)
		}
	}
	if c.Hint == "" {
		return flow.ChallengeView{}, rules.ErrDestination
	}
	p.challenge = &c
	return c, nil
}

// Resend implements web.Desk.
func (d *Desk) Resend(_ context.Context, v flow.Visit, id string, to flow.Target) (flow.ChallengeView, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "Resend")
	p, err := d.find("Resend", v)
	switch {
	case err != nil:
		return flow.ChallengeView{}, err
	case p.answers[v.Key] != nil:
		return *p.answers[v.Key], nil
	case p.challenge == nil || p.challenge.ID != id:
		return flow.ChallengeView{}, rules.ErrNotFound
	}
	return d.once(p, v, to)
}

// SubmitCode implements web.Desk.
func (d *Desk) SubmitCode(_ context.Context, v flow.Visit, id, submitted string) (block.Step, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "SubmitCode")
	p, err := d.find("SubmitCode", v)
	switch {
	case err != nil:
		return "", "", err
	case p.stage != session.Opened:
		return "", "", rules.ErrOrder
	case p.challenge == nil || p.challenge.ID != id:
		return "", "", rules.ErrNotFound
	case !d.Now().Before(p.challenge.ExpiresAt):
		return "", "", rules.ErrGone
	case p.challenge.AttemptsLeft == 0:
		return "", "", rules.ErrSpent
	}
	p.challenge.AttemptsLeft--
	if submitted != Code {
		if p.challenge.AttemptsLeft == 0 {
			return "", "", rules.ErrSpent
		}
		return "", "", rules.ErrWrongCode
	}
	credential := d.next("credential")
	delete(d.flows, v.Credential)
	d.flows[credential], p.stage, p.bearer = p, session.Proved, false
	if d.Block.Remaining[len(d.Block.Remaining)-1] == block.VerifyCode {
		p.stage = session.Done
		return "", credential, nil
	}
	return block.ChangePassword, credential, nil
}

// SetPassword implements web.Desk.
func (d *Desk) SetPassword(_ context.Context, v flow.Visit, candidate string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Calls = append(d.Calls, "SetPassword")
	p, err := d.find("SetPassword", v)
	switch {
	case err != nil:
		return err
	case p.stage != session.Proved:
		return rules.ErrOrder
	case !judge(candidate).Acceptable:
		return &flow.WeakPasswordError{Strength: judge(candidate)}
	}
	p.stage = session.Done
	return nil
}

// CheckPassword implements web.Desk.
func (d *Desk) CheckPassword(_ context.Context, _ flow.Visit, candidate string) (password.Strength, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.Fail["CheckPassword"]; err != nil {
		return password.Strength{}, err
	}
	return judge(candidate), nil
}

func judge(candidate string) password.Strength {
	hints := func(all ...password.Reason) password.Strength {
		s := password.Strength{Reasons: all}
		for _, r := range all {
			s.Suggestions = append(s.Suggestions, password.Suggestion{Hint: password.Hint(r), Length: 8})
		}
		return s
	}
	switch {
	case candidate == Strong:
		return password.Strength{Score: 4, Acceptable: true}
	case len(candidate) < 8:
		return hints(password.TooShort, password.TooWeak)
	default:
		weak := hints(password.Common)
		weak.Score = 1
		return weak
	}
}
