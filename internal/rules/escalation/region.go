package escalation

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

const (
	// RegionWindow is the time whose codes tell how a country fares.
	RegionWindow = 3 * time.Hour
	// RegionPatience is how long people get to enter a code before it counts.
	RegionPatience = 10 * time.Minute
	// RegionSample is the least number of accounts that tell anything.
	RegionSample = 30
	// RegionSlow is how long the first block of a country lasts: between such blocks a
	// sample of codes goes out, so the country is slowed.
	RegionSlow = time.Hour
	// regionRepeat is the time after a block in which the next one stops the country for
	// the policy's whole duration.
	regionRepeat = day
)

// Sent is a code that went to a number of a country.
type Sent struct {
	Tenant, Account, ChallengeID, Flow string
	// Country is an ISO 3166 alpha-2 code; empty takes that of the flow's last code.
	Country string
	Policy  policy.Policy
	Now     time.Time
}

// Conversion is how a country's codes fared. Each account counts once, so that nobody
// stops a country with requests of their own.
type Conversion struct {
	Sent, Verified int
}

// Percent of the accounts that verified a code; 100 where none was sent.
func (c Conversion) Percent() int {
	if c.Sent == 0 {
		return 100
	}
	return c.Verified * 100 / c.Sent
}

// Since is the instant from which a country's codes count: the window's begin, or the
// end of its last block, so that what was judged once is not judged again.
func Since(past Past, now time.Time) time.Time {
	end, _ := lastEnd(past, now)
	return later(end, now.Add(-RegionWindow-RegionPatience))
}

// Region judges a country: one whose codes are no longer verified is slowed for an
// hour, and stopped for the policy's duration where that did not help (seed 16, T2). A
// block lifts by itself. past are the country's own blocks.
func Region(country string, c Conversion, past Past, p policy.Policy, now time.Time) Verdict {
	line := p.Escalation.MinConversion
	if line <= 0 || !CountryCode(country) || c.Sent < RegionSample || c.Percent() >= line || standing(past, now) {
		return Verdict{}
	}
	end, lifted := lastEnd(past, now)
	if !lifted.IsZero() && now.Before(lifted.Add(Quiet)) {
		return Verdict{}
	}
	s := timed(newBlock(p.Blocks[block.CompromisedTraffic], now))
	s.Reason, s.Scope, s.Value, s.Steps = block.CompromisedTraffic, block.Region, country, nil
	if end.IsZero() || now.Sub(end) >= regionRepeat {
		s.Duration = min(s.Duration, RegionSlow)
	}
	return Verdict{Block: s}
}

// CountryCode reports whether a country is written as an object has it.
func CountryCode(country string) bool {
	if len(country) != 2 {
		return false
	}
	for _, c := range []byte(country) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}
