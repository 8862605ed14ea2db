package securityinfochange

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// idp writes down what it is told, unless it is away.
type idp struct {
	away bool
	told []string
}

func (i *idp) RevokeSessions(_ context.Context, _ policy.Policy, account, key string) error {
	return i.hear("sessions of "+account, key)
}

func (i *idp) RequirePasswordChange(_ context.Context, _ policy.Policy, account, key string) error {
	return i.hear("password of "+account, key)
}

func (i *idp) hear(deed, key string) error {
	if i.away {
		return rules.ErrIdentity
	}
	i.told = append(i.told, deed+" "+key)
	return nil
}

func withAdapter(spec *v1alpha1.VerificationPolicySpec) {
	spec.Identity.Adapter = &v1alpha1.IdentityAdapter{Type: "Webhook", SecretRef: v1alpha1.SecretReference{Name: "idp"}}
}

// seed 34: cancelling ends the sessions of whoever asked for the change and asks for a new
// password, once, though the IdP was away at first.
func TestACancelledHoldEndsSessions(t *testing.T) {
	f, there := newFixture(t), &idp{away: true}
	f.controller.Identity = there
	f.policy(withAdapter)
	f.hold("replace")
	f.clock.Step(time.Hour)
	f.cancelled("replace")
	sic, result := f.reconcile("replace")
	f.state(sic, v1alpha1.ChangeCancelled, isTrue, v1alpha1.ReasonCancelled)
	f.condition(sic, v1alpha1.ConditionIdentityTold, isFalse, v1alpha1.ReasonIdentityUnreachable)
	if result.RequeueAfter != tellAgain {
		t.Errorf("told again after %v, want %v", result.RequeueAfter, tellAgain)
	}
	there.away = false
	f.clock.Step(tellAgain)
	sic, result = f.reconcile("replace")
	f.condition(sic, v1alpha1.ConditionIdentityTold, isTrue, v1alpha1.ReasonSessionsEnded)
	if !result.IsZero() {
		t.Errorf("looks again: %v", result)
	}
	f.reconcile("replace")
	if len(there.told) != 2 || !strings.HasPrefix(there.told[0], "sessions of ") || !strings.HasPrefix(there.told[1], "password of ") {
		t.Errorf("the IdP was told %q", there.told)
	}
	if keys := slices.Compact(slices.Clone(there.told)); len(keys) != len(there.told) {
		t.Errorf("two deeds under one key: %q", there.told)
	}
}

// An IdP that stays away is not told for ever, and where there is none the status says so.
func TestAnIdentityProviderThatIsNotTold(t *testing.T) {
	f := newFixture(t)
	f.controller.Identity = &idp{away: true}
	f.hold("replace")
	f.cancelled("replace")
	sic, result := f.reconcile("replace")
	f.condition(sic, v1alpha1.ConditionIdentityTold, isFalse, v1alpha1.ReasonNoAdapter)
	if !result.IsZero() {
		t.Errorf("looks again: %v", result)
	}
	f.policy(withAdapter)
	f.clock.Step(tellFor)
	if _, result = f.reconcile("replace"); !result.IsZero() {
		t.Errorf("told after %v still", tellFor)
	}
}

// A change that is deleted, applied or was never on hold ends nobody's sessions.
func TestOtherEndsTellNobody(t *testing.T) {
	f, there := newFixture(t), &idp{}
	f.controller.Identity = there
	f.policy(withAdapter)
	f.secret("waiting", newAddress)
	f.create("waiting")
	f.reconcile("waiting")
	f.clock.Step(200 * time.Hour)
	sic, _ := f.reconcile("waiting")
	f.state(sic, v1alpha1.ChangeExpired, isTrue, v1alpha1.ReasonExpired)
	if told := meta.FindStatusCondition(sic.Status.Conditions, v1alpha1.ConditionIdentityTold); told != nil || len(there.told) != 0 {
		t.Errorf("condition %v, told %q", told, there.told)
	}
}

// seed 24: an address at the account's own provider works, and the status advises another;
// it says so at every later look.
func TestAnAddressAtTheOwnDomainIsAdvisedAgainst(t *testing.T) {
	f := newFixture(t)
	_, domain, _ := strings.Cut(newAddress, "@")
	f.policy(func(spec *v1alpha1.VerificationPolicySpec) {
		spec.SecurityInfo.OwnDomains = []v1alpha1.DomainName{v1alpha1.DomainName(domain)}
	})
	f.hold("replace")
	for range 2 {
		sic, _ := f.reconcile("replace")
		f.condition(sic, v1alpha1.ConditionOwnDomain, isTrue, v1alpha1.ReasonSameProvider)
	}
}
