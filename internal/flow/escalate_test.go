package flow_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/line"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// besieged is a desk with the index of the real replica, to which the feed is brought
// when the test says so.
type besieged struct {
	*desk
	index *kube.Index
	meter *tally
}

// tally counts what the meter is told.
type tally struct {
	escalated map[escalation.Result]int
	denied    map[decision.Action]int
	reported  int
	asked     []line.Kind
	told      []receipt.Outcome
}

func (m *tally) Escalated(_ string, r escalation.Result)       { m.escalated[r]++ }
func (m *tally) ShadowDenied(_ string, action decision.Action) { m.denied[action]++ }
func (m *tally) CodeReported(string, code.ReportKind)          { m.reported++ }
func (m *tally) LineAsked(_ string, kind line.Kind)            { m.asked = append(m.asked, kind) }
func (m *tally) ReceiptTaken(_ string, o receipt.Outcome)      { m.told = append(m.told, o) }
func (m *tally) count(s block.Scope, o escalation.Outcome) (sum int) {
	for r, n := range m.escalated {
		if r.Scope == s && r.Outcome == o {
			sum += n
		}
	}
	return sum
}

func newBesieged(t *testing.T) *besieged {
	d := newDesk(t)
	b := &besieged{desk: d, index: kube.NewIndex(d.policies.For), meter: &tally{escalated: map[escalation.Result]int{}, denied: map[decision.Action]int{}}}
	d.Index, d.Meter = b.index, b.meter
	return b
}

// sync brings what was committed to the index.
func (b *besieged) sync() {
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	is(b.t, b.memory.Follow(ctx, time.Time{}, cancel, b.index.Fact), nil)
}

// applied is a block of anna that the security team applied.
func (b *besieged) applied(scope v1alpha1.BlockScope, value string) block.Key {
	b.t.Helper()
	ab := &v1alpha1.AccountBlock{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: "applied", UID: types.UID("uid"), CreationTimestamp: metav1.NewTime(b.Now())}}
	ab.Spec = v1alpha1.AccountBlockSpec{Account: anna, Reason: v1alpha1.BlockReasonUnusualActivity, Scope: scope, Value: value}
	is(b.t, b.index.Apply(ab), nil)
	return kube.KeyOf(ab)
}

func (b *besieged) signal(s fact.Signal) {
	b.t.Helper()
	s.Tenant = shop
	is(b.t, b.Report(b.t.Context(), s), nil)
}

// own are the blocks that Holdfast itself made and that bind now.
func (b *besieged) own() []block.Record {
	b.t.Helper()
	b.sync()
	keys, err := b.memory.OwnBlocks(b.t.Context(), b.Now())
	is(b.t, err, nil)
	var records []block.Record
	for _, key := range keys {
		r, err := b.memory.Block(b.t.Context(), key)
		is(b.t, err, nil)
		records = append(records, r)
	}
	return records
}

func (b *besieged) asks(action decision.Action, device, address string) decision.Verdict {
	b.t.Helper()
	out, err := b.Decide(shop, flow.Request{Account: anna, Action: action, Method: "SMS", Network: netip.MustParseAddr(address), Device: device})
	is(b.t, err, nil)
	return out.Verdict
}

const (
	home    = "198.51.100.7"
	faraway = "203.0.113.66"
)

// seed 15, 28, 30, 47: failures past the first factor block the method, then the
// account, at once on every replica and without any object; attempts lengthen it.
func TestFailuresBecomeBlocks(t *testing.T) {
	b := newBesieged(t)
	b.has(anna, mail, cell)
	failure := fact.Signal{Account: anna, Type: fact.FailedSignIn, Method: "SMS", Network: faraway}
	for range 10 {
		b.signal(failure)
	}
	if made := b.own(); len(made) != 1 || made[0].Spec.Scope != block.Method || made[0].Spec.Reason != block.HighRequestVolume || made[0].Extensions != 0 {
		t.Fatalf("after ten failures: %+v", made)
	}
	voice, err := b.Decide(shop, flow.Request{Account: anna, Action: decision.SignIn, Method: "TOTP"})
	is(t, err, nil)
	if b.asks(decision.SignIn, "", home) != decision.Deny || voice.Verdict != decision.Allow {
		t.Error("the method is not blocked, or another is")
	}
	b.clock.step(time.Hour)
	for range 10 {
		b.signal(failure)
	}
	made := b.own()
	if len(made) != 2 || b.meter.count(block.Account, escalation.Blocked) != 1 || b.meter.count(block.Method, escalation.Blocked) != 1 {
		t.Fatalf("after twenty: %+v, counted %v", made, b.meter.escalated)
	}
	b.clock.step(2 * time.Hour)
	b.signal(failure)
	for _, r := range b.own() {
		if want := start.Add(27 * time.Hour); !r.Expires.Equal(want) {
			t.Errorf("block %s ends at %s after another attempt, want %s", r.Spec.Scope, r.Expires, want)
		}
	}
	is(t, b.SetPassword(t.Context(), b.prove(b.open(anna), toMail), strong), nil)
}

// seed 28, 47: a code goes out on another way while one is blocked, and on the blocked
// one where there is no other: nobody is left without any.
func TestABlockedMethodNeedsAnother(t *testing.T) {
	b := newBesieged(t)
	b.has(anna, cell, mail)
	b.has("bert", cell)
	b.applied(v1alpha1.ScopeMethod, "SMS")
	out, err := b.Decide(shop, flow.Request{Account: anna, Action: decision.SignIn, Method: "SMS"})
	is(t, err, nil)
	credential, err := b.Open(t.Context(), host, out.Ticket, false)
	is(t, err, nil)
	v := flow.Visit{Host: host, Credential: credential, Network: network}
	_, err = b.RequestCode(t.Context(), v, toCell)
	if wait := limited(t, err, "method"); wait != 24*time.Hour {
		t.Errorf("the wait is %s", wait)
	}
	b.policies[shop].Mode = policy.Shadow
	_, err = b.RequestCode(t.Context(), v, toCell)
	is(t, err, nil)
	b.policies[shop].Mode = policy.Enforce
	b.clock.step(time.Minute)
	_, err = b.RequestCode(t.Context(), v, toMail)
	is(t, err, nil)
}

// seed 16: a country's block stops codes to its numbers, on these pages and where apps
// ask, and nobody from signing in; it lifts by itself.
func TestACountryIsStopped(t *testing.T) {
	b := newBesieged(t)
	b.has(anna, cell, mail)
	b.applied("", "")
	now := b.Now()
	for i := range escalation.RegionSample {
		for n := range 8 { // one in eight is looked at
			_, err := b.memory.CodeSent(t.Context(), escalation.Sent{
				Tenant: shop, Account: fmt.Sprint("bot-", i), ChallengeID: fmt.Sprintf("c-%d-%d", i, n), Country: "DE", Policy: *b.policies[shop], Now: now.Add(-time.Hour),
			})
			is(t, err, nil)
		}
	}
	v := b.open(anna)
	for i := range 16 {
		_, err := b.memory.CodeSent(t.Context(), escalation.Sent{
			Tenant: shop, Account: anna, ChallengeID: fmt.Sprint("last-", i), Country: "DE", Policy: *b.policies[shop], Now: now,
		})
		is(t, err, nil)
	}
	if made := b.own(); len(made) != 1 || made[0].Spec.Scope != block.Region || made[0].Spec.Value != "DE" {
		t.Fatalf("made %+v", made)
	}
	_, err := b.RequestCode(t.Context(), v, toCell)
	if wait := limited(t, err, "country"); wait != time.Hour {
		t.Errorf("the wait is %s", wait)
	}
	b.request(v, toMail)
	for action, want := range map[decision.Action]decision.Verdict{decision.SendCode: decision.Deny, decision.SignIn: decision.Allow, decision.Attempt: decision.Allow} {
		out, err := b.Decide(shop, flow.Request{Account: "bert", Action: action, Country: "DE"})
		is(t, err, nil)
		if out.Verdict != want {
			t.Errorf("%s from DE: %s, want %s", action, out.Verdict, want)
		}
	}
	b.clock.step(time.Hour)
	b.request(b.open(anna), toCell)
}

// Mode Shadow: failures are counted and what they come to is noted; nothing binds and
// nothing is made. Codes keep their limits: those guard the code, not the account.
func TestShadowEscalatesNothing(t *testing.T) {
	b := newBesieged(t)
	b.has(anna, mail)
	b.applied("", "")
	v := b.open(anna)
	b.policies[shop].Mode = policy.Shadow
	for i := range 40 {
		b.signal(fact.Signal{Account: anna, Type: fact.FailedSignIn, Method: "SMS", Network: faraway})
		b.signal(fact.Signal{Account: fmt.Sprint("victim-", i), Type: fact.FailedSignIn, Method: "Password", Network: faraway})
	}
	if made := b.own(); len(made) != 0 {
		t.Errorf("made %+v", made)
	}
	for _, scope := range []block.Scope{block.Method, block.Account, block.Network} {
		if n := b.meter.count(scope, escalation.Shadowed); n != 1 {
			t.Errorf("%s was counted %d times", scope, n)
		}
	}
	out := b.decide(anna, decision.SignIn)
	if out.Verdict != decision.Allow || len(out.Reasons) != 1 || b.meter.denied[decision.SignIn] != 1 {
		t.Errorf("decided %+v, counted %v", out, b.meter.denied)
	}
	view := b.request(v, toMail)
	_, err := b.RequestCode(t.Context(), v, toMail)
	limited(t, err, "resend")
	for range 4 {
		is(t, b.submit(v, view.ID, b.wrong(view.ID)), rules.ErrWrongCode)
	}
	is(t, b.submit(v, view.ID, b.wrong(view.ID)), rules.ErrSpent)
	is(t, b.submit(v, view.ID, b.code(view.ID)), rules.ErrSpent)
}
