package kube

import "holdfast.dev/holdfast/internal/rules/policy"

// Provider returns a provider of a tenant's policy by its name; the zero Provider where
// there is none.
func (p *Policies) Provider(tenant, policyName, provider string) policy.Provider {
	p.mu.RLock()
	defer p.mu.RUnlock()
	read := p.resolved[tenant][policyName]
	if read == nil {
		return policy.Provider{}
	}
	for _, candidate := range read.policy.Providers {
		if candidate.Name == provider {
			return candidate
		}
	}
	return policy.Provider{}
}
