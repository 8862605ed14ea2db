package flow_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/session"
)

// seed 4: the password comes after the code.
func TestThePasswordNeedsTheCode(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	is(t, d.SetPassword(t.Context(), v, strong), rules.ErrOrder)
	d.request(v, toMail)
	is(t, d.SetPassword(t.Context(), v, strong), rules.ErrOrder)
	if len(d.idp.calls) != 0 {
		t.Error("the IdP was called")
	}
}

// Releasing belongs to the flow that proved the code; whoever proves later takes it.
func TestReleasingBelongsToTheFlowThatProved(t *testing.T) {
	d := blocked(t)
	other := d.open(anna)
	prover := d.prove(d.open(anna), toMail)
	is(t, d.SetPassword(t.Context(), other, strong), rules.ErrOrder)
	if o := d.overview(other); o.State != block.Releasing || o.Stage != session.Opened || len(o.Remaining) != 2 {
		t.Errorf("the other flow sees %s, %s, %v", o.State, o.Stage, o.Remaining)
	}
	other = d.prove(other, toCell)
	is(t, d.SetPassword(t.Context(), prover, strong), rules.ErrOrder)
	if len(d.idp.calls) != 0 {
		t.Fatal("the IdP was called by a flow that does not hold the proof")
	}
	is(t, d.SetPassword(t.Context(), other, strong), nil)
}

// A flow proves once: it gets no further code afterwards.
func TestAProvedFlowGetsNoOtherCode(t *testing.T) {
	d := blocked(t)
	v := d.prove(d.open(anna), toMail)
	_, err := d.RequestCode(t.Context(), v, toCell)
	is(t, err, rules.ErrOrder)
}

// A release that is not finished within 15 minutes is the block that it was.
func TestAnUnfinishedReleaseIsActiveAgain(t *testing.T) {
	d := blocked(t)
	v := d.prove(d.open(anna), toMail)
	d.clock.step(15*time.Minute - time.Millisecond)
	if d.state(theKey) != block.Releasing {
		t.Fatalf("the block is %s", d.state(theKey))
	}
	d.clock.step(time.Millisecond)
	if d.state(theKey) != block.Active || d.decide(anna, decision.SignIn).Verdict != decision.Deny {
		t.Fatalf("the block is %s", d.state(theKey))
	}
	is(t, d.SetPassword(t.Context(), v, strong), rules.ErrNoFlow)
	again := d.open(anna)
	is(t, d.SetPassword(t.Context(), again, strong), rules.ErrOrder)
	if len(d.idp.calls) != 0 {
		t.Fatal("the IdP was called")
	}
	is(t, d.SetPassword(t.Context(), d.prove(again, toMail), strong), nil)
}

// A block that ended meanwhile asks nobody for a password.
func TestAPasswordForABlockThatEnded(t *testing.T) {
	for name, end := range map[string]func(*desk){
		"expired":                    func(d *desk) { d.clock.set(start.Add(24 * time.Hour)) },
		"revoked":                    func(d *desk) { d.revoke(theKey) },
		"deleted, seen by the index": func(d *desk) { d.disappear(theKey) },
		"released by another flow": func(d *desk) {
			is(d.t, d.SetPassword(d.t.Context(), d.prove(d.open(anna), toCell), stronger), nil)
			d.idp.calls = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := blocked(t)
			d.clock.set(start.Add(24*time.Hour - time.Minute))
			v := d.prove(d.open(anna), toMail)
			end(d)
			is(t, d.SetPassword(t.Context(), v, strong), rules.ErrOver)
			if len(d.idp.calls) != 0 {
				t.Error("the IdP was called")
			}
		})
	}
}

// A flow that has not proved yet gets no code for a block that ended meanwhile.
func TestACodeForABlockThatEnded(t *testing.T) {
	for name, end := range map[string]func(*desk){
		"expired": func(d *desk) { d.clock.step(2 * time.Minute) },
		"revoked": func(d *desk) { d.revoke(theKey) },
		"deleted": func(d *desk) { d.disappear(theKey) },
	} {
		t.Run(name, func(t *testing.T) {
			d := blocked(t)
			d.clock.set(start.Add(24*time.Hour - time.Minute))
			v := d.open(anna)
			view := d.request(v, toMail)
			end(d)
			d.refused(v, view.ID, rules.ErrOver)
			if o := d.overview(v); !o.State.Terminal() || len(o.Destinations) != 0 {
				t.Errorf("the page shows %s and offers %v", o.State, o.Destinations)
			}
		})
	}
}

// Whoever presses twice sets one password: both calls are one deed.
func TestAPasswordSentTwiceIsOneDeed(t *testing.T) {
	d := blocked(t)
	v := d.prove(d.open(anna), toMail)
	var released atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch err := d.SetPassword(t.Context(), v, strong); {
			case err == nil:
				released.Add(1)
			case !errors.Is(err, rules.ErrOver):
				t.Errorf("SetPassword: %v", err)
			}
		})
	}
	all.Wait()
	if released.Load() != 1 {
		t.Errorf("%d calls released the block", released.Load())
	}
	for _, call := range d.idp.calls {
		if call != d.idp.calls[0] {
			t.Error("two keys for one password")
		}
	}
	d.told(message.NoticeReleased, annaMail, annaCell)
}

// disappear is a deletion that the informer saw and no controller has written.
func (d *desk) disappear(key block.Key) {
	r := d.record(key)
	r.End = block.End{State: block.Revoked, At: d.Now()}
	d.index.see(r)
}

// law 10: where the IdP is down or refuses, nothing is
// released; the same password is the same deed, another one another.
func TestTheIdPDecidesFirst(t *testing.T) {
	d := blocked(t)
	v := d.prove(d.open(anna), toMail)
	differ := []string{stronger, strings.ToUpper(strong), strong + " ", "other " + strong}
	for _, c := range []struct {
		answer   error
		password string
	}{
		{rules.ErrIdentity, strong}, {rules.ErrIdentity, strong},
		{rules.ErrIdentityRefused, differ[0]}, {rules.ErrIdentityRefused, differ[1]},
		{rules.ErrIdentityRefused, differ[2]}, {rules.ErrIdentityRefused, differ[3]},
	} {
		d.idp.err = c.answer
		is(t, d.SetPassword(t.Context(), v, c.password), c.answer)
		if d.state(theKey) != block.Releasing || len(d.collect()) != 0 {
			t.Fatalf("after %v the block is %s", c.answer, d.state(theKey))
		}
	}
	d.idp.err = nil
	is(t, d.SetPassword(t.Context(), v, strong), nil)

	keys := map[string]string{}
	for _, call := range d.idp.calls {
		if known, ok := keys[call.Password]; ok && known != call.Key {
			t.Errorf("one password has the keys %q and %q", known, call.Key)
		}
		keys[call.Password] = call.Key
		if strings.Contains(call.Key, call.Password) {
			t.Error("the key shows the password")
		}
	}
	distinct := map[string]bool{}
	for _, key := range keys {
		distinct[key] = true
	}
	if len(keys) != 5 || len(distinct) != 5 {
		t.Errorf("%d passwords have %d keys, want one each", len(keys), len(distinct))
	}
}

// law 10: the same password in another flow is another deed.
func TestAnotherFlowIsAnotherDeed(t *testing.T) {
	d := blocked(t)
	d.idp.err = rules.ErrIdentity
	for range 2 {
		is(t, d.SetPassword(t.Context(), d.prove(d.open(anna), toMail), strong), rules.ErrIdentity)
	}
	if d.idp.calls[0].Key == d.idp.calls[1].Key {
		t.Error("two flows share a key")
	}
}

// law 10: a store that fails after the IdP has accepted releases at the retry,
// which is the same deed.
func TestARetryFinishesTheRelease(t *testing.T) {
	d := blocked(t)
	v := d.prove(d.open(anna), toMail)
	broken := &failing{Store: d.memory, release: true}
	d.Store = broken
	is(t, d.SetPassword(t.Context(), v, strong), rules.ErrUnavailable)
	if d.state(theKey) != block.Releasing {
		t.Fatalf("the block is %s", d.state(theKey))
	}
	broken.release = false
	is(t, d.SetPassword(t.Context(), v, strong), nil)
	if d.state(theKey) != block.Released || len(d.idp.calls) != 2 || d.idp.calls[0] != d.idp.calls[1] {
		t.Errorf("the block is %s after %d calls", d.state(theKey), len(d.idp.calls))
	}
}

// seed 4, law 2: a refused password is named by its faults alone.
func TestAWeakPasswordIsNotRepeated(t *testing.T) {
	d := blocked(t)
	v := d.prove(d.open(anna), toMail)
	for _, weak := range []string{"hunter2", "Password1", anna + "1", "48151623", ""} {
		err := d.SetPassword(t.Context(), v, weak)
		var refused *flow.WeakPasswordError
		if !errors.As(err, &refused) || len(refused.Strength.Reasons) == 0 {
			t.Fatalf("a weak password is answered %v", err)
		}
		if weak != "" {
			hides(t, err, weak)
		}
	}
	if len(d.idp.calls) != 0 {
		t.Error("a weak password reached the IdP")
	}
}
