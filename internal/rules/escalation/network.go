package escalation

import (
	"net/netip"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
)

// Crowd is who came from one network within a window.
type Crowd struct {
	// Since is when the window began.
	Since time.Time
	// Refused are the accounts that failed from there and did not get in afterwards,
	// Welcome those that signed in.
	Refused, Welcome Sketch
}

// Refuse counts an account that failed at now; changed tells whether anything did.
func (c Crowd) Refuse(member uint64, now time.Time) (_ Crowd, changed bool) {
	if c.Since.IsZero() {
		c.Since = now
	}
	if c.Welcome.Has(member) {
		return c, false // who is at home there has mistyped
	}
	c.Refused, changed = c.Refused.Add(member)
	return c, changed
}

// Greet counts an account that signed in: its failures were its owner's.
func (c Crowd) Greet(member uint64) (_ Crowd, changed bool) {
	var left, came bool
	c.Refused, left = c.Refused.Remove(member)
	c.Welcome, came = c.Welcome.Add(member)
	return c, left || came
}

// Network judges the crowd of a network: one from which many accounts are refused, and
// more than sign in, is blocked as a whole in place of the accounts (seed 29, law 5).
// past are the network's blocks. It is never permanent (O20).
func Network(f Failure, c Crowd, past Past) Verdict {
	refused := c.Refused.Count()
	if refused < f.Policy.Escalation.NetworkAfter || refused <= c.Welcome.Count() || standing(past, f.Now) {
		return Verdict{}
	}
	end, lifted := lastEnd(past, f.Now)
	switch {
	case end.After(c.Since):
		return Verdict{Forget: true}
	case !lifted.IsZero() && f.Now.Before(lifted.Add(Quiet)):
		return Verdict{}
	}
	s := newBlock(f.Policy.Blocks[block.CompromisedTraffic], f.Now)
	s.Reason, s.Scope, s.Value, s.Steps = block.CompromisedTraffic, block.Network, f.Network, nil
	return Verdict{Block: timed(s)}
}

// timed makes a block end by itself whatever the policy says of its reason.
func timed(s block.Spec) block.Spec {
	if s.Permanent || s.Duration <= 0 {
		s.Permanent, s.Duration = false, day
	}
	return s
}

// Public reports whether a network may be blocked for the failures of its accounts. An
// address that no stranger can have is a proxy's of one's own: behind it stand all.
func Public(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !shared.Contains(addr)
}

// shared is the space behind a carrier's address translation (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")
