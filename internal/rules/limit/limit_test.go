package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// seed 15: codes may be asked for at a rate with a burst.
func TestRateTakesABurstAndThenTheRate(t *testing.T) {
	r := Rate{Count: 10, Per: time.Hour, Burst: 5}
	var tat time.Time
	for i := range 5 {
		next, wait := r.Take(tat, noon)
		if wait != 0 {
			t.Fatalf("event %d of the burst waits %v", i+1, wait)
		}
		tat = next
	}
	for name, c := range map[string]struct {
		after, want time.Duration
	}{
		"the sixth at once waits for a tenth of an hour": {0, 6 * time.Minute},
		"after four minutes two are left":                {4 * time.Minute, 2 * time.Minute},
		"a nanosecond early is early":                    {6*time.Minute - 1, 1},
		"after six minutes it passes":                    {6 * time.Minute, 0},
		"after a day it passes":                          {24 * time.Hour, 0},
	} {
		if _, wait := r.Take(tat, noon.Add(c.after)); wait != c.want {
			t.Errorf("%s: waits %v, want %v", name, wait, c.want)
		}
	}
}

func TestRateWithoutNumbersLimitsNothing(t *testing.T) {
	for _, r := range []Rate{{}, {Count: 5}, {Per: time.Hour}} {
		var tat time.Time
		for range 100 {
			next, wait := r.Take(tat, noon)
			if wait != 0 {
				t.Fatalf("%+v waits %v", r, wait)
			}
			tat = next
		}
	}
}

// seed 41: what is used up for an hour waits that hour, whatever the burst, and takes an
// event at its end.
func TestRateUsedUp(t *testing.T) {
	for _, r := range []Rate{{Count: 60, Per: time.Hour, Burst: 20}, {Count: 1, Per: time.Hour}, {Count: 7, Per: time.Minute, Burst: 1}} {
		tat := r.UsedUp(noon, time.Hour)
		for after, want := range map[time.Duration]time.Duration{0: time.Hour, time.Hour - 1: 1, time.Hour: 0} {
			if _, wait := r.Take(tat, noon.Add(after)); wait != want {
				t.Errorf("%+v after %v: waits %v, want %v", r, after, wait, want)
			}
		}
	}
	if tat := (Rate{}).UsedUp(noon, time.Hour); !tat.Equal(noon.Add(time.Hour)) {
		t.Errorf("without numbers: %v", tat)
	}
}

// In any stretch of time at most the burst and what the rate adds pass; a refused
// event costs nothing, and after the wait that it is told it passes.
func TestRateProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{
			Count: rapid.IntRange(1, 100).Draw(t, "count"),
			Per:   time.Duration(rapid.IntRange(1, 7200).Draw(t, "seconds")) * time.Second,
			Burst: rapid.IntRange(0, 20).Draw(t, "burst"),
		}
		interval, burst := r.Per/time.Duration(r.Count), max(r.Burst, 1)
		var tat time.Time
		var taken []time.Time
		now := noon
		for _, gap := range rapid.SliceOfN(rapid.Int64Range(0, int64(2*interval)), 1, 60).Draw(t, "gaps") {
			now = now.Add(time.Duration(gap))
			next, wait := r.Take(tat, now)
			if wait < 0 {
				t.Fatalf("waits %v", wait)
			}
			if wait == 0 {
				taken, tat = append(taken, now), next
				continue
			}
			if again, more := r.Take(next, now); more != wait || !again.Equal(next) {
				t.Fatalf("asking again costs: %v, then %v", wait, more)
			}
			if _, more := r.Take(next, now.Add(wait)); more != 0 {
				t.Fatalf("after the wait of %v still %v", wait, more)
			}
			if _, more := r.Take(next, now.Add(wait-1)); more == 0 {
				t.Fatalf("passes before the wait of %v is over", wait)
			}
		}
		for i := range taken {
			for j := i; j < len(taken); j++ {
				if most := burst + int(taken[j].Sub(taken[i])/interval); j-i+1 > most {
					t.Fatalf("%d events in %v, at most %d allowed", j-i+1, taken[j].Sub(taken[i]), most)
				}
			}
		}
	})
}

// N3: at most so many in any stretch of the length, wherever it begins.
func TestRecent(t *testing.T) {
	day := 24 * time.Hour
	three := Recent{noon, noon.Add(time.Hour), noon.Add(20 * time.Hour)}
	for name, c := range map[string]struct {
		events Recent
		most   int
		after  time.Duration
		want   time.Duration
	}{
		"nothing happened":                  {nil, 3, 0, 0},
		"one more fits":                     {three, 4, 21 * time.Hour, 0},
		"the third fills it":                {three, 3, 21 * time.Hour, 3 * time.Hour},
		"the oldest leaves to the instant":  {three, 3, day, 0},
		"a nanosecond before it is there":   {three, 3, day - 1, 1},
		"the second leaves an hour later":   {three, 2, day, time.Hour},
		"more than fit wait for the latest": {three, 1, 21 * time.Hour, 23 * time.Hour},
		"a clock set back frees nothing":    {three, 3, -time.Hour, 25 * time.Hour},
		"none is allowed":                   {nil, 0, 0, day},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.events.Wait(c.most, day, noon.Add(c.after)); got != c.want {
				t.Fatalf("waits %v, want %v", got, c.want)
			}
		})
	}
}

// Events that wait as they are told are never more than allowed in any stretch.
func TestRecentProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "length"))
		most := rapid.IntRange(1, 10).Draw(t, "most")
		var kept, all Recent
		now := noon
		for _, gap := range rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)/4), 1, 50).Draw(t, "gaps") {
			now = now.Add(time.Duration(gap))
			wait := kept.Wait(most, length, now)
			if wait < 0 {
				t.Fatalf("waits %v", wait)
			}
			if wait == 0 {
				kept, all = append(kept.Within(length, now), now), append(all, now)
			} else if kept.Wait(most, length, now.Add(wait)) != 0 || kept.Wait(most, length, now.Add(wait-1)) == 0 {
				t.Fatalf("the wait of %v is not the shortest that helps", wait)
			}
		}
		for i := range all {
			if j := i + most; j < len(all) && all[j].Sub(all[i]) < length {
				t.Fatalf("%d events within %v", most+1, all[j].Sub(all[i]))
			}
		}
	})
}
func TestWindow(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		events []time.Duration
		want   Window
	}{
		"the first event opens it":                   {[]time.Duration{0}, Window{noon, 1}},
		"within its length events add up":            {[]time.Duration{0, time.Hour, day - 1}, Window{noon, 3}},
		"when its length has gone a new one begins":  {[]time.Duration{0, time.Hour, day}, Window{noon.Add(day), 1}},
		"it does not slide: its start stays":         {[]time.Duration{0, 20 * time.Hour, 23 * time.Hour}, Window{noon, 3}},
		"a clock set back opens no new one":          {[]time.Duration{0, -time.Hour}, Window{noon, 2}},
		"the new one lasts its own length":           {[]time.Duration{0, 30 * time.Hour, 53 * time.Hour}, Window{noon.Add(30 * time.Hour), 2}},
		"an event long after begins with that event": {[]time.Duration{0, 1000 * time.Hour}, Window{noon.Add(1000 * time.Hour), 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var w Window
			for _, e := range c.events {
				w = w.Add(noon.Add(e), day)
			}
			if !w.Start.Equal(c.want.Start) || w.Count != c.want.Count {
				t.Fatalf("%+v, want %+v", w, c.want)
			}
		})
	}
}

// The count is what happened since the start, and the start is one of the events.
func TestWindowProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "length"))
		var w Window
		var events []time.Time
		now := noon
		for _, gap := range rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 50).Draw(t, "gaps") {
			now = now.Add(time.Duration(gap))
			events, w = append(events, now), w.Add(now, length)
			first := events[len(events)-w.Count]
			if !w.Start.Equal(first) || now.Sub(w.Start) >= length {
				t.Fatalf("%+v at %v: the %dth last event was at %v", w, now, w.Count, first)
			}
		}
	})
}

// T6: however they come, no hour holds more events than the cap.
func TestCapHoldsInEveryHour(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 60).Draw(t, "most")
		r := Cap(most, time.Hour)
		var tat time.Time
		var taken []time.Time
		now := noon
		for range rapid.IntRange(1, 300).Draw(t, "events") {
			next, wait := r.Take(tat, now)
			if wait > 0 {
				// ask again as soon as that helps, or later
				now = now.Add(wait + time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "late")))
				continue
			}
			// instants are kept to the millisecond
			taken, tat = append(taken, now), next.Truncate(time.Millisecond)
		}
		for i := most; i < len(taken); i++ {
			if length := taken[i].Sub(taken[i-most]); length < time.Hour-time.Millisecond {
				t.Fatalf("%d events within %s, the cap is %d", most+1, length, most)
			}
		}
	})
}

// T6: a cap is of use: a fifth goes at once, and nearly all of it within the hour.
func TestCapLetsThrough(t *testing.T) {
	for most, want := range map[int]Rate{
		1:           {Count: 1, Per: time.Hour, Burst: 1},
		5:           {Count: 5, Per: time.Hour, Burst: 1},
		10:          {Count: 9, Per: time.Hour, Burst: 2},
		10_000:      {Count: 8001, Per: 8001 * 450 * time.Millisecond, Burst: 2000},
		100_000_000: {Count: 80_000_001, Per: 80_000_001 * time.Millisecond, Burst: 20_000_000},
	} {
		if got := Cap(most, time.Hour); got != want {
			t.Errorf("Cap(%d) = %+v, want %+v", most, got, want)
		}
	}
}

// T6, law 8: what is charged goes whatever is left, and those that ask wait for it: until no
// hour holds more than the cap, and never longer than an hour after the last charge.
func TestChargeIsCountedAndNeverRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 200).Draw(t, "most")
		r := Cap(most, time.Hour)
		var tat, last time.Time
		var all []time.Time
		now := noon
		for range rapid.IntRange(1, 300).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 600_000).Draw(t, "ms")) * time.Millisecond)
			if rapid.Bool().Draw(t, "asks") {
				next, wait := r.Take(tat, now)
				if now.Sub(last) >= r.Per && wait > r.Per/time.Duration(r.Count) {
					t.Fatalf("an hour after the last charge it still waits %v", wait)
				}
				if wait > 0 {
					continue
				}
				tat, all = next, append(all, now)
				if n := within(all, now, time.Hour); n > most {
					t.Fatalf("%d events within the hour before one that was let through, the cap is %d", n, most)
				}
				continue
			}
			next := r.Charge(tat, now)
			if !next.After(tat) && next.Sub(now) < r.Per {
				t.Fatalf("a charge at %v counts for nothing: %v", now, next)
			}
			tat, last, all = next, now, append(all, now)
		}
	})
}

// within counts the events of the last length.
func within(all []time.Time, now time.Time, length time.Duration) (n int) {
	for _, at := range all {
		if at.After(now.Add(-length)) {
			n++
		}
	}
	return n
}

func TestChargeOfARateWithoutNumbers(t *testing.T) {
	if got := (Rate{}).Charge(noon, noon); !got.Equal(noon) {
		t.Errorf("it moved to %v", got)
	}
}
