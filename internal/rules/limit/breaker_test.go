package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var fuse = Fuse{After: 3, Pause: 2 * time.Second, Longest: time.Minute, Trial: 90 * time.Second, LongestHold: time.Hour}

// steps are what happens to a breaker, at an instant after noon.
type step func(b Breaker, now time.Time) Breaker

func fails(b Breaker, now time.Time) Breaker    { return b.Fail(fuse, now) }
func succeeds(b Breaker, now time.Time) Breaker { return b.Succeed(now) }
func returns(b Breaker, _ time.Time) Breaker    { return b.Return() }
func asks(b Breaker, now time.Time) Breaker     { b, _ = b.Ask(fuse, now); return b }
func holds(d time.Duration) step {
	return func(b Breaker, now time.Time) Breaker { return b.Hold(fuse, now, d) }
}

func TestBreaker(t *testing.T) {
	type at struct {
		after time.Duration
		step  step
	}
	opened := []at{{0, fails}, {0, fails}, {0, fails}}
	for name, c := range map[string]struct {
		history []at
		after   time.Duration
		state   BreakerState
		may     bool
	}{
		"nothing happened":                         {nil, 0, Closed, true},
		"two failures are few":                     {[]at{{0, fails}, {0, fails}}, 0, Closed, true},
		"three in a row open it":                   {opened, 0, OpenCircuit, false},
		"a success between begins the row anew":    {[]at{{0, fails}, {0, fails}, {0, succeeds}, {0, fails}, {0, fails}}, 0, Closed, true},
		"just before the pause is over":            {opened, 2*time.Second - 1, OpenCircuit, false},
		"after the pause one trial":                {opened, 2 * time.Second, HalfOpen, true},
		"no second trial":                          {append(opened[:3:3], at{2 * time.Second, asks}), 3 * time.Second, HalfOpen, false},
		"a lost trial is followed by another":      {append(opened[:3:3], at{2 * time.Second, asks}), 92 * time.Second, HalfOpen, true},
		"a trial given back is lent again":         {append(opened[:3:3], at{2 * time.Second, asks}, at{2 * time.Second, returns}), 2 * time.Second, HalfOpen, true},
		"a good trial closes it":                   {append(opened[:3:3], at{2 * time.Second, asks}, at{3 * time.Second, succeeds}), 3 * time.Second, Closed, true},
		"a bad one opens it for twice as long":     {append(opened[:3:3], at{2 * time.Second, asks}, at{3 * time.Second, fails}), 7*time.Second - 1, OpenCircuit, false},
		"and no longer":                            {append(opened[:3:3], at{2 * time.Second, asks}, at{3 * time.Second, fails}), 7 * time.Second, HalfOpen, true},
		"late failures lengthen nothing":           {append(opened[:3:3], at{time.Second, fails}, at{time.Second, fails}), 2 * time.Second, HalfOpen, true},
		"a late success does not close it":         {append(opened[:3:3], at{time.Second, succeeds}), 2*time.Second - 1, OpenCircuit, false},
		"a provider that wants none gets none":     {[]at{{0, holds(30 * time.Second)}}, 30*time.Second - 1, OpenCircuit, false},
		"then one trial":                           {[]at{{0, holds(30 * time.Second)}}, 30 * time.Second, HalfOpen, true},
		"the longer of two counts":                 {[]at{{0, holds(30 * time.Second)}, {time.Second, holds(time.Second)}}, 29 * time.Second, OpenCircuit, false},
		"nobody is silenced for longer than that":  {[]at{{0, holds(1000 * time.Hour)}}, time.Hour, HalfOpen, true},
		"a success does not shorten what it wants": {[]at{{0, holds(30 * time.Second)}, {time.Second, succeeds}}, 29 * time.Second, OpenCircuit, false},
	} {
		t.Run(name, func(t *testing.T) {
			var b Breaker
			for _, s := range c.history {
				b = s.step(b, noon.Add(s.after))
			}
			now := noon.Add(c.after)
			if state := b.State(now); state != c.state {
				t.Errorf("it is %s, want %s", state, c.state)
			}
			if _, may := b.Ask(fuse, now); may != c.may {
				t.Errorf("a call may be made: %v, want %v", may, c.may)
			}
		})
	}
}

// Whatever happens: nothing passes an open breaker, one trial at a time a half-open one,
// each opening ends within the longest pause or hold, and a good trial closes it.
func TestBreakerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Breaker
		var lent, wanted time.Time // the end of the trial that is under way; the hold
		now := noon
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "gap")))
			if left := b.Until.Sub(now); left > fuse.LongestHold {
				t.Fatalf("open for another %s", left)
			}
			switch rapid.SampledFrom([]string{"call", "call", "succeed", "fail", "hold"}).Draw(t, "event") {
			case "call":
				state := b.State(now)
				next, may := b.Ask(fuse, now)
				if may && (state == OpenCircuit || now.Before(wanted) || (state == HalfOpen && now.Before(lent))) {
					t.Fatalf("a call passes at %s: %s, %+v", now, state, b)
				}
				if may && state == HalfOpen {
					lent = now.Add(fuse.Trial)
					if after := next.Succeed(now); after != (Breaker{}) {
						t.Fatalf("a good trial leaves %+v", after)
					}
				}
				b = next
			case "succeed":
				b, lent = b.Succeed(now), time.Time{}
			case "fail":
				if b.State(now) != OpenCircuit {
					lent = time.Time{}
				}
				if b = b.Fail(fuse, now); b.State(now) == OpenCircuit && b.Until.After(now.Add(fuse.Longest)) && !b.Until.Equal(wanted) {
					t.Fatalf("a failure opens it until %s", b.Until)
				}
			case "hold":
				wait := time.Duration(rapid.Int64Range(1, int64(2*time.Hour)).Draw(t, "wait"))
				b, lent = b.Hold(fuse, now, wait), time.Time{}
				wanted = b.Until
			}
		}
	})
}
