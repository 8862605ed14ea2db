// Package deliver is how a message leaves: one Sender per type of provider. What
// a provider says stays here; callers see only classes of failure.
package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Secrets reads provider Secrets. The returned map and its values are never
// changed in place: a rotated Secret is another map.
type Secrets interface {
	Secret(tenant, name string) (map[string][]byte, error)
}

// Endpoints says which endpoints this installation may reach.
type Endpoints interface {
	// Allows judges an address of the form host:port.
	Allows(address string) bool
}

// Sender speaks to one provider with the credentials of one version of its
// Secret. Its errors are *message.Error without the provider's name.
type Sender interface {
	Send(ctx context.Context, m message.Rendered) error
	// Check reaches the provider and proves the credentials; nothing is sent.
	Check(ctx context.Context) error
	// Close ends idle connections; a Send in flight is finished.
	Close()
}

// Options are the bounds of sending. Zero values mean the defaults.
type Options struct {
	// Now is the clock. It must be given.
	Now func() time.Time
	// Timeout bounds one sending from the dial to the last reply: 20 s. Real
	// servers take seconds to say no, so do not go below 10 s.
	Timeout time.Duration
	// IdleTimeout is how long an unused connection is kept: 30 s.
	IdleTimeout time.Duration
	// MaxConnections bounds the connections per tenant and Secret: 16.
	MaxConnections int
	// Hostname is the name said in SMTP's EHLO: localhost.
	Hostname string
}

// Dispatcher sends through the providers of all tenants. It keeps one Sender per
// tenant and Secret until the Secret changes.
type Dispatcher struct {
	secrets Secrets
	allow   Endpoints
	options Options
	lines   *lines

	mu      sync.Mutex
	senders map[key]entry
}

type key struct{ tenant, secret, providerType string }

type entry struct {
	data   map[string][]byte
	sender Sender
}

// New returns a Dispatcher. options.Now must be set.
func New(secrets Secrets, allow Endpoints, options Options) *Dispatcher {
	if options.Timeout == 0 {
		options.Timeout = 20 * time.Second
	}
	if options.IdleTimeout == 0 {
		options.IdleTimeout = 30 * time.Second
	}
	if options.MaxConnections == 0 {
		options.MaxConnections = 16
	}
	if options.Hostname == "" {
		options.Hostname = "localhost"
	}
	return &Dispatcher{secrets: secrets, allow: allow, options: options, lines: newLines(), senders: map[key]entry{}}
}

// Send hands a message to a provider. The error unwraps to *message.Error.
func (d *Dispatcher) Send(ctx context.Context, tenant string, p policy.Provider, m message.Rendered) error {
	sender, err := d.sender(tenant, p)
	if err != nil {
		return named(err, p.Name)
	}
	return named(sender.Send(ctx, m), p.Name)
}

// Check reaches the provider and proves its credentials; nothing is sent. The
// error unwraps to *message.Error.
func (d *Dispatcher) Check(ctx context.Context, tenant string, p policy.Provider) error {
	sender, err := d.sender(tenant, p)
	if err != nil {
		return named(err, p.Name)
	}
	return named(sender.Check(ctx), p.Name)
}

// Close ends all idle connections. The Dispatcher may be used again.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	old := d.senders
	d.senders = map[key]entry{}
	d.mu.Unlock()
	for _, e := range old {
		e.sender.Close()
	}
}

// sender returns the Sender of the Secret as it is now. The one of an older version
// is closed by whoever found the new one: a server that is slow to say goodbye holds
// up nobody else.
func (d *Dispatcher) sender(tenant string, p policy.Provider) (Sender, error) {
	data, err := d.secrets.Secret(tenant, p.Secret)
	if err != nil {
		err = failure(message.Misconfigured, "secret")
	}
	sender, old, err := d.swap(key{tenant, p.Secret, p.Type}, data, err)
	if old != nil {
		old.Close()
	}
	return sender, err
}

// swap keeps the Sender of data or puts a new one in its place; old is the one that
// was replaced. Where there is no data to open one with, err says why.
func (d *Dispatcher) swap(k key, data map[string][]byte, err error) (sender, old Sender, _ error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.senders[k]
	if ok && err == nil && maps.EqualFunc(e.data, data, bytes.Equal) {
		return e.sender, nil, nil
	}
	delete(d.senders, k)
	if err == nil {
		sender, err = open(k.providerType, data, d.allow, d.options)
	}
	if err == nil {
		d.senders[k] = entry{data: data, sender: sender}
	}
	return sender, e.sender, err
}

func failure(class message.ErrorClass, step string) *message.Error {
	return &message.Error{Class: class, Step: step}
}

// named writes the provider's name into the error of a Sender and lets nothing
// pass that is no *message.Error, since that could carry a provider's words.
func named(err error, provider string) error {
	if err == nil {
		return nil
	}
	var unsupported *unsupportedError
	if errors.As(err, &unsupported) {
		return fmt.Errorf("%w: %w", unsupported, &message.Error{Class: message.Misconfigured, Provider: provider, Step: "type"})
	}
	var e *message.Error
	if !errors.As(err, &e) {
		e = failure(message.Temporary, "send")
	}
	return &message.Error{Class: e.Class, Provider: provider, Step: e.Step, RetryAfter: e.RetryAfter}
}
