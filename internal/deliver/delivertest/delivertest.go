// Package delivertest is the contract of a provider: every Sender passes it,
// against a real server of its kind.
package delivertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Tenant is the tenant of every message of the suite.
const Tenant = "shop"

// Received is a message as the provider's server has taken it.
type Received struct {
	To string
	// Visible is what strangers may see: headers, subject, sender.
	Visible string
	// Body is the decoded body.
	Body string
}

// Provider is a provider's real server under test.
type Provider interface {
	// Type is the provider's type in a policy.
	Type() string
	// Data is the Secret with which sending works.
	Data() map[string][]byte
	// WrongCredentials is a Secret that the server refuses.
	WrongCredentials() map[string][]byte
	// Rotate makes the server refuse the Secret so far and returns the new one.
	Rotate() map[string][]byte
	// Endpoint is the server's host:port.
	Endpoint() string
	// Addresses returns destinations: one that is taken, one that is refused for
	// good and one that is refused for now.
	Addresses() (good, refused, deferred string)
	// Connections is how many connections the server has seen.
	Connections() int
	// Received lists what was taken.
	Received() []Received
	// Stop closes the server and its connections.
	Stop()
}

// Secrets is an in-memory deliver.Secrets; safe for concurrent use.
type Secrets struct {
	mu   sync.Mutex
	data map[string]map[string][]byte
}

// Put writes a Secret of the suite's tenant.
func (s *Secrets) Put(name string, data map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		s.data = map[string]map[string][]byte{}
	}
	s.data[name] = data
}

// Secret reads a Secret.
func (s *Secrets) Secret(tenant, name string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.data[name]; ok && tenant == Tenant {
		return data, nil
	}
	return nil, fmt.Errorf("no Secret %s in %s", name, tenant)
}

// Message is a rendered code message to an address.
func Message(channel contact.Channel, to string) message.Rendered {
	return message.Rendered{
		ID: "0198c0de-0000-7000-8000-000000000001", Channel: channel,
		From: "accounts@shop.example", FromName: "Shop", To: to,
		Subject: "Shop: unblock your account", Language: "en",
		Text: "Your code:\n\n482913\n", HTML: "<!doctype html><p>Your code: <b>482913</b></p>",
	}
}

// Now is the clock of the suite.
func Now() time.Time { return time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC) }

// Class is the class of an error, empty for nil, and a failure of the test for
// anything that is no *message.Error.
func Class(t *testing.T, err error) message.ErrorClass {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *message.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v does not unwrap to *message.Error", err)
	}
	return e.Class
}

type suite struct {
	provider   Provider
	channel    contact.Channel
	secrets    *Secrets
	dispatcher *deliver.Dispatcher
	policy     policy.Provider
}

// Run runs the contract; start starts a fresh server each time.
func Run(t *testing.T, channel contact.Channel, start func(t *testing.T) Provider) {
	tests := map[string]func(*testing.T, *suite){
		"a code stands in the body alone (seed 8)":              codeInBodyAlone,
		"a check sends nothing":                                 checkSendsNothing,
		"a refused destination is Rejected":                     refusedDestination,
		"a deferred destination is Temporary":                   deferredDestination,
		"wrong credentials are Misconfigured":                   wrongCredentials,
		"a missing Secret is Misconfigured":                     missingSecret,
		"another tenant's Secret is not used":                   otherTenant,
		"an endpoint off the list is never reached":             offTheList,
		"a server that is gone is Unreachable":                  gone,
		"a rotated Secret takes effect with the next message":   rotated,
		"errors carry neither address, code nor credentials":    silentErrors,
		"many messages at once are all delivered exactly once":  concurrent,
		"the handing over is noted before the message leaves":   notedBefore,
		"a handing over that is refused sends nothing":          notHandedOver,
		"nothing is noted where nobody is reached":              notReached,
		"every missing key is named by validation, no value is": validation,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			s := &suite{provider: p, channel: channel, secrets: &Secrets{}}
			s.policy = policy.Provider{Name: "main", Type: p.Type(), Secret: "provider", Channels: []contact.Channel{channel}}
			s.secrets.Put("provider", p.Data())
			s.allow(t, p.Endpoint())
			test(t, s)
		})
	}
}

func (s *suite) allow(t *testing.T, patterns ...string) {
	t.Helper()
	allow, err := deliver.ParsePatterns(patterns)
	if err != nil {
		t.Fatal(err)
	}
	s.dispatcher = deliver.New(s.secrets, allow, deliver.Options{Now: Now, Timeout: 10 * time.Second})
	t.Cleanup(s.dispatcher.Close)
}

func (s *suite) send(to string) error {
	return s.dispatcher.Send(context.Background(), Tenant, s.policy, Message(s.channel, to))
}

func (s *suite) check() error {
	return s.dispatcher.Check(context.Background(), Tenant, s.policy)
}

func (s *suite) good() string {
	good, _, _ := s.provider.Addresses()
	return good
}

func expect(t *testing.T, err error, class message.ErrorClass) {
	t.Helper()
	if got := Class(t, err); got != class {
		t.Errorf("got %q (%v), want %q", got, err, class)
	}
}

func codeInBodyAlone(t *testing.T, s *suite) {
	expect(t, s.send(s.good()), "")
	got := s.provider.Received()
	if len(got) != 1 || got[0].To != s.good() {
		t.Fatalf("got %d messages, want one to the address: %+v", len(got), got)
	}
	if !strings.Contains(got[0].Body, "482913") || strings.Contains(got[0].Visible, "482913") {
		t.Errorf("the code must stand in the body alone: %+v", got[0])
	}
}

func checkSendsNothing(t *testing.T, s *suite) {
	expect(t, s.check(), "")
	if got := s.provider.Received(); len(got) != 0 || s.provider.Connections() != 1 {
		t.Errorf("check made %d connections and sent %d messages", s.provider.Connections(), len(got))
	}
}

func refusedDestination(t *testing.T, s *suite) {
	_, refused, _ := s.provider.Addresses()
	expect(t, s.send(refused), message.Rejected)
	expect(t, s.send(s.good()), "")
}

func deferredDestination(t *testing.T, s *suite) {
	_, _, deferred := s.provider.Addresses()
	expect(t, s.send(deferred), message.Temporary)
	expect(t, s.send(s.good()), "")
}

func wrongCredentials(t *testing.T, s *suite) {
	s.secrets.Put("provider", s.provider.WrongCredentials())
	expect(t, s.check(), message.Misconfigured)
	expect(t, s.send(s.good()), message.Misconfigured)
}

func missingSecret(t *testing.T, s *suite) {
	s.policy.Secret = "other"
	expect(t, s.check(), message.Misconfigured)
	expect(t, s.send(s.good()), message.Misconfigured)
}

func otherTenant(t *testing.T, s *suite) {
	expect(t, s.send(s.good()), "")
	err := s.dispatcher.Send(context.Background(), "bank", s.policy, Message(s.channel, s.good()))
	expect(t, err, message.Misconfigured)
}

func offTheList(t *testing.T, s *suite) {
	s.allow(t, "elsewhere.example:25")
	expect(t, s.send(s.good()), message.Misconfigured)
	expect(t, s.check(), message.Misconfigured)
	if n := s.provider.Connections(); n != 0 {
		t.Errorf("the server saw %d connections, want none", n)
	}
}

func gone(t *testing.T, s *suite) {
	s.provider.Stop()
	expect(t, s.send(s.good()), message.Unreachable)
	expect(t, s.check(), message.Unreachable)
}

func rotated(t *testing.T, s *suite) {
	expect(t, s.send(s.good()), "")
	s.secrets.Put("provider", s.provider.Rotate())
	expect(t, s.send(s.good()), "")
	if n := s.provider.Connections(); n != 2 {
		t.Errorf("the server saw %d connections, want a second one with the new Secret", n)
	}
}

func silentErrors(t *testing.T, s *suite) {
	_, refused, deferred := s.provider.Addresses()
	errs := []error{s.send(refused), s.send(deferred)}
	s.secrets.Put("provider", s.provider.WrongCredentials())
	errs = append(errs, s.check())
	secrets := []string{refused, deferred, "482913", "the provider says"}
	for _, v := range maps.All(s.provider.WrongCredentials()) {
		secrets = append(secrets, string(v))
	}
	for _, err := range errs {
		for _, secret := range secrets {
			if err == nil || len(secret) > 3 && strings.Contains(err.Error(), secret) {
				t.Errorf("error %v shows %q", err, secret)
			}
		}
	}
}

func concurrent(t *testing.T, s *suite) {
	const n = 40
	errs := make(chan error, n)
	for range n {
		go func() { errs <- s.send(s.good()) }()
	}
	for range n {
		expect(t, <-errs, "")
	}
	if got := len(s.provider.Received()); got != n {
		t.Errorf("%d messages arrived, want %d", got, n)
	}
	if got := s.provider.Connections(); got > 16 {
		t.Errorf("%d connections, want at most 16", got)
	}
}

// handOver sends a message whose handing over is answered by note.
func (s *suite) handOver(note func() error) error {
	m := Message(s.channel, s.good())
	m.HandOver = note
	return s.dispatcher.Send(context.Background(), Tenant, s.policy, m)
}

func notedBefore(t *testing.T, s *suite) {
	noted := 0
	expect(t, s.handOver(func() error {
		noted++
		if n := len(s.provider.Received()); n != 0 {
			t.Errorf("%d messages had arrived before the note", n)
		}
		return nil
	}), "")
	if n := len(s.provider.Received()); noted != 1 || n != 1 {
		t.Errorf("noted %d times and arrived %d times, want once each", noted, n)
	}
}

func notHandedOver(t *testing.T, s *suite) {
	if s.handOver(func() error { return errors.New("the memory is away") }) == nil {
		t.Error("no error")
	}
	expect(t, s.send(s.good()), "")
	if n := len(s.provider.Received()); n != 1 {
		t.Errorf("%d messages arrived, want the second alone", n)
	}
}

func notReached(t *testing.T, s *suite) {
	s.provider.Stop()
	err := s.handOver(func() error {
		t.Error("noted, although nobody was there to take it")
		return nil
	})
	expect(t, err, message.Unreachable)
}

func validation(t *testing.T, s *suite) {
	if err := deliver.Validate(s.provider.Type(), s.provider.Data()); err != nil {
		t.Fatalf("the good Secret: %v", err)
	}
	err := deliver.Validate(s.provider.Type(), map[string][]byte{"stray": []byte("hunter2-value")})
	if err == nil || !strings.Contains(err.Error(), "is missing") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want the missing keys by name", err)
	}
}
