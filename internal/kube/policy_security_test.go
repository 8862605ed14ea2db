package kube

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

// seed 32, 33, 38, 39, 45, 53: the seeds' numbers, and those of a policy.
func TestPolicyOfSecurityInfo(t *testing.T) {
	clear := &v1alpha1.ClearPolicy{Requesters: 3, Delay: "48h"}
	full := v1alpha1.SecurityInfoPolicy{
		Hold: "1440h", Restrict: v1alpha1.RestrictSignIn, JuniorFor: "48h", MaxContacts: 4, Clear: clear,
		Recheck: v1alpha1.RecheckPolicy{Skip: "12h", MustVerifyAfter: "72h", Absence: "100h", ProofAge: "200h"},
	}
	named := change.Terms{
		Hold: 1440 * time.Hour, Restrict: change.SignIn, JuniorFor: 48 * time.Hour, ProveWithin: change.ProveWithin, MaxContacts: 4,
		ClearDelay: change.DefaultClearDelay,
	}
	work := named
	work.Requesters, work.ClearDelay = 3, 48*time.Hour
	byDefault := change.DefaultTerms()
	byDefault.Requesters = change.DefaultRequesters
	rechecks := recheck.Terms{Skip: 12 * time.Hour, MustVerifyAfter: 72 * time.Hour, Absence: 100 * time.Hour, ProofAge: 200 * time.Hour}
	for name, c := range map[string]struct {
		spec    v1alpha1.SecurityInfoPolicy
		of      v1alpha1.AccountType
		changes change.Terms
		recheck recheck.Terms
	}{
		"silent":                       {v1alpha1.SecurityInfoPolicy{}, "", change.DefaultTerms(), recheck.DefaultTerms()},
		"personal accounts":            {full, v1alpha1.AccountTypePersonal, named, rechecks},
		"work accounts may be cleared": {full, v1alpha1.AccountTypeWork, work, rechecks},
		"clearing by default numbers":  {v1alpha1.SecurityInfoPolicy{Clear: &v1alpha1.ClearPolicy{}}, v1alpha1.AccountTypeWork, byDefault, recheck.DefaultTerms()},
	} {
		t.Run(name, func(t *testing.T) {
			vp := &v1alpha1.VerificationPolicy{}
			vp.Spec.SecurityInfo, vp.Spec.Accounts.Type = c.spec, c.of
			p, err := Policy(vp, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.changes, p.Changes); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.recheck, p.Recheck); diff != "" {
				t.Errorf("recheck (-want +got):\n%s", diff)
			}
		})
	}
}
