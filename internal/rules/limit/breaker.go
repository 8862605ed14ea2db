package limit

import "time"

// Fuse says when a Breaker opens and for how long.
type Fuse struct {
	// After is how many failures in a row open it.
	After int
	// Pause is how long it is open at first; it doubles up to Longest while trials fail.
	Pause, Longest time.Duration
	// Trial is how long a trial may take; then another one may begin.
	Trial time.Duration
	// LongestHold bounds what a provider may ask for itself.
	LongestHold time.Duration
}

// BreakerState is where a Breaker stands.
type BreakerState string

// The states of a breaker.
const (
	Closed BreakerState = "Closed"
	// OpenCircuit lets nothing through.
	OpenCircuit BreakerState = "Open"
	// HalfOpen lets one trial through.
	HalfOpen BreakerState = "HalfOpen"
)

// Breaker keeps callers from what fails again and again. The zero Breaker is closed.
type Breaker struct {
	// Failures in a row while it is closed; Openings in a row without a success.
	Failures, Openings int
	// Until is when it has been open long enough; zero while it is closed.
	Until time.Time
	// Trial is when the trial that is under way counts as lost.
	Trial time.Time
}

// State is where the breaker stands at now.
func (b Breaker) State(now time.Time) BreakerState {
	switch {
	case b.Until.IsZero():
		return Closed
	case now.Before(b.Until):
		return OpenCircuit
	default:
		return HalfOpen
	}
}

// Ask asks for one call at now. A half-open breaker lends its trial to one caller, who
// says what became of it. It returns whether the call may be made.
func (b Breaker) Ask(f Fuse, now time.Time) (next Breaker, may bool) {
	switch state := b.State(now); {
	case state == Closed:
		return b, true
	case state == OpenCircuit, now.Before(b.Trial):
		return b, false
	default:
		b.Trial = now.Add(f.Trial)
		return b, true
	}
}

// Succeed notes a call that was answered. It closes a half-open breaker; an open one
// stays open, for the call began before it opened.
func (b Breaker) Succeed(now time.Time) Breaker {
	if b.State(now) == OpenCircuit {
		return Breaker{Until: b.Until}
	}
	return Breaker{}
}

// Fail notes a call that failed. Calls that began before the breaker opened lengthen
// nothing.
func (b Breaker) Fail(f Fuse, now time.Time) Breaker {
	switch b.State(now) {
	case OpenCircuit:
		return b
	case Closed:
		if b.Failures++; b.Failures < f.After {
			return b
		}
	}
	pause := min(f.Pause<<min(b.Openings, 20), f.Longest)
	return Breaker{Openings: b.Openings + 1, Until: now.Add(pause)}
}

// Hold notes that calls are not wanted for a while. Then one trial comes first.
func (b Breaker) Hold(f Fuse, now time.Time, wait time.Duration) Breaker {
	until := now.Add(min(wait, f.LongestHold))
	if until.Before(b.Until) {
		until = b.Until
	}
	return Breaker{Openings: b.Openings, Until: until}
}

// Return gives back a trial of which nothing was learnt.
func (b Breaker) Return() Breaker {
	b.Trial = time.Time{}
	return b
}
