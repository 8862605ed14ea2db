// Package epoch holds the rule by which a restored memory is noticed: it is behind a
// number that is kept outside it.
package epoch

import "time"

// MaxSilence is how long no replica may have run before the next one begins an epoch: the
// life of a code.
const MaxSilence = 10 * time.Minute

// Silent reports whether the memory was left alone for so long that it may have been
// restored together with its mark. Then only the clock can tell; zero is no beat yet.
func Silent(last, now time.Time) bool { return !last.IsZero() && now.Sub(last) > MaxSilence }

// Mark is how far a memory has come. The memory moves its own mark first, then the copy
// outside: the copy is never ahead unless the memory went back.
type Mark struct {
	// Epoch numbers the lives of the memory. A new one voids open codes, tickets, links
	// and sessions.
	Epoch int64
	// Beat counts on all the time, at least once between two moments that a backup and
	// its return must not confuse.
	Beat int64
}

// Next is the next mark of a memory, given the copy of its mark outside (zero where
// there is none), and whether the memory was restored or emptied since. An epoch that
// has begun is above every one before, on whichever side it was recorded.
func (inside Mark) Next(outside Mark) (next Mark, restored bool) {
	restored = inside.Beat < outside.Beat || inside.Epoch < outside.Epoch
	next = Mark{Epoch: max(inside.Epoch, outside.Epoch), Beat: max(inside.Beat, outside.Beat) + 1}
	if restored {
		next.Epoch++
	}
	return next, restored
}
