// Package escalation holds the rules by which failures become blocks of Holdfast's
// own: of a method first, then of the account, of a network that hits many accounts,
// of a country whose codes nobody verifies. Strangers' failures never block an
// account (O1).
package escalation

import (
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

const (
	// Quiet is how long strangers' failures open nothing anew after a release.
	Quiet = 24 * time.Hour
	// RepeatWindow is the time in which blocks count as repeated (seed 15).
	RepeatWindow = 720 * time.Hour
	// MaxMethods bounds the methods that are counted apart for one account; the others
	// count together.
	MaxMethods = 16
	// MaxDevices is how many devices of an account are known: the latest ones.
	MaxDevices = 10
	// MaxNetworkDevices is how many devices a Network block lets through: the latest
	// ones that signed in from there.
	MaxNetworkDevices = 256
	// DeviceLife is how long a device stays known after its last sign-in.
	DeviceLife = 2160 * time.Hour
	// DeviceGrain is how old the memory of a device may grow before a sign-in renews it.
	DeviceGrain = 24 * time.Hour

	day = 24 * time.Hour
)

// Past is a block of the past as the rules look at it: same account, scope and value.
type Past = []block.Record

// Verdict is what failures come to. The zero Verdict means nothing.
type Verdict struct {
	// Block is whom to block and how; its Scope is empty where nobody is.
	Block block.Spec
	// Forget says that what was counted lies before an end: it counts no more.
	Forget bool
}

// Blocks reports whether the verdict makes a block.
func (v Verdict) Blocks() bool { return v.Block.Scope != "" }

// Outcome says what became of a verdict.
type Outcome string

// The outcomes.
const (
	// Blocked: a record was written, which binds from now on.
	Blocked Outcome = "Blocked"
	// Shadowed: the policy's mode is Shadow; it was noted and binds nobody.
	Shadowed Outcome = "Shadow"
	// OverBudget: the tenant's budget of objects is used up; counters hold the rest.
	OverBudget Outcome = "OverBudget"
)

// Result is one escalation as it is counted and told.
type Result struct {
	Reason  block.Reason
	Scope   block.Scope
	Outcome Outcome
}

// MayOpen reports whether one more block fits beside those that are open. Blocks of
// accounts leave a tenth of the budget to the networks and regions that replace them
// (law 5).
func MayOpen(scope block.Scope, open, budget int) bool {
	if scope == block.Account || scope == block.Method {
		budget -= budget / 10
	}
	return open < budget
}

// MethodName is a method as it is counted: names that cannot stand in an object count
// together as "".
func MethodName(method string) string {
	if len(method) > 63 || strings.Trim(method[:min(len(method), 1)], "-_.") == "" {
		return ""
	}
	for _, c := range []byte(method) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' {
			return ""
		}
	}
	return method
}

// newBlock is a block of Holdfast's own from now on, in whole seconds as its object
// has them.
func newBlock(p policy.Block, now time.Time) block.Spec {
	s := block.Spec{
		Start: now.UTC().Truncate(time.Second), Duration: p.Duration, Permanent: p.Permanent,
		Steps: p.Steps, CodeTo: p.CodeTo,
	}
	if s.CodeTo == "" {
		s.CodeTo = block.SecurityInfo
	}
	return s
}

// standing reports whether one of the blocks binds at now.
func standing(past Past, now time.Time) bool {
	for _, r := range past {
		if r.Enforced(now) {
			return true
		}
	}
	return false
}

// lastEnd is when the last of the blocks ended before now, and when the last one was
// released or revoked; zero where none was.
func lastEnd(past Past, now time.Time) (end, lifted time.Time) {
	for _, r := range past {
		at := r.End.At
		switch r.State(now) {
		case block.Released, block.Revoked:
			lifted = later(lifted, at)
		case block.Expired:
			if at.IsZero() {
				at = r.Expires
			}
		default:
			continue
		}
		end = later(end, at)
	}
	return end, lifted
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
