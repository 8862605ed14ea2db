package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// A host offers the issuers of the accepted policies that serve it, and no others.
func TestIssuersOfAHost(t *testing.T) {
	p := NewPolicies(Tenants{"shop": {"a.example", "b.example"}, "bank": {"c.example"}})
	apply := func(tenant, name string, pattern v1alpha1.AccountPattern, issuer string, hosts ...v1alpha1.Host) {
		t.Helper()
		in := vp(tenant, name, pattern)
		in.Spec.Hosts = hosts
		if issuer != "" {
			in.Spec.Identity.OIDC = &v1alpha1.OIDCClient{Issuer: issuer, ClientID: "holdfast", ClientSecretRef: &v1alpha1.SecretKeyReference{Name: "idp", Key: "secret"}}
		}
		if err := p.Apply(in); err != nil {
			t.Fatal(err)
		}
	}
	of := func(issuer string) policy.OIDC {
		return policy.OIDC{Issuer: issuer, ClientID: "holdfast", Secret: "idp", Key: "secret"}
	}
	apply("shop", "customers", "*", "https://id.example", "a.example")
	apply("shop", "staff", "staff-*", "https://work.example", "a.example", "b.example")
	apply("shop", "guests", "guest-*", "https://id.example", "a.example")
	apply("shop", "robots", "robot-*", "", "a.example")
	apply("shop", "twice", "staff-*", "https://refused.example", "a.example")   // staff holds the pattern
	apply("bank", "all", "*", "https://bank.example", "a.example", "c.example") // a.example is not granted to it
	for host, want := range map[string][]policy.OIDC{
		"a.example": {of("https://id.example"), of("https://work.example")},
		"b.example": {of("https://work.example")},
		"c.example": {of("https://bank.example")},
		"d.example": nil,
		"":          nil,
	} {
		if diff := cmp.Diff(want, p.Issuers(host)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", host, diff)
		}
	}
	if got := p.For("shop", "guest-1").Identity.OIDC; got != of("https://id.example") {
		t.Errorf("a guest's issuer is %+v", got)
	}
}
