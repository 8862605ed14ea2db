package flow_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// O1: an attacker hammers one account from 1,000 networks while its owner is at home.
func TestStrangersLockNobodyOut(t *testing.T) {
	b := newBesieged(t)
	b.has(anna, mail)
	b.signal(fact.Signal{Account: anna, Type: fact.SignIn, Device: "laptop", Network: home})
	key := b.applied("", "")
	for n := range 1000 {
		from := fmt.Sprintf("203.%d.%d.9", n/250, n%250)
		for _, s := range []fact.Signal{
			{Type: fact.FailedSignIn, Method: "Password", Device: "stolen cookie"},
			{Type: fact.FailedSignIn, Method: "password"}, {Type: fact.FailedSignIn}, {Type: "Attempt"},
		} {
			s.Account, s.Network = anna, from
			b.signal(s)
		}
		if b.asks(decision.Attempt, "", from) != decision.Allow {
			t.Fatal("one account alone makes no network hostile")
		}
	}
	if made := b.own(); len(made) != 0 {
		t.Fatalf("strangers made %+v", made)
	}
	r, ok := b.index.Block(key)
	if !ok || r.Extensions != 0 || !r.Expires.Equal(start.Add(24*time.Hour)) {
		t.Errorf("strangers lengthened the block: %+v", r)
	}
	// The ticket holder's budget is whole: wrong codes of their own, then the right one.
	v := b.open(anna)
	for range 4 {
		is(t, b.submit(v, b.request(v, toMail).ID, "000000"), rules.ErrWrongCode)
		b.clock.step(33 * time.Minute)
		v = b.open(anna)
	}
	is(t, b.SetPassword(t.Context(), b.prove(v, toMail), strong), nil)
	b.sync()
	if b.asks(decision.SignIn, "laptop", home) != decision.Allow {
		t.Error("the owner is locked out at home")
	}
	// law, section 4: strangers reopen nothing within 24 hours of the release.
	for range 100 {
		b.signal(fact.Signal{Account: anna, Type: fact.FailedSignIn, Method: "Password", Network: faraway})
	}
	if made := b.own(); len(made) != 0 || b.asks(decision.SignIn, "", home) != decision.Allow {
		t.Errorf("reopened: %+v", made)
	}
}

// O1: who knows the password and fails at the second factor from outside blocks the
// account for strangers, not for the device that its owner signed in with before.
func TestAKnownDeviceStaysIn(t *testing.T) {
	b := newBesieged(t)
	b.has(anna, mail)
	b.signal(fact.Signal{Account: anna, Type: fact.SignIn, Device: "laptop", Network: home})
	for range 40 {
		b.signal(fact.Signal{Account: anna, Type: fact.FailedSignIn, Method: "SMS", Device: "burner", Network: faraway})
	}
	if made := b.own(); len(made) != 2 {
		t.Fatalf("made %+v", made)
	}
	for _, c := range []struct {
		device string
		want   decision.Verdict
	}{{"laptop", decision.Allow}, {"burner", decision.Deny}, {"", decision.Deny}} {
		if got := b.asks(decision.SignIn, c.device, home); got != c.want {
			t.Errorf("device %q: %s, want %s", c.device, got, c.want)
		}
	}
	// From the known device no failure counts, and without it the ticket leads out.
	before := b.own()
	for range 40 {
		b.signal(fact.Signal{Account: anna, Type: fact.FailedSignIn, Method: "TOTP", Device: "laptop", Network: home})
	}
	if after := b.own(); len(after) != len(before) {
		t.Errorf("failures of the known device made %d blocks", len(after)-len(before))
	}
	is(t, b.SetPassword(t.Context(), b.prove(b.open(anna), toMail), strong), nil)
}

// law 5, O1: one network that hits many accounts gets one block, which spares the
// devices that are at home there and ends by itself.
func TestANetworkIsBlockedOnce(t *testing.T) {
	b := newBesieged(t)
	b.signal(fact.Signal{Account: anna, Type: fact.SignIn, Device: "laptop", Network: faraway})
	for i := range 2000 {
		b.signal(fact.Signal{Account: fmt.Sprint("victim-", i), Type: fact.FailedSignIn, Method: "Password", Network: fmt.Sprintf("203.0.113.%d", i%250)})
	}
	made := b.own()
	if len(made) != 1 || made[0].Spec.Scope != block.Network || made[0].Spec.Value != "203.0.113.0/24" || made[0].Spec.Reason != block.CompromisedTraffic {
		t.Fatalf("made %+v", made)
	}
	for _, c := range []struct {
		device, from string
		want         decision.Verdict
	}{{"", faraway, decision.Deny}, {"phone", faraway, decision.Deny}, {"laptop", faraway, decision.Allow}, {"", home, decision.Allow}} {
		if got := b.asks(decision.Attempt, c.device, c.from); got != c.want {
			t.Errorf("device %q from %s: %s, want %s", c.device, c.from, got, c.want)
		}
	}
	b.clock.step(24 * time.Hour)
	if b.asks(decision.Attempt, "", faraway) != decision.Allow {
		t.Error("the block did not end")
	}
	for i := range 100 {
		b.signal(fact.Signal{Account: fmt.Sprint("staff-", i), Type: fact.FailedSignIn, Method: "Password", Network: "10.0.0.5"})
	}
	if made := b.own(); len(made) != 0 {
		t.Errorf("one's own proxy was blocked: %+v", made)
	}
}

// law 5: an attacker with 100,000 accounts makes at most the policy's number of
// objects; counters hold the rest.
func TestABudgetBoundsTheObjects(t *testing.T) {
	b := newBesieged(t)
	limits := &b.policies[shop].Escalation
	limits.ObjectBudget, limits.MethodAfter = 500, 1
	attacked := besiegers
	if testing.Short() {
		attacked = 2_000
	}
	for i := range attacked {
		_, err := b.memory.Fail(t.Context(), nil, escalation.Failure{
			Tenant: shop, Account: fmt.Sprint("bot-", i), Method: "SMS", PastFirst: true, Policy: *b.policies[shop], Now: b.Now(),
		})
		is(t, err, nil)
	}
	if n := len(b.own()); n != 450 {
		t.Errorf("%d blocks, want 450: a tenth of 500 is left to networks and regions", n)
	}
	if n := b.index.Len(); n != 450 {
		t.Errorf("every replica keeps %d blocks", n)
	}
	for i := range 30 {
		b.signal(fact.Signal{Account: fmt.Sprint("bot-", i), Type: fact.FailedSignIn, Method: "Password", Network: faraway})
	}
	if n := len(b.own()); n != 451 {
		t.Errorf("%d blocks: no room for the network that replaces them", n)
	}
	// One beyond the budget is held by the counters of its codes.
	b.has(anna, mail)
	b.applied("", "")
	v := b.open(anna)
	var err error
	for range 20 {
		if _, err = b.RequestCode(t.Context(), v, toMail); err != nil {
			break
		}
	}
	var limit *rules.LimitError
	if !errors.As(err, &limit) {
		t.Errorf("20 codes at once: %v", err)
	}
}
