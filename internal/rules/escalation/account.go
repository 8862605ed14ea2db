package escalation

import (
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Failure is one failed attempt, as a signal or a page saw it.
type Failure struct {
	Tenant, Account string
	// Method is how it was tried, such as SMS.
	Method string
	// Network is the /24 or /64 that it came from, empty where none may be blocked.
	Network string
	Device  block.Device
	// PastFirst says that the first factor was right, or a ticket opened the flow: only
	// such a failure says anything of the account (O1).
	PastFirst bool
	Policy    policy.Policy
	Now       time.Time
}

// Welcome is a sign-in that went well.
type Welcome struct {
	Tenant, Account string
	// Network is the /24 or /64 that it came from; empty where it is unknown.
	Network string
	Device  block.Device
	Now     time.Time
}

// Tally is how often an account failed within the window.
type Tally struct {
	// Method counts those of the method at hand, All those of every method.
	Method, All int
	// Since is when the oldest window that counts began.
	Since time.Time
}

// Window counts failures from its Start on; a new one begins when its length has gone.
type Window struct {
	Start time.Time
	Count int
}

// Add counts one failure at now in a window of the given length.
func (w Window) Add(now time.Time, length time.Duration) Window {
	if !w.Open(now, length) {
		return Window{Start: now, Count: 1}
	}
	w.Count++
	return w
}

// Open reports whether the window still counts at now.
func (w Window) Open(now time.Time, length time.Duration) bool {
	return !w.Start.IsZero() && now.Before(w.Start.Add(length))
}

// Account judges a failure past the first factor: many of one method block the method
// first (seed 28, 47), more over all methods block the account (seed 15), each for the
// policy's duration (seed 30). past are the account's own blocks within RepeatWindow.
func Account(f Failure, t Tally, past Past) Verdict {
	scope, value := block.Scope(""), ""
	method := MethodName(f.Method)
	switch limits := f.Policy.Escalation; {
	case !rules.Nameable(f.Account):
		return Verdict{}
	case t.All >= limits.AccountAfter:
		scope = block.Account
	case t.Method >= limits.MethodAfter && method != "":
		scope, value = block.Method, method
	default:
		return Verdict{}
	}
	alike := ofKind(past, scope, value)
	if standing(alike, f.Now) || standing(ofKind(past, block.Account, ""), f.Now) {
		return Verdict{}
	}
	if end, _ := lastEnd(past, f.Now); end.After(t.Since) {
		return Verdict{Forget: true}
	}
	p := f.Policy.Blocks[block.HighRequestVolume]
	s := newBlock(p, f.Now)
	s.Account, s.Reason, s.Scope, s.Value = f.Account, block.HighRequestVolume, scope, value
	if p.PermanentAfter > 0 && 1+since(alike, f.Now.Add(-RepeatWindow)) >= p.PermanentAfter {
		s.Permanent, s.Duration = true, 0
	}
	return Verdict{Block: s}
}

// ofKind keeps the blocks of Holdfast's own with a scope and value.
func ofKind(past Past, scope block.Scope, value string) Past {
	var alike Past
	for _, r := range past {
		if r.Key.Own() && r.Spec.Scope == scope && strings.EqualFold(r.Spec.Value, value) {
			alike = append(alike, r)
		}
	}
	return alike
}

// since counts the blocks that began after an instant.
func since(past Past, then time.Time) int {
	n := 0
	for _, r := range past {
		if r.Spec.Start.After(then) {
			n++
		}
	}
	return n
}
