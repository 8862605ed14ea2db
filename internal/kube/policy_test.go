package kube

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/policy"
)

func vp(namespace, name string, patterns ...v1alpha1.AccountPattern) *v1alpha1.VerificationPolicy {
	return &v1alpha1.VerificationPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.VerificationPolicySpec{Accounts: v1alpha1.AccountSelector{Patterns: patterns}},
	}
}

func TestAnEmptyPolicyIsTheSeedsNumbers(t *testing.T) {
	got, err := Policy(vp("shop", "all", "*"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Default()
	want.Tenant, want.Name = "shop", "all"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy (-seeds +got):\n%s", diff)
	}
	// The numbers themselves, so that a change of the defaults is seen here too.
	unusual := got.Blocks[block.UnusualActivity]
	if unusual.Duration != 24*time.Hour || len(unusual.Steps) != 2 || unusual.CodeTo != block.SecurityInfo {
		t.Errorf("seed 4, 30: %+v", unusual)
	}
	if c := got.Codes; c.Length != 6 || c.TTL != 10*time.Minute || c.MaxAttempts != 5 || c.ResendAfter != time.Minute || c.MaxWrongPerDay != 10 {
		t.Errorf("codes: %+v", c)
	}
	if got.Retention != 720*time.Hour || got.Mode != policy.Enforce || got.AccountType != policy.Personal {
		t.Errorf("retention %v, mode %v, type %v", got.Retention, got.Mode, got.AccountType)
	}
}

func TestAFullPolicy(t *testing.T) {
	score := int32(0)
	in := vp("shop", "all", "*")
	in.Spec.Accounts.Type, in.Spec.Mode = v1alpha1.AccountTypeWork, v1alpha1.ModeShadow
	in.Spec.Hosts = []v1alpha1.Host{"id.shop.example", "evil.example"}
	in.Spec.Providers = []v1alpha1.Provider{
		{Name: "b", Type: v1alpha1.ProviderTwilio, SecretRef: v1alpha1.SecretReference{Name: "sb"}, Channels: []v1alpha1.Channel{v1alpha1.ChannelSMS}, Countries: []v1alpha1.CountryCode{"DE"}},
		{Name: "z", Type: v1alpha1.ProviderSMTP, SecretRef: v1alpha1.SecretReference{Name: "sz"}, Channels: []v1alpha1.Channel{v1alpha1.ChannelEmail}, Order: -1},
		{Name: "a", Type: v1alpha1.ProviderSMTP, SecretRef: v1alpha1.SecretReference{Name: "sa"}, Channels: []v1alpha1.Channel{v1alpha1.ChannelEmail}},
	}
	in.Spec.Codes = v1alpha1.CodePolicy{Length: 8, TTL: "5m", EmailTTL: "1h", MaxAttempts: 3, ResendAfter: "30s", MaxWrongPerDay: 7, DisableContactAfter: 50}
	in.Spec.Limits = v1alpha1.LimitPolicy{
		Account: &v1alpha1.Rate{Count: 3, Per: "1h"}, Prefix: &v1alpha1.Rate{Count: 4, Per: "1h", Burst: 2},
		Countries:    []v1alpha1.CountryLimit{{Country: "DE", Rate: &v1alpha1.Rate{Count: 5, Per: "1m"}}, {Country: "FR", SpendPerHour: 1}},
		SpendPerHour: 600,
		ResendWaits:  []v1alpha1.Duration{"3m", "9m"}, AccountsPerNumber: &v1alpha1.Rate{Count: 2, Per: "24h"},
	}
	in.Spec.Blocks.Reasons = []v1alpha1.ReasonPolicy{
		{Reason: v1alpha1.BlockReasonHighRequestVolume, Permanent: true},
		{Reason: v1alpha1.BlockReasonAdministrative, MaxDuration: "48h", PermanentAfter: 3},
		{Reason: v1alpha1.BlockReasonUnusualActivity, Duration: "2h", CodeTo: v1alpha1.CodeToAnyNumber, Release: &v1alpha1.ReleaseSpec{Steps: []v1alpha1.ReleaseStep{v1alpha1.StepVerifyCode}}},
	}
	in.Spec.Blocks.ObjectBudget, in.Spec.Limits.MinConversionPercent = 7, new(int32)
	in.Spec.Blocks.Escalation = v1alpha1.EscalationPolicy{Window: "2h", MethodAfter: 3, AccountAfter: 4, NetworkAfter: 5}
	in.Spec.Password = v1alpha1.PasswordPolicy{MinLength: 12, MinScore: &score, Blocklist: []string{"shop"}}
	in.Spec.Messages = v1alpha1.MessagePolicy{ProductName: "Shop", Sender: "no-reply@shop.example"}
	in.Spec.Identity.Adapter = &v1alpha1.IdentityAdapter{Type: v1alpha1.AdapterWebhook, SecretRef: v1alpha1.SecretReference{Name: "idp"}}
	in.Spec.Retention.Objects = "48h"
	in.Spec.Help = v1alpha1.HelpContacts{URL: "https://help.shop.example", Email: "help@shop.example", Phone: "+49 30 123456"}
	in.Spec.SecurityInfo.OwnDomains = []v1alpha1.DomainName{"mail.shop.example"}
	in.Spec.SecurityInfo.VoIP, in.Spec.SecurityInfo.LookupOutage = v1alpha1.NumberAllow, v1alpha1.NumberAllow

	got, err := Policy(in, Tenants{"shop": {"id.shop.example"}})
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Default()
	want.Tenant, want.Name, want.AccountType, want.Mode = "shop", "all", policy.Work, policy.Shadow
	want.Hosts = []string{"id.shop.example"}
	want.Providers = []policy.Provider{
		{Name: "z", Type: "SMTP", Secret: "sz", Channels: []contact.Channel{contact.Email}},
		{Name: "a", Type: "SMTP", Secret: "sa", Channels: []contact.Channel{contact.Email}},
		{Name: "b", Type: "Twilio", Secret: "sb", Channels: []contact.Channel{contact.SMS}, Countries: []string{"DE"}},
	}
	want.Codes = policy.Codes{Length: 8, TTL: 5 * time.Minute, EmailTTL: time.Hour, MaxAttempts: 3, ResendAfter: 30 * time.Second, MaxWrongPerDay: 7, DisableAfter: 50}
	want.Limits.Account, want.Limits.Prefix = limit.Rate{Count: 3, Per: time.Hour, Burst: 1}, limit.Rate{Count: 4, Per: time.Hour, Burst: 2}
	want.Limits.Countries = map[string]limit.Rate{"DE": {Count: 5, Per: time.Minute, Burst: 1}}
	want.Limits.Spend = limit.Cap(600, time.Hour)
	want.Limits.SpendCountries = map[string]limit.Rate{"FR": limit.Cap(1, time.Hour)}
	want.Limits.ResendWaits = []time.Duration{3 * time.Minute, 9 * time.Minute}
	want.Limits.AccountsPerNumber = limit.Rate{Count: 2, Per: 24 * time.Hour, Burst: 1}
	want.Blocks[block.HighRequestVolume] = policy.Block{Permanent: true, MaxDuration: block.MaxLength, Steps: want.Blocks[block.HighRequestVolume].Steps, CodeTo: block.SecurityInfo}
	want.Blocks[block.UnusualActivity] = policy.Block{Duration: 2 * time.Hour, MaxDuration: block.MaxLength, Steps: []block.Step{block.VerifyCode}, CodeTo: block.AnyNumber}
	want.Blocks[block.Administrative] = policy.Block{Duration: 24 * time.Hour, MaxDuration: 48 * time.Hour, PermanentAfter: 3}
	want.Escalation = policy.Escalation{Window: 2 * time.Hour, MethodAfter: 3, AccountAfter: 4, NetworkAfter: 5, ObjectBudget: 7}
	want.Password = policy.Password{MinLength: 12, MinScore: 0, Blocklist: []string{"shop"}}
	want.Messages = policy.Messages{ProductName: "Shop", Sender: "no-reply@shop.example"}
	want.Identity = policy.Identity{Adapter: "Webhook", Secret: "idp"}
	want.Retention, want.HelpURL = 48*time.Hour, "https://help.shop.example"
	want.Numbers = policy.NumberRule{VoIP: true, Unasked: true}
	want.HelpEmail, want.HelpPhone, want.OwnDomains = "help@shop.example", "+49 30 123456", []string{"mail.shop.example"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

// A field that cannot be read takes the seeds' number, and nothing else of the policy
// changes: replicas that saw it before and after agree.
func TestAFieldThatCannotBeReadCountsAsEmpty(t *testing.T) {
	for field, spoil := range map[string]func(*v1alpha1.VerificationPolicySpec, v1alpha1.Duration){
		"spec.codes.ttl":             func(s *v1alpha1.VerificationPolicySpec, d v1alpha1.Duration) { s.Codes.TTL = d },
		"spec.limits.account.per":    func(s *v1alpha1.VerificationPolicySpec, d v1alpha1.Duration) { s.Limits.Account.Per = d },
		"spec.limits.resendWaits[1]": func(s *v1alpha1.VerificationPolicySpec, d v1alpha1.Duration) { s.Limits.ResendWaits[1] = d },
		"spec.retention.objects":     func(s *v1alpha1.VerificationPolicySpec, d v1alpha1.Duration) { s.Retention.Objects = d },
	} {
		in := vp("shop", "all", "*")
		in.Spec.Limits.Account = &v1alpha1.Rate{Count: 10, Per: "1h", Burst: 5} // the seeds' own
		in.Spec.Limits.ResendWaits = []v1alpha1.Duration{"7m", "4m"}
		in.Spec.Providers = []v1alpha1.Provider{{Name: "mail", Type: v1alpha1.ProviderSMTP, Channels: []v1alpha1.Channel{v1alpha1.ChannelEmail}}}
		want, err := Policy(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, unreadable := range []v1alpha1.Duration{"1d", "0s", "-1h"} {
			spoil(&in.Spec, unreadable)
			got, err := Policy(in, nil)
			if err == nil || !strings.HasPrefix(err.Error(), field+":") {
				t.Errorf("%s %s: error %v", field, unreadable, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", field, unreadable, diff)
			}
		}
	}
}

func TestPoliciesChooseAmongTheAccepted(t *testing.T) {
	p := NewPolicies(Tenants{"shop": {"a.example", "b.example"}, "other": {"c.example"}})
	var told []string
	p.OnChange(t.Context(), func(tenant string) { told = append(told, tenant) })
	apply := func(in *v1alpha1.VerificationPolicy) {
		t.Helper()
		if err := p.Apply(in); err != nil {
			t.Fatal(err)
		}
	}
	all, vip := vp("shop", "all", "*"), vp("shop", "vip", "vip-*", "boss")
	all.Spec.Hosts, vip.Spec.Hosts = []v1alpha1.Host{"a.example"}, []v1alpha1.Host{"c.example"}
	apply(all)
	apply(vip)
	for account, want := range map[string]string{"x": "all", "vip-1": "vip", "boss": "vip", "boss-2": "all"} {
		if got := p.For("shop", account); got.Name != want || got.Tenant != "shop" {
			t.Errorf("%s: policy %s/%s, want %s", account, got.Tenant, got.Name, want)
		}
	}
	if got := p.For("other", "x"); got.Name != "" || got.Retention != policy.Default().Retention || got.Tenant != "other" {
		t.Errorf("an account that no policy names: %+v", got)
	}
	if tenant, ok := p.Tenant("a.example"); !ok || tenant != "shop" {
		t.Errorf("a.example serves %q, %v", tenant, ok)
	}
	if _, ok := p.Tenant("c.example"); ok {
		t.Error("a host that is granted to another namespace is served")
	}
	if _, ok := p.Tenant("b.example"); ok {
		t.Error("a host that no policy names is served")
	}

	// On a shared pattern the lesser name holds, whatever came first.
	early := vp("shop", "early", "vip-*")
	apply(early)
	if got := p.For("shop", "vip-1").Name; got != "early" {
		t.Errorf("vip-1: policy %s, want early", got)
	}
	if got := p.For("shop", "boss").Name; got != "all" {
		t.Errorf("boss: policy %s: a conflicted policy holds for nobody", got)
	}
	p.Remove("shop", "early")
	if got := p.For("shop", "boss").Name; got != "vip" {
		t.Errorf("boss: policy %s after the conflict is gone", got)
	}

	before := len(told)
	apply(vip.DeepCopy())
	if len(told) != before {
		t.Error("a resync was told as a change")
	}
	broken := vp("shop", "all", "*")
	broken.Spec.Retention.Objects = "1d"
	if err := p.Apply(broken); err == nil || p.For("shop", "x").Name != "all" || p.For("shop", "x").Retention != policy.Default().Retention {
		t.Errorf("a field that cannot be read took the policy with it (error %v)", err)
	}
}

func TestTenants(t *testing.T) {
	got, err := ParseTenants([]string{"shop=id.shop.example,ID2.shop.example", "quiet", "shop=:8080"})
	if err != nil {
		t.Fatal(err)
	}
	want := Tenants{"shop": {"id.shop.example", "id2.shop.example", ":8080"}, "quiet": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tenants (-want +got):\n%s", diff)
	}
	for _, bad := range [][]string{nil, {"=a.example"}, {"a=x.example", "b=x.example"}} {
		if _, err := ParseTenants(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// Test numbers are in use in mode Shadow, without real providers, or where they are wanted
// twice; whatever the apiserver admitted.
func TestTestNumbersAreSaidTwice(t *testing.T) {
	providers := []v1alpha1.Provider{{Name: "texts", Type: v1alpha1.ProviderTwilio, Channels: []v1alpha1.Channel{v1alpha1.ChannelSMS}}}
	for name, c := range map[string]struct {
		mode      v1alpha1.Mode
		providers []v1alpha1.Provider
		inEnforce bool
		used      bool
	}{
		"without providers": {"", nil, false, true},
		"said once":         {"", providers, false, false},
		"said twice":        {v1alpha1.ModeEnforce, providers, true, true},
		"mode Shadow":       {v1alpha1.ModeShadow, providers, false, true},
	} {
		in := vp("shop", "all", "*")
		in.Spec.Mode, in.Spec.Providers = c.mode, c.providers
		in.Spec.Testing = &v1alpha1.TestingPolicy{Numbers: []v1alpha1.TestNumber{"+12025550100"}, SecretRef: v1alpha1.SecretReference{Name: "qa"}, InEnforce: c.inEnforce}
		got, err := Policy(in, nil)
		if err != nil || got.Tests("+12025550100") != c.used || got.Tests("+12025550101") || (got.Testing.Secret == "qa") != c.used {
			t.Errorf("%s: %+v, %v", name, got.Testing, err)
		}
	}
}
