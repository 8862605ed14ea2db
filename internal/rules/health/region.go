package health

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/escalation"
)

// Region is a country whose codes a block stops (seed 16).
type Region struct {
	Tenant string
	// Country is an ISO 3166 alpha-2 code.
	Country string
	Reason  block.Reason
	Start   time.Time
	// Until is when the block lifts by itself; zero for one that does not.
	Until time.Time
}

// Slowed reports whether the block is one of those between which a sample of codes goes
// out; any other stops the country.
func (r Region) Slowed() bool {
	return r.Counted() && !r.Until.IsZero() && r.Until.Sub(r.Start) <= escalation.RegionSlow
}

// Binds reports whether the block stands at now.
func (r Region) Binds(now time.Time) bool {
	return !now.Before(r.Start) && (r.Until.IsZero() || now.Before(r.Until))
}

// Counted reports whether how the country's codes fared is why it stands.
func (r Region) Counted() bool { return r.Reason == block.CompromisedTraffic }
