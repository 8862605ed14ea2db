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

// Take asks for one event at now under the generic cell rate algorithm. tat is
// the stored theoretical arrival time, zero at first. It returns the tat to
// store and, where the event is refused, how long to wait.
func (r Rate) Take(tat, now time.Time) (next time.Time, retryAfter time.Duration) {
	if r.Count <= 0 || r.Per <= 0 {
		return tat, 0
	}
	interval := r.Per / time.Duration(r.Count)
	tolerance := interval * time.Duration(max(r.Burst, 1)-1)
	if tat.Before(now) {
		tat = now
	}
	if wait := tat.Sub(now) - tolerance; wait > 0 {
		return tat, wait
	}
	return tat.Add(interval), 0
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
