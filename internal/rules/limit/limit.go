// Package limit holds the rate rules: how often something may happen, told with
// one stored instant per subject.
package limit

import "time"

// Rate allows Burst events at once and Count events in each Per on the long run.
type Rate struct {
	Count int
	Per   time.Duration
	Burst int
}

// Cap is the rate at which no stretch shorter than per holds more than most events,
// wherever it begins: a fifth of them at once, the rest spread over it.
func Cap(most int, per time.Duration) Rate {
	burst := (most + 4) / 5
	count := most - burst + 1
	// Instants are kept to the millisecond: the interval is whole ones, rounded up.
	all := time.Duration(count) * time.Millisecond
	return Rate{Count: count, Per: (per + all - 1) / all * all, Burst: burst}
}

// Take asks for one event at now under the generic cell rate algorithm. tat is
// the stored theoretical arrival time, zero at first. It returns the tat to
// store and, where the event is refused, how long to wait.
func (r Rate) Take(tat, now time.Time) (next time.Time, retryAfter time.Duration) {
	if r.Count <= 0 || r.Per <= 0 {
		return tat, 0
	}
	if tat.Before(now) {
		tat = now
	}
	if wait := tat.Sub(now) - r.tolerance(); wait > 0 {
		return tat, wait
	}
	return tat.Add(r.Per / time.Duration(r.Count)), 0
}

// Charge counts an event at now that happens whatever is left. It returns the tat to
// store: those that ask wait for what was charged beyond the rate, but never longer than
// Per, when all of it is past.
func (r Rate) Charge(tat, now time.Time) (next time.Time) {
	if r.Count <= 0 || r.Per <= 0 {
		return tat
	}
	next = tat
	if next.Before(now) {
		next = now
	}
	next = next.Add(r.Per / time.Duration(r.Count))
	if longest := r.UsedUp(now, r.Per); next.After(longest) {
		next = longest
	}
	if next.Before(tat) {
		return tat
	}
	return next
}

// UsedUp is the tat under which nothing is allowed for a length from now on.
func (r Rate) UsedUp(now time.Time, length time.Duration) (tat time.Time) {
	if r.Count <= 0 || r.Per <= 0 {
		return now.Add(length)
	}
	return now.Add(length + r.tolerance())
}

// tolerance is how far the tat may lie ahead.
func (r Rate) tolerance() time.Duration {
	return r.Per / time.Duration(r.Count) * time.Duration(max(r.Burst, 1)-1)
}

// Recent are the instants of an account's latest events, oldest first.
type Recent []time.Time

// Within returns the events of the last length.
func (r Recent) Within(length time.Duration, now time.Time) Recent {
	begin := now.Add(-length)
	for i, at := range r {
		if at.After(begin) {
			return r[i:]
		}
	}
	return nil
}

// Wait is how long until another event makes no more than most within any stretch of
// length; zero where it may happen now.
func (r Recent) Wait(most int, length time.Duration, now time.Time) time.Duration {
	events := r.Within(length, now)
	switch {
	case len(events) < most:
		return 0
	case most <= 0:
		return length
	default:
		return events[len(events)-most].Add(length).Sub(now)
	}
}

// Window counts events from its Start on; a new one begins when Length has gone.
type Window struct {
	Start time.Time
	Count int
}

// Add counts one event at now in a window of the given length.
func (w Window) Add(now time.Time, length time.Duration) Window {
	if w.Start.IsZero() || !now.Before(w.Start.Add(length)) {
		return Window{Start: now, Count: 1}
	}
	w.Count++
	return w
}
