package kube

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Policy resolves a VerificationPolicy: the seeds' numbers where it is silent, and
// only the hosts that are granted to its namespace. An error names a field that cannot be
// read: it counts as empty, and the policy holds all the same, so that every replica,
// whenever it started, makes the same of it.
func Policy(vp *v1alpha1.VerificationPolicy, tenants Tenants) (policy.Policy, error) {
	r := resolver{policy.Default(), nil}
	p, spec := &r.Policy, &vp.Spec
	p.Tenant, p.Name = vp.Namespace, vp.Name
	p.Hosts, _ = tenants.Split(vp.Namespace, Strings(spec.Hosts))
	p.AccountType = policy.AccountType(cmp.Or(string(spec.Accounts.Type), string(p.AccountType)))
	p.Mode = policy.Mode(cmp.Or(string(spec.Mode), string(p.Mode)))
	p.Providers = providers(spec.Providers)
	p.Testing = testNumbers(spec)
	p.Numbers = policy.NumberRule{
		VoIP: spec.SecurityInfo.VoIP == v1alpha1.NumberAllow, Unasked: spec.SecurityInfo.LookupOutage == v1alpha1.NumberAllow,
	}
	p.HelpURL, p.HelpEmail, p.HelpPhone = spec.Help.URL, spec.Help.Email, spec.Help.Phone
	p.OwnDomains = Strings(spec.SecurityInfo.OwnDomains)
	if a := spec.Identity.Adapter; a != nil {
		p.Identity.Adapter, p.Identity.Secret = string(a.Type), a.SecretRef.Name
	}
	if o := spec.Identity.OIDC; o != nil {
		p.Identity.OIDC = oidc(o)
	}
	p.Retention = r.span("retention.objects", spec.Retention.Objects, p.Retention)
	r.codes(spec.Codes)
	r.limits(spec.Limits)
	r.password(spec.Password)
	r.blocks(spec.Blocks.Reasons)
	r.escalation(spec)
	r.securityInfo(spec.SecurityInfo)
	r.messages(spec.Messages)
	return *p, r.err
}

func oidc(o *v1alpha1.OIDCClient) policy.OIDC {
	client := policy.OIDC{Issuer: o.Issuer, ClientID: o.ClientID}
	if o.ClientSecretRef != nil {
		client.Secret, client.Key = o.ClientSecretRef.Name, o.ClientSecretRef.Key
	}
	return client
}

// SelectorOf says which accounts a VerificationPolicy is for.
func SelectorOf(vp *v1alpha1.VerificationPolicy) policy.Selector {
	return policy.Selector{Name: vp.Name, Patterns: Strings(vp.Spec.Accounts.Patterns)}
}

// Strings turns a list of named strings into plain ones.
func Strings[S ~string](list []S) []string {
	var out []string
	for _, s := range list {
		out = append(out, string(s))
	}
	return out
}

// resolver fills a policy and keeps the first field that cannot be read.
type resolver struct {
	policy.Policy
	err error
}

func (r *resolver) span(field string, d v1alpha1.Duration, fallback time.Duration) time.Duration {
	span, err := d.Parse()
	if err == nil && d != "" && span <= 0 {
		err = fmt.Errorf("%q is not longer than zero", string(d))
	}
	if !r.usable(field, err) {
		return fallback
	}
	return cmp.Or(span, fallback)
}

func (r *resolver) codes(c v1alpha1.CodePolicy) {
	r.Codes = policy.Codes{
		Length:         cmp.Or(int(c.Length), r.Codes.Length),
		TTL:            r.span("codes.ttl", c.TTL, r.Codes.TTL),
		EmailTTL:       r.span("codes.emailTTL", c.EmailTTL, r.Codes.EmailTTL),
		MaxAttempts:    cmp.Or(int(c.MaxAttempts), r.Codes.MaxAttempts),
		ResendAfter:    r.span("codes.resendAfter", c.ResendAfter, r.Codes.ResendAfter),
		MaxWrongPerDay: cmp.Or(int(c.MaxWrongPerDay), r.Codes.MaxWrongPerDay),
		DisableAfter:   cmp.Or(int(c.DisableContactAfter), r.Codes.DisableAfter),
	}
}

func (r *resolver) limits(l v1alpha1.LimitPolicy) {
	r.Limits = policy.Limits{
		Account: r.rate("limits.account", l.Account, r.Limits.Account),
		Contact: r.rate("limits.contact", l.Contact, r.Limits.Contact),
		Network: r.rate("limits.network", l.Network, r.Limits.Network),
		Prefix:  r.rate("limits.prefix", l.Prefix, r.Limits.Prefix),
		Country: r.rate("limits.country", l.Country, r.Limits.Country),

		Spend:             spend(l.SpendPerHour, r.Limits.Spend),
		ResendWaits:       r.Limits.ResendWaits,
		AccountsPerNumber: r.rate("limits.accountsPerNumber", l.AccountsPerNumber, r.Limits.AccountsPerNumber),
	}
	if waits := r.Limits.ResendWaits; len(l.ResendWaits) > 0 {
		r.Limits.ResendWaits = nil
		for i, wait := range l.ResendWaits {
			fallback := waits[min(i, len(waits)-1)]
			r.Limits.ResendWaits = append(r.Limits.ResendWaits, r.span(fmt.Sprintf("limits.resendWaits[%d]", i), wait, fallback))
		}
	}
	if len(l.Countries) > 0 {
		r.countries(l.Countries)
	}
}

// countries are rates and caps of single countries.
func (r *resolver) countries(list []v1alpha1.CountryLimit) {
	r.Limits.Countries, r.Limits.SpendCountries = map[string]limit.Rate{}, map[string]limit.Rate{}
	for _, c := range list {
		name := string(c.Country)
		if c.Rate != nil {
			r.Limits.Countries[name] = r.rate("limits.countries["+name+"].rate", c.Rate, r.Limits.Country)
		}
		if c.SpendPerHour > 0 {
			r.Limits.SpendCountries[name] = spend(c.SpendPerHour, limit.Rate{})
		}
	}
}

func spend(perHour int32, fallback limit.Rate) limit.Rate {
	if perHour <= 0 {
		return fallback
	}
	return limit.Cap(int(perHour), time.Hour)
}

func (r *resolver) rate(field string, given *v1alpha1.Rate, fallback limit.Rate) limit.Rate {
	if given == nil {
		return fallback
	}
	return limit.Rate{
		Count: int(given.Count),
		Per:   r.span(field+".per", given.Per, fallback.Per),
		Burst: cmp.Or(int(given.Burst), 1),
	}
}

func (r *resolver) password(p v1alpha1.PasswordPolicy) {
	r.Password.MinLength = cmp.Or(int(p.MinLength), r.Password.MinLength)
	if p.MinScore != nil {
		r.Password.MinScore = int(*p.MinScore)
	}
	r.Password.Blocklist = p.Blocklist
}

func (r *resolver) blocks(reasons []v1alpha1.ReasonPolicy) {
	for _, given := range reasons {
		reason := block.Reason(given.Reason)
		b := r.Blocks[reason]
		b.Duration = r.span("blocks.reasons["+string(reason)+"].duration", given.Duration, b.Duration)
		b.MaxDuration = r.span("blocks.reasons["+string(reason)+"].maxDuration", given.MaxDuration, b.MaxDuration)
		b.PermanentAfter = int(given.PermanentAfter)
		if given.Permanent {
			b.Permanent, b.Duration = true, 0
		}
		if given.Release != nil {
			b.Steps = steps(given.Release.Steps)
		}
		b.CodeTo = block.CodeTo(cmp.Or(string(given.CodeTo), string(b.CodeTo)))
		r.Blocks[reason] = b
	}
}

func (r *resolver) escalation(spec *v1alpha1.VerificationPolicySpec) {
	given, e := spec.Blocks.Escalation, &r.Escalation
	e.Window = r.span("blocks.escalation.window", given.Window, e.Window)
	e.MethodAfter = cmp.Or(int(given.MethodAfter), e.MethodAfter)
	e.AccountAfter = cmp.Or(int(given.AccountAfter), e.AccountAfter)
	e.NetworkAfter = cmp.Or(int(given.NetworkAfter), e.NetworkAfter)
	e.ObjectBudget = cmp.Or(int(spec.Blocks.ObjectBudget), e.ObjectBudget)
	if percent := spec.Limits.MinConversionPercent; percent != nil {
		e.MinConversion = int(*percent)
	}
}

// providers come in the order of use: lesser order first, on ties the lesser name.
func providers(list []v1alpha1.Provider) []policy.Provider {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b v1alpha1.Provider) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Name, b.Name))
	})
	var out []policy.Provider
	for _, given := range list {
		p := policy.Provider{
			Name: given.Name, Type: string(given.Type), Secret: given.SecretRef.Name,
			Countries: Strings(given.Countries),
		}
		for _, c := range given.Channels {
			p.Channels = append(p.Channels, contact.Channel(c))
		}
		out = append(out, p)
	}
	return out
}

// testNumbers are those in use; none in mode Enforce beside real providers, unless that is
// said twice.
func testNumbers(spec *v1alpha1.VerificationPolicySpec) policy.Testing {
	t := spec.Testing
	if t == nil || (spec.Mode != v1alpha1.ModeShadow && len(spec.Providers) > 0 && !t.InEnforce) {
		return policy.Testing{}
	}
	return policy.Testing{Numbers: Strings(t.Numbers), Secret: t.SecretRef.Name}
}

// Conflicts lists the patterns of a policy that others of its namespace hold: those of
// the least name that names them. A policy that is being deleted holds nothing.
func Conflicts(vp *v1alpha1.VerificationPolicy, beside []v1alpha1.VerificationPolicy) []v1alpha1.PolicyConflict {
	var conflicts []v1alpha1.PolicyConflict
	for _, pattern := range vp.Spec.Accounts.Patterns {
		holder := vp.Name
		for i := range beside {
			other := &beside[i]
			if other.Name < holder && slices.Contains(other.Spec.Accounts.Patterns, pattern) && other.DeletionTimestamp.IsZero() {
				holder = other.Name
			}
		}
		if holder != vp.Name {
			conflicts = append(conflicts, v1alpha1.PolicyConflict{Pattern: pattern, Policy: holder})
		}
	}
	return conflicts
}
