package courier

import (
	"context"
	"errors"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// handing is a Sender that hands over as real ones do, then answers.
func handing(answer error) (send senderFunc, handed *int) {
	handed = new(int)
	return func(_ context.Context, _ string, p policy.Provider, m message.Rendered) error {
		if err := m.HandOver(); err != nil {
			return fail(message.Temporary)
		}
		*handed++
		return answer
	}, handed
}

// A message that two crashed couriers have handed over may have arrived twice.
func TestNoThirdHandingOver(t *testing.T) {
	for handed, want := range map[int]string{0: "sent m", 1: "sent m", message.MaxHanded: "dead m Unknown"} {
		send, sent := handing(nil)
		f := newFixture(t, send)
		m := codeMessage("m")
		m.Handed = handed
		f.outbox.put(m)
		f.run(t)
		f.expect(t, want)
		_ = f.stop()
		if (want == "sent m") != (*sent == 1) {
			t.Errorf("after %d handings: sent %d times", handed, *sent)
		}
	}
}

// A handing over that no answer follows counts, goes to no other provider, and is
// tried once more.
func TestSilenceAfterTheHandingOver(t *testing.T) {
	send, sent := handing(fail(message.Unknown))
	f := newFixture(t, send)
	f.outbox.put(codeMessage("m"))
	f.run(t)
	f.expect(t, "retry m Unknown in 1s")
	f.clock.untilWaiting(t, time.Second)
	f.clock.step(time.Second)
	f.expect(t, "dead m Unknown")
	_ = f.stop()
	if *sent != message.MaxHanded {
		t.Errorf("handed over %d times, want %d", *sent, message.MaxHanded)
	}
}

// What a provider has refused was not sent, however often it was handed over.
func TestRefusalsDoNotCountAsHandings(t *testing.T) {
	send, _ := handing(fail(message.Temporary))
	f := newFixture(t, send)
	f.outbox.put(codeMessage("m"))
	f.run(t)
	for _, want := range []string{"1s", "2s", "4s", "8s"} {
		f.expect(t, "retry m Temporary in "+want)
		wait, _ := time.ParseDuration(want)
		f.clock.untilWaiting(t, wait)
		f.clock.step(wait)
	}
}

func TestALostLeaseStopsTheSending(t *testing.T) {
	send, sent := handing(nil)
	f := newFixture(t, send)
	f.outbox.lost = map[string]bool{"m": true}
	f.outbox.put(codeMessage("m"))
	f.run(t)
	f.clock.untilWaiting(t, longestWait)
	_ = f.stop()
	if n := len(f.outbox.events); n != 0 || *sent != 0 {
		t.Errorf("%d outcomes, sent %d times; want neither: the message is another courier's", n, *sent)
	}
}

func TestAMemoryThatIsAwayStopsTheSending(t *testing.T) {
	var f *fixture
	sent := 0
	f = newFixture(t, func(_ context.Context, _ string, _ policy.Provider, m message.Rendered) error {
		f.outbox.mu.Lock()
		f.outbox.failures = 1
		f.outbox.mu.Unlock()
		if err := m.HandOver(); err == nil {
			sent++
			return errors.New("the memory was not asked")
		}
		return fail(message.Rejected)
	})
	f.outbox.put(codeMessage("m"))
	f.run(t)
	f.expect(t, "retry m Temporary in 1s")
	if _ = f.stop(); sent != 0 {
		t.Error("it was sent without a note")
	}
}
