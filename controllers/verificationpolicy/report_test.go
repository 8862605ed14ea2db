package verificationpolicy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestStatusOfFindings(t *testing.T) {
	fine := finding{name: "mail"}
	smtp := policy.Provider{Name: "mail", Type: "SMTP", Secret: "smtp"}
	dead := checked(smtp, &message.Error{Class: message.Unreachable, Step: "dial"})
	refused := checked(smtp, &message.Error{Class: message.Misconfigured, Step: "auth"})
	missing := finding{name: "mail", class: message.Misconfigured, reason: v1alpha1.ReasonSecretNotFound, message: "provider mail: there is no Secret shop/smtp of type holdfast.dev/provider"}
	conflict := []v1alpha1.PolicyConflict{{Pattern: "vip-*", Policy: "early"}}
	cases := map[string]struct {
		findings  findings
		state     v1alpha1.PolicyState
		ready     string
		stalled   bool
		providers string
		says      string
	}{
		"all well":      {findings{providers: []finding{fine}}, v1alpha1.PolicyReady, v1alpha1.ReasonEnforced, false, v1alpha1.ReasonProvidersReady, "enforced"},
		"no providers":  {findings{}, v1alpha1.PolicyDegraded, v1alpha1.ReasonEnforced, false, v1alpha1.ReasonNoProviders, "enforced"},
		"unreachable":   {findings{providers: []finding{dead}}, v1alpha1.PolicyDegraded, v1alpha1.ReasonProviderUnreachable, false, v1alpha1.ReasonProviderUnreachable, "mail does not work: Unreachable at dial"},
		"refused":       {findings{providers: []finding{fine, refused}}, v1alpha1.PolicyInvalid, v1alpha1.ReasonCredentialsRefused, true, v1alpha1.ReasonCredentialsRefused, "refused the credentials in Secret smtp"},
		"secret gone":   {findings{providers: []finding{dead, missing}}, v1alpha1.PolicyInvalid, v1alpha1.ReasonSecretNotFound, true, v1alpha1.ReasonProviderUnreachable, "no Secret shop/smtp"},
		"adapter":       {findings{providers: []finding{fine}, adapter: &missing}, v1alpha1.PolicyInvalid, v1alpha1.ReasonSecretNotFound, true, v1alpha1.ReasonProvidersReady, "no Secret shop/smtp"},
		"sign-in":       {findings{providers: []finding{fine}, signIn: &missing}, v1alpha1.PolicyInvalid, v1alpha1.ReasonSecretNotFound, true, v1alpha1.ReasonProvidersReady, "no Secret shop/smtp"},
		"shadow":        {findings{providers: []finding{fine}, shadow: true}, v1alpha1.PolicyReady, v1alpha1.ReasonShadow, false, v1alpha1.ReasonProvidersReady, "nothing is denied"},
		"shadow, dead":  {findings{providers: []finding{dead}, shadow: true}, v1alpha1.PolicyDegraded, v1alpha1.ReasonProviderUnreachable, false, v1alpha1.ReasonProviderUnreachable, "does not work"},
		"host":          {findings{providers: []finding{refused}, refused: []string{"evil.example"}}, v1alpha1.PolicyInvalid, v1alpha1.ReasonHostNotGranted, true, v1alpha1.ReasonCredentialsRefused, "evil.example"},
		"conflict":      {findings{providers: []finding{fine}, conflicts: conflict}, v1alpha1.PolicyConflicted, v1alpha1.ReasonConflicted, true, v1alpha1.ReasonProvidersReady, "vip-* by early"},
		"invalid":       {findings{invalid: errors.New("spec.codes.ttl: bad")}, v1alpha1.PolicyInvalid, v1alpha1.ReasonInvalidSpec, true, v1alpha1.ReasonNoProviders, "spec.codes.ttl: bad; this field counts as empty"},
		"no driver yet": {findings{providers: []finding{checked(smtp, &message.Error{Class: message.Misconfigured, Step: "type"})}}, v1alpha1.PolicyInvalid, v1alpha1.ReasonTypeNotSupported, true, v1alpha1.ReasonTypeNotSupported, "no driver for the type SMTP"},
		"endpoint":      {findings{providers: []finding{checked(smtp, &message.Error{Class: message.Misconfigured, Step: "endpoint"})}}, v1alpha1.PolicyInvalid, v1alpha1.ReasonEndpointNotAllowed, true, v1alpha1.ReasonEndpointNotAllowed, "allow-list"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := c.findings.status(v1alpha1.VerificationPolicyStatus{}, 2, noon)
			ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
			if s.State != c.state || ready.Reason != c.ready || !strings.Contains(ready.Message, c.says) || s.ObservedGeneration != 2 {
				t.Errorf("state %s, Ready %s %q", s.State, ready.Reason, ready.Message)
			}
			if (ready.Status == metav1.ConditionTrue) != (c.ready == v1alpha1.ReasonEnforced || c.ready == v1alpha1.ReasonShadow) {
				t.Errorf("Ready is %s for %s", ready.Status, c.ready)
			}
			if got := meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionStalled); got != c.stalled {
				t.Errorf("stalled: %v", got)
			}
			got := ""
			if p := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionProvidersReady); p != nil {
				got = p.Reason
			}
			if got != c.providers {
				t.Errorf("ProvidersReady: %s, want %s", got, c.providers)
			}
			later := c.findings.status(*s.DeepCopy(), 2, noon.Add(time.Hour))
			if diff := cmp.Diff(s, later); diff != "" {
				t.Errorf("the same findings an hour later change the status:\n%s", diff)
			}
		})
	}
}

// A provider's time moves when its class changes, and only then.
func TestProviderHealthKeepsItsTime(t *testing.T) {
	smtp := policy.Provider{Name: "mail", Type: "SMTP", Secret: "smtp"}
	check := func(class message.ErrorClass, step string) findings {
		return findings{providers: []finding{checked(smtp, &message.Error{Class: class, Step: step})}}
	}
	first := check(message.Unreachable, "dial").status(v1alpha1.VerificationPolicyStatus{}, 1, noon)
	second := check(message.Unreachable, "tls").status(first, 1, noon.Add(time.Hour))
	if !second.Providers[0].LastTransitionTime.Time.Equal(noon) {
		t.Errorf("moved to %v within a class", second.Providers[0].LastTransitionTime)
	}
	third := findings{providers: []finding{{name: "mail"}}}.status(second, 1, noon.Add(2*time.Hour))
	want := v1alpha1.ProviderStatus{Name: "mail", Ready: true, LastTransitionTime: metav1.NewTime(noon.Add(2 * time.Hour))}
	if diff := cmp.Diff(want, third.Providers[0]); diff != "" {
		t.Errorf("provider (-want +got):\n%s", diff)
	}
}

func TestTestNumbersAreShownWhileListed(t *testing.T) {
	vp := &v1alpha1.VerificationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "all"}}
	vp.Spec.Testing = &v1alpha1.TestingPolicy{Numbers: []v1alpha1.TestNumber{"+12025550100", "+12025550101"}, SecretRef: v1alpha1.SecretReference{Name: "qa"}}
	provider := v1alpha1.Provider{Name: "texts", Type: v1alpha1.ProviderTwilio, Channels: []v1alpha1.Channel{v1alpha1.ChannelSMS}}
	seed := []byte("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	both := map[string][]byte{"12025550100": seed, "12025550101": seed}
	for name, c := range map[string]struct {
		edit   func(*v1alpha1.VerificationPolicySpec)
		data   map[string][]byte
		reason string
		says   string
	}{
		"without providers": {func(*v1alpha1.VerificationPolicySpec) {}, both, v1alpha1.ReasonTestNumbersListed, "No message leaves to 2 test numbers"},
		"said once":         {func(s *v1alpha1.VerificationPolicySpec) { s.Providers = []v1alpha1.Provider{provider} }, both, v1alpha1.ReasonTestNumbersIgnored, "only with testing.inEnforce"},
		"said twice": {func(s *v1alpha1.VerificationPolicySpec) {
			s.Providers, s.Testing.InEnforce = []v1alpha1.Provider{provider}, true
		}, both, v1alpha1.ReasonTestNumbersListed, "beside real providers in mode Enforce"},
		"in mode Shadow": {func(s *v1alpha1.VerificationPolicySpec) {
			s.Providers, s.Mode = []v1alpha1.Provider{provider}, v1alpha1.ModeShadow
		}, both, v1alpha1.ReasonTestNumbersListed, "No message leaves"},
		"a seed is missing": {func(*v1alpha1.VerificationPolicySpec) {}, map[string][]byte{"12025550100": seed}, v1alpha1.ReasonSecretInvalid, "Secret shop/qa: key 12025550101 must be base32"},
		"no Secret":         {func(*v1alpha1.VerificationPolicySpec) {}, nil, v1alpha1.ReasonSecretNotFound, "there is no Secret shop/qa"},
	} {
		t.Run(name, func(t *testing.T) {
			in := vp.DeepCopy()
			c.edit(&in.Spec)
			p, err := kube.Policy(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			controller := &Controller{Secrets: oneSecret(c.data)}
			s := findings{testing: controller.testNumbers(in, p)}.status(v1alpha1.VerificationPolicyStatus{}, 1, noon)
			got := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionTestNumbers)
			if got == nil || got.Reason != c.reason || !strings.Contains(got.Message, c.says) || strings.Contains(got.Message, string(seed)) {
				t.Errorf("%+v, want %s: %s", got, c.reason, c.says)
			}
			if (got.Status == metav1.ConditionTrue) != (c.reason == v1alpha1.ReasonTestNumbersListed) {
				t.Errorf("it is %s", got.Status)
			}
			s = findings{testing: controller.testNumbers(&v1alpha1.VerificationPolicy{}, policy.Policy{})}.status(s, 1, noon)
			if meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionTestNumbers) != nil {
				t.Error("still shown")
			}
		})
	}
}

// oneSecret is a Secrets with one Secret, or none.
type oneSecret map[string][]byte

func (s oneSecret) Secret(string, string) (map[string][]byte, error) {
	if s == nil {
		return nil, rules.ErrNotFound
	}
	return s, nil
}
