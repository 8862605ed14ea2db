package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/courier"
	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/phone"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/store"
)

// courierWorkers have the one channel of one tenant, which gets a third of them, send
// so many at once.
const courierWorkers = 3 * inFlight

// drain runs a courier until it has sent n messages after the first ones, and times
// each from its lease to the note that it was sent.
func drain(ctx context.Context, memory *store.Store, by way, warm, n int) (f figures, err error) {
	allow, err := deliver.ParsePatterns([]string{"127.0.0.1:*"})
	if err != nil {
		return f, err
	}
	dispatcher := deliver.New(by, allow, deliver.Options{Now: clock.Wall, MaxConnections: inFlight})
	defer dispatcher.Close()
	box := &timedOutbox{Store: memory, warm: warm, n: n, began: make(chan struct{}), done: make(chan struct{}), leased: map[string]time.Time{}}
	c := &courier.Courier{
		Outbox: box, Policies: by, Coder: box, Sender: dispatcher, Numbers: phone.Numbers{},
		Now: clock.Wall, After: clock.WallTimer, Random: rand.Reader, Workers: courierWorkers,
		Metrics: courier.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
	}
	running, stop := context.WithCancel(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- c.Run(running) }()
	defer func() { stop(); err = errors.Join(err, <-stopped) }()
	if err := box.await(ctx, box.began); err != nil {
		return f, err
	}
	used, begin := cpuUsed(), time.Now()
	if err := box.await(ctx, box.done); err != nil {
		return f, err
	}
	return figures{ops: n, took: time.Since(begin), cpu: cpuUsed() - used, each: box.took()}, nil
}

// timedOutbox is an outbox that counts and times what was sent.
type timedOutbox struct {
	*store.Store
	// The first ones warm the courier, the next n are measured.
	warm, n     int
	began, done chan struct{}

	mu     sync.Mutex
	sent   int
	leased map[string]time.Time
	each   []time.Duration
}

// Code implements courier.Coder; there are notices alone.
func (*timedOutbox) Code(code.Challenge) string { return "" }

// Lease implements courier.Outbox.
func (o *timedOutbox) Lease(ctx context.Context, n int, now, until time.Time, full ...message.Lane) ([]message.Message, error) {
	leased, err := o.Store.Lease(ctx, n, now, until, full...)
	o.mu.Lock()
	defer o.mu.Unlock()
	at := time.Now()
	for _, m := range leased {
		o.leased[m.ID] = at
	}
	return leased, err
}

// MarkSent implements courier.Outbox.
func (o *timedOutbox) MarkSent(ctx context.Context, id string, now time.Time) error {
	if err := o.Store.MarkSent(ctx, id, now); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent++
	if o.sent > o.warm && o.sent <= o.warm+o.n {
		o.each = append(o.each, time.Since(o.leased[id]))
	}
	delete(o.leased, id)
	switch o.sent {
	case o.warm:
		close(o.began)
	case o.warm + o.n:
		close(o.done)
	}
	return nil
}

func (o *timedOutbox) took() []time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.each
}

// await complains where nothing is sent for long.
func (o *timedOutbox) await(ctx context.Context, reached <-chan struct{}) error {
	for before := -1; ; {
		select {
		case <-reached:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(patience):
			o.mu.Lock()
			now := o.sent
			o.mu.Unlock()
			if now == before {
				return fmt.Errorf("the courier sent nothing for %s after %d messages", patience, now)
			}
			before = now
		}
	}
}

// way is a provider with its Secret, the only one of its policy.
type way struct {
	name, kind string
	channel    contact.Channel
	secret     map[string][]byte
	// open makes the bare loop.
	open func(ctx context.Context) (loop, error)
}

// loop sends the i-th message over one of as many connections as messages are in
// flight.
type loop struct {
	send func(ctx context.Context, connection, i int) error
	shut func()
}

// For implements courier.Policies.
func (w way) For(string, string) policy.Policy {
	p := policy.Default()
	p.Hosts = []string{host}
	p.Messages = policy.Messages{ProductName: "Shop", Sender: "accounts@shop.example"}
	p.Providers = []policy.Provider{{
		Name: "provider", Type: w.kind, Secret: "provider", Channels: []contact.Channel{w.channel}, Countries: []string{"DE"},
	}}
	return p
}

// Secret implements deliver.Secrets.
func (w way) Secret(string, string) (map[string][]byte, error) { return w.secret, nil }
