package courier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// answers is a Sender that answers by the provider's name and notes its calls.
type answers struct {
	mu      sync.Mutex
	by      map[string]error
	calls   []string
	renders []message.Rendered
}

func (a *answers) Send(_ context.Context, tenant string, p policy.Provider, m message.Rendered) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, p.Name)
	a.renders = append(a.renders, m)
	return a.by[p.Name]
}

func TestMessageIsSentAtOnceByTheFirstProviderThatServesItsChannel(t *testing.T) {
	a := &answers{}
	f := newFixture(t, a.Send)
	f.run(t)
	f.clock.untilWaiting(t, longestWait) // the outbox is empty and the courier waits
	f.outbox.put(codeMessage("m-1"))
	f.expect(t, "sent m-1")
	if !slices.Equal(a.calls, []string{"first"}) {
		t.Errorf("providers %v, want the first that serves email", a.calls)
	}
	m := a.renders[0]
	if m.ID != "m-1" || m.To != "ada@example.com" || m.From != "accounts@shop.example" || m.FromName != "Shop & Söhne" {
		t.Errorf("rendered %+v", m)
	}
}

func TestOutcomesOfAnAttempt(t *testing.T) {
	tests := map[string]struct {
		first, second error
		change        func(*message.Message)
		want          string
		calls         []string
	}{
		"failover":                  {fail(message.Unreachable), nil, nil, "sent m", []string{"first", "second"}},
		"failover after a refusal":  {fail(message.Rejected), nil, nil, "sent m", []string{"first", "second"}},
		"both temporary":            {fail(message.Temporary), fail(message.Temporary), nil, "retry m Temporary in 1s", []string{"first", "second"}},
		"unreachable":               {fail(message.Unreachable), fail(message.Unreachable), nil, "retry m Unreachable in 1s", []string{"first", "second"}},
		"misconfigured":             {fail(message.Misconfigured), fail(message.Misconfigured), nil, "retry m Misconfigured in 1s", []string{"first", "second"}},
		"rejected by all":           {fail(message.Rejected), fail(message.Rejected), nil, "dead m Rejected", []string{"first", "second"}},
		"rejected, then down":       {fail(message.Rejected), fail(message.Unreachable), nil, "retry m Unreachable in 1s", []string{"first", "second"}},
		"down, then rejected":       {fail(message.Unreachable), fail(message.Rejected), nil, "retry m Unreachable in 1s", []string{"first", "second"}},
		"wrapped class":             {fmt.Errorf("odd: %w", fail(message.Misconfigured)), fail(message.Rejected), nil, "retry m Misconfigured in 1s", []string{"first", "second"}},
		"an error without class":    {errors.New("odd"), errors.New("odd"), nil, "retry m Temporary in 1s", []string{"first", "second"}},
		"fourth attempt":            {fail(message.Temporary), fail(message.Temporary), func(m *message.Message) { m.Attempts = 3 }, "retry m Temporary in 8s", []string{"first", "second"}},
		"many attempts":             {fail(message.Temporary), fail(message.Temporary), func(m *message.Message) { m.Attempts = 50 }, "retry m Temporary in 1m0s", []string{"first", "second"}},
		"retry would come too late": {fail(message.Unreachable), fail(message.Unreachable), func(m *message.Message) { m.Expires = start.Add(time.Second) }, "dead m Unreachable", []string{"first", "second"}},
		"past its time":             {nil, nil, func(m *message.Message) { m.Expires = start }, "dead m ", nil},
		"notice without an end": {nil, nil, func(m *message.Message) {
			m.Expires, m.Kind, m.Notice = time.Time{}, message.Notice, message.NoticeReleased
		}, "sent m", []string{"first"}},
		"replaced by another code": {nil, nil, func(m *message.Message) { m.Challenge.Superseded = start }, "dead m ", nil},
		"code consumed meanwhile":  {nil, nil, func(m *message.Message) { m.Challenge.Consumed = start }, "dead m ", nil},
		"no attempts left":         {nil, nil, func(m *message.Message) { m.Challenge.Attempts = 5 }, "dead m ", nil},
		"no provider serves it":    {nil, nil, func(m *message.Message) { m.Channel = contact.Voice }, "retry m Misconfigured in 1s", nil},
		"to a German number":       {nil, nil, textTo("+4915112345678"), "sent m", []string{"texts"}},
		"to a French number":       {nil, nil, textTo("+33612345678"), "sent m", []string{"second"}},
		"to a country of nobody's": {nil, nil, textTo("+48512345678"), "retry m Misconfigured in 1s", nil},
		"to no country's number":   {nil, nil, textTo("+881612345678"), "retry m Misconfigured in 1s", nil},
		"unknown notice":           {nil, nil, func(m *message.Message) { m.Kind, m.Notice = message.Notice, "Odd" }, "retry m Misconfigured in 1s", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := &answers{by: map[string]error{"first": test.first, "second": test.second}}
			f := newFixture(t, a.Send)
			m := codeMessage("m")
			if test.change != nil {
				test.change(&m)
			}
			f.outbox.put(m)
			f.run(t)
			f.expect(t, test.want)
			_ = f.stop()
			if !slices.Equal(a.calls, test.calls) {
				t.Errorf("providers %v, want %v", a.calls, test.calls)
			}
		})
	}
}

func textTo(number string) func(*message.Message) {
	return func(m *message.Message) { m.Channel, m.Challenge.Channel, m.Address = contact.SMS, contact.SMS, number }
}

func TestRetryComesWhenItIsDueAndNotBefore(t *testing.T) {
	a := &answers{by: map[string]error{"first": fail(message.Unreachable), "second": fail(message.Unreachable)}}
	f := newFixture(t, a.Send)
	f.outbox.put(codeMessage("m"))
	f.run(t)
	for _, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		f.expect(t, fmt.Sprintf("retry m Unreachable in %s", wait))
		f.clock.untilWaiting(t, wait)
		f.clock.step(wait)
	}
	f.expect(t, "retry m Unreachable in 8s")
}

// Full jitter: anything from the floor to the whole wait.
func TestRetriesAreSpread(t *testing.T) {
	f := newFixture(t, nil)
	for name, c := range map[string]struct {
		random   io.Reader
		from, to time.Duration
	}{
		"the longest":        {zeros{}, 8 * time.Second, 8 * time.Second},
		"the shortest":       {ones{}, shortestRetry, shortestRetry + time.Millisecond},
		"without randomness": {broken{}, 8 * time.Second, 8 * time.Second},
	} {
		f.Random = c.random
		if got := f.spread(8 * time.Second); got < c.from || got > c.to {
			t.Errorf("%s: %s, want %s to %s", name, got, c.from, c.to)
		}
	}
}

type ones struct{}

func (ones) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0xff
	}
	return len(b), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("no randomness") }

func TestMessagesInFlightAreBounded(t *testing.T) {
	var flying, most atomic.Int64
	arrived, proceed := make(chan struct{}, 20), make(chan struct{})
	f := newFixture(t, func(context.Context, string, policy.Provider, message.Rendered) error {
		most.Store(max(most.Load(), flying.Add(1)))
		defer flying.Add(-1)
		arrived <- struct{}{}
		<-proceed
		return nil
	})
	f.Workers = 9 // a third for one lane
	for i := range 10 {
		f.outbox.put(codeMessage(fmt.Sprint(i)))
	}
	f.run(t)
	for range 3 {
		<-arrived
	}
	close(proceed)
	for range 10 {
		<-f.outbox.events
	}
	if most.Load() != 3 {
		t.Errorf("%d messages in flight at once, want 3", most.Load())
	}
}

// While a lane is full, others are looked for once, and again when something is new: not
// each time that one of its slots is free.
func TestAFullLaneHidesNothingAndIsNotLookedPastInVain(t *testing.T) {
	proceed := make(chan struct{})
	f := newFixture(t, func(_ context.Context, _ string, _ policy.Provider, m message.Rendered) error {
		if m.Channel == contact.Email {
			<-proceed
		}
		return nil
	})
	f.Workers = 9 // a third for one lane
	for i := range 40 {
		f.outbox.put(codeMessage(fmt.Sprint(i)))
	}
	f.run(t)
	for range 40 {
		proceed <- struct{}{}
		<-f.outbox.events
	}
	f.outbox.mu.Lock()
	past := f.outbox.past
	f.outbox.mu.Unlock()
	if past > 3 {
		t.Errorf("messages were looked for past a full lane %d times, and nothing was new", past)
	}
	for i := range 3 {
		f.outbox.put(codeMessage(fmt.Sprint("mail", i)))
	}
	text := codeMessage("text")
	text.Channel, text.Address = contact.SMS, "+4915112345678"
	f.outbox.put(text)
	f.expect(t, "sent text")
	close(proceed)
}

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	arrived, proceed := make(chan struct{}), make(chan struct{})
	f := newFixture(t, func(ctx context.Context, _ string, _ policy.Provider, _ message.Rendered) error {
		close(arrived)
		<-proceed
		return ctx.Err()
	})
	f.outbox.put(codeMessage("m"))
	f.run(t)
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- f.stop() }()
	f.clock.untilWaiting(t, 20*time.Second) // the grace
	close(proceed)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	f.expect(t, "sent m")
}

func TestStopBreaksOffAfterTheGraceAndLeavesTheLease(t *testing.T) {
	arrived := make(chan struct{})
	f := newFixture(t, func(ctx context.Context, _ string, _ policy.Provider, _ message.Rendered) error {
		close(arrived)
		<-ctx.Done()
		return fail(message.Unreachable)
	})
	f.Grace = 5 * time.Second
	f.Policies = policies{policy.Policy{Providers: []policy.Provider{{Name: "only", Channels: []contact.Channel{contact.Email}}}}}
	f.outbox.put(codeMessage("m"))
	f.run(t)
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- f.stop() }()
	f.clock.untilWaiting(t, 5*time.Second)
	f.clock.step(5 * time.Second)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if n := len(f.outbox.events); n != 0 || !f.outbox.messages[0].NotBefore.Equal(start.Add(lease)) {
		t.Errorf("%d outcomes were written; message %+v, want the lease left", n, f.outbox.messages[0])
	}
}

func TestStoreThatDoesNotAnswer(t *testing.T) {
	a := &answers{}
	f := newFixture(t, a.Send)
	f.outbox.failures = 1
	f.outbox.messages = []message.Message{codeMessage("m")}
	f.run(t)
	f.clock.untilWaiting(t, storePause)
	f.clock.step(storePause)
	f.expect(t, "sent m")
	_ = f.stop()
	if !strings.Contains(f.log.String(), "Could not lease") {
		t.Errorf("log: %s", f.log)
	}
}

func TestOutcomeIsWrittenOnceTheStoreAnswers(t *testing.T) {
	a := &answers{}
	f := newFixture(t, a.Send)
	f.outbox.unwritten = 2
	f.Workers = 1
	f.outbox.put(codeMessage("m"))
	f.run(t)
	f.clock.untilWaiting(t, settlePause)
	f.clock.step(settlePause)
	f.clock.untilWaiting(t, 2*settlePause)
	f.clock.step(2 * settlePause)
	f.expect(t, "sent m")
}

func TestMetricsAndLogsTellNoAddressAndNoCode(t *testing.T) {
	a := &answers{by: map[string]error{"first": errors.New("ada@example.com 482913"), "second": fail(message.Rejected)}}
	f := newFixture(t, a.Send)
	odd := codeMessage("odd")
	odd.Kind, odd.Notice = message.Notice, "Odd"
	f.outbox.put(codeMessage("m"), odd)
	f.run(t)
	<-f.outbox.events
	<-f.outbox.events
	_ = f.stop()
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	told := f.log.String()
	for _, family := range families {
		told += family.String() + "\n"
	}
	for _, secret := range []string{"ada@example.com", "482913", "u-1"} {
		if strings.Contains(told, secret) {
			t.Errorf("%q was told: %s", secret, told)
		}
	}
	for _, want := range []string{"holdfast_message_attempts_total", `value:"Temporary"`, `value:"Waiting"`, "holdfast_messages_in_flight"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is missing: %s", want, told)
		}
	}
}

// Each provider is told a place of its own for what becomes of the message.
func TestProvidersAreToldWhereToTell(t *testing.T) {
	told := make(chan string, 2)
	f := newFixture(t, func(_ context.Context, _ string, p policy.Provider, m message.Rendered) error {
		told <- m.ReceiptURL
		if p.Name == "first" {
			return fail(message.Temporary)
		}
		return nil
	})
	f.ReceiptURL = func(p policy.Policy, provider policy.Provider, messageID string) string {
		return p.Hosts[0] + "/" + provider.Name + "/" + messageID
	}
	f.outbox.put(codeMessage("m-1"))
	f.run(t)
	f.expect(t, "sent m-1")
	for _, provider := range []string{"first", "second"} {
		if got, want := <-told, "account.shop.example:8443/"+provider+"/m-1"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
