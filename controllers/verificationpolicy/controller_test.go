package verificationpolicy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	managerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/controllers/controllertest"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

var config *rest.Config

func TestMain(m *testing.M) {
	os.Exit(controllertest.Run(m, func(c *rest.Config) { config = c }))
}

// gateway is a provider that answers by the password in its Secret, which it reads at
// each check as the real one does.
type gateway struct {
	secrets Secrets
	checks  *atomic.Int64
}

func (g gateway) Check(ctx context.Context, tenant string, p policy.Provider) error {
	g.checks.Add(1)
	data, err := g.secrets.Secret(tenant, p.Secret)
	if err != nil {
		return &message.Error{Class: message.Misconfigured, Provider: p.Name, Step: "secret"}
	}
	switch string(data["password"]) {
	case "right":
		return nil
	case "silent":
		<-ctx.Done()
		return errors.New("550 no such user jane@example.com")
	default:
		return &message.Error{Class: message.Misconfigured, Provider: p.Name, Step: "auth"}
	}
}

func validate(kind string, data map[string][]byte) error {
	if len(data["host"]) == 0 {
		return fmt.Errorf("%s Secret: key host is missing", kind)
	}
	return nil
}

type fixture struct {
	*testing.T
	client    client.Client
	writes    *controllertest.Writes
	checks    *atomic.Int64
	namespace string
}

func start(t *testing.T) fixture {
	t.Helper()
	return startAs(t, config)
}

// startAs starts the controller with credentials of its own, and as edits say.
func startAs(t *testing.T, as *rest.Config, edits ...func(*Controller)) fixture {
	t.Helper()
	f := fixture{T: t, checks: &atomic.Int64{}}
	f.client, f.writes = controllertest.NewClient(t, config)
	f.namespace = controllertest.Namespace(t, f.client)
	tenants := kube.Tenants{f.namespace: {"id.shop.example"}}
	scheme, err := kube.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	skip := true
	mgr, err := ctrl.NewManager(as, ctrl.Options{
		Scheme: scheme, Cache: kube.CacheOptions(tenants), Metrics: server.Options{BindAddress: "0"},
		Controller: managerconfig.Controller{SkipNameValidation: &skip}, Logger: testr.New(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	secretOptions := kube.SecretCacheOptions(tenants)
	secretOptions.Scheme = scheme
	secretCache, err := cache.New(as, secretOptions)
	if err != nil {
		t.Fatal(err)
	}
	if err := mgr.Add(secretCache); err != nil {
		t.Fatal(err)
	}
	secrets := kube.Secrets{Tenants: tenants, Cache: secretCache}
	c := &Controller{
		Client: counting{mgr.GetClient(), f.writes}, Tenants: tenants, Secrets: secrets, SecretInformers: secretCache, Checker: gateway{secrets, f.checks},
		ValidateProvider: validate, ValidateAdapter: validate, Now: clock.Wall, Recorder: mgr.GetEventRecorder("holdfast"),
		Intervals: Intervals{Healthy: 200 * time.Millisecond, Unhealthy: 200 * time.Millisecond, Timeout: 100 * time.Millisecond, Look: 50 * time.Millisecond},
	}
	for _, edit := range edits {
		edit(c)
	}
	if err := c.SetupWithManager(mgr); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(log.IntoContext(context.Background(), testr.New(t)))
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

// counting counts the status patches of the manager's client.
type counting struct {
	client.Client
	writes *controllertest.Writes
}

func (c counting) Status() client.SubResourceWriter {
	c.writes.Status.Add(1)
	return c.Client.Status()
}

func (f fixture) secret(name string, data map[string]string) *corev1.Secret {
	f.Helper()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name}, Type: v1alpha1.SecretTypeProvider, StringData: data,
	}
	if err := f.client.Create(f.Context(), s); err != nil {
		f.Fatal(err)
	}
	return s
}

func (f fixture) rotate(s *corev1.Secret, data map[string]string) {
	f.Helper()
	before := s.DeepCopy()
	s.Data, s.StringData = nil, data
	if err := f.client.Patch(f.Context(), s, client.MergeFrom(before)); err != nil {
		f.Fatal(err)
	}
}

func (f fixture) policy(name string, edit func(*v1alpha1.VerificationPolicySpec)) {
	f.Helper()
	vp := &v1alpha1.VerificationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name}}
	vp.Spec.Accounts.Patterns = []v1alpha1.AccountPattern{"*"}
	vp.Spec.Providers = []v1alpha1.Provider{{
		Name: "mail", Type: v1alpha1.ProviderSMTP, SecretRef: v1alpha1.SecretReference{Name: "smtp"}, Channels: []v1alpha1.Channel{v1alpha1.ChannelEmail},
	}}
	edit(&vp.Spec)
	if err := f.client.Create(f.Context(), vp); err != nil {
		f.Fatal(err)
	}
}

// becomes waits until Ready has a reason, and returns its message.
func (f fixture) becomes(name, reason string) string {
	f.Helper()
	var said string
	controllertest.Eventually(f.T, name+" is "+reason, func() bool {
		vp := f.read(name)
		c := meta.FindStatusCondition(vp.Status.Conditions, v1alpha1.ConditionReady)
		if c == nil {
			return false
		}
		said = c.Message
		return c.Reason == reason && vp.Status.ObservedGeneration == vp.Generation
	})
	return said
}

func (f fixture) read(name string) *v1alpha1.VerificationPolicy {
	f.Helper()
	vp := &v1alpha1.VerificationPolicy{}
	if err := f.client.Get(f.Context(), client.ObjectKey{Namespace: f.namespace, Name: name}, vp); err != nil {
		f.Fatal(err)
	}
	return vp
}

// The life of a provider Secret: missing, incomplete, refused, rotated, gone.
func TestProviderSecret(t *testing.T) {
	f := start(t)
	f.policy("all", func(s *v1alpha1.VerificationPolicySpec) {
		s.Identity.Adapter = &v1alpha1.IdentityAdapter{Type: v1alpha1.AdapterWebhook, SecretRef: v1alpha1.SecretReference{Name: "idp"}}
	})
	if said := f.becomes("all", v1alpha1.ReasonSecretNotFound); !strings.Contains(said, f.namespace+"/smtp") || !strings.Contains(said, f.namespace+"/idp") {
		t.Errorf("it says %q", said)
	}
	f.secret("idp", map[string]string{"host": "idp.example"})
	s := f.secret("smtp", map[string]string{"password": "wrong-hunter2"})
	if said := f.becomes("all", v1alpha1.ReasonSecretInvalid); !strings.Contains(said, "key host is missing") || strings.Contains(said, "hunter2") {
		t.Errorf("it says %q", said)
	}
	f.rotate(s, map[string]string{"host": "smtp.example", "password": "wrong-hunter2"})
	if said := f.becomes("all", v1alpha1.ReasonCredentialsRefused); !strings.Contains(said, "smtp") || strings.Contains(said, "hunter2") {
		t.Errorf("it says %q", said)
	}
	f.rotate(s, map[string]string{"host": "smtp.example", "password": "right"})
	f.becomes("all", v1alpha1.ReasonEnforced)
	vp := f.read("all")
	if vp.Status.State != v1alpha1.PolicyReady || len(vp.Status.Providers) != 1 || !vp.Status.Providers[0].Ready {
		t.Errorf("status %+v", vp.Status)
	}

	// law 2: a provider's own words stay with the provider.
	f.rotate(s, map[string]string{"host": "smtp.example", "password": "silent"})
	if said := f.becomes("all", v1alpha1.ReasonProviderUnreachable); strings.Contains(said, "jane") {
		t.Errorf("it says %q", said)
	}
	if got := f.read("all").Status; got.State != v1alpha1.PolicyDegraded || got.Providers[0].LastErrorClass != v1alpha1.ErrorUnreachable {
		t.Errorf("status %+v", got)
	}
	if err := f.client.Delete(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if said := f.becomes("all", v1alpha1.ReasonSecretNotFound); !strings.Contains(said, f.namespace+"/smtp") {
		t.Errorf("it says %q", said)
	}
	if !meta.IsStatusConditionTrue(f.read("all").Status.Conditions, v1alpha1.ConditionStalled) {
		t.Error("not stalled")
	}
}

// The Secret of the sign-in at the issuer is judged too: missing, without the key, and
// mended with nobody touching the policy, which lists no provider. law 2: its value stays
// in it.
func TestSecretOfTheSignIn(t *testing.T) {
	f := start(t)
	f.policy("all", func(s *v1alpha1.VerificationPolicySpec) {
		s.Providers = nil
		s.Identity.OIDC = &v1alpha1.OIDCClient{
			Issuer: "https://id.shop.example", ClientID: "holdfast", ClientSecretRef: &v1alpha1.SecretKeyReference{Name: "oidc", Key: "clientSecret"},
		}
	})
	if said := f.becomes("all", v1alpha1.ReasonSecretNotFound); !strings.Contains(said, f.namespace+"/oidc") || !strings.Contains(said, "identity.oidc") {
		t.Errorf("it says %q", said)
	}
	s := f.secret("oidc", map[string]string{"secret": "hunter2", "clientSecret": " "})
	if said := f.becomes("all", v1alpha1.ReasonSecretInvalid); !strings.Contains(said, "key clientSecret is missing or empty") || strings.Contains(said, "hunter2") {
		t.Errorf("it says %q", said)
	}
	if !meta.IsStatusConditionTrue(f.read("all").Status.Conditions, v1alpha1.ConditionStalled) {
		t.Error("not stalled")
	}
	f.rotate(s, map[string]string{"clientSecret": "hunter2"})
	f.becomes("all", v1alpha1.ReasonEnforced)
	if err := f.client.Delete(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	f.becomes("all", v1alpha1.ReasonSecretNotFound)
}

// A public client has no Secret, and a policy in mode Shadow says so.
func TestPublicClientInShadow(t *testing.T) {
	f := start(t)
	f.policy("all", func(s *v1alpha1.VerificationPolicySpec) {
		s.Providers, s.Mode = nil, v1alpha1.ModeShadow
		s.Identity.OIDC = &v1alpha1.OIDCClient{Issuer: "https://id.shop.example", ClientID: "holdfast"}
	})
	f.becomes("all", v1alpha1.ReasonShadow)
}

// Checks again and again write nothing while nothing changes.
func TestAStandingPolicyIsNotWritten(t *testing.T) {
	f := start(t)
	f.secret("smtp", map[string]string{"host": "smtp.example", "password": "right"})
	f.policy("all", func(*v1alpha1.VerificationPolicySpec) {})
	f.becomes("all", v1alpha1.ReasonEnforced)
	before, writes := f.read("all"), f.writes.Status.Load()
	checks := f.checks.Load()
	controllertest.Eventually(t, "three more checks", func() bool { return f.checks.Load() > checks+3 })
	if after := f.read("all"); after.ResourceVersion != before.ResourceVersion || f.writes.Status.Load() != writes {
		t.Errorf("written %d times more", f.writes.Status.Load()-writes)
	}
}

// A Secret of another type is none of Holdfast's, and is never read.
func TestASecretOfAnotherType(t *testing.T) {
	f := start(t)
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: "smtp"}, Type: corev1.SecretTypeOpaque,
		StringData: map[string]string{"host": "smtp.example", "password": "right"},
	}
	if err := f.client.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	f.policy("all", func(*v1alpha1.VerificationPolicySpec) {})
	if said := f.becomes("all", v1alpha1.ReasonSecretNotFound); !strings.Contains(said, v1alpha1.SecretTypeProvider) {
		t.Errorf("it says %q", said)
	}
}

// A tenant whose Role is missing is told so; the controller runs all the same.
func TestWithoutTheRoleOverSecrets(t *testing.T) {
	admin, _ := controllertest.NewClient(t, config)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "no-secrets"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"*"}, Verbs: []string{"*"}},
		{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "no-secrets"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "no-secrets"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "holdfast"}},
	}
	for _, o := range []client.Object{role, binding} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	limited := rest.CopyConfig(config)
	limited.Impersonate.UserName = "holdfast"
	f := startAs(t, limited)
	f.policy("all", func(*v1alpha1.VerificationPolicySpec) {})
	if said := f.becomes("all", v1alpha1.ReasonSecretInvalid); !strings.Contains(said, f.namespace+"/smtp is not known yet") {
		t.Errorf("it says %q", said)
	}
}

func TestHostsThatAreNotGranted(t *testing.T) {
	f := start(t)
	f.secret("smtp", map[string]string{"host": "smtp.example", "password": "right"})
	f.policy("all", func(s *v1alpha1.VerificationPolicySpec) {
		s.Hosts = []v1alpha1.Host{"id.shop.example", "evil.example"}
	})
	if said := f.becomes("all", v1alpha1.ReasonHostNotGranted); !strings.Contains(said, "evil.example") || strings.Contains(said, "id.shop") {
		t.Errorf("it says %q", said)
	}
}

// Of policies with a common pattern the lesser name is accepted, whatever came first;
// the other one follows when it goes.
func TestOverlappingPolicies(t *testing.T) {
	f := start(t)
	none := func(s *v1alpha1.VerificationPolicySpec) { s.Providers = nil }
	f.policy("second", none)
	f.becomes("second", v1alpha1.ReasonEnforced)
	if got := f.read("second").Status.State; got != v1alpha1.PolicyDegraded {
		t.Errorf("without providers: %s", got)
	}
	f.policy("first", none)
	f.becomes("first", v1alpha1.ReasonEnforced)
	if said := f.becomes("second", v1alpha1.ReasonConflicted); !strings.Contains(said, "* by first") {
		t.Errorf("it says %q", said)
	}
	want := v1alpha1.PolicyConflict{Pattern: "*", Policy: "first"}
	if got := f.read("second").Status; got.State != v1alpha1.PolicyConflicted || len(got.ConflictsWith) != 1 || got.ConflictsWith[0] != want {
		t.Errorf("status %+v", got)
	}
	if err := f.client.Delete(t.Context(), f.read("first")); err != nil {
		t.Fatal(err)
	}
	f.becomes("second", v1alpha1.ReasonEnforced)
	if got := f.read("second").Status.ConflictsWith; len(got) != 0 {
		t.Errorf("still conflicting with %v", got)
	}
}
