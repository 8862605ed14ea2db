package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// Target is where the person wants the code: one of the account's contacts, or a
// number that they enter. A Target without both repeats the current destination.
type Target struct {
	ContactID string
	// Channel is needed with Number; else empty means the contact's own, or that of the
	// current destination.
	Channel contact.Channel
	Number  string
	// Country is the ISO country that the number was typed for.
	Country string
}

// RequestCode issues a code of this flow to a target. The code replaces an earlier
// one of the flow and adds no guesses. A refusal for the account's own volume counts
// as an attempt on it (seed 15, 30). Repeated under the visit's key, it sends nothing
// more; rules.ErrKeyReused tells that the key was another request's.
func (d *Desk) RequestCode(ctx context.Context, v Visit, to Target) (ChallengeView, error) {
	return d.requestOnce(ctx, v, "", to)
}

// requestOnce issues a code in place of a challenge, or of whichever is current.
func (d *Desk) requestOnce(ctx context.Context, v Visit, challengeID string, to Target) (ChallengeView, error) {
	f, record, err := d.openFlowBlock(ctx, v)
	if err != nil {
		return ChallengeView{}, err
	}
	once := d.once(v, f, challengeID, to)
	if earlier, err := d.answered(ctx, f, record, once); !errors.Is(err, rules.ErrNotFound) {
		return earlier, err
	}
	if f.Stage != session.Opened || !record.Releasable() {
		return ChallengeView{}, rules.ErrOrder
	}
	p := d.Policies.For(f.Tenant, f.Account)
	book, err := d.Store.Book(ctx, f.Tenant, f.Account)
	if err != nil {
		return ChallengeView{}, err
	}
	here := scene{flow: f, policy: p, block: record, book: book}
	target, err := d.target(ctx, here, to)
	if err != nil {
		return ChallengeView{}, err
	}
	country, err := d.route(ctx, here, target)
	if err != nil {
		return ChallengeView{}, err
	}
	if err := d.checkLine(ctx, f, p, target); err != nil {
		return ChallengeView{}, err
	}
	issue, err := d.issue(v, f, p, target)
	if err != nil {
		return ChallengeView{}, err
	}
	issue.Once = once
	stored, err := d.Store.IssueChallenge(ctx, issue)
	if limited(err) {
		return ChallengeView{}, errors.Join(err, d.refuse(ctx, f, record, target.Channel))
	}
	if err != nil {
		return ChallengeView{}, err
	}
	d.sent(ctx, stored, country, p)
	return d.challengeView(ctx, here, stored, message.Delivery{State: message.Waiting})
}

// Resend sends another code in place of the challenge, to the same destination or
// to another contact ("I don't have a code", seed 6).
func (d *Desk) Resend(ctx context.Context, v Visit, challengeID string, to Target) (ChallengeView, error) {
	f, err := d.flow(ctx, v)
	if err != nil {
		return ChallengeView{}, err
	}
	if _, _, err := d.Store.Challenge(ctx, challengeID, f.ID); err != nil {
		return ChallengeView{}, err
	}
	return d.requestOnce(ctx, v, challengeID, to)
}

// once names a request within its flow. Keys and typed numbers are hashed: neither
// is read from the memory.
func (d *Desk) once(v Visit, f session.Flow, challengeID string, to Target) code.Once {
	if v.Key == "" {
		return code.Once{}
	}
	request := strings.Join([]string{challengeID, to.ContactID, string(to.Channel), to.Country, to.Number}, "\x00")
	return code.Once{
		Key:         d.Sealer.Lookup(f.Tenant, "key\x00"+v.Key),
		Fingerprint: d.Sealer.Lookup(f.Tenant, "request\x00"+request),
	}
}

// answered repeats the answer to a request, or returns rules.ErrNotFound.
func (d *Desk) answered(ctx context.Context, f session.Flow, r block.Record, once code.Once) (ChallengeView, error) {
	if once.Key == "" {
		return ChallengeView{}, rules.ErrNotFound
	}
	earlier, delivery, err := d.Store.Issued(ctx, f.ID, once)
	if err != nil {
		return ChallengeView{}, err
	}
	book, err := d.Store.Book(ctx, f.Tenant, f.Account)
	if err != nil {
		return ChallengeView{}, err
	}
	return d.challengeView(ctx, scene{flow: f, policy: d.Policies.For(f.Tenant, f.Account), block: r, book: book}, earlier, delivery)
}

// issue gathers what one transaction needs to issue a code.
func (d *Desk) issue(v Visit, f session.Flow, p policy.Policy, target contact.Contact) (code.Issue, error) {
	challenge, err := d.challenge(f, p, target)
	if err != nil {
		return code.Issue{}, err
	}
	messageID, err := d.token(16)
	return code.Issue{
		Challenge: challenge, Address: target.Address, Entered: target.ID == "",
		Network: knownNetwork(v.Network), PerNumber: p.Limits.AccountsPerNumber, MaxWrongPerDay: p.Codes.MaxWrongPerDay, ResendWaits: p.ResendWaits(),
		Limits:    func(address string) []code.Limit { return d.limits(v, f, p, target.Channel, address) },
		MessageID: messageID, Now: d.Now(),
	}, err
}

// limits are the rates that a code takes from.
func (d *Desk) limits(v Visit, f session.Flow, p policy.Policy, channel contact.Channel, address string) []code.Limit {
	list := []code.Limit{
		{Subject: "account", ID: f.Account, Rate: p.Limits.Account},
		{Subject: "contact", Secret: address, Rate: p.Limits.Contact},
		{Subject: "network", ID: NetworkOf(v.Network), Rate: p.Limits.Network},
	}
	if f.Notified != "" { // what a thief with the password spends keeps nobody from cancelling
		list = []code.Limit{{Subject: "notice", ID: budgetOf(f), Rate: p.Limits.Contact}, list[2]}
	}
	if channel != contact.SMS && channel != contact.Voice {
		return list
	}
	country := d.Numbers.Plan(address)
	return append(append(list, p.Caps(country)...),
		code.Limit{Subject: "prefix", Secret: code.Prefix(address), Rate: p.Limits.Prefix},
		code.Limit{Subject: "country", ID: country, Rate: p.CountryRate(country)})
}

// target resolves where the code goes, or says that it may not go there.
func (d *Desk) target(ctx context.Context, s scene, to Target) (contact.Contact, error) {
	switch {
	case to.ContactID != "":
		return d.ownContact(s, to.ContactID, to.Channel)
	case to.Number != "":
		if !s.mayEnter() || !dialled(to.Channel) {
			return contact.Contact{}, rules.ErrDestination
		}
		number, err := d.Numbers.Parse(to.Number, to.Country, s.policy.Numbers)
		if err == nil {
			err = d.Numbers.Takes(number, to.Channel, s.policy.Numbers)
		}
		return contact.Contact{Channel: to.Channel, Address: number}, err
	default:
		return d.currentTarget(ctx, s, to.Channel)
	}
}

// ownContact is one of the account that may get a code on a channel.
func (d *Desk) ownContact(s scene, id string, channel contact.Channel) (contact.Contact, error) {
	c, ok := s.book.Find(id)
	if !ok || c.Standing != contact.Full {
		return contact.Contact{}, rules.ErrDestination
	}
	return d.over(c, channel, s.policy.Numbers)
}

// currentTarget is the destination of the flow's current challenge, perhaps on another
// channel; the address of an entered number stays in the store.
func (d *Desk) currentTarget(ctx context.Context, s scene, channel contact.Channel) (contact.Contact, error) {
	current, _, err := d.Store.CurrentChallenge(ctx, s.flow.ID)
	if errors.Is(err, rules.ErrNotFound) {
		return contact.Contact{}, rules.ErrDestination
	}
	if err != nil {
		return contact.Contact{}, err
	}
	channel = cmp.Or(channel, current.Channel)
	switch {
	case current.ContactID != "":
		return d.ownContact(s, current.ContactID, channel)
	case !s.mayEnter() || !slices.Contains(channelsOf(current.Channel), channel):
		return contact.Contact{}, rules.ErrDestination
	default:
		return contact.Contact{Channel: channel}, nil
	}
}

// budgetOf is what the wrong codes of a flow count for; empty for the account.
func budgetOf(f session.Flow) string {
	if f.Notified == "" {
		return ""
	}
	return code.NoticeBudget(f.Account, f.Notified)
}

func (d *Desk) challenge(f session.Flow, p policy.Policy, to contact.Contact) (code.Challenge, error) {
	now := d.Now()
	id, err := d.token(16)
	if err != nil {
		return code.Challenge{}, err
	}
	c := code.Challenge{
		ID: id, Tenant: f.Tenant, Account: f.Account, Purpose: f.Purpose, Object: f.Object, Flow: f.ID,
		Budget: budgetOf(f), ContactID: to.ID, Channel: to.Channel, Language: to.Language,
		Epoch: d.Epoch(), Digits: p.Codes.Length, MaxAttempts: p.Codes.MaxAttempts,
		Created: now, Expires: now.Add(p.Codes.TTLFor(to.Channel)),
	}
	if to.Address != "" {
		c.Destination, c.Hint = d.Sealer.Lookup(f.Tenant, to.Address), to.Mask()
	}
	if _, err := io.ReadFull(d.Random, c.Nonce[:]); err != nil {
		return code.Challenge{}, fmt.Errorf("read random bytes: %w", err)
	}
	return c, nil
}

// NetworkOf is the network that shares a limit: a /24 or a /64.
func NetworkOf(addr netip.Addr) string {
	addr = addr.Unmap()
	if !addr.IsValid() {
		return "unknown"
	}
	bits := 24
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}
