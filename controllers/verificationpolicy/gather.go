package verificationpolicy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/health"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// findings is everything that was found about one policy.
type findings struct {
	// invalid names a field of the spec that cannot be used; the others hold.
	invalid error
	// shadow says that the mode is Shadow.
	shadow    bool
	conflicts []v1alpha1.PolicyConflict
	// refused are the hosts that the installation does not grant.
	refused   []string
	providers []finding
	// adapter and signIn are nil where the policy names none.
	adapter, signIn *finding
	// testing marks test numbers; nil where the policy lists none.
	testing *metav1.Condition
	regions []v1alpha1.RegionStatus
	// delivering is what became of the namespace's messages; nil where that is unknown.
	delivering *metav1.Condition
}

// finding is what was found about one provider, the adapter or the sign-in. An empty
// reason means that it works.
type finding struct {
	name   string
	reason string
	class  message.ErrorClass
	// message says what is wrong, with which Secret, and never a value of it.
	message string
}

func (f findings) healthy() bool {
	return !slices.ContainsFunc(f.parts(), func(p finding) bool { return p.reason != "" })
}

func (c *Controller) gather(ctx context.Context, vp *v1alpha1.VerificationPolicy) (findings, error) {
	p, invalid := kube.Policy(vp, c.Tenants)
	f := findings{invalid: invalid, shadow: p.Mode == policy.Shadow}
	var beside v1alpha1.VerificationPolicyList
	if err := c.Client.List(ctx, &beside, client.InNamespace(vp.Namespace)); err != nil {
		return f, fmt.Errorf("list the policies of namespace %s: %w", vp.Namespace, err)
	}
	f.conflicts = kube.Conflicts(vp, beside.Items)
	_, f.refused = c.Tenants.Split(vp.Namespace, kube.Strings(vp.Spec.Hosts))
	seen, _ := c.sights.tenant(vp.Namespace)
	f.providers = c.providers(ctx, p, seen.reports)
	f.adapter, f.signIn = c.adapter(p), c.signIn(p)
	f.regions = c.regions(ctx, p, seen.regions, vp.Status.Regions)
	f.delivering = withRegions(c.delivering(ctx, vp.Namespace), f.regions)
	f.testing = c.testNumbers(vp, p)
	return f, nil
}

// providers are checked side by side, so that a dead one costs one timeout.
func (c *Controller) providers(ctx context.Context, p policy.Policy, reports []health.Report) []finding {
	out := make([]finding, len(p.Providers))
	var group sync.WaitGroup
	for i, provider := range p.Providers {
		group.Go(func() {
			if out[i] = c.provider(ctx, p.Tenant, provider); out[i].reason == "" {
				out[i] = c.failing(p.Tenant, provider, reports)
			}
		})
	}
	group.Wait()
	return out
}

// failing is what the couriers of all replicas say of a provider that takes the check.
func (c *Controller) failing(tenant string, p policy.Provider, reports []health.Report) finding {
	class, channels := health.Failing(reports, tenant, p, c.Now())
	if class == "" {
		return finding{name: p.Name}
	}
	var names []string
	for _, channel := range channels {
		names = append(names, string(channel))
	}
	return finding{
		name: p.Name, class: class, reason: v1alpha1.ReasonProviderFailing,
		message: fmt.Sprintf("provider %s takes the check, but sending by %s fails: %s", p.Name, strings.Join(names, ", "), class),
	}
}

func (c *Controller) provider(ctx context.Context, tenant string, p policy.Provider) finding {
	f := c.secret("provider "+p.Name, tenant, p.Secret, p.Type, c.ValidateProvider)
	f.name = p.Name
	if f.reason == v1alpha1.ReasonSecretNotFound {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, c.Intervals.timeout())
	defer cancel()
	err := c.Checker.Check(ctx, tenant, p)
	var failed *message.Error
	unsupported := errors.As(err, &failed) && failed.Step == "type"
	switch {
	case f.reason != "" && !unsupported:
		return f
	case err == nil:
		return finding{name: p.Name}
	case failed == nil:
		// Only classes are told: the text could be the provider's.
		failed = &message.Error{Class: message.Unreachable, Provider: p.Name, Step: "check"}
	}
	return checked(p, failed)
}

// checked turns a failed check into a finding.
func checked(p policy.Provider, e *message.Error) finding {
	f := finding{name: p.Name, class: e.Class}
	switch {
	case e.Step == "type":
		f.reason = v1alpha1.ReasonTypeNotSupported
		f.message = fmt.Sprintf("provider %s: this release has no driver for the type %s", p.Name, p.Type)
	case e.Step == "endpoint":
		f.reason = v1alpha1.ReasonEndpointNotAllowed
		f.message = fmt.Sprintf("provider %s: the endpoint in Secret %s is not on the installation's allow-list", p.Name, p.Secret)
	case e.Step == "auth" && e.Class == message.Misconfigured:
		f.reason = v1alpha1.ReasonCredentialsRefused
		f.message = fmt.Sprintf("provider %s refused the credentials in Secret %s", p.Name, p.Secret)
	default:
		f.reason = v1alpha1.ReasonProviderUnreachable
		f.message = fmt.Sprintf("provider %s does not work: %s at %s", p.Name, e.Class, e.Step)
	}
	return f
}

// adapter judges the Secret of the identity adapter; nil where the policy names none.
func (c *Controller) adapter(p policy.Policy) *finding {
	if p.Identity.Adapter == "" {
		return nil
	}
	f := c.secret("identity adapter", p.Tenant, p.Identity.Secret, p.Identity.Adapter, c.ValidateAdapter)
	return &f
}

// signIn judges the Secret with the client's secret at the issuer; nil where the policy
// names none: a public client has no secret.
func (c *Controller) signIn(p policy.Policy) *finding {
	at := p.Identity.OIDC
	if at.Secret == "" {
		return nil
	}
	f := c.secret("sign-in at the issuer (identity.oidc)", p.Tenant, at.Secret, at.Key, holdsKey)
	return &f
}

// holdsKey wants a key with a value.
func holdsKey(key string, data map[string][]byte) error {
	if len(bytes.TrimSpace(data[key])) == 0 {
		return fmt.Errorf("key %s is missing or empty", key)
	}
	return nil
}

// secret judges one Secret; who is told as the one that needs it.
func (c *Controller) secret(who, tenant, name, kind string, validate Validate) finding {
	data, err := c.Secrets.Secret(tenant, name)
	if errors.Is(err, rules.ErrNotFound) {
		return finding{
			class: message.Misconfigured, reason: v1alpha1.ReasonSecretNotFound,
			message: fmt.Sprintf("%s: there is no Secret %s/%s of type %s", who, tenant, name, v1alpha1.SecretTypeProvider),
		}
	}
	if err == nil {
		err = validate(kind, data)
	}
	if err != nil {
		return finding{
			class: message.Misconfigured, reason: v1alpha1.ReasonSecretInvalid,
			message: fmt.Sprintf("%s: Secret %s/%s: %v", who, tenant, name, err),
		}
	}
	return finding{}
}
