package flow

import (
	"context"
	"errors"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// SignInStore remembers the sessions of the security-info pages.
type SignInStore interface {
	// OpenSession opens the session and its flow, once for each ticket: one that was used
	// before gives rules.ErrTicketUsed.
	OpenSession(ctx context.Context, s session.Session) error
	// Session reads what was proved in a flow as it was found, or rules.ErrNoFlow: also
	// where its credential has changed since.
	Session(ctx context.Context, f session.Flow) (session.Session, error)
	// StepUp consumes a challenge of the purpose StepUp once, gives the attempt back to
	// the day's budget, gives the session a new credential and notes the proof. The
	// session then takes new challenges. Refusals are those of AcceptCode.
	StepUp(ctx context.Context, a code.Accept) error
	// EndSession ends a session for good.
	EndSession(ctx context.Context, f session.Flow, now time.Time) error
}

// Welcome is what a person sees before they open a session.
type Welcome struct {
	// Account is masked; empty where nobody has said whose it is.
	Account     string
	ProductName string
	// ProductURL is where people go back to who are done here, as the policy says and never
	// a request; it may be empty.
	ProductURL string
	Help       Help
}

// SecurityInfo is what a session shows of an account's security info.
type SecurityInfo struct {
	Welcome
	Assurance session.Assurance
	// Ends is when the session does.
	Ends time.Time
	// Recorded is false where nothing is known of the account's security info, which is
	// not the same as that it has none (law 13).
	Recorded bool
	Contacts []SecurityContact
	// Destinations are the ways to the full contacts on which a step-up code can go now,
	// Resting those that are closed for a time.
	Destinations []Destination
	Resting      []Resting
	// Challenge is the step-up code that is on its way, nil where there is none.
	Challenge *ChallengeView
}

// SecurityContact is a piece of security info as its owner recognises it.
type SecurityContact struct {
	ID       string
	Channel  contact.Channel
	Hint     string
	Standing contact.Standing
	// Language is the BCP 47 tag frozen when it was added (seed 40).
	Language string
	Added    time.Time
	// Proven is zero where it never was.
	Proven time.Time
	// Disowned is when somebody who gets messages there said that the account is not
	// theirs; zero where nobody did, or where it was proven since.
	Disowned time.Time
	// Nth counts those of one mask that were added on one day; 0 where the day tells them
	// apart.
	Nth int
}

// PeekSession shows whose security info a ticket opens, and changes nothing (law 7).
func (d *Desk) PeekSession(_ context.Context, host, sealed string) (Welcome, error) {
	claims, err := d.claimsFor(host, sealed, session.SecurityInfo)
	if err != nil {
		return Welcome{}, err
	}
	return welcome(d.Policies.For(claims.Tenant, claims.Account), claims.Account), nil
}

func welcome(p policy.Policy, account string) Welcome {
	return Welcome{
		Account: contact.MaskAccount(account), ProductName: p.Messages.ProductName, ProductURL: p.Messages.ProductURL, Help: helpOf(p),
	}
}

// OpenSession redeems a ticket once and opens a session of 15 minutes. It returns the new
// credential; bearer lets the ticket itself serve until the first proof, for clients
// without cookies.
func (d *Desk) OpenSession(ctx context.Context, v Visit, sealed string, bearer bool) (credential string, err error) {
	claims, err := d.claimsFor(v.Host, sealed, session.SecurityInfo)
	if err != nil {
		return "", err
	}
	// Whoever got a ticket before the owner cancelled may be the one against whom.
	gotten := time.UnixMilli(claims.Expires).Add(-ticket.Life)
	switch cancelled, err := d.Store.CancelledSince(ctx, claims.Tenant, claims.Account, gotten); {
	case err != nil:
		return "", err
	case cancelled:
		return "", ticket.ErrInvalid
	}
	return d.openSession(ctx, v, d.Policies.For(claims.Tenant, claims.Account), claims, bearer)
}

// session finds the live session of a visit. A block that came meanwhile ends what it may
// do (law 4), but for the one that it has proved itself.
func (d *Desk) session(ctx context.Context, v Visit) (session.Session, policy.Policy, error) {
	f, err := d.flowFor(ctx, v, session.SecurityInfo)
	if err != nil {
		return session.Session{}, policy.Policy{}, err
	}
	if !f.Live(d.Now()) {
		return session.Session{}, policy.Policy{}, rules.ErrNoFlow
	}
	s, err := d.Store.Session(ctx, f)
	if err != nil {
		return session.Session{}, policy.Policy{}, err
	}
	p := d.Policies.For(f.Tenant, f.Account)
	return s, p, d.unblocked(v, p, f, s.Device)
}

// SecurityInfo shows the security info of a session's account, masked.
func (d *Desk) SecurityInfo(ctx context.Context, v Visit) (SecurityInfo, error) {
	s, p, err := d.session(ctx, v)
	if err != nil {
		return SecurityInfo{}, err
	}
	book, err := d.Store.Book(ctx, s.Tenant, s.Account)
	if err != nil {
		return SecurityInfo{}, err
	}
	info := SecurityInfo{Welcome: welcome(p, s.Account), Assurance: s.Assurance, Ends: s.Expires, Recorded: book.Recorded}
	told := apart(book.Contacts)
	for _, c := range book.Contacts {
		info.Contacts = append(info.Contacts, SecurityContact{c.ID, c.Channel, c.Mask(), c.Standing, c.Language, c.Added, c.Proven, c.Disowned, told[c.ID].Nth})
	}
	here, ways := stepUpScene(s, p, book), Overview{}
	d.addDestinations(&ways, here)
	info.Destinations, info.Resting = ways.Destinations, ways.Resting
	current, delivery, err := d.Store.CurrentChallenge(ctx, s.ID)
	switch {
	case errors.Is(err, rules.ErrNotFound) || err == nil && (current.Purpose != code.StepUp || current.Object != ""):
		return info, nil
	case err != nil:
		return SecurityInfo{}, err
	}
	view, err := d.challengeView(ctx, here, current, delivery)
	info.Challenge = &view
	return info, err
}

// EndSession ends a session: what its person wanted is done.
func (d *Desk) EndSession(ctx context.Context, v Visit) error {
	f, err := d.flowFor(ctx, v, session.SecurityInfo)
	if err != nil {
		return err
	}
	return d.Store.EndSession(ctx, f, d.Now())
}

// Serves reports which purpose the live flow of a visit has, or rules.ErrNoFlow.
func (d *Desk) Serves(ctx context.Context, v Visit) (code.Purpose, error) {
	f, err := d.lookUpFlow(ctx, v)
	if err == nil && (f.Host != v.Host || !d.Now().Before(f.Expires)) {
		err = rules.ErrNoFlow
	}
	return f.Purpose, err
}
