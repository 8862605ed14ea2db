// Package decision holds the answer that the IdP and the apps get: may this
// account do this now.
package decision

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
)

// Action is what the account is about to do. Other names are the caller's own.
type Action string

// The actions that Holdfast knows.
const (
	// Attempt is asked before the first factor.
	Attempt            Action = "Attempt"
	SignIn             Action = "SignIn"
	SendCode           Action = "SendCode"
	ChangeSecurityInfo Action = "ChangeSecurityInfo"
	Payment            Action = "Payment"
)

// Verdict is the answer.
type Verdict string

// The verdicts.
const (
	Allow     Verdict = "Allow"
	Deny      Verdict = "Deny"
	Challenge Verdict = "Challenge"
)

// Reason is one cause of a verdict: a block's reason, or one of these.
type Reason string

// ReleasedByEnteredNumber restricts payments after such a release.
const ReleasedByEnteredNumber Reason = "ReleasedByEnteredNumber"

// Answer is a verdict and what explains it.
type Answer struct {
	Verdict Verdict
	Reasons []Reason
	// Until is the instant at which the last cause ends; zero if none is known.
	Until time.Time
	// Block names the block of the account itself that the person is led to: one
	// that they can release, if any.
	Block block.Key
}

// Facts is what is known about the request at hand.
type Facts struct {
	// Blocks are those that match the request, enforced or not.
	Blocks []block.Record
	// PaymentsDeniedUntil follows a release through an entered number.
	PaymentsDeniedUntil time.Time
	// Device is the one that the account uses, if any is told.
	Device block.Device
}

// Decide answers an action at now. Before the first factor only what the stranger
// brings along counts, network and country: an account's own blocks would tell
// that it exists, and its owner must still reach the ticket (law 6, seed 2).
func Decide(action Action, facts Facts, now time.Time) Answer {
	answer := Answer{Verdict: Allow}
	permanent, releasable := false, false
	for _, b := range facts.Blocks {
		if !b.Enforced(now) || !concerns(b, action, facts.Device) {
			continue
		}
		answer.deny(Reason(b.Spec.Reason), b.Expires)
		permanent = permanent || b.Spec.Permanent
		if b.Spec.Account != "" && (answer.Block.Name == "" || b.Releasable() && !releasable) {
			answer.Block, releasable = b.Key, b.Releasable()
		}
	}
	if action == Payment && now.Before(facts.PaymentsDeniedUntil) {
		answer.deny(ReleasedByEnteredNumber, facts.PaymentsDeniedUntil)
	}
	if permanent {
		answer.Until = time.Time{}
	}
	if action == Attempt {
		return Answer{Verdict: answer.Verdict}
	}
	return answer
}

// concerns reports whether a block speaks of an action. What Holdfast itself blocked
// binds no device that was known before (O1), and of a country only its codes.
func concerns(b block.Record, action Action, device block.Device) bool {
	switch {
	case action == Attempt && b.Spec.Scope != block.Network && b.Spec.Scope != block.Region:
		return false
	case b.StopsCodesOnly():
		return action == SendCode
	default:
		return !b.Spares(device)
	}
}

func (a *Answer) deny(reason Reason, until time.Time) {
	a.Verdict = Deny
	for _, r := range a.Reasons {
		if r == reason {
			reason = ""
		}
	}
	if reason != "" {
		a.Reasons = append(a.Reasons, reason)
	}
	if until.After(a.Until) {
		a.Until = until
	}
}
