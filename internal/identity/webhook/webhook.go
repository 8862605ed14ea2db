// Package webhook tells an IdP by signed calls that follow Standard Webhooks
// (https://www.standardwebhooks.com). The IdP answers 2xx when the deed is done;
// 400, 409 or 422 to a password that it does not take.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"holdfast.dev/holdfast/internal/outbound"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Secrets reads the Secrets of policies. The returned map and its values are
// never changed in place: a rotated Secret is another map.
type Secrets interface {
	Secret(tenant, name string) (map[string][]byte, error)
}

// Endpoints says which endpoints this installation may reach.
type Endpoints interface {
	// Allows judges an address of the form host:port.
	Allows(address string) bool
}

// Options are the bounds of telling. Zero values mean the defaults.
type Options struct {
	// Now is the clock. It must be given.
	Now func() time.Time
	// Tries is how often one deed is told: 3.
	Tries int
	// Timeout bounds one try: 5 s.
	Timeout time.Duration
	// Budget bounds all tries and pauses together, since a person waits: 15 s.
	Budget time.Duration
	// Pause is the wait before the second try, doubled before the third: 250 ms.
	Pause time.Duration
}

// Webhook implements flow.Identity.
type Webhook struct {
	secrets Secrets
	allow   Endpoints
	options Options

	mu      sync.Mutex
	callers map[key]*caller
}

// maxConnections bounds the connections to one IdP.
const maxConnections = 64

type key struct{ tenant, secret string }

// caller is a target and its connections for one version of a Secret.
type caller struct {
	data   map[string][]byte
	target target
	client *http.Client
}

// New returns a Webhook. options.Now must be set.
func New(secrets Secrets, allow Endpoints, options Options) *Webhook {
	if options.Tries == 0 {
		options.Tries = 3
	}
	if options.Timeout == 0 {
		options.Timeout = 5 * time.Second
	}
	if options.Budget == 0 {
		options.Budget = 15 * time.Second
	}
	if options.Pause == 0 {
		options.Pause = 250 * time.Millisecond
	}
	return &Webhook{secrets: secrets, allow: allow, options: options, callers: map[key]*caller{}}
}

// The deeds, as the type of the call names them.
const (
	setPassword           = "account.set_password"
	requirePasswordChange = "account.require_password_change"
	revokeSessions        = "account.revoke_sessions"
)

// call is the body of a call.
type call struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Namespace      string `json:"namespace"`
	Account        string `json:"account"`
	Password       string `json:"password,omitempty"`
	RevokeSessions bool   `json:"revokeSessions,omitempty"`
}

// SetPassword sets the password and ends the account's sessions.
func (w *Webhook) SetPassword(ctx context.Context, p policy.Policy, account, password, key string) error {
	return w.tell(ctx, p, key, setPassword, data{Account: account, Password: password, RevokeSessions: true})
}

// RequirePasswordChange makes the account choose a new password at its next sign-in.
func (w *Webhook) RequirePasswordChange(ctx context.Context, p policy.Policy, account, key string) error {
	return w.tell(ctx, p, key, requirePasswordChange, data{Account: account})
}

// RevokeSessions ends the account's sessions.
func (w *Webhook) RevokeSessions(ctx context.Context, p policy.Policy, account, key string) error {
	return w.tell(ctx, p, key, revokeSessions, data{Account: account})
}

func (w *Webhook) tell(ctx context.Context, p policy.Policy, key, deed string, d data) error {
	c, err := w.caller(p)
	if err != nil {
		return err
	}
	d.Namespace = p.Tenant
	body, err := json.Marshal(call{Type: deed, Timestamp: w.options.Now().UTC(), Data: d})
	if err != nil {
		return fmt.Errorf("%s cannot be written as JSON: %w", deed, rules.ErrIdentity)
	}
	ctx, cancel := context.WithTimeout(ctx, w.options.Budget)
	defer cancel()
	if err := w.insist(ctx, func(ctx context.Context) error { return w.post(ctx, c, key, deed, body) }); err != nil {
		return fmt.Errorf("identity webhook of policy %q in namespace %s: %w", p.Name, p.Tenant, err)
	}
	return nil
}

// caller returns the caller of the Secret as it is now.
func (w *Webhook) caller(p policy.Policy) (*caller, error) {
	k := key{p.Tenant, p.Identity.Secret}
	refuse := func(problem string) error {
		return fmt.Errorf("namespace %s: the identity Secret %s %s: %w", k.tenant, k.secret, problem, rules.ErrIdentity)
	}
	secret, err := w.secrets.Secret(k.tenant, k.secret)
	if err != nil {
		return nil, refuse("cannot be read")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.callers[k]
	if !ok || !maps.EqualFunc(c.data, secret, bytes.Equal) {
		target, err := parse(secret)
		if err != nil {
			return nil, refuse("is not valid (" + err.Error() + ")")
		}
		if ok {
			c.client.CloseIdleConnections()
		}
		c = &caller{data: secret, target: target, client: outbound.Client(outbound.Transport(target.tls, maxConnections))}
		w.callers[k] = c
	}
	if !w.allow.Allows(outbound.Address(c.target.url)) {
		return nil, refuse("names an endpoint that this installation does not allow")
	}
	return c, nil
}
