package flow

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// scene is all that decides where a code of a flow may go.
type scene struct {
	flow   session.Flow
	policy policy.Policy
	block  block.Record
	book   contact.Book
	// known are all contacts of the account where the book holds some of them alone.
	known []contact.Contact
	// change is the one that the codes are about, where there is one.
	change change.Record
}

// closure keeps codes off a channel or a country for a time.
type closure struct {
	// subject is method, country or disowned.
	subject string
	// until is zero where it does not end by itself.
	until time.Time
}

func dialled(c contact.Channel) bool { return c == contact.SMS || c == contact.Voice }

// channelsOf are the channels on which a contact's address gets codes: its own, and a
// call in place of a text to the same number (seed 3).
func channelsOf(own contact.Channel) []contact.Channel {
	if own == contact.SMS {
		return []contact.Channel{contact.SMS, contact.Voice}
	}
	return []contact.Channel{own}
}

// over is a contact as a channel reaches it; no channel means its own.
func (d *Desk) over(c contact.Contact, channel contact.Channel, rule policy.NumberRule) (contact.Contact, error) {
	switch {
	case channel == "" || channel == c.Channel:
		return c, nil
	case !slices.Contains(channelsOf(c.Channel), channel):
		return contact.Contact{}, rules.ErrDestination
	}
	c.Channel = channel
	return c, d.Numbers.Takes(c.Address, channel, rule)
}

// addDestinations lists where a code of this flow may go now (seed 3, narrowed): the
// account's own contacts, or a number that the person enters where the account is
// known to have none or the policy allows any. What is closed for a time is no choice.
func (d *Desk) addDestinations(view *Overview, s scene) {
	told := apart(s.all())
	for _, c := range s.book.Releasing() {
		for _, channel := range channelsOf(c.Channel) {
			way, err := d.over(c, channel, s.policy.Numbers)
			if err != nil || !s.policy.Reaches(channel, d.plan(way)) {
				continue
			}
			to := Destination{way.ID, channel, way.Mask(), told[way.ID]}
			by, closed := d.closed(s, channel, d.plan(way))
			if !closed {
				by, closed = d.rests(s, way.ID)
			}
			if closed {
				view.Resting = append(view.Resting, Resting{to, by.until})
			} else {
				view.Destinations = append(view.Destinations, to)
			}
		}
	}
	if !s.mayEnter() {
		return
	}
	for _, channel := range []contact.Channel{contact.SMS, contact.Voice} {
		if _, closed := d.closed(s, channel, ""); s.policy.Serves(channel) && !closed {
			view.Channels = append(view.Channels, channel)
		}
	}
	if view.EnterNumber = len(view.Channels) > 0; view.EnterNumber {
		view.Countries = s.policy.Countries()
	}
}

// all are the contacts that a person may take for each other.
func (s scene) all() []contact.Contact {
	if s.known != nil {
		return s.known
	}
	return s.book.Contacts
}

func (s scene) mayEnter() bool { return s.book.Absent() || s.block.Spec.CodeTo == block.AnyNumber }

// challengeView shows a challenge and the ways that may take its place.
func (d *Desk) challengeView(ctx context.Context, s scene, c code.Challenge, delivery message.Delivery) (ChallengeView, error) {
	view := ChallengeView{
		ID: c.ID, ContactID: c.ContactID, Channel: c.Channel, Hint: c.Hint, Digits: c.Digits, ExpiresAt: c.Expires,
		ResendAt: c.ResendAfter, AttemptsLeft: c.AttemptsLeft(), Delivery: delivery,
		Advice: d.advice(ctx, c, delivery),
	}
	s.book = d.claimed(ctx, s)
	ways, err := d.enteredWays(ctx, s, c)
	all := Overview{Destinations: ways}
	d.addDestinations(&all, s)
	for _, way := range all.Destinations {
		if way.ContactID == c.ContactID && way.Channel == c.Channel {
			view.Repeatable = true
		} else {
			view.Alternatives = append(view.Alternatives, way)
		}
	}
	return view, err
}

// enteredWays are those to the number that the person entered for a challenge.
func (d *Desk) enteredWays(ctx context.Context, s scene, c code.Challenge) ([]Destination, error) {
	if c.ContactID != "" || !s.mayEnter() {
		return nil, nil
	}
	country, err := d.Store.CodeCountry(ctx, c.Flow)
	var ways []Destination
	for _, channel := range channelsOf(c.Channel) {
		if _, closed := d.closed(s, channel, country); !closed && s.policy.Reaches(channel, country) {
			ways = append(ways, Destination{Channel: channel, Hint: c.Hint})
		}
	}
	return ways, err
}

// route says whether a code may go out on the target's way now, and to which country a
// number belongs.
func (d *Desk) route(ctx context.Context, s scene, to contact.Contact) (country string, err error) {
	if country, err = d.countryOf(ctx, s.flow, to); err != nil {
		return "", err
	}
	if !s.policy.Reaches(to.Channel, country) {
		return "", unreached(s.policy, to, country)
	}
	by, closed := d.closed(s, to.Channel, country)
	if !closed {
		s.book = d.claimed(ctx, s)
		by, closed = d.rests(s, to.ID)
	}
	switch {
	case !closed:
		return country, nil
	case by.until.IsZero(): // there are other ways only
		return "", rules.ErrNoRoute
	default:
		return "", &rules.LimitError{Subject: by.subject, RetryAfter: by.until.Sub(d.Now())}
	}
}

// unreached says why no provider takes a code; of an entered number, what helps.
func unreached(p policy.Policy, to contact.Contact, country string) error {
	switch {
	case to.ID != "" || !dialled(to.Channel):
		return rules.ErrNoRoute
	case to.Channel == contact.SMS && p.Reaches(contact.Voice, country):
		return &rules.RefusalError{Err: rules.ErrNoRoute, Reason: rules.NoTexts}
	case to.Channel == contact.Voice && p.Reaches(contact.SMS, country):
		return &rules.RefusalError{Err: rules.ErrNoRoute, Reason: rules.NoCalls}
	default:
		return &rules.RefusalError{Err: rules.ErrNoRoute, Reason: rules.NoCodes}
	}
}

// countryOf is the country of a number; of one that is repeated, as the store has it.
func (d *Desk) countryOf(ctx context.Context, f session.Flow, to contact.Contact) (string, error) {
	if dialled(to.Channel) && to.Address == "" {
		return d.Store.CodeCountry(ctx, f.ID)
	}
	return d.plan(to), nil
}

// plan is the country of a contact's number, empty where it has none.
func (d *Desk) plan(c contact.Contact) string {
	if !dialled(c.Channel) {
		return ""
	}
	return d.Numbers.Plan(c.Address)
}

// closed tells what keeps codes off a channel and a country longest. A country is
// stopped by its Region block (seed 16); a blocked method is closed as long as another
// one is open (seed 28, 47): nobody is left without any.
func (d *Desk) closed(s scene, channel contact.Channel, country string) (closure, bool) {
	if s.policy.Mode == policy.Shadow {
		return closure{}, false
	}
	all := d.regionClosures(s.flow.Tenant, country)
	if until, blocked := d.methodBlocked(s.flow, channel); blocked && d.otherWay(s, channel) {
		all = append(all, closure{"method", until})
	}
	if len(all) == 0 {
		return closure{}, false
	}
	return slices.MaxFunc(all, func(a, b closure) int {
		switch {
		case a.until.IsZero():
			return 1
		case b.until.IsZero():
			return -1
		default:
			return a.until.Compare(b.until)
		}
	}), true
}

// regionClosures are those of the blocks of a country.
func (d *Desk) regionClosures(tenant, country string) []closure {
	if country == "" {
		return nil
	}
	var all []closure
	for _, r := range d.Index.Blocks(tenant, "", "", netip.Addr{}, country) {
		if r.Spec.Scope == block.Region && r.Enforced(d.Now()) {
			all = append(all, closure{"country", r.Expires})
		}
	}
	return all
}

// methodBlocked reports whether a block of the account binds a channel, and until when.
func (d *Desk) methodBlocked(f session.Flow, channel contact.Channel) (until time.Time, blocked bool) {
	for _, r := range d.Index.BlocksOf(f.Tenant, f.Account) {
		if r.Spec.Scope == block.Method && strings.EqualFold(r.Spec.Value, string(channel)) && r.Enforced(d.Now()) {
			return r.Expires, true
		}
	}
	return time.Time{}, false
}

// otherWay reports whether the account has a contact on another channel that is open.
func (d *Desk) otherWay(s scene, but contact.Channel) bool {
	return slices.ContainsFunc(s.book.Releasing(), func(c contact.Contact) bool {
		_, blocked := d.methodBlocked(s.flow, c.Channel)
		return c.Channel != but && !blocked && s.policy.Reaches(c.Channel, d.plan(c)) &&
			len(d.regionClosures(s.flow.Tenant, d.plan(c))) == 0
	})
}
