// Package courier drains the outbox: it leases messages, renders them and hands
// them to the providers of the account's policy until one takes them.
package courier

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Outbox is the memory of messages that wait.
type Outbox interface {
	// Lease hands out at most n messages that are due at now and hides them from
	// other couriers until the given time; none of the full lanes. Messages to one
	// destination come one after the other. Attempts counts the attempts before.
	Lease(ctx context.Context, n int, now, until time.Time, full ...message.Lane) ([]message.Message, error)
	// HandOver notes m.Handed before a provider is given the message, or returns
	// rules.ErrGone where the lease of m was lost.
	HandOver(ctx context.Context, m message.Message) error
	MarkSent(ctx context.Context, id string, now time.Time) error
	// MarkRetry counts a failed attempt of a leased message, keeps m.Handed and makes
	// it due at notBefore. After the lease it changes nothing, as does MarkDead.
	MarkRetry(ctx context.Context, m message.Message, notBefore time.Time, class message.ErrorClass) error
	MarkDead(ctx context.Context, m message.Message, class message.ErrorClass, now time.Time) error
	// Spend counts a text or a call that was sent in the caps of its policy; over says that
	// one of them was used up before.
	Spend(ctx context.Context, tenant string, caps []code.Limit, now time.Time) (over bool, err error)
	// Wake receives after a commit that may have made messages due. A wake-up
	// that nobody waits for is kept.
	Wake() <-chan struct{}
	// NextDue is when the next message outside full lanes becomes due, and false if
	// none waits.
	NextDue(ctx context.Context, now time.Time, full ...message.Lane) (time.Time, bool, error)
}

// Policies resolves the policy of an account.
type Policies interface {
	For(tenant, account string) policy.Policy
}

// Coder derives codes, which are stored nowhere.
type Coder interface {
	Code(c code.Challenge) string
}

// Sender hands a message to a provider. Its errors unwrap to *message.Error.
type Sender interface {
	Send(ctx context.Context, tenant string, p policy.Provider, m message.Rendered) error
}

// Numbers knows the numbering plans of the world.
type Numbers interface {
	// Plan returns the country (ISO 3166 alpha-2) of an E.164 number, empty where it
	// belongs to none.
	Plan(number string) (country string)
}

const (
	// lease hides a message while it is being sent: longer than attemptTimeout,
	// so that a message is never sent by two couriers at once.
	lease = 2 * time.Minute
	// attemptTimeout bounds one attempt over all providers.
	attemptTimeout = 90 * time.Second
	// longestWait is the time after which the outbox is looked at in any case.
	longestWait = time.Minute
	// shortestWait keeps due messages that others hold from making a busy loop.
	shortestWait = 100 * time.Millisecond
	// storePause is the pause after the outbox did not answer.
	storePause = time.Second
)

// Courier sends what waits in the outbox. All fields without a default must be
// set.
type Courier struct {
	Outbox   Outbox
	Policies Policies
	Coder    Coder
	Sender   Sender
	Numbers  Numbers
	// NotMe makes the link by which whoever gets a code by mail says that they did not
	// ask for it; nil makes none.
	NotMe func(c code.Challenge, p policy.Policy) (link string, err error)
	// NoticeURL is the page on which whoever was told of a change cancels it with a fresh
	// code; it names the message, changes nothing and is empty for a policy without hosts.
	// nil makes none.
	NoticeURL func(p policy.Policy, messageID string) string
	// ReceiptURL is where a provider may tell what became of a message; nil for nowhere.
	ReceiptURL func(p policy.Policy, provider policy.Provider, messageID string) string
	// Health is told which providers fail, under the name of this Replica, which no other
	// process has; nil is told nothing.
	Health  Health
	Replica string
	// Now is the clock, After waits on it (clock.WallTimer).
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
	// Random spreads retries; crypto/rand.Reader.
	Random io.Reader
	// Workers bounds how many messages are in flight; the default is 128. One channel
	// of one tenant gets a third of them.
	Workers int
	// Grace is how long Run lets messages in flight finish at its end; the
	// default is 20 s.
	Grace   time.Duration
	Metrics *Metrics
	Log     *slog.Logger

	breakers breakers
}

// Run drains the outbox until ctx ends; then it finishes what is in flight, for
// at most Grace. It returns nil.
func (c *Courier) Run(ctx context.Context) error {
	r := newRun(c)
	sending, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	for ctx.Err() == nil {
		n, full := r.shares.plan()
		if n == 0 {
			r.pause(ctx, longestWait)
			continue
		}
		now := c.Now()
		if wait := r.quiet.left(full, now); wait > 0 {
			r.pause(ctx, wait)
			continue
		}
		messages, err := c.Outbox.Lease(ctx, n, now, now.Add(lease), full...)
		for _, m := range messages {
			r.start(sending, m)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			c.Log.Error("Could not lease messages from the outbox; trying again", "error", err, "pause", storePause)
			r.pause(ctx, storePause)
		case len(messages) < n:
			wait := c.untilDue(ctx, full)
			r.quiet = quiet{full, now.Add(wait)}
			r.pause(ctx, wait)
		}
	}
	r.finish(abort)
	return nil
}

// untilDue is the wait until the outbox has something again.
func (c *Courier) untilDue(ctx context.Context, full []message.Lane) time.Duration {
	now := c.Now()
	due, some, err := c.Outbox.NextDue(ctx, now, full...)
	switch {
	case err != nil:
		return storePause
	case !some:
		return longestWait
	}
	return min(max(due.Sub(now), shortestWait), longestWait)
}

// run is one Run of a courier: its slots and what is in flight.
type run struct {
	*Courier
	shares *shares
	// again receives when there may be something to lease: a message was made due, or
	// a slot that somebody wanted is free.
	again chan struct{}
	// quiet ends with a wake-up and with a message that waits for another attempt.
	quiet  quiet
	retry  atomic.Bool
	flying sync.WaitGroup
}

func newRun(c *Courier) *run {
	workers := c.Workers
	if workers <= 0 {
		workers = 128
	}
	return &run{Courier: c, shares: newShares(workers), again: make(chan struct{}, 1)}
}

// start sends a message on a slot of its lane. The slot is free for the next one once the
// provider has answered, though the outcome is not written yet.
func (r *run) start(ctx context.Context, m message.Message) {
	lane := message.Lane{Tenant: m.Tenant, Channel: m.Channel}
	r.shares.take(lane)
	r.Metrics.flying.Inc()
	r.flying.Go(func() {
		waits := r.handle(ctx, m, func() {
			r.Metrics.flying.Dec()
			if crowded := r.shares.give(lane); crowded {
				r.look()
			}
		})
		if waits {
			r.retry.Store(true)
			r.look()
		}
	})
}

// look has the outbox looked at again.
func (r *run) look() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// pause waits for d, for new messages or for the end.
func (r *run) pause(ctx context.Context, d time.Duration) {
	select {
	case <-r.Outbox.Wake():
		r.quiet = quiet{}
	case <-r.again:
		if r.retry.Swap(false) {
			r.quiet = quiet{}
		}
	case <-r.After(d):
	case <-ctx.Done():
	}
}

// finish waits for what is in flight and breaks it off after Grace; the leases of
// what was broken off run out.
func (r *run) finish(abort func()) {
	grace := r.Grace
	if grace <= 0 {
		grace = 20 * time.Second
	}
	done := make(chan struct{})
	go func() { r.flying.Wait(); close(done) }()
	select {
	case <-done:
	case <-r.After(grace):
		abort()
		<-done
	}
}
