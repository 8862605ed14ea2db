package kube

import (
	"cmp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/disowned"
)

func (r ChangeReport) ready(state change.State) metav1.Condition {
	c := condition(v1alpha1.ConditionReady, metav1.ConditionTrue, string(state), "")
	switch state {
	case change.AwaitingCode:
		r.awaiting(&c)
	case change.OnHold:
		r.onHold(&c)
	case change.Applied:
		c.Message = "Applied at " + at(r.finished()) + "." + r.staysRestricted("What is sensitive stays restricted")
	case change.Cancelled:
		c.Message = "Cancelled at " + at(r.finished()) + r.byWhat() + "." + r.staysRestricted("What it restricted stays so")
	case change.Expired:
		c.Message = "What was to be proven did not come by " + at(r.finished()) + ": nothing is changed."
	}
	return c
}

func (r ChangeReport) awaiting(c *metav1.Condition) {
	deadline := at(r.Record.Deadline)
	if r.Record.Spec.Action == change.Clear {
		c.Reason, c.Message = v1alpha1.ReasonAwaitingRequester,
			"Waits until "+deadline+" for another requester, or for the person's own report of the loss."
		return
	}
	var needs []string
	for _, proof := range r.Record.Missing() {
		needs = append(needs, proofs[proof])
	}
	c.Message = "Waits until " + deadline + " for the person: " + strings.Join(needs, ", ") + "."
	switch {
	case r.Frozen == nil:
	case r.Frozen.Until.IsZero():
		c.Message += frozenBy + ": nothing can be proven before it has ended."
	default:
		c.Message += frozenBy + " until " + at(ceiling(r.Frozen.Until)) + ": nothing can be proven before."
	}
}

const frozenBy = " Another change of this account restricts it"

// proofs are what a person has still to do, in words.
var proofs = map[change.Proof]string{
	change.NewContactCode:  "a code to each new contact",
	change.FullContactCode: "a code to a full contact of the account",
	change.Confirmation:    "a second confirmation",
}

func (r ChangeReport) onHold(c *metav1.Condition) {
	until := at(ceiling(r.Record.HoldUntil))
	c.Message = "Proven, and on hold until " + until + "; a code to an old contact cancels it."
	if r.Record.Spec.Action == change.Clear {
		c.Message = "Agreed, and on hold until " + until + ", when all contacts go; a code to one of them cancels it."
	}
	if r.Record.Joined != "" {
		c.Message += " It seconds " + r.Record.Joined + " and ends with it."
	}
	switch {
	case r.Skewed:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonClockSkew
		c.Message = "The hold ended at " + until + ", but the clocks of Holdfast, the apiserver and the database " +
			"differ by more than 30 s or cannot be read: set them; until then the change waits."
	case r.Contested:
		c.Reason = v1alpha1.ReasonCompetingChange
		c.Message = "Proven, and on hold until " + until + " at least. " + competing
	case r.Shadow:
		c.Reason = v1alpha1.ReasonShadow
		c.Message += " The policy's mode is Shadow: the hold runs all the same, and decisions only tell of it."
	}
}

// staysRestricted says until when something of a change that is over restricts on.
func (r ChangeReport) staysRestricted(what string) string {
	if kind, until := r.Record.Restricts(r.Now); kind != "" && !until.IsZero() {
		return " " + what + " until " + at(ceiling(until)) + "."
	}
	return ""
}

// byWhat says what has cancelled the change.
func (r ChangeReport) byWhat() string {
	switch reason := r.Record.End.Reason; {
	case reason == change.ByCode:
		return " by a code to an old contact"
	case reason == change.ByDeletion && r.Record.Spec.Action == change.Clear:
		return " because it was deleted, or the Clear that seconds it"
	case reason == change.ByDeletion:
		return " because it was deleted"
	case reason == change.ByReview:
		return " because a change that was reviewed took its place"
	default:
		return ""
	}
}

func (r ChangeReport) stalled(state change.State) metav1.Condition {
	switch {
	case state == change.Rejected:
		reason := r.Record.End.Reason
		return condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, cmp.Or(string(reason), string(change.Rejected)),
			cmp.Or(rejections[reason], "A rule refuses the change: ask for it again."))
	case r.Record.Drifted(r.Spec):
		return condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonSpecDrifted,
			"The spec differs from the one recorded first, which stays in force: delete the change and create another.")
	default:
		return condition(v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNotStalled, "")
	}
}

var rejections = map[change.Reason]string{
	change.UnknownContact:  "The account has no such contact, or the store lost the new one: ask for the change again.",
	change.TooManyContacts: "The account would have more contacts than the policy's securityInfo.maxContacts: have one removed first.",
	change.ClearNotAllowed: "Nobody may clear: the policy has no securityInfo.clear, or its accounts are Personal.",
	change.VoIPRefused:     "The new number is an internet number, which the policy refuses: use a mobile or a landline.",
	change.NumberRefused: "The new number gets no code: it is premium, shared-cost, toll-free or a pager, or no provider of the policy " +
		"reaches its country.",
	change.AddressInvalid: "The new address is no email address: mend it in its Secret, and create the change anew.",
	disowned.NotTheirs: "Whoever gets messages at the new contact says that the account is not theirs: mend the address in its Secret, " +
		"and create the change anew.",
}

func (r ChangeReport) contested(state change.State) metav1.Condition {
	if r.Contested && !state.Terminal() {
		return condition(v1alpha1.ConditionContested, metav1.ConditionTrue, v1alpha1.ReasonCompetingChange, competing)
	}
	return condition(v1alpha1.ConditionContested, metav1.ConditionFalse, v1alpha1.ReasonNotContested, "")
}

const competing = "Another replacement of this account is on hold too; neither applies before one is cancelled or reviewed."

func identityTold(reason string) metav1.Condition {
	c := condition(v1alpha1.ConditionIdentityTold, metav1.ConditionFalse, reason, "")
	switch reason {
	case v1alpha1.ReasonSessionsEnded:
		c.Status, c.Message = metav1.ConditionTrue, "The identity provider has ended the account's sessions and asks for a new password."
	case v1alpha1.ReasonNoAdapter:
		c.Message = "The policy has no identity.adapter: end the account's sessions at the identity provider, and have its password changed."
	default:
		c.Message = "The identity provider refused or did not answer; it is told again every minute for 24 hours."
	}
	return c
}
