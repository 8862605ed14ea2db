package courier

import (
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/message"
)

// quiet is what the last look at the outbox has found: outside full lanes nothing is due
// until then. It spares a look for others each time that a slot of a full lane is free.
type quiet struct {
	full  []message.Lane
	until time.Time
}

// left is how long nothing needs to be looked for while these lanes are full; at most 0
// where something may be due.
func (q quiet) left(full []message.Lane, now time.Time) time.Duration {
	for _, lane := range q.full {
		if !slices.ContainsFunc(full, func(l message.Lane) bool {
			return l.Tenant == lane.Tenant && (l.Channel == "" || l.Channel == lane.Channel)
		}) {
			return 0
		}
	}
	return q.until.Sub(now)
}
