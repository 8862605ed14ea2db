package securityinfochange

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
)

// seed 45: two requesters clear a work account after 24 hours. What is sensitive stays
// restricted for 30 days, which its status says, and no longer: it is looked at by itself
// then, though others made the object.
func TestClearByTwoRequesters(t *testing.T) {
	f := newFixture(t)
	f.policy(func(p *v1alpha1.VerificationPolicySpec) {
		p.Accounts.Type, p.SecurityInfo.Clear = v1alpha1.AccountTypeWork, &v1alpha1.ClearPolicy{}
	})
	clearing := func(by v1alpha1.Username) func(*v1alpha1.SecurityInfoChange) {
		return func(sic *v1alpha1.SecurityInfoChange) {
			sic.Spec.Action, sic.Spec.Contacts, sic.Spec.RequestedBy = v1alpha1.ActionClear, nil, by
		}
	}
	f.create("first", clearing("jane"))
	sic, _ := f.reconcile("first")
	f.state(sic, v1alpha1.ChangeAwaitingCode, isTrue, v1alpha1.ReasonAwaitingRequester)
	start := f.create("second", clearing("joe")).CreationTimestamp.UTC()
	sic, _ = f.reconcile("second")
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	f.says(sic, "It seconds first and ends with it.")
	sic, _ = f.reconcile("first")
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)

	f.clock.Set(start.Add(change.DefaultClearDelay + time.Minute))
	sic, result := f.reconcile("first")
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
	free := sic.Status.HoldStartTime.Add(month)
	f.says(sic, "What is sensitive stays restricted until "+free.UTC().Format(time.RFC3339)+".")
	if sic.Status.Restricted != v1alpha1.RestrictSensitiveActions || !f.clock.Now().Add(result.RequeueAfter).Equal(free) {
		t.Errorf("restricted %q, looks again after %v", sic.Status.Restricted, result.RequeueAfter)
	}
	sic, _ = f.reconcile("second")
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
	f.clock.Set(free)
	sic, result = f.reconcile("first")
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
	if sic.Status.Restricted != "" || !result.IsZero() {
		t.Errorf("restricted %q, result %v", sic.Status.Restricted, result)
	}
}
