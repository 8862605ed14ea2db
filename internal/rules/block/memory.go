package block

import "time"

// Memory is what a mirror remembers of a record. Where the store lost it, it is adopted.
type Memory struct {
	Start, Expires time.Time
	Permanent      bool
	Extensions     int
	End            End
}

// Into joins what the mirror remembers with a record: earliest start, latest end and
// permanence win, and a terminal fact beats an open one (law 1). The duration stays: it
// is what one attempt adds, however often attempts have lengthened the block.
func (m Memory) Into(r Record) Record {
	if !m.Start.IsZero() && m.Start.Before(r.Spec.Start) {
		r.Spec.Start = m.Start
	}
	if r.End.State.Terminal() {
		return r
	}
	if m.Permanent {
		r.Spec.Permanent, r.Expires = true, time.Time{}
	}
	if !r.Spec.Permanent && m.Expires.After(r.Expires) {
		r.Expires = m.Expires
	}
	r.Extensions, r.End = max(r.Extensions, m.Extensions), m.End
	return r
}
