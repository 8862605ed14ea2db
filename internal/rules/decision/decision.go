// Package decision holds the answer that the IdP and the apps get: may this
// account do this now.
package decision

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/recheck"
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

// SecurityInfoHold restricts an account while a change of its security info is on hold.
const SecurityInfoHold Reason = "SecurityInfoHold"

// Hold is what a change of security info restricts.
type Hold struct {
	What change.Restriction
	// Until is zero where the end is not known.
	Until time.Time
}

// Answer is a verdict and what explains it.
type Answer struct {
	Verdict Verdict
	Reasons []Reason
	// Until is the instant at which the last cause ends; zero if none is known.
	Until time.Time
	// Block names the block of the account itself that the person is led to: one
	// that they can release, if any.
	Block block.Key
	// Held leads the person to their security info, where a hold can be cancelled.
	Held bool
	// Prompt is what the person is asked at a sign-in, PromptBy when skipping ends.
	Prompt   recheck.Prompt
	PromptBy time.Time
}

// Facts is what is known about the request at hand.
type Facts struct {
	// Blocks are those that match the request, enforced or not.
	Blocks []block.Record
	// PaymentsDeniedUntil follows a release through an entered number.
	PaymentsDeniedUntil time.Time
	// Holds are what changes of security info restrict at this instant.
	Holds []Hold
	// Recheck is the round in which the person is asked to prove that they can receive a
	// code.
	Recheck recheck.Record
	// Device is the one that the account uses, if any is told.
	Device block.Device
}

// Decide answers an action at now. Before the first factor only what the stranger
// brings along counts, network and country: an account's own blocks would tell
// that it exists, and its owner must still reach the ticket (law 6, seed 2).
func Decide(action Action, facts Facts, now time.Time) Answer {
	answer := Answer{Verdict: Allow}
	permanent := answer.block(action, facts, now)
	if action == Payment && now.Before(facts.PaymentsDeniedUntil) {
		answer.deny(ReleasedByEnteredNumber, facts.PaymentsDeniedUntil)
	}
	blocked := answer.Verdict == Deny
	endless := answer.hold(action, facts.Holds)
	if permanent || endless {
		answer.Until = time.Time{}
	}
	if action == SignIn && !blocked {
		answer.prompt(facts.Recheck, now)
	}
	if action == Attempt {
		return Answer{Verdict: answer.Verdict}
	}
	return answer
}

// block denies what blocks bind, and names the one that the person is led to. It reports
// whether one of them is permanent.
func (a *Answer) block(action Action, facts Facts, now time.Time) (permanent bool) {
	releasable := false
	for _, b := range facts.Blocks {
		if !b.Enforced(now) || !concerns(b, action, facts.Device) {
			continue
		}
		a.deny(Reason(b.Spec.Reason), b.Expires)
		permanent = permanent || b.Spec.Permanent
		if b.Spec.Account != "" && (a.Block.Name == "" || b.Releasable() && !releasable) {
			a.Block, releasable = b.Key, b.Releasable()
		}
	}
	return permanent
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

// hold denies what a hold restricts: payments, or signing in (seed 33, 53). Security info
// is led to, for its page cancels the hold. It reports whether the end is not known.
func (a *Answer) hold(action Action, holds []Hold) (endless bool) {
	for _, h := range holds {
		switch {
		case action == Payment, action == SignIn && h.What == change.SignIn:
			a.deny(SecurityInfoHold, h.Until)
			a.Held, endless = true, endless || h.Until.IsZero()
		case action == ChangeSecurityInfo && a.Verdict != Deny:
			a.deny(SecurityInfoHold, h.Until)
			a.Verdict, a.Held, endless = Challenge, true, endless || h.Until.IsZero()
		}
	}
	return endless
}

// prompt asks a person who signs in to make sure that they can receive a code (seed 38).
func (a *Answer) prompt(round recheck.Record, now time.Time) {
	a.Prompt, a.PromptBy = round.Prompt(now)
	if a.Prompt == recheck.None {
		a.PromptBy = time.Time{}
	}
	if must := a.Prompt == recheck.MustVerify || a.Prompt == recheck.MustRegister; must && a.Verdict == Allow {
		a.Verdict = Challenge
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
