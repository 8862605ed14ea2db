package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
)

const (
	// inFlight are the messages that are being sent at once, on either side.
	inFlight = 64
	// legMessages are those of one leg; warmMessages go before them.
	legMessages, warmMessages = 3000, 4 * inFlight
	// queuedTogether are written in one transaction.
	queuedTogether = 500
)

// openCourier compares how fast queued messages leave with a loop over the client
// library alone.
func openCourier(ctx context.Context, o options) (suite, error) {
	engines, shut, err := openEngines(ctx)
	if err != nil {
		return suite{}, err
	}
	servers, err := startProviders()
	if err != nil {
		shut()
		return suite{}, err
	}
	legs := 2
	if o.quick {
		legs = 1
	}
	s := suite{floor: "client library", shut: func() { servers.stop(); shut() }}
	for _, by := range []way{servers.smtp(), servers.webhook(), servers.twilio()} {
		for _, e := range engines {
			for _, delay := range []time.Duration{providerTime, 0} {
				d := departure{engine: e, way: by, servers: servers, delay: delay}
				s.comparisons = append(s.comparisons, comparison{name: d.name(), goal: d.goal(), legs: legs, ours: d.ours, floor: d.floor})
			}
		}
	}
	s.after = func(ctx context.Context) (string, error) { return queues(ctx, o, engines, servers) }
	return s, nil
}

// departure is one way out of one engine, to a provider that takes its time for each
// message.
type departure struct {
	engine  engine
	way     way
	servers *providers
	delay   time.Duration
}

func (d departure) name() string {
	answered := "at once"
	if d.delay > 0 {
		answered = "after " + d.delay.String()
	}
	return fmt.Sprintf("%s from %s, answered %s", d.way.name, d.engine.name, answered)
}

// goal binds a provider that takes as long as a near one does.
func (d departure) goal() goal {
	if d.delay > 0 {
		return goal{bound: 0.8}
	}
	return goal{}
}

// ours lets a courier send what waits in a fresh store.
func (d departure) ours(ctx context.Context) (f figures, err error) {
	at, err := d.engine.place(ctx)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, at.remove(context.WithoutCancel(ctx))) }()
	keys, err := seal.Generate()
	if err != nil {
		return f, err
	}
	memory, err := at.open(ctx, keys)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	if err := queue(ctx, memory, d.way.channel, warmMessages+legMessages); err != nil {
		return f, err
	}
	d.servers.delay.Store(int64(d.delay))
	return drain(ctx, memory, d.way, warmMessages, legMessages)
}

// floor sends as many messages by the client library alone.
func (d departure) floor(ctx context.Context) (figures, error) {
	d.servers.delay.Store(int64(d.delay))
	loop, err := d.way.open(ctx)
	if err != nil {
		return figures{}, err
	}
	defer loop.shut()
	free := make(chan int, inFlight)
	for i := range inFlight {
		free <- i
	}
	do := func(ctx context.Context, i int) error {
		connection := <-free
		defer func() { free <- connection }()
		return loop.send(ctx, connection, i)
	}
	if _, err := inTurn(ctx, 0, warmMessages, inFlight, do); err != nil {
		return figures{}, err
	}
	return inTurn(ctx, warmMessages, warmMessages+legMessages, inFlight, do)
}

// queue puts messages into the outbox, each to a person of its own.
func queue(ctx context.Context, memory *store.Store, channel contact.Channel, n int) error {
	now := clock.Wall()
	for first := 0; first < n; first += queuedTogether {
		var waiting []message.Message
		for i := first; i < min(first+queuedTogether, n); i++ {
			id := fmt.Sprintf("message-%07d", i)
			waiting = append(waiting, message.Message{
				ID: id, Tenant: tenant, Account: "person-" + id, Kind: message.Notice, Notice: message.NoticeReleased,
				Channel: channel, Address: destination(channel, i), Language: "en",
				Created: now, NotBefore: now, Expires: now.Add(72 * time.Hour),
			})
		}
		if err := memory.ImportContacts(ctx, tenant, fmt.Sprintf("import-%d", first), nil, waiting, now); err != nil {
			return fmt.Errorf("queue messages: %w", err)
		}
	}
	return nil
}

// destination is the i-th person's.
func destination(channel contact.Channel, i int) string {
	if channel == contact.Email {
		return fmt.Sprintf("person-%d@post.example", i)
	}
	return fmt.Sprintf("+49151%08d", 10_000_000+i)
}
