package kube

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Policies resolves which policy holds for an account and which tenant a host serves.
// It is fed by Apply and Remove from the informer; a policy is resolved once, when it
// changes.
type Policies struct {
	tenants Tenants

	mu         sync.RWMutex
	resolved   map[string]map[string]*resolved
	accepted   map[string][]policy.Selector
	hosts      map[string]string
	onChange   listeners[string]
	unresolved policy.Policy
}

// resolved is one policy as it was last read.
type resolved struct {
	selector policy.Selector
	policy   policy.Policy
}

// NewPolicies returns an empty set for the granted tenants.
func NewPolicies(tenants Tenants) *Policies {
	return &Policies{
		tenants: tenants, resolved: map[string]map[string]*resolved{},
		accepted: map[string][]policy.Selector{}, hosts: map[string]string{}, unresolved: policy.Default(),
	}
}

// Apply takes the sight of a policy. A field that cannot be read counts as empty: nobody
// loses the policy's providers for it. The error names the field.
func (p *Policies) Apply(vp *v1alpha1.VerificationPolicy) error {
	read, err := Policy(vp, p.tenants)
	if !vp.DeletionTimestamp.IsZero() {
		p.Remove(vp.Namespace, vp.Name)
		return nil
	}
	p.change(vp.Namespace, vp.Name, &resolved{selector: SelectorOf(vp), policy: read})
	if err != nil {
		return fmt.Errorf("a field of VerificationPolicy %s/%s counts as empty: %w", vp.Namespace, vp.Name, err)
	}
	return nil
}

// Remove takes the disappearance of a policy.
func (p *Policies) Remove(tenant, name string) {
	p.change(tenant, name, nil)
}

// For returns the policy of an account: policy.Default() where no accepted one matches.
// The callers must not change what it refers to.
func (p *Policies) For(tenant, account string) policy.Policy {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if name := policy.Choose(p.accepted[tenant], account); name != "" {
		return p.resolved[tenant][name].policy
	}
	none := p.unresolved
	none.Tenant = tenant
	return none
}

// Tenant returns the tenant whose pages a host serves: one that an accepted policy of a
// namespace names and the installation grants to it.
func (p *Policies) Tenant(host string) (string, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	tenant, ok := p.hosts[host]
	return tenant, ok
}

// Issuers lists where people may sign in on a host: what the accepted policies name that
// serve it, in the order of their names and each once.
func (p *Policies) Issuers(host string) []policy.OIDC {
	p.mu.RLock()
	defer p.mu.RUnlock()
	tenant := p.hosts[host]
	var list []policy.OIDC
	names := make([]string, 0, len(p.accepted[tenant]))
	for _, s := range p.accepted[tenant] {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	for _, name := range names {
		one := p.resolved[tenant][name].policy
		if at := one.Identity.OIDC; at.Issuer != "" && slices.Contains(one.Hosts, host) && !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	return list
}

// OnChange calls f with the tenant after each change of its policies, until ctx ends.
func (p *Policies) OnChange(ctx context.Context, f func(tenant string)) { p.onChange.add(ctx, f) }

func (p *Policies) change(tenant, name string, to *resolved) {
	if p.replace(tenant, name, to) {
		p.onChange.tell(tenant)
	}
}

// replace sets or drops one policy and reports whether anything changed.
func (p *Policies) replace(tenant, name string, to *resolved) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.resolved[tenant]
	if reflect.DeepEqual(all[name], to) {
		return false
	}
	if all == nil {
		all = map[string]*resolved{}
		p.resolved[tenant] = all
	}
	if to == nil {
		delete(all, name)
	} else {
		all[name] = to
	}
	p.accepted[tenant] = accepted(all)
	maps.DeleteFunc(p.hosts, func(_, t string) bool { return t == tenant })
	for _, s := range p.accepted[tenant] {
		for _, host := range all[s.Name].policy.Hosts {
			p.hosts[host] = tenant
		}
	}
	return true
}

// accepted leaves out the policies of which another holds a pattern.
func accepted(all map[string]*resolved) []policy.Selector {
	var selectors []policy.Selector
	for _, r := range all {
		selectors = append(selectors, r.selector)
	}
	conflicts := policy.Conflicts(selectors)
	return slices.DeleteFunc(selectors, func(s policy.Selector) bool { return conflicts[s.Name] != "" })
}
