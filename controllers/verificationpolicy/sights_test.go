package verificationpolicy

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/controllertest"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/health"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
	"holdfast.dev/holdfast/internal/store/storetest"
)

// sighted starts the controller over a real memory.
func sighted(t *testing.T) (fixture, *store.Store) {
	t.Helper()
	sealer, err := storetest.NewSealer("sighted")
	if err != nil {
		t.Fatal(err)
	}
	memory, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlite.Options{Sealer: sealer, Now: clock.Wall})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() })
	f := startAs(t, config, func(c *Controller) { c.Health, c.Outbox = memory, memory })
	f.secret("smtp", map[string]string{"host": "smtp.example", "password": "right"})
	return f, memory
}

func (f fixture) report(memory *store.Store, replica string, class message.ErrorClass, stands time.Duration) {
	f.Helper()
	err := memory.ReportHealth(f.Context(), health.Report{
		Circuit: health.CircuitOf(f.namespace, policy.Provider{Name: "mail", Type: "SMTP", Secret: "smtp"}, contact.Email),
		Replica: replica, Class: class, Until: clock.Wall().Add(stands),
	})
	if err != nil {
		f.Fatal(err)
	}
}

func (f fixture) condition(name, kind string) *metav1.Condition {
	f.Helper()
	return meta.FindStatusCondition(f.read(name).Status.Conditions, kind)
}

// Two replicas see a provider fail in different ways, again and again: the status says the
// worst of it once, and is well again when neither sees it any more.
func TestTwoReplicasSeeAProviderFail(t *testing.T) {
	f, memory := sighted(t)
	f.policy("all", func(*v1alpha1.VerificationPolicySpec) {})
	f.becomes("all", v1alpha1.ReasonEnforced)

	f.report(memory, "a", message.Unreachable, health.Stands)
	f.report(memory, "b", message.Temporary, health.Stands)
	said := f.becomes("all", v1alpha1.ReasonProviderFailing)
	if !strings.Contains(said, "mail takes the check, but sending by Email fails: Unreachable") {
		t.Errorf("it says %q", said)
	}
	vp := f.read("all")
	line := vp.Status.Providers[0]
	if vp.Status.State != v1alpha1.PolicyDegraded || line.Ready || line.LastErrorClass != v1alpha1.ErrorUnreachable {
		t.Errorf("status %+v", vp.Status)
	}
	if meta.IsStatusConditionTrue(vp.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Error("stalled: a provider may come back by itself")
	}

	checks := f.checks.Load()
	controllertest.Eventually(t, "five more checks", func() bool {
		f.report(memory, "b", message.Temporary, health.Stands)
		f.report(memory, "a", message.Unreachable, health.Stands)
		return f.checks.Load() > checks+5
	})
	if after := f.read("all"); after.ResourceVersion != vp.ResourceVersion {
		t.Errorf("the status flaps: %+v", after.Status)
	}

	f.report(memory, "a", message.Unreachable, -time.Second)
	controllertest.Eventually(t, "the class that is left", func() bool {
		return f.read("all").Status.Providers[0].LastErrorClass == v1alpha1.ErrorTemporary
	})
	f.report(memory, "b", message.Temporary, -time.Second)
	f.becomes("all", v1alpha1.ReasonEnforced)
	if line := f.read("all").Status.Providers[0]; !line.Ready || line.LastErrorClass != "" {
		t.Errorf("provider %+v", line)
	}
}

// seed 16: a country whose codes are stopped shows with its end, and goes by itself. A
// policy that does not serve it has nothing to tell, nor has one in mode Shadow.
func TestAStoppedCountry(t *testing.T) {
	f, memory := sighted(t)
	texts := func(country v1alpha1.CountryCode) []v1alpha1.Provider {
		return []v1alpha1.Provider{{
			Name: "texts", Type: v1alpha1.ProviderTwilio, SecretRef: v1alpha1.SecretReference{Name: "smtp"},
			Channels: []v1alpha1.Channel{v1alpha1.ChannelSMS}, Countries: []v1alpha1.CountryCode{country},
		}}
	}
	for name, edit := range map[string]func(*v1alpha1.VerificationPolicySpec){
		"here":      func(s *v1alpha1.VerificationPolicySpec) { s.Providers = texts("DE") },
		"elsewhere": func(s *v1alpha1.VerificationPolicySpec) { s.Providers = texts("FR") },
		"shadow":    func(s *v1alpha1.VerificationPolicySpec) { s.Providers, s.Mode = texts("DE"), v1alpha1.ModeShadow },
	} {
		f.policy(name, func(s *v1alpha1.VerificationPolicySpec) {
			s.Accounts.Patterns = []v1alpha1.AccountPattern{v1alpha1.AccountPattern(name + "-*")}
			edit(s)
		})
		f.becomes(name, map[bool]string{false: v1alpha1.ReasonEnforced, true: v1alpha1.ReasonShadow}[name == "shadow"])
	}
	start := clock.Wall().Add(-time.Minute).Truncate(time.Second)
	spec := block.Spec{Reason: block.CompromisedTraffic, Scope: block.Region, Value: "DE", Start: start, Duration: 24 * time.Hour, CodeTo: block.SecurityInfo}
	key := block.Key{Tenant: f.namespace, Name: "region"}
	if _, err := memory.FreezeBlock(t.Context(), key, "uid", spec); err != nil {
		t.Fatal(err)
	}
	controllertest.Eventually(t, "the country", func() bool { return len(f.read("here").Status.Regions) == 1 })
	got := f.read("here").Status.Regions[0]
	if got.Country != "DE" || got.State != v1alpha1.RegionStopped || got.Reason != v1alpha1.BlockReasonCompromisedTraffic ||
		!got.UntilTime.Equal(&metav1.Time{Time: start.Add(24 * time.Hour)}) || got.ConversionPercent != nil {
		t.Errorf("region %+v", got)
	}
	until := start.Add(24 * time.Hour).UTC().Format(time.RFC3339)
	c := f.condition("here", v1alpha1.ConditionDelivering)
	if c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonRegionStopped || !strings.Contains(c.Message, "DE (Stopped until "+until+")") {
		t.Errorf("Delivering %+v", c)
	}
	for _, other := range []string{"elsewhere", "shadow"} {
		if vp := f.read(other); len(vp.Status.Regions) != 0 || !meta.IsStatusConditionTrue(vp.Status.Conditions, v1alpha1.ConditionDelivering) {
			t.Errorf("%s: %+v", other, vp.Status)
		}
	}
	if _, err := memory.EndBlock(t.Context(), key, "uid", spec, block.End{State: block.Revoked, At: clock.Wall()}, true); err != nil {
		t.Fatal(err)
	}
	controllertest.Eventually(t, "the country goes", func() bool {
		vp := f.read("here")
		return len(vp.Status.Regions) == 0 && meta.IsStatusConditionTrue(vp.Status.Conditions, v1alpha1.ConditionDelivering)
	})
}

// A policy with test numbers is marked by a condition and an Event; a Secret without a seed
// is named, and leaves the policy enforced.
func TestTestNumbersAreMarked(t *testing.T) {
	f := start(t)
	f.secret("smtp", map[string]string{"host": "smtp.example", "password": "right"})
	qa := f.secret("qa", map[string]string{"12025550100": "123456"})
	f.policy("all", func(s *v1alpha1.VerificationPolicySpec) {
		s.Testing = &v1alpha1.TestingPolicy{Numbers: []v1alpha1.TestNumber{"+12025550100"}, SecretRef: v1alpha1.SecretReference{Name: "qa"}, InEnforce: true}
	})
	becomes := func(reason string) *metav1.Condition {
		t.Helper()
		controllertest.Eventually(t, "test numbers are "+reason, func() bool {
			c := f.condition("all", v1alpha1.ConditionTestNumbers)
			return c != nil && c.Reason == reason
		})
		return f.condition("all", v1alpha1.ConditionTestNumbers)
	}
	if c := becomes(v1alpha1.ReasonSecretInvalid); !strings.Contains(c.Message, "key 12025550100") || strings.Contains(c.Message, "123456") {
		t.Errorf("it says %q", c.Message)
	}
	f.rotate(qa, map[string]string{"12025550100": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"})
	becomes(v1alpha1.ReasonTestNumbersListed)
	f.becomes("all", v1alpha1.ReasonEnforced)
	controllertest.Eventually(t, "the Event", func() bool { return hasWarning(t.Context(), f, v1alpha1.ReasonTestNumbersListed) })
}

func hasWarning(ctx context.Context, f fixture, reason string) bool {
	var list eventsv1.EventList
	if err := f.client.List(ctx, &list, client.InNamespace(f.namespace)); err != nil {
		f.Fatal(err)
	}
	for _, e := range list.Items {
		if e.Reason == reason && e.Type == corev1.EventTypeWarning {
			return true
		}
	}
	return false
}
