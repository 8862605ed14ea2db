package mail_test

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// stepped is a clock that only the test moves; waiting on it ends when it has moved far
// enough.
type stepped struct {
	mu      sync.Mutex
	now     time.Time
	waiters []waiter
}

type waiter struct {
	at time.Time
	ch chan time.Time
}

func (c *stepped) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *stepped) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := waiter{c.now.Add(d), make(chan time.Time, 1)}
	c.waiters = append(c.waiters, w)
	return w.ch
}

// step moves the clock once somebody waits for exactly d: never while a message is on
// its way.
func (c *stepped) step(t *testing.T, d time.Duration) {
	t.Helper()
	await(t, "the courier's wait of "+d.String(), func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		at := c.now.Add(d)
		if !slices.ContainsFunc(c.waiters, func(w waiter) bool { return w.at.Equal(at) }) {
			return false
		}
		c.now = at
		c.waiters = slices.DeleteFunc(c.waiters, func(w waiter) bool {
			if w.at.After(at) {
				return false
			}
			w.ch <- at
			return true
		})
		return true
	})
}
