package main

import (
	"crypto/rand"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/seal"
)

// The tenant of all measurements.
const (
	tenant = "shop"
	host   = "account.shop.example"
)

// shop is a tenant as a replica knows it: one policy, an index of its blocks and the
// desk that serves both.
type shop struct {
	index    *kube.Index
	policies *kube.Policies
	keys     *seal.Keys
	desk     *flow.Desk
}

func newShop() (*shop, error) {
	keys, err := seal.Generate()
	if err != nil {
		return nil, err
	}
	s := &shop{policies: kube.NewPolicies(kube.Tenants{tenant: {host}}), keys: keys}
	if err := s.policies.Apply(policyOfShop()); err != nil {
		return nil, err
	}
	s.index = kube.NewIndex(s.policies.For)
	s.desk = &flow.Desk{
		Index: s.index, Policies: s.policies, Sealer: keys, Now: clock.Wall, Random: rand.Reader,
		Issuer: "bench", Epoch: func() int64 { return 1 }, Scheme: "https",
	}
	return s, nil
}

func policyOfShop() *v1alpha1.VerificationPolicy {
	return &v1alpha1.VerificationPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: "everyone"},
		Spec: v1alpha1.VerificationPolicySpec{
			Accounts: v1alpha1.AccountSelector{Patterns: []v1alpha1.AccountPattern{"*"}},
			Hosts:    []v1alpha1.Host{host},
			Providers: []v1alpha1.Provider{{
				Name: "mail", Type: v1alpha1.ProviderSMTP, SecretRef: v1alpha1.SecretReference{Name: "mail"},
				Channels: []v1alpha1.Channel{v1alpha1.ChannelEmail},
			}},
		},
	}
}

// see puts an object into the index as the apiserver would have made it.
func (s *shop) see(ab *v1alpha1.AccountBlock) error {
	ab.UID = types.UID("uid-of-" + ab.Name)
	ab.CreationTimestamp = metav1.NewTime(clock.Wall().Truncate(time.Second))
	return s.index.Apply(ab)
}

// newBlock is the block of one account, which a code alone releases.
func newBlock(namespace string, i int) *v1alpha1.AccountBlock {
	return &v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("block-%05d", i)},
		Spec: v1alpha1.AccountBlockSpec{
			Account: v1alpha1.AccountID(blockedAccount(i)), Reason: v1alpha1.BlockReasonUnusualActivity, Duration: "24h",
			Release: &v1alpha1.ReleaseSpec{Steps: []v1alpha1.ReleaseStep{v1alpha1.StepVerifyCode}},
		},
	}
}

func blockedAccount(i int) string { return fmt.Sprintf("blocked-%05d", i) }

// newNetworkBlock is the block of one network of 256 addresses.
func newNetworkBlock(namespace string, i int) *v1alpha1.AccountBlock {
	return &v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("network-%05d", i)},
		Spec: v1alpha1.AccountBlockSpec{
			Reason: v1alpha1.BlockReasonCompromisedTraffic, Scope: v1alpha1.ScopeNetwork,
			Value: fmt.Sprintf("198.18.%d.0/24", i), Duration: "24h",
		},
	}
}
