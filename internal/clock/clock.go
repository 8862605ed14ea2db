// Package clock is the one room that reads the wall clock.
package clock

import "time"

// Clock tells the time.
type Clock func() time.Time

// Wall is the machine's clock, in UTC.
func Wall() time.Time { return time.Now().UTC() }

// Timer returns a channel that receives once the duration has passed.
type Timer func(d time.Duration) <-chan time.Time

// WallTimer waits on the machine's clock.
func WallTimer(d time.Duration) <-chan time.Time { return time.After(d) }
