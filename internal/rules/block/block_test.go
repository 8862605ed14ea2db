package block

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// at reads a literal instant in UTC, 2026.
func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse("2006 Jan 2 15:04:05", "2026 "+s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// blocked is a record of an account blocked on 1 March at midnight.
func blocked(t testing.TB, duration time.Duration, change ...func(*Record)) Record {
	t.Helper()
	r := NewRecord(Key{"shop", "anna"}, "uid-1", Spec{
		Account: "anna", Reason: UnusualActivity, Scope: Account,
		Start: at(t, "Mar 1 00:00:00"), Duration: duration, Steps: []Step{VerifyCode, ChangePassword},
	})
	for _, c := range change {
		c(&r)
	}
	return r
}

func permanent(r *Record) { r.Spec.Permanent, r.Expires = true, time.Time{} }

// seed 30: max(current, min(start+168h, attempt+duration)), rounded up to
// duration/24 within that cap.
func TestAttemptsLengthenABlock(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		duration time.Duration
		attempts []string
		want     string
		moved    int
	}{
		"without attempts a block of a day ends after a day":              {day, nil, "Mar 2 00:00:00", 0},
		"an attempt at the very start moves nothing":                      {day, []string{"Mar 1 00:00:00"}, "Mar 2 00:00:00", 0},
		"an attempt after a second counts as a full hour (duration/24)":   {day, []string{"Mar 1 00:00:01"}, "Mar 2 01:00:00", 1},
		"an attempt on the hour counts as that hour":                      {day, []string{"Mar 1 01:00:00"}, "Mar 2 01:00:00", 1},
		"three attempts within one hour move the end once":                {day, []string{"Mar 1 00:10:00", "Mar 1 00:20:00", "Mar 1 00:59:59"}, "Mar 2 01:00:00", 1},
		"an attempt in the next hour moves it again":                      {day, []string{"Mar 1 00:10:00", "Mar 1 01:10:00"}, "Mar 2 02:00:00", 2},
		"an earlier attempt, seen late, takes nothing back":               {day, []string{"Mar 1 05:30:00", "Mar 1 00:10:00"}, "Mar 2 06:00:00", 1},
		"an attempt in the last second still counts":                      {day, []string{"Mar 1 23:59:59"}, "Mar 3 00:00:00", 1},
		"an attempt at the end comes too late":                            {day, []string{"Mar 2 00:00:00"}, "Mar 2 00:00:00", 0},
		"an attempt before the start does not count":                      {day, []string{"Feb 28 23:59:59"}, "Mar 2 00:00:00", 0},
		"a block of an hour moves by 2.5 minutes":                         {time.Hour, []string{"Mar 1 00:01:00"}, "Mar 1 01:02:30", 1},
		"a block of 100h stops at 168h from its start":                    {100 * time.Hour, []string{"Mar 4 04:00:00"}, "Mar 8 00:00:00", 1},
		"at the cap further attempts move nothing":                        {100 * time.Hour, []string{"Mar 4 04:00:00", "Mar 7 00:00:00"}, "Mar 8 00:00:00", 1},
		"the rounding does not reach beyond the cap":                      {100 * time.Hour, []string{"Mar 3 19:59:00"}, "Mar 8 00:00:00", 1},
		"a block that is longer than the cap by itself keeps its own end": {200 * time.Hour, []string{"Mar 2 00:00:00"}, "Mar 9 08:00:00", 0},
		"a block of 168h is never lengthened":                             {MaxLength, []string{"Mar 2 00:00:00"}, "Mar 8 00:00:00", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, moved := blocked(t, c.duration), 0
			for _, a := range c.attempts {
				next, ok := r.Lengthen(at(t, a), MaxLength)
				if ok {
					moved++
				}
				r = next
			}
			if want := at(t, c.want); !r.Expires.Equal(want) {
				t.Errorf("ends at %v, want %v", r.Expires, want)
			}
			if moved != c.moved || r.Extensions != c.moved {
				t.Errorf("moved %d times, counted %d, want %d", moved, r.Extensions, c.moved)
			}
		})
	}
}

func TestAttemptsDoNotLengthenWhatHasNoEndOrHasEnded(t *testing.T) {
	for name, change := range map[string]func(*Record){
		"a permanent block":               permanent,
		"a block released meanwhile":      func(r *Record) { r.End = End{State: Released, At: r.Spec.Start.Add(time.Hour)} },
		"a block revoked meanwhile":       func(r *Record) { r.End = End{State: Revoked, At: r.Spec.Start.Add(time.Hour)} },
		"a block written down as expired": func(r *Record) { r.End = End{State: Expired, At: r.Expires} },
	} {
		t.Run(name, func(t *testing.T) {
			r := blocked(t, 24*time.Hour, change)
			got, moved := r.Lengthen(at(t, "Mar 1 02:00:00"), MaxLength)
			if diff := cmp.Diff(r, got); moved || diff != "" {
				t.Fatalf("moved %v: %s", moved, diff)
			}
		})
	}
}

// seed 30: whatever the attempts, the end never moves back, never beyond seven days
// from the start, is a whole number of grains or the cap, and counts its moves.
func TestLengthenProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "start")).UTC()
		duration := time.Duration(rapid.Int64Range(1, 200*3600).Draw(t, "seconds")) * time.Second
		r := NewRecord(Key{"shop", "b"}, "u", Spec{Scope: Account, Start: start, Duration: duration})
		limit := r.Expires
		if c := start.Add(MaxLength); c.After(limit) {
			limit = c
		}
		for _, ms := range rapid.SliceOfN(rapid.Int64Range(-1000, 170*3600*1000), 0, 30).Draw(t, "attempts") {
			attempt := start.Add(time.Duration(ms) * time.Millisecond)
			next, moved := r.Lengthen(attempt, MaxLength)
			switch {
			case next.Expires.Before(r.Expires):
				t.Fatalf("moved back from %v to %v", r.Expires, next.Expires)
			case next.Expires.After(limit):
				t.Fatalf("%v is after the cap %v", next.Expires, limit)
			case moved != next.Expires.After(r.Expires):
				t.Fatalf("says moved %v from %v to %v", moved, r.Expires, next.Expires)
			case moved && next.Expires.Sub(start)%(duration/24) != 0 && !next.Expires.Equal(start.Add(MaxLength)):
				t.Fatalf("%v is no whole number of grains from %v", next.Expires, start)
			case moved && next.Expires.Before(attempt.Add(duration)) && !next.Expires.Equal(start.Add(MaxLength)):
				t.Fatalf("ends %v, less than a duration after %v", next.Expires, attempt)
			}
			if again, moved := next.Lengthen(attempt, MaxLength); moved {
				t.Fatalf("the same attempt counted twice: %v", again.Expires)
			}
			r = next
		}
	})
}

func TestStateByTheClockAlone(t *testing.T) {
	proved := func(r *Record) { r.Proof = Proof{Flow: "f", At: r.Spec.Start.Add(time.Hour)} }
	late := func(r *Record) { r.Proof = Proof{Flow: "f", At: r.Expires.Add(-5 * time.Minute)} }
	released := func(r *Record) { r.End = End{State: Released, At: r.Spec.Start.Add(2 * time.Hour)} }
	for name, c := range map[string]struct {
		change   func(*Record)
		now      string
		want     State
		enforced bool
	}{
		"before its start it binds nobody":                         {nil, "Feb 28 23:59:59", Active, false},
		"from its start on it binds":                               {nil, "Mar 1 00:00:00", Active, true},
		"a second before its end it binds":                         {nil, "Mar 1 23:59:59", Active, true},
		"at the instant of its end it is over":                     {nil, "Mar 2 00:00:00", Expired, false},
		"a permanent block binds after years":                      {permanent, "Dec 31 23:59:59", Active, true},
		"seed 4: with the code proved it is releasing and binds":   {proved, "Mar 1 01:00:00", Releasing, true},
		"seed 4: a second before 15 minutes it is still releasing": {proved, "Mar 1 01:14:59", Releasing, true},
		"seed 4: unfinished after 15 minutes it is active again":   {proved, "Mar 1 01:15:00", Active, true},
		"it expires also while releasing":                          {late, "Mar 2 00:00:00", Expired, false},
		"released stays released after its end":                    {released, "Mar 5 00:00:00", Released, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := blocked(t, 24*time.Hour)
			if c.change != nil {
				c.change(&r)
			}
			now := at(t, c.now)
			if got := r.State(now); got != c.want {
				t.Errorf("state %s, want %s", got, c.want)
			}
			if got := r.Enforced(now); got != c.enforced {
				t.Errorf("enforced %v, want %v", got, c.enforced)
			}
		})
	}
}

// Wake says exactly when State changes by itself.
func TestWakeIsTheNextChangeOfState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1_790_000_000, 0)
		minutes := rapid.IntRange(1, 100)
		r := NewRecord(Key{}, "", Spec{Start: start, Duration: time.Duration(minutes.Draw(t, "duration")) * time.Minute})
		if rapid.Bool().Draw(t, "permanent") {
			permanent(&r)
		}
		if rapid.Bool().Draw(t, "proved") {
			r.Proof = Proof{Flow: "f", At: start.Add(time.Duration(minutes.Draw(t, "proof")) * time.Minute)}
		}
		now := start.Add(time.Duration(minutes.Draw(t, "now")) * time.Minute)
		if r.Proof.At.After(now) {
			t.Skip("a proof from the future")
		}
		wake, state := r.Wake(now), r.State(now)
		if wake.IsZero() {
			if later := r.State(now.Add(1000 * time.Hour)); later != state {
				t.Fatalf("%s became %s without a wake", state, later)
			}
			return
		}
		if !wake.After(now) || r.State(wake.Add(-1)) != state || r.State(wake) == state {
			t.Fatalf("at %v %s, wake %v: %s before, %s then", now, state, wake, r.State(wake.Add(-1)), r.State(wake))
		}
	})
}

// seed 4: releasing belongs to the flow that proved the code.
func TestRemainingBelongsToOneFlow(t *testing.T) {
	both, password := []Step{VerifyCode, ChangePassword}, []Step{ChangePassword}
	for name, c := range map[string]struct {
		flow, now string
		want      []Step
	}{
		"the flow that proved the code has the password left": {"mine", "Mar 1 01:05:00", password},
		"another flow has both left":                          {"theirs", "Mar 1 01:05:00", both},
		"no flow at all has both left":                        {"", "Mar 1 01:05:00", both},
		"after 15 minutes the first one has both left again":  {"mine", "Mar 1 01:15:00", both},
	} {
		t.Run(name, func(t *testing.T) {
			r := blocked(t, 24*time.Hour)
			r.Proof = Proof{Flow: "mine", At: at(t, "Mar 1 01:00:00")}
			if diff := cmp.Diff(c.want, r.Remaining(c.flow, at(t, c.now))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(both, r.Spec.Steps); diff != "" {
				t.Errorf("the spec changed: %s", diff)
			}
		})
	}
	if r := blocked(t, time.Hour); len(r.Remaining("", at(t, "Mar 1 00:00:00"))) != 2 {
		t.Error("without any proof the flow without a name needs no code")
	}
}

func TestReleasable(t *testing.T) {
	if r := blocked(t, time.Hour); !r.Releasable() {
		t.Error("two steps, and nobody can release it")
	}
	if r := blocked(t, time.Hour, func(r *Record) { r.Spec.Steps = nil }); r.Releasable() {
		t.Error("no steps, and somebody can release it")
	}
}

// seeds 16, 28, 29: a block binds its account, one method, a network or a region.
func TestMatches(t *testing.T) {
	for name, c := range map[string]struct {
		scope                           Scope
		value, method, network, country string
		want                            bool
	}{
		"an account block binds every request":           {Account, "", "SMS", "192.0.2.1", "DE", true},
		"an account block needs no method or network":    {Account, "", "", "", "", true},
		"seed 28: the blocked method":                    {Method, "SMS", "SMS", "", "", true},
		"seed 28: in other letters":                      {Method, "sms", "SMS", "", "", true},
		"seed 28: another method is free":                {Method, "SMS", "Email", "", "", false},
		"seed 28: a request that names no method":        {Method, "SMS", "", "", "", false},
		"seed 29: an address inside the network":         {Network, "192.0.2.0/24", "", "192.0.2.200", "", true},
		"seed 29: another network is free":               {Network, "192.0.2.0/24", "", "192.0.3.1", "", false},
		"one address":                                    {Network, "192.0.2.7", "", "192.0.2.7", "", true},
		"the address beside it":                          {Network, "192.0.2.7", "", "192.0.2.8", "", false},
		"a CIDR whose host bits are set":                 {Network, "192.0.2.7/24", "", "192.0.2.200", "", true},
		"an IPv4 address in IPv6 clothes":                {Network, "192.0.2.0/24", "", "::ffff:192.0.2.7", "", true},
		"a value in IPv6 clothes":                        {Network, "::ffff:192.0.2.7", "", "192.0.2.7", "", true},
		"a CIDR in IPv6 clothes":                         {Network, "::ffff:192.0.2.0/120", "", "192.0.2.7", "", true},
		"a CIDR in IPv6 clothes, beside it":              {Network, "::ffff:192.0.2.0/120", "", "192.0.3.7", "", false},
		"IPv6":                                           {Network, "2001:db8::/32", "", "2001:db8:1::7", "", true},
		"no network known":                               {Network, "0.0.0.0/0", "", "", "", false},
		"a value that is no network binds nobody":        {Network, "somewhere", "", "192.0.2.7", "", false},
		"a value with a broken prefix binds nobody":      {Network, "192.0.2.0/33", "", "192.0.2.7", "", false},
		"seed 16: the blocked region":                    {Region, "XK", "", "", "xk", true},
		"seed 16: another region is free":                {Region, "XK", "", "", "AL", false},
		"seed 16: a request from nowhere known":          {Region, "XK", "", "", "", false},
		"a scope that nobody knows binds nobody":         {"Planet", "Earth", "", "", "", false},
		"a region block does not look at the network":    {Region, "DE", "", "192.0.2.7", "FR", false},
		"a network block does not look at the method":    {Network, "192.0.2.7", "192.0.2.7", "", "", false},
		"everything of IPv4 does not bind IPv6 requests": {Network, "0.0.0.0/0", "", "2001:db8::1", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			addr, _ := netip.ParseAddr(c.network)
			if got := (Spec{Scope: c.scope, Value: c.value}).Matches(c.method, addr, c.country); got != c.want {
				t.Fatalf("matches: %v", got)
			}
		})
	}
}

func TestDriftedSeesWhatNeverChanges(t *testing.T) {
	r := blocked(t, 24*time.Hour)
	for name, c := range map[string]struct {
		change func(*Spec)
		want   bool
	}{
		"nothing":           {func(*Spec) {}, false},
		"a longer duration": {func(s *Spec) { s.Duration *= 2 }, false},
		"permanence":        {func(s *Spec) { s.Permanent = true }, false},
		"an earlier start":  {func(s *Spec) { s.Start = s.Start.Add(-time.Hour) }, false},
		"the account":       {func(s *Spec) { s.Account = "ben" }, true},
		"the reason":        {func(s *Spec) { s.Reason = Administrative }, true},
		"the scope":         {func(s *Spec) { s.Scope = Method }, true},
		"the value":         {func(s *Spec) { s.Value = "SMS" }, true},
		"fewer steps":       {func(s *Spec) { s.Steps = s.Steps[:1] }, true},
		"where codes go":    {func(s *Spec) { s.CodeTo = AnyNumber }, true},
	} {
		t.Run(name, func(t *testing.T) {
			spec := r.Spec
			c.change(&spec)
			if got := r.Drifted(spec); got != c.want {
				t.Fatalf("drifted: %v", got)
			}
		})
	}
}

// seed 30: the policy may hold attempts to less than a week; a block that is longer
// already is not shortened.
func TestLengthenWithinThePolicysTime(t *testing.T) {
	start := at(t, "Mar 1 00:00:00")
	r := NewRecord(Key{"shop", "b"}, "uid", Spec{Start: start, Duration: 24 * time.Hour})
	for _, c := range []struct{ within, want time.Duration }{
		{48 * time.Hour, 47 * time.Hour}, {30 * time.Hour, 30 * time.Hour}, {12 * time.Hour, 24 * time.Hour}, {400 * time.Hour, 47 * time.Hour},
	} {
		if got, _ := r.Lengthen(start.Add(23*time.Hour), c.within); !got.Expires.Equal(start.Add(c.want)) {
			t.Errorf("within %s: ends %s after its start, want %s", c.within, got.Expires.Sub(start), c.want)
		}
	}
}
