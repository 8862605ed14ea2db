package courier

import (
	"context"
	"errors"
	"sync"
	"time"

	"holdfast.dev/holdfast/internal/rules/health"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/message"
)

// fuse keeps messages from a provider that is down: a code lives for minutes, so pauses
// begin short and end at a minute.
var fuse = limit.Fuse{
	After: 5, Pause: 2 * time.Second, Longest: time.Minute,
	Trial: attemptTimeout, LongestHold: time.Hour,
}

// circuit names what fails and recovers together: one channel of one provider, for a
// provider without a sender for calls may well send texts.
type circuit = health.Circuit

// breakers are the circuits that have failed lately, as this process has seen them:
// each replica finds out for itself. The zero breakers know of none.
type breakers struct {
	mu    sync.Mutex
	state map[circuit]breaker
	// told is what this replica has said of them to the others.
	told map[circuit]health.Told
}

type breaker struct {
	limit.Breaker
	// class is that of the last failure.
	class message.ErrorClass
	// shown is the state that the metric counts.
	shown limit.BreakerState
}

// ask asks to use a circuit now; refused is the class that it is closed for.
func (c *Courier) ask(k circuit, now time.Time) (refused message.ErrorClass, may bool) {
	c.change(k, now, func(b *breaker) { b.Breaker, may = b.Ask(fuse, now); refused = b.class })
	return refused, may
}

// learn notes what a sending says of its provider. A refused destination is an answer
// like any other. Silence after the handing over is a failure: whoever hangs serves
// nobody.
func (c *Courier) learn(ctx context.Context, k circuit, now time.Time, err error) {
	var e *message.Error
	class := classOf(err)
	failed := err != nil && class != message.Rejected
	c.change(k, now, func(b *breaker) {
		switch {
		case !failed:
			b.Breaker = b.Succeed(now)
			return
		case errors.As(err, &e) && e.RetryAfter > 0:
			b.Breaker = b.Hold(fuse, now, e.RetryAfter)
		default:
			b.Breaker = b.Fail(fuse, now)
		}
		b.class = class
	})
	c.tell(ctx, k, now, failed)
}

// leave gives back a circuit of which nothing was learnt.
func (c *Courier) leave(k circuit, now time.Time) {
	c.change(k, now, func(b *breaker) { b.Breaker = b.Return() })
}

// opens is when the first of some circuits may be used again; zero means now. Where a
// trial is under way, that is soon known.
func (c *Courier) opens(circuits []circuit, now time.Time) time.Time {
	c.breakers.mu.Lock()
	defer c.breakers.mu.Unlock()
	var first time.Time
	for _, k := range circuits {
		b := c.breakers.state[k]
		if b.State(now) != limit.OpenCircuit {
			return time.Time{}
		}
		if first.IsZero() || b.Until.Before(first) {
			first = b.Until
		}
	}
	return first
}

// change changes a circuit and its place in the metric. One that is closed without a
// failure is not kept.
func (c *Courier) change(k circuit, now time.Time, by func(*breaker)) {
	c.breakers.mu.Lock()
	defer c.breakers.mu.Unlock()
	b := c.breakers.state[k]
	by(&b)
	state := b.State(now)
	c.Metrics.circuit(k.Type, b.shown, state)
	b.shown = state
	if b.Breaker == (limit.Breaker{}) {
		delete(c.breakers.state, k)
		return
	}
	if c.breakers.state == nil {
		c.breakers.state = map[circuit]breaker{}
	}
	c.breakers.state[k] = b
	if state == limit.OpenCircuit {
		c.forget(now)
	}
}

// forget drops circuits that nobody has used for long, such as those of a provider that
// no policy names any more.
func (c *Courier) forget(now time.Time) {
	for k, b := range c.breakers.state {
		if !b.Until.IsZero() && now.Sub(b.Until) > fuse.LongestHold {
			c.Metrics.circuit(k.Type, b.shown, limit.Closed)
			delete(c.breakers.state, k)
		}
	}
}
