package flow_test

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
)

func (d *desk) report(kind, method string) {
	d.t.Helper()
	is(d.t, d.Report(d.t.Context(), fact.Signal{Tenant: shop, Account: anna, Type: kind, Method: method}), nil)
}

// O1: a stranger who guesses passwords cannot keep the owner out. A failure that
// names no method may be such a guess.
func TestWrongPasswordsLengthenNothing(t *testing.T) {
	d := blocked(t)
	for _, method := range []string{"Password", "password", ""} {
		for range 10 {
			d.clock.step(time.Hour / 2)
			d.report(fact.FailedSignIn, method)
		}
	}
	if r := d.record(theKey); !r.Expires.Equal(start.Add(24*time.Hour)) || r.Extensions != 0 {
		t.Errorf("the block ends at %s after %d extensions", r.Expires, r.Extensions)
	}
}

// seed 30: failures past the first factor lengthen a block to at most 168 hours
// from its start.
func TestFailedSecondFactorsLengthenUpToAWeek(t *testing.T) {
	d := blocked(t)
	d.clock.step(10 * time.Hour)
	d.report(fact.FailedSignIn, "SMS")
	if r := d.record(theKey); !r.Expires.Equal(start.Add(34*time.Hour)) || r.Extensions != 1 {
		t.Fatalf("after one failure the block ends at %s", r.Expires)
	}
	for range 40 {
		d.clock.step(5 * time.Hour)
		d.report(fact.FailedSignIn, "SMS")
	}
	if r := d.record(theKey); !r.Expires.Equal(start.Add(168*time.Hour)) || d.state(theKey) != block.Expired {
		t.Errorf("the block ends at %s and is %s", r.Expires, d.state(theKey))
	}
}

// seed 28, 47: a failure of one method lengthens the block of that method, not of
// another; nothing of another account or network, and nothing permanent.
func TestFailuresLengthenWhatTheyTouch(t *testing.T) {
	d := newDesk(t)
	sms := d.block("sms", scoped(block.Method, "SMS"))
	call := d.block("voice", scoped(block.Method, "Voice"))
	bert := d.block("bert", of("bert"))
	net := d.block("net", scoped(block.Network, "192.0.2.0/24"))
	forever := d.block("forever", permanent)
	later := d.block("later", func(s *block.Spec) { s.Start = start.Add(20 * time.Hour) })
	d.clock.step(10 * time.Hour)
	d.report(fact.FailedSignIn, "SMS")
	if r := d.record(sms); r.Extensions != 1 {
		t.Error("the block of SMS was not lengthened")
	}
	for _, key := range []block.Key{call, bert, net, forever, later} {
		if r := d.record(key); r.Extensions != 0 {
			t.Errorf("block %s was lengthened", key)
		}
	}
}

// section 5: a signal alone never releases, revokes or reopens a block.
func TestSignalsReleaseNothing(t *testing.T) {
	d := blocked(t)
	for _, kind := range []string{"SignIn", "PasswordChanged", "Released", "AccountReleased", "CodeAccepted", "X"} {
		d.report(kind, "SMS")
		if r := d.record(theKey); d.state(theKey) != block.Active || r.Extensions != 0 {
			t.Errorf("after %s the block is %s with %d extensions", kind, d.state(theKey), r.Extensions)
		}
	}
	is(t, d.SetPassword(t.Context(), d.prove(d.open(anna), toMail), strong), nil)
	d.report(fact.FailedSignIn, "SMS")
	if d.state(theKey) != block.Released {
		t.Errorf("a failure reopened the block: %s", d.state(theKey))
	}
}

// seed 30: the policy may hold attempts to less than a week.
func TestThePolicyBoundsWhatAttemptsLengthen(t *testing.T) {
	d := blocked(t)
	p := d.policies[shop].Blocks[block.UnusualActivity]
	p.MaxDuration = 30 * time.Hour
	d.policies[shop].Blocks[block.UnusualActivity] = p
	for range 10 {
		d.clock.step(2 * time.Hour)
		d.report(fact.FailedSignIn, "SMS")
	}
	if r := d.record(theKey); !r.Expires.Equal(start.Add(30 * time.Hour)) {
		t.Errorf("the block ends at %s", r.Expires)
	}
}
