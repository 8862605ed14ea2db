package escalation

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

var (
	now  = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	both = []block.Step{block.VerifyCode, block.ChangePassword}
)

func failure(edits ...func(*Failure)) Failure {
	f := Failure{Tenant: "shop", Account: "anna", Method: "SMS", PastFirst: true, Policy: policy.Default(), Now: now}
	for _, edit := range edits {
		edit(&f)
	}
	return f
}

// past is a block of Holdfast's own that began a while ago.
func past(scope block.Scope, value string, ago time.Duration, edits ...func(*block.Record)) block.Record {
	s := block.Spec{Account: "anna", Reason: block.HighRequestVolume, Scope: scope, Value: value, Start: now.Add(-ago), Duration: 24 * time.Hour}
	r := block.NewRecord(block.Key{Tenant: "shop", Name: block.OwnName(s)}, "", s)
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func ended(state block.State, ago time.Duration) func(*block.Record) {
	return func(r *block.Record) { r.End = block.End{State: state, At: now.Add(-ago)} }
}

func applied(r *block.Record) { r.Key.Name = "applied" }

func permanentAfter(n int) func(*Failure) {
	return func(f *Failure) {
		p := f.Policy.Blocks[block.HighRequestVolume]
		p.PermanentAfter = n
		f.Policy.Blocks[block.HighRequestVolume] = p
	}
}

// Each sentence of the rules about accounts is a row.
func TestAccount(t *testing.T) {
	method := block.Spec{
		Account: "anna", Reason: block.HighRequestVolume, Scope: block.Method, Value: "SMS", Start: now,
		Duration: 24 * time.Hour, Steps: both, CodeTo: block.SecurityInfo,
	}
	account, forever := method, method
	account.Scope, account.Value = block.Account, ""
	forever.Scope, forever.Value, forever.Permanent, forever.Duration = block.Account, "", true, 0
	foreverMethod := forever
	foreverMethod.Scope, foreverMethod.Value = block.Method, "SMS"
	since := now.Add(-2 * time.Hour)
	for _, c := range []struct {
		name  string
		f     Failure
		tally Tally
		past  Past
		want  Verdict
	}{
		{"seed 47: nine failures of a method are none too many", failure(), Tally{9, 19, since}, nil, Verdict{}},
		{"seed 28: ten failures of a method block the method first", failure(), Tally{10, 10, since}, nil, Verdict{Block: method}},
		{"seed 15, 30: twenty over all methods block the account for 24h", failure(), Tally{4, 20, since}, nil, Verdict{Block: account}},
		{"seed 15: more while the method is blocked block the account", failure(), Tally{20, 20, since},
			Past{past(block.Method, "sms", time.Hour)}, Verdict{Block: account}},
		{"a method that is blocked is not blocked again", failure(), Tally{12, 12, since}, Past{past(block.Method, "sms", time.Hour)}, Verdict{}},
		{"seed 28: another method is another block", failure(), Tally{10, 15, since}, Past{past(block.Method, "Voice", time.Hour)}, Verdict{Block: method}},
		{"an account that is blocked needs no block of a method", failure(), Tally{12, 12, since}, Past{past(block.Account, "", time.Hour)}, Verdict{}},
		{"an applied block is no escalation: the ticket holder's failures count beside it", failure(), Tally{20, 20, since},
			Past{past(block.Account, "", time.Hour, applied)}, Verdict{Block: account}},
		{"what lay before a release counts no more", failure(), Tally{10, 10, since},
			Past{past(block.Account, "", 20*time.Hour, ended(block.Released, time.Hour))}, Verdict{Forget: true}},
		{"failures after the release count anew", failure(), Tally{10, 10, since},
			Past{past(block.Account, "", 20*time.Hour, ended(block.Released, 3*time.Hour))}, Verdict{Block: method}},
		{"what lay before an expiry counts no more", failure(), Tally{10, 10, since}, Past{past(block.Account, "", 25*time.Hour)}, Verdict{Forget: true}},
		{"seed 15: repeated blocks stay timed where the policy says nothing", failure(), Tally{20, 20, since},
			Past{past(block.Account, "", 100*time.Hour), past(block.Account, "", 300*time.Hour)}, Verdict{Block: account}},
		{"seed 15: the third block within 720h is permanent where the policy says so", failure(permanentAfter(3)), Tally{20, 20, since},
			Past{past(block.Account, "", 100*time.Hour), past(block.Account, "", 719*time.Hour)}, Verdict{Block: forever}},
		{"seed 15: blocks of another scope or before 720h do not count", failure(permanentAfter(2)), Tally{20, 20, since},
			Past{past(block.Account, "", 720*time.Hour), past(block.Method, "SMS", 100*time.Hour)}, Verdict{Block: account}},
		{"seed 15: a method repeats by itself", failure(permanentAfter(2)), Tally{10, 10, since},
			Past{past(block.Method, "SMS", 100*time.Hour)}, Verdict{Block: foreverMethod}},
		{"an odd method counts towards the account only", failure(func(f *Failure) { f.Method = "one time code" }), Tally{19, 19, since}, nil, Verdict{}},
		{"an account that no object can name is held by counters", failure(func(f *Failure) { f.Account = "an*" }), Tally{20, 20, since}, nil, Verdict{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Account(c.f, c.tally, c.past)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// seed 30: the policy's own duration, steps and destination hold.
func TestAccountTakesThePolicysBlock(t *testing.T) {
	f := failure(func(f *Failure) {
		f.Now = now.Add(1234 * time.Millisecond)
		f.Policy.Blocks[block.HighRequestVolume] = policy.Block{Permanent: true, CodeTo: block.AnyNumber}
	})
	want := block.Spec{Account: "anna", Reason: block.HighRequestVolume, Scope: block.Account, Start: now.Add(time.Second), Permanent: true, CodeTo: block.AnyNumber}
	if diff := cmp.Diff(want, Account(f, Tally{20, 20, now}, nil).Block); diff != "" {
		t.Errorf("block (-want +got):\n%s", diff)
	}
}

func TestWindow(t *testing.T) {
	w := Window{}.Add(now, time.Hour).Add(now.Add(time.Hour-1), time.Hour)
	if w.Count != 2 || !w.Start.Equal(now) {
		t.Fatalf("%+v", w)
	}
	if w = w.Add(now.Add(time.Hour), time.Hour); w.Count != 1 || !w.Start.Equal(now.Add(time.Hour)) {
		t.Errorf("after its length: %+v", w)
	}
}

func TestMethodName(t *testing.T) {
	for method, want := range map[string]string{
		"SMS": "SMS", "t.o-t_p9": "t.o-t_p9", "": "", "-x": "", "a b": "", "é": "", strings.Repeat("m", 63): strings.Repeat("m", 63), strings.Repeat("m", 64): "",
	} {
		if got := MethodName(method); got != want {
			t.Errorf("%q counts as %q, want %q", method, got, want)
		}
	}
}

// law 5: a tenth of the budget is left to what replaces blocks of accounts.
func TestMayOpen(t *testing.T) {
	for _, c := range []struct {
		scope        block.Scope
		open, budget int
		want         bool
	}{
		{block.Account, 899, 1000, true}, {block.Method, 900, 1000, false}, {block.Account, 900, 1000, false},
		{block.Network, 999, 1000, true}, {block.Region, 1000, 1000, false}, {block.Account, 0, 1, true}, {block.Network, 1, 1, false},
	} {
		if got := MayOpen(c.scope, c.open, c.budget); got != c.want {
			t.Errorf("%s with %d of %d open: %v", c.scope, c.open, c.budget, got)
		}
	}
}
