package flow_test

import (
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
)

// A retried call costs one message and gets the same answer; the same wish under
// another key is another deed, and another wish under the same key is refused.
func TestARequestIsRepeatedUnderItsKey(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	v.Key = "first"
	first := d.request(v, toMail)
	again := d.request(v, toMail)
	if again.ID != first.ID || len(d.collect()) != 1 {
		t.Errorf("repeated as %s after %s, messages %v", again.ID, first.ID, d.mail)
	}
	_, err := d.RequestCode(t.Context(), v, toCell)
	is(t, err, rules.ErrKeyReused)
	_, err = d.Resend(t.Context(), v, first.ID, toMail)
	is(t, err, rules.ErrKeyReused)

	d.clock.step(time.Minute)
	v.Key = "second"
	second, err := d.Resend(t.Context(), v, first.ID, flow.Target{})
	is(t, err, nil)
	repeated, err := d.Resend(t.Context(), v, first.ID, flow.Target{})
	is(t, err, nil)
	if second.ID == first.ID || repeated.ID != second.ID || len(d.collect()) != 1 {
		t.Errorf("resent as %s and %s after %s", second.ID, repeated.ID, first.ID)
	}
}

// A key belongs to its flow: another person's, or the same person's next one, never
// meets its answer.
func TestAKeyIsNobodyElses(t *testing.T) {
	d := blocked(t)
	one, two := d.open(anna), d.open(anna)
	one.Key, two.Key = "k", "k"
	if d.request(one, toMail).ID == d.request(two, toMail).ID {
		t.Error("two flows share an answer")
	}
	if n := len(d.collect()); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

func TestRepeatedRequestsAtOnce(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	v.Key = "k"
	var all sync.WaitGroup
	ids := make(chan string, 16)
	for range cap(ids) {
		all.Go(func() {
			view, err := d.RequestCode(t.Context(), v, toMail)
			if err != nil {
				t.Error(err)
			}
			ids <- view.ID
		})
	}
	all.Wait()
	close(ids)
	distinct := map[string]bool{}
	for id := range ids {
		distinct[id] = true
	}
	if len(distinct) != 1 || len(d.collect()) != 1 {
		t.Errorf("answers %v, %d messages", distinct, len(d.mail))
	}
}
