package change

import "time"

// MaxClockSkew is how far the clocks may lie apart when a hold ends (law 11).
const MaxClockSkew = 30 * time.Second

// Clocks are three readings of one moment.
type Clocks struct{ Process, APIServer, Database time.Time }

// Skewed reports whether the clocks lie more than MaxClockSkew apart, or one is unknown:
// then no hold ends.
func (c Clocks) Skewed() bool {
	if c.Process.IsZero() || c.APIServer.IsZero() || c.Database.IsZero() {
		return true
	}
	last := later(c.Process, later(c.APIServer, c.Database))
	return last.Sub(c.Now()) > MaxClockSkew
}

// Now is the earliest of the clocks: by it no hold ends too early.
func (c Clocks) Now() time.Time {
	return earlier(c.Process, earlier(c.APIServer, c.Database))
}
