package courier

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/health"
	"holdfast.dev/holdfast/internal/rules/message"
)

// reports is a Health in memory.
type reports struct {
	said []health.Report
	err  error
}

func (r *reports) ReportHealth(_ context.Context, said health.Report) error {
	r.said = append(r.said, said)
	return r.err
}

func (r *reports) since() []health.Report {
	defer func() { r.said = nil }()
	return r.said
}

func watched(t *testing.T) (*fixture, *answers, *reports) {
	f, a := threeProviders(t)
	r := &reports{}
	f.Health, f.Replica = r, "replica-1"
	return f, a, r
}

func (f *fixture) says(class message.ErrorClass, stands time.Duration) health.Report {
	return health.Report{
		Circuit: health.Circuit{Tenant: "shop", Provider: "one", Type: "Webhook", Secret: "one", Channel: contact.Email},
		Replica: "replica-1", Class: class, Until: f.Now().Add(stands),
	}
}

// law 10: an outage of a thousand messages is told when its circuit opens and when the
// provider takes messages again, and never by the message.
func TestAnOutageIsToldAtItsEnds(t *testing.T) {
	f, a, r := watched(t)
	a.by["one"] = fail(message.Unreachable)
	for i := range fuse.After - 1 {
		f.try(t, f.fresh(fmt.Sprint("early", i)))
	}
	if said := r.since(); said != nil {
		t.Errorf("said %v before the circuit opened", said)
	}
	for i := range 1000 {
		f.try(t, f.fresh(fmt.Sprint("down", i)))
	}
	if diff := cmp.Diff([]health.Report{f.says(message.Unreachable, health.Stands)}, r.since()); diff != "" {
		t.Errorf("the opening (-want +got):\n%s", diff)
	}
	a.by["one"] = nil
	f.clock.step(2 * time.Minute)
	for i := range 1000 {
		f.try(t, f.fresh(fmt.Sprint("up", i)))
	}
	if diff := cmp.Diff([]health.Report{f.says(message.Unreachable, health.Calm)}, r.since()); diff != "" {
		t.Errorf("the recovery (-want +got):\n%s", diff)
	}
}

// A destination that is refused, and a short pause that a provider asks for, are no
// failure of it; a long one is.
func TestWhatIsNoFailureIsNotTold(t *testing.T) {
	f, a, r := watched(t)
	a.by["one"] = fail(message.Rejected)
	for i := range 2 * fuse.After {
		f.try(t, f.fresh(fmt.Sprint("refused", i)))
	}
	a.by["one"] = &message.Error{Class: message.Temporary, Provider: "one", Step: "send", RetryAfter: 10 * time.Second}
	f.try(t, f.fresh("soon"))
	if said := r.since(); said != nil {
		t.Errorf("said %v", said)
	}
	f.clock.step(time.Minute)
	a.by["one"] = &message.Error{Class: message.Temporary, Provider: "one", Step: "send", RetryAfter: 30 * time.Minute}
	f.try(t, f.fresh("later"))
	if diff := cmp.Diff([]health.Report{f.says(message.Temporary, 30*time.Minute)}, r.since()); diff != "" {
		t.Errorf("a long pause (-want +got):\n%s", diff)
	}
}

// What the memory did not take is said again; the message goes its way meanwhile.
func TestHealthThatWasNotKeptIsSaidAgain(t *testing.T) {
	f, a, r := watched(t)
	a.by["one"], r.err = fail(message.Unreachable), errors.New("the store does not answer")
	for i := range fuse.After {
		if got, want := f.try(t, f.fresh(fmt.Sprint(i))), fmt.Sprintf("sent %d", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r.since()
	r.err = nil
	f.clock.step(fuse.Pause)
	f.try(t, f.fresh("trial"))
	if diff := cmp.Diff([]health.Report{f.says(message.Unreachable, health.Stands)}, r.since()); diff != "" {
		t.Errorf("said again (-want +got):\n%s", diff)
	}
}

// Nothing leaves to a test number, be it a code or a notice; to other numbers it does.
func TestNothingLeavesToATestNumber(t *testing.T) {
	f, a := threeProviders(t)
	p := f.Policies.(policies).Policy
	p.Testing.Numbers = []string{"+491713920000"}
	f.Policies = policies{p}
	call := func(id, number string) message.Message {
		m := f.fresh(id)
		m.Channel, m.Challenge.Channel, m.Address = contact.Voice, contact.Voice, number
		return m
	}
	notice := call("notice", "+491713920000")
	notice.Kind, notice.Notice = message.Notice, message.NoticeReleased
	for _, m := range []message.Message{call("code", "+491713920000"), notice} {
		if got, want := f.try(t, m), "sent "+m.ID; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if calls := a.since(); len(calls) != 0 {
		t.Errorf("%v were called", calls)
	}
	f.try(t, call("other", "+491713920001"))
	if calls := a.since(); len(calls) != 1 {
		t.Errorf("of another number: %v", calls)
	}
}
