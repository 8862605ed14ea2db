package courier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

var start = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// outbox is an Outbox in memory that reports every outcome as an event.
type outbox struct {
	mu       sync.Mutex
	messages []message.Message
	// failures is how many of the next calls do not answer.
	failures int
	// unwritten is how many of the next outcomes are not written.
	unwritten int
	// past counts the leases that left out a full lane.
	past int
	lost map[string]bool
	// spent are the caps that were charged; full says that one was used up.
	spent  []string
	full   bool
	wake   chan struct{}
	events chan string
	now    func() time.Time
}

func (o *outbox) put(messages ...message.Message) {
	o.mu.Lock()
	o.messages = append(o.messages, messages...)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// fails counts down the failures; o.mu is held.
func (o *outbox) fails() error {
	if o.failures == 0 {
		return nil
	}
	o.failures--
	return errors.New("the store does not answer")
}

func (o *outbox) Lease(_ context.Context, n int, now, until time.Time, full ...message.Lane) ([]message.Message, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.fails(); err != nil {
		return nil, err
	}
	if len(full) > 0 {
		o.past++
	}
	var due []message.Message
	for i := range o.messages {
		if m := &o.messages[i]; len(due) < n && !m.NotBefore.After(now) && !in(full, *m) {
			m.NotBefore = until
			due = append(due, *m)
		}
	}
	return due, nil
}

func in(full []message.Lane, m message.Message) bool {
	return slices.ContainsFunc(full, func(l message.Lane) bool {
		return l.Tenant == m.Tenant && (l.Channel == "" || l.Channel == m.Channel)
	})
}

// HandOver notes it as the store does; o.lost are the messages whose lease is gone.
func (o *outbox) HandOver(_ context.Context, m message.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.fails(); err != nil {
		return err
	}
	i := slices.IndexFunc(o.messages, func(other message.Message) bool { return other.ID == m.ID })
	if o.lost[m.ID] {
		return rules.ErrGone
	}
	o.messages[i].Handed = m.Handed
	return nil
}

// settle reports an outcome; without a change the message is done.
func (o *outbox) settle(id, event string, change func(*message.Message)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.unwritten > 0 {
		o.unwritten--
		return errors.New("the store does not answer")
	}
	if err := o.fails(); err != nil {
		return err
	}
	i := slices.IndexFunc(o.messages, func(m message.Message) bool { return m.ID == id })
	if change == nil {
		o.messages = slices.Delete(o.messages, i, i+1)
	} else {
		change(&o.messages[i])
	}
	o.events <- event
	return nil
}

func (o *outbox) MarkSent(_ context.Context, id string, _ time.Time) error {
	return o.settle(id, "sent "+id, nil)
}

func (o *outbox) MarkDead(_ context.Context, m message.Message, class message.ErrorClass, _ time.Time) error {
	return o.settle(m.ID, fmt.Sprintf("dead %s %s", m.ID, class), nil)
}

func (o *outbox) MarkRetry(_ context.Context, m message.Message, notBefore time.Time, class message.ErrorClass) error {
	event := fmt.Sprintf("retry %s %s in %s", m.ID, class, notBefore.Sub(o.now()))
	return o.settle(m.ID, event, func(kept *message.Message) {
		kept.NotBefore, kept.Attempts, kept.Handed = notBefore, kept.Attempts+1, m.Handed
	})
}

func (o *outbox) Spend(_ context.Context, tenant string, caps []code.Limit, _ time.Time) (over bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range caps {
		o.spent = append(o.spent, tenant+" "+c.Subject+" "+c.ID)
	}
	return o.full, o.fails()
}

func (o *outbox) Wake() <-chan struct{} { return o.wake }

func (o *outbox) NextDue(_ context.Context, _ time.Time, full ...message.Lane) (due time.Time, some bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.messages {
		if !in(full, m) && (!some || m.NotBefore.Before(due)) {
			due, some = m.NotBefore, true
		}
	}
	return due, some, nil
}

// stepped is a clock that only the test moves; waiting ends when it has moved
// far enough.
type stepped struct {
	mu      sync.Mutex
	now     time.Time
	waiters []waiter
}

type waiter struct {
	at time.Time
	ch chan time.Time
}

func (c *stepped) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *stepped) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := waiter{c.now.Add(d), make(chan time.Time, 1)}
	c.waiters = append(c.waiters, w)
	return w.ch
}

func (c *stepped) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.waiters = slices.DeleteFunc(c.waiters, func(w waiter) bool {
		if w.at.After(c.now) {
			return false
		}
		w.ch <- c.now
		return true
	})
}

// untilWaiting returns when somebody waits on the clock for exactly d.
func (c *stepped) untilWaiting(t *testing.T, d time.Duration) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		c.mu.Lock()
		waiting := slices.ContainsFunc(c.waiters, func(w waiter) bool { return w.at.Equal(c.now.Add(d)) })
		c.mu.Unlock()
		if waiting {
			return
		}
	}
	t.Fatalf("nobody waits for %s", d)
}

// senderFunc is a Sender.
type senderFunc func(ctx context.Context, tenant string, p policy.Provider, m message.Rendered) error

func (f senderFunc) Send(ctx context.Context, tenant string, p policy.Provider, m message.Rendered) error {
	return f(ctx, tenant, p, m)
}

type policies struct{ policy.Policy }

func (p policies) For(string, string) policy.Policy { return p.Policy }

type coder struct{}

func (coder) Code(code.Challenge) string { return "482913" }

// notMe links to a token that stands for the challenge.
func notMe(c code.Challenge, p policy.Policy) (string, error) {
	if len(p.Hosts) == 0 {
		return "", nil
	}
	return "https://" + p.Hosts[0] + "/not-me?token=sealed-" + c.ID, nil
}

// noticeURL is as long as one with the ID that the store gives a notice.
func noticeURL(p policy.Policy, messageID string) string {
	if len(p.Hosts) == 0 {
		return ""
	}
	return "https://" + p.Hosts[0] + "/c/" + messageID + strings.Repeat("0", 43-len(messageID))
}

// numbers knows the plans of three countries.
type numbers struct{}

func (numbers) Plan(number string) string {
	return map[string]string{"+49": "DE", "+33": "FR", "+48": "PL"}[number[:3]]
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// fixture is a courier over fakes.
type fixture struct {
	*Courier
	outbox   *outbox
	clock    *stepped
	registry *prometheus.Registry
	log      *bytes.Buffer // read it after stop
	stop     func() error
}

func newFixture(t *testing.T, send senderFunc) *fixture {
	t.Helper()
	f := &fixture{clock: &stepped{now: start}, registry: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	f.outbox = &outbox{wake: make(chan struct{}, 1), events: make(chan string, 100), now: f.clock.Now}
	p := policy.Default()
	p.Hosts = []string{"account.shop.example:8443"}
	p.HelpURL = "https://shop.example/help?a=b&c=d"
	p.Messages = policy.Messages{ProductName: "Shop & Söhne", Sender: "accounts@shop.example"}
	p.Providers = []policy.Provider{
		{Name: "texts", Channels: []contact.Channel{contact.SMS}, Countries: []string{"DE"}},
		{Name: "first", Channels: []contact.Channel{contact.Email}},
		{Name: "second", Channels: []contact.Channel{contact.SMS, contact.Email}, Countries: []string{"DE", "FR"}},
		{Name: "nowhere", Channels: []contact.Channel{contact.SMS, contact.Voice}},
	}
	f.Courier = &Courier{
		Outbox: f.outbox, Policies: policies{p}, Coder: coder{}, Sender: send, Numbers: numbers{}, NotMe: notMe, NoticeURL: noticeURL,
		Now: f.clock.Now, After: f.clock.After, Random: zeros{}, Metrics: NewMetrics(f.registry),
		Log: slog.New(slog.NewTextHandler(f.log, nil)),
	}
	return f
}

// run starts the courier; the test's end stops it.
func (f *fixture) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	f.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = f.stop() })
}

// expect reads the next outcome.
func (f *fixture) expect(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	select {
	case got := <-f.outbox.events:
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	case <-ctx.Done():
		t.Fatalf("nothing happened, want %q", want)
	}
}

func codeMessage(id string) message.Message {
	return message.Message{
		ID: id, Tenant: "shop", Account: "u-1", Kind: message.Code, Channel: contact.Email,
		Address: "ada@example.com", Language: "en", Created: start, NotBefore: start,
		Expires: start.Add(10 * time.Minute),
		Challenge: code.Challenge{
			ID: "c-1", Purpose: code.Unblock, Channel: contact.Email, Digits: 6,
			Created: start, Expires: start.Add(10 * time.Minute), MaxAttempts: 5,
		},
	}
}

func fail(class message.ErrorClass) error {
	return &message.Error{Class: class, Provider: "p", Step: "send"}
}
