package courier

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// threeProviders is a courier whose policy has three ways to send mail and two of them
// to call; nothing runs but what a test asks for.
func threeProviders(t *testing.T) (*fixture, *answers) {
	a := &answers{by: map[string]error{}}
	f := newFixture(t, a.Send)
	var list []policy.Provider
	for _, name := range []string{"one", "two", "three"} {
		list = append(list, policy.Provider{Name: name, Type: "Webhook", Secret: name, Channels: []contact.Channel{contact.Email, contact.Voice}, Countries: []string{"DE"}})
	}
	f.Policies = policies{policy.Policy{Providers: list}}
	return f, a
}

// try makes one attempt and returns its outcome.
func (f *fixture) try(t *testing.T, m message.Message) string {
	t.Helper()
	f.outbox.put(m)
	f.handle(t.Context(), m, func() {})
	return <-f.outbox.events
}

// since returns and forgets the calls so far.
func (a *answers) since() []string {
	defer func() { a.calls = nil }()
	return a.calls
}

// fresh is a code that was made just now.
func (f *fixture) fresh(id string) message.Message {
	m, now := codeMessage(id), f.Now()
	m.Created, m.NotBefore, m.Expires = now, now, now.Add(10*time.Minute)
	m.Challenge.Created, m.Challenge.Expires = m.Created, m.Expires
	return m
}

// trip lets every provider that is down fail often enough.
func (f *fixture) trip(t *testing.T, a *answers) {
	t.Helper()
	for i := range fuse.After {
		f.try(t, f.fresh(fmt.Sprint("trip", i)))
	}
	a.since()
}

// Two of three providers are down: each message is sent by the third, and soon nobody
// waits for the others any more, but for one trial after each pause.
func TestTwoOfThreeProvidersAreDown(t *testing.T) {
	f, a := threeProviders(t)
	a.by["one"], a.by["two"] = fail(message.Unreachable), fail(message.Misconfigured)
	for i := range 20 {
		if got, want := f.try(t, f.fresh(fmt.Sprint(i))), fmt.Sprintf("sent %d", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	calls := map[string]int{}
	for _, name := range a.since() {
		calls[name]++
	}
	if diff := cmp.Diff(map[string]int{"one": fuse.After, "two": fuse.After, "three": 20}, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]float64{"Open": 2}, f.circuits(t)); diff != "" {
		t.Errorf("circuits (-want +got):\n%s", diff)
	}
	f.clock.step(fuse.Pause)
	a.by["one"] = nil
	f.try(t, f.fresh("trial"))
	f.try(t, f.fresh("after"))
	if want := []string{"one", "one"}; !slices.Equal(a.since(), want) {
		t.Errorf("providers %v, want %v: the first is back", a.calls, want)
	}
	if diff := cmp.Diff(map[string]float64{"Open": 1}, f.circuits(t)); diff != "" {
		t.Errorf("circuits (-want +got):\n%s", diff)
	}
}

// circuits are the providers' circuits as the metric tells them, without zeros.
func (f *fixture) circuits(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "holdfast_provider_circuits" {
			continue
		}
		for _, m := range family.GetMetric() {
			if labels := m.GetLabel(); m.GetGauge().GetValue() != 0 && len(labels) == 2 && labels[1].GetValue() == "Webhook" {
				values[labels[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	return values
}

// While every provider is down, messages wait within their life under the class that
// they failed with, and nobody is called. Nothing is lost: all are sent when one returns.
func TestAllProvidersAreDown(t *testing.T) {
	f, a := threeProviders(t)
	for _, name := range []string{"one", "two", "three"} {
		a.by[name] = fail(message.Unreachable)
	}
	f.trip(t, a)
	waiting := []message.Message{f.fresh("a"), f.fresh("b"), f.fresh("c")}
	for _, m := range waiting {
		if got, want := f.try(t, m), "retry "+m.ID+" Unreachable in 3s"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if calls := a.since(); calls != nil {
		t.Errorf("providers %v were called while they were known to be down", calls)
	}
	a.by["two"] = nil
	f.clock.step(3 * time.Second)
	for _, m := range waiting {
		if got, want := f.try(t, m), "sent "+m.ID; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got, want := a.since(), []string{"one", "two", "two", "two"}; !slices.Equal(got, want) {
		t.Errorf("providers %v, want %v", got, want)
	}
}

// Pauses grow while trials fail, to a minute: ten minutes of outage cost few calls.
func TestPausesGrow(t *testing.T) {
	f, a := threeProviders(t)
	f.only()
	a.by["one"] = fail(message.Temporary)
	f.trip(t, a)
	var pauses []time.Duration
	last := f.Now()
	for range 600 {
		f.clock.step(time.Second)
		f.try(t, f.fresh("m"))
		if a.since() != nil {
			pauses, last = append(pauses, f.Now().Sub(last)/time.Second), f.Now()
		}
		f.outbox.messages = nil
	}
	if want := []time.Duration{2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60, 60}; !slices.Equal(pauses, want) {
		t.Errorf("pauses in seconds %d, want %d", pauses, want)
	}
}

// only leaves the first provider.
func (f *fixture) only() {
	f.Policies = policies{policy.Policy{Providers: f.Policies.For("", "").Providers[:1]}}
}

// A provider that says Retry-After is left alone until then. Another one serves at
// once; without one the message comes again no earlier.
func TestRetryAfterIsHonoured(t *testing.T) {
	busy := &message.Error{Class: message.Temporary, Provider: "one", Step: "send", RetryAfter: 30 * time.Second}
	f, a := threeProviders(t)
	a.by["one"] = busy
	for _, id := range []string{"a", "b"} {
		if got := f.try(t, f.fresh(id)); got != "sent "+id {
			t.Errorf("got %q, want it sent by another", got)
		}
	}
	if got, want := a.since(), []string{"one", "two", "two"}; !slices.Equal(got, want) {
		t.Errorf("providers %v, want %v", got, want)
	}
	a.by["two"], a.by["three"] = busy, busy
	for _, id := range []string{"c", "d"} {
		if got, want := f.try(t, f.fresh(id)), "retry "+id+" Temporary in 31s"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	a.since()
	a.by = map[string]error{}
	f.clock.step(30*time.Second - 1)
	if got := f.try(t, f.fresh("early")); got != "retry early Temporary in 1.000000001s" || a.calls != nil {
		t.Errorf("a nanosecond early: %q by %v", got, a.calls)
	}
	f.clock.step(time.Second)
	if got := f.try(t, f.fresh("due")); got != "sent due" {
		t.Errorf("got %q, want it sent", got)
	}
}

// What no provider takes before it expires is given up at once: the person learns it
// while another way is of use.
func TestAWaitBeyondItsLifeEndsAMessage(t *testing.T) {
	f, a := threeProviders(t)
	for _, name := range []string{"one", "two", "three"} {
		a.by[name] = &message.Error{Class: message.Temporary, RetryAfter: 20 * time.Minute}
	}
	if got := f.try(t, f.fresh("m")); got != "dead m Temporary" {
		t.Errorf("got %q", got)
	}
}

// Circuits are apart: another channel, another tenant. What a provider refuses, and what
// our own memory breaks off, opens none.
func TestCircuitsAreApart(t *testing.T) {
	down := fail(message.Unreachable)
	for name, c := range map[string]struct {
		answer error
		change func(*fixture, *message.Message)
		calls  bool
	}{
		"the same channel and tenant": {down, func(*fixture, *message.Message) {}, false},
		"another channel": {down, func(_ *fixture, m *message.Message) {
			m.Channel, m.Address = contact.Voice, "+4930123456"
		}, true},
		"another tenant":      {down, func(_ *fixture, m *message.Message) { m.Tenant = "bank" }, true},
		"refusals":            {fail(message.Rejected), func(*fixture, *message.Message) {}, true},
		"silence (hanging)":   {fail(message.Unknown), func(*fixture, *message.Message) {}, false},
		"an odd error counts": {context.DeadlineExceeded, func(*fixture, *message.Message) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, a := threeProviders(t)
			f.only()
			a.by["one"] = c.answer
			f.trip(t, a)
			m := f.fresh("m")
			c.change(f, &m)
			f.try(t, m)
			if called := a.since() != nil; called != c.calls {
				t.Errorf("called: %v, want %v", called, c.calls)
			}
		})
	}
}

// Our own memory's failures say nothing of a provider.
func TestALostHandingOverOpensNoCircuit(t *testing.T) {
	var f *fixture
	calls := 0
	f = newFixture(t, func(_ context.Context, _ string, _ policy.Provider, m message.Rendered) error {
		calls++
		f.outbox.mu.Lock()
		f.outbox.failures = 1
		f.outbox.mu.Unlock()
		_ = m.HandOver()
		return fail(message.Temporary)
	})
	for i := range 2 * fuse.After {
		f.try(t, f.fresh(fmt.Sprint(i)))
	}
	if calls != 2*fuse.After {
		t.Errorf("%d calls, want %d", calls, 2*fuse.After)
	}
}

// While a trial is under way, nobody else waits for the provider.
func TestOneTrialAtATime(t *testing.T) {
	arrived, proceed := make(chan struct{}, 10), make(chan error)
	f, a := threeProviders(t)
	a.by["one"] = fail(message.Unreachable)
	f.trip(t, a)
	f.Sender = senderFunc(func(_ context.Context, _ string, p policy.Provider, _ message.Rendered) error {
		if p.Name != "one" {
			return nil
		}
		arrived <- struct{}{}
		return <-proceed
	})
	f.clock.step(fuse.Pause)
	trial, ended := f.fresh("trial"), make(chan struct{})
	f.outbox.put(trial)
	go func() { defer close(ended); f.handle(t.Context(), trial, func() {}) }()
	<-arrived
	if diff := cmp.Diff(map[string]float64{"HalfOpen": 1}, f.circuits(t)); diff != "" {
		t.Errorf("circuits (-want +got):\n%s", diff)
	}
	if got := f.try(t, f.fresh("other")); got != "sent other" {
		t.Errorf("got %q, want it sent by the second", got)
	}
	proceed <- nil
	<-ended
	f.expect(t, "sent trial")
	if diff := cmp.Diff(map[string]float64{}, f.circuits(t)); diff != "" || len(arrived) != 0 {
		t.Errorf("circuits (-want +got):\n%s", diff)
	}
}
