// Package clock is the one room that reads the wall clock.
package clock

import "time"

// Clock tells the time.
type Clock func() time.Time

// Wall is the machine's clock, in UTC.
func Wall() time.Time { return time.Now().UTC() }
