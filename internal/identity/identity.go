// Package identity is how an identity provider (IdP) is told what to do: one
// adapter per way of telling, chosen by the policy.
package identity

import (
	"context"
	"fmt"

	"holdfast.dev/holdfast/internal/identity/webhook"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Identity tells an IdP. Calls with one key are one deed, however often made.
// Errors wrap rules.ErrIdentity, or rules.ErrIdentityRefused where the IdP does
// not take a password.
type Identity interface {
	// SetPassword sets the password and ends the account's sessions.
	SetPassword(ctx context.Context, p policy.Policy, account, password, key string) error
	RequirePasswordChange(ctx context.Context, p policy.Policy, account, key string) error
	RevokeSessions(ctx context.Context, p policy.Policy, account, key string) error
}

// Router tells each account's IdP through the adapter that its policy names.
type Router struct {
	adapters map[string]Identity
}

// New returns a Router over all adapters of this version. options.Now must be set.
func New(secrets webhook.Secrets, allow webhook.Endpoints, options webhook.Options) Router {
	return Router{adapters: map[string]Identity{
		"Webhook": webhook.New(secrets, allow, options),
	}}
}

// validators judge the Secrets of the adapters.
var validators = map[string]func(data map[string][]byte) error{
	"Webhook": webhook.Validate,
}

// Validate judges the keys of an adapter's Secret. Its error names the keys that
// are missing or wrong and never shows a value.
func Validate(adapter string, data map[string][]byte) error {
	validate, ok := validators[adapter]
	if !ok {
		return fmt.Errorf("identity adapter %q is not supported by this version", adapter)
	}
	return validate(data)
}

// SetPassword sets the password and ends the account's sessions.
func (r Router) SetPassword(ctx context.Context, p policy.Policy, account, password, key string) error {
	adapter, err := r.adapter(p)
	if err != nil {
		return err
	}
	return adapter.SetPassword(ctx, p, account, password, key)
}

// RequirePasswordChange makes the account choose a new password at its next sign-in.
func (r Router) RequirePasswordChange(ctx context.Context, p policy.Policy, account, key string) error {
	adapter, err := r.adapter(p)
	if err != nil {
		return err
	}
	return adapter.RequirePasswordChange(ctx, p, account, key)
}

// RevokeSessions ends the account's sessions.
func (r Router) RevokeSessions(ctx context.Context, p policy.Policy, account, key string) error {
	adapter, err := r.adapter(p)
	if err != nil {
		return err
	}
	return adapter.RevokeSessions(ctx, p, account, key)
}

func (r Router) adapter(p policy.Policy) (Identity, error) {
	if p.Identity.Adapter == "" {
		return nil, fmt.Errorf("policy %q in namespace %s names no identity adapter, so nobody can be told: %w", p.Name, p.Tenant, rules.ErrIdentity)
	}
	adapter, ok := r.adapters[p.Identity.Adapter]
	if !ok {
		return nil, fmt.Errorf("policy %q in namespace %s: identity adapter %q is not supported by this version: %w", p.Name, p.Tenant, p.Identity.Adapter, rules.ErrIdentity)
	}
	return adapter, nil
}
