package kube

import (
	"cmp"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// securityInfo resolves what a policy says about changes of security info and rechecks.
// Only work accounts are cleared (seed 45).
func (r *resolver) securityInfo(s v1alpha1.SecurityInfoPolicy) {
	r.Changes.Hold = r.span("securityInfo.hold", s.Hold, r.Changes.Hold)
	r.Changes.Restrict = change.Restriction(s.Restrict)
	r.Changes.JuniorFor = r.span("securityInfo.juniorFor", s.JuniorFor, r.Changes.JuniorFor)
	r.Changes.MaxContacts = cmp.Or(int(s.MaxContacts), r.Changes.MaxContacts)
	if c := s.Clear; c != nil && r.AccountType == policy.Work {
		r.Changes.Requesters = cmp.Or(int(c.Requesters), change.DefaultRequesters)
		r.Changes.ClearDelay = r.span("securityInfo.clear.delay", c.Delay, r.Changes.ClearDelay)
	}
	k := s.Recheck
	r.Recheck.Skip = r.span("securityInfo.recheck.skip", k.Skip, r.Recheck.Skip)
	r.Recheck.MustVerifyAfter = r.span("securityInfo.recheck.mustVerifyAfter", k.MustVerifyAfter, r.Recheck.MustVerifyAfter)
	r.Recheck.Absence = r.span("securityInfo.recheck.absence", k.Absence, r.Recheck.Absence)
	r.Recheck.ProofAge = r.span("securityInfo.recheck.proofAge", k.ProofAge, r.Recheck.ProofAge)
}
