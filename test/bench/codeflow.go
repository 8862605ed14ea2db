package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

// contactID is the one contact of every account.
const contactID = "contact-00000000"

// openFlow makes stores in .run, the file system on which make run keeps its own.
func openFlow(_ context.Context, o options) ([]comparison, func(), error) {
	if err := os.MkdirAll(".run", 0o700); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(".run", "bench-")
	if err != nil {
		return nil, nil, err
	}
	flows, legs := 100, 6
	if o.quick {
		legs = 1
	}
	var stores atomic.Int64
	fresh := func() string { return filepath.Join(dir, fmt.Sprintf("store-%d.db", stores.Add(1))) }
	var comparisons []comparison
	for _, people := range []int{1, 16} {
		comparisons = append(comparisons, comparison{
			name: fmt.Sprintf("whole code flows on SQLite, %d at once", people), goal: goal{bound: 0.6}, legs: legs,
			ours:  func(ctx context.Context) (figures, error) { return deskLeg(ctx, fresh(), flows, people) },
			floor: func(ctx context.Context) (figures, error) { return sqlLeg(ctx, fresh(), flows, people) },
		})
	}
	return comparisons, func() { _ = os.RemoveAll(dir) }, nil
}

// post is a shop with its memory and a courier that hands codes to who waits for them.
type post struct {
	*shop
	store *store.Store
	codes map[string]chan string
}

// openPost makes a store in which so many accounts are blocked and have a contact.
func openPost(ctx context.Context, path string, accounts int) (*post, error) {
	s, err := newShop()
	if err != nil {
		return nil, err
	}
	memory, err := sqlite.Open(ctx, path, sqlite.Options{Sealer: s.keys, Now: clock.Wall})
	if err != nil {
		return nil, err
	}
	p := &post{s, memory, map[string]chan string{}}
	s.desk.Store = memory
	for i := range accounts {
		if err := p.admit(ctx, i); err != nil {
			return nil, errors.Join(err, memory.Close())
		}
	}
	return p, nil
}

// admit blocks one account in index and store and writes its contact.
func (p *post) admit(ctx context.Context, i int) error {
	if err := p.see(newBlock(tenant, i)); err != nil {
		return err
	}
	key, account, now := blockKey(i), blockedAccount(i), clock.Wall()
	record, _ := p.index.Block(key)
	if _, err := p.store.FreezeBlock(ctx, key, record.UID, record.Spec); err != nil {
		return err
	}
	p.codes[account] = make(chan string, 1)
	return p.store.ImportContacts(ctx, tenant, account, []contact.Contact{{
		ID: contactID, Channel: contact.Email, Address: account + "@post.example", Standing: contact.Full,
		Language: "en", Added: now, Proven: now,
	}}, nil, now)
}

func blockKey(i int) block.Key { return block.Key{Tenant: tenant, Name: newBlock(tenant, i).Name} }

// deskLeg takes every account through a flow, with the feed followed as a replica does.
func deskLeg(ctx context.Context, path string, flows, people int) (figures, error) {
	p, err := openPost(ctx, path, flows)
	if err != nil {
		return figures{}, err
	}
	following, stop := context.WithCancel(ctx)
	followed := make(chan error, 1)
	go func() { followed <- p.store.Follow(following, time.Time{}, func() {}, p.index.Fact) }()
	f, err := inTurn(ctx, flows, people, p.release)
	stop()
	err = errors.Join(err, <-followed, p.store.Close())
	if err == nil {
		err = sameRows(ctx, path, flows)
	}
	return f, err
}

// release is one flow: the denied sign-in gives a ticket, the ticket opens the flow,
// the code is asked for, sent and entered, which releases the block and sends a notice.
func (p *post) release(ctx context.Context, i int) error {
	account := blockedAccount(i)
	d, err := p.desk.Decide(tenant, flow.Request{Account: account, Action: decision.SignIn})
	if err != nil {
		return err
	}
	v := flow.Visit{Host: host, Network: netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})}
	if v.Credential, err = p.desk.Open(ctx, host, d.Ticket, false); err != nil {
		return fmt.Errorf("open the flow of %s: %w", account, err)
	}
	challenge, err := p.desk.RequestCode(ctx, v, flow.Target{ContactID: contactID})
	if err != nil {
		return fmt.Errorf("request a code for %s: %w", account, err)
	}
	if err := p.send(ctx); err != nil {
		return err
	}
	var code string
	select {
	case code = <-p.codes[account]:
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, _, err := p.desk.SubmitCode(ctx, v, challenge.ID, code); err != nil {
		return fmt.Errorf("submit the code of %s: %w", account, err)
	}
	return p.send(ctx)
}

// send leases the message that waits longest, whoever's it is, and marks it sent: every
// flow sends as many messages as it writes.
func (p *post) send(ctx context.Context) error {
	// Seen from a minute ahead, what was written while this waited for its turn is due.
	now := clock.Wall().Add(time.Minute)
	leased, err := p.store.Lease(ctx, 1, now, now.Add(time.Minute))
	if err != nil {
		return fmt.Errorf("lease a message: %w", err)
	}
	if len(leased) != 1 {
		return errors.New("lease a message: none waits")
	}
	m := leased[0]
	if err := p.store.MarkSent(ctx, m.ID, now); err != nil {
		return fmt.Errorf("mark message %s sent: %w", m.ID, err)
	}
	if m.Kind == message.Code {
		p.codes[m.Account] <- p.keys.Code(m.Challenge)
	}
	return nil
}

// inTurn does n works, so many at once, and times each.
func inTurn(ctx context.Context, n, atOnce int, work func(ctx context.Context, i int) error) (figures, error) {
	each := make([]time.Duration, n)
	var next atomic.Int64
	used, begin := cpuUsed(), time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for range atOnce {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				started := time.Now()
				if err := work(ctx, i); err != nil {
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
	return figures{ops: n, took: time.Since(begin), each: each, cpu: cpuUsed() - used}, nil
}
