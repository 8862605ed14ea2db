package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/store"
)

const (
	// contactID is the one contact of every account.
	contactID = "contact-00000000"
	// patience bounds the wait for one code.
	patience = time.Minute
	// admitted at once are so many accounts.
	admittedAtOnce = 16
)

// post is a shop with its memory, which it follows as a replica does, and a courier
// that hands codes to who waits for them.
type post struct {
	*shop
	store   *store.Store
	people  []*person
	byName  map[string]*person
	stop    context.CancelFunc
	stopped chan error

	// leasing is the courier's, of which a replica has one.
	leasing together[time.Time, message.Message]
}

// person has a blocked account.
type person struct {
	account, challenge string
	visit              flow.Visit
	codes              chan string
}

// openPost opens the store at a place and waits until its feed has caught up.
func openPost(ctx context.Context, at place) (*post, error) {
	s, err := newShop()
	if err != nil {
		return nil, err
	}
	memory, err := at.open(ctx, s.keys)
	if err != nil {
		return nil, err
	}
	s.desk.Store = memory
	following, stop := context.WithCancel(ctx)
	p := &post{shop: s, store: memory, byName: map[string]*person{}, stop: stop, stopped: make(chan error, 1)}
	caughtUp := make(chan struct{})
	go func() {
		p.stopped <- memory.Follow(following, time.Time{}, func() { close(caughtUp) }, p.index.Fact)
	}()
	select {
	case <-caughtUp:
		return p, nil
	case err := <-p.stopped:
		stop()
		return nil, errors.Join(err, ctx.Err(), memory.Close())
	}
}

func (p *post) close() error {
	p.stop()
	return errors.Join(<-p.stopped, p.store.Close())
}

// admit blocks so many further accounts in index and store and writes their contacts.
func (p *post) admit(ctx context.Context, n int) error {
	first := len(p.people)
	for i := first; i < first+n; i++ {
		newcomer := &person{account: blockedAccount(i), codes: make(chan string, 1)}
		p.people, p.byName[newcomer.account] = append(p.people, newcomer), newcomer
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(admittedAtOnce)
	for i := first; i < first+n; i++ {
		group.Go(func() error { return p.admitOne(ctx, i) })
	}
	return group.Wait()
}

func (p *post) admitOne(ctx context.Context, i int) error {
	if err := p.see(newBlock(tenant, i)); err != nil {
		return err
	}
	key, account, now := blockKey(i), blockedAccount(i), clock.Wall()
	record, _ := p.index.Block(key)
	if _, err := p.store.FreezeBlock(ctx, key, record.UID, record.Spec); err != nil {
		return err
	}
	return p.store.ImportContacts(ctx, tenant, account, []contact.Contact{{
		ID: contactID, Channel: contact.Email, Address: account + "@post.example", Standing: contact.Full,
		Language: "en", Added: now, Proven: now,
	}}, nil, now)
}

func blockKey(i int) block.Key { return block.Key{Tenant: tenant, Name: newBlock(tenant, i).Name} }

// addressOf is a client in a network of its own.
func addressOf(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(10 + i>>16), byte(i >> 8), byte(i), 1})
}

// send leases a message, whoever's it is, hands it over as the courier does and marks
// it sent: every flow sends as many messages as it writes.
func (p *post) send(ctx context.Context) error {
	// Seen from a minute ahead, what was written while this waited for its turn is due.
	now := clock.Wall().Add(time.Minute)
	m, err := p.leasing.do(now, func(asked []time.Time) ([]message.Message, error) { return p.lease(ctx, len(asked), now) })
	if err != nil {
		return err
	}
	m.Handed++
	if err := p.store.HandOver(ctx, m); err != nil {
		return fmt.Errorf("hand message %s over: %w", m.ID, err)
	}
	if err := p.store.MarkSent(ctx, m.ID, now); err != nil {
		return fmt.Errorf("mark message %s sent: %w", m.ID, err)
	}
	if m.Kind == message.Code {
		p.byName[m.Account].codes <- p.keys.Code(m.Challenge)
	}
	return nil
}

func (p *post) lease(ctx context.Context, n int, now time.Time) ([]message.Message, error) {
	leased, err := p.store.Lease(ctx, n, now, now.Add(time.Minute))
	if err == nil && len(leased) != n {
		err = fmt.Errorf("%d of %d messages wait", len(leased), n)
	}
	if err != nil {
		return nil, fmt.Errorf("lease messages: %w", err)
	}
	return leased, nil
}

// inTurn does the works from first up to end, so many at once, and times each.
func inTurn(ctx context.Context, first, end, atOnce int, work func(ctx context.Context, i int) error) (figures, error) {
	each := make([]time.Duration, end-first)
	var next atomic.Int64
	used, begin := cpuUsed(), time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for range atOnce {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < len(each); i = int(next.Add(1)) - 1 {
				started := time.Now()
				if err := work(ctx, first+i); err != nil {
					return err
				}
				each[i] = time.Since(started)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return figures{}, err
	}
	return figures{ops: len(each), took: time.Since(begin), each: each, cpu: cpuUsed() - used}, nil
}
