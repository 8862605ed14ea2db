// Package receipts_test takes a person through the pages' JSON while real providers, on real
// sockets, look their number up and tell what became of the code.
package receipts_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/hack/inbox"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/courier"
	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/phone"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store/sqlite"
	"holdfast.dev/holdfast/internal/web"
)

const (
	tenant = "shop"
	anna   = "anna"
	// patience is how long the courier and the provider may take.
	patience = 20 * time.Second
)

var credentials = inbox.Credentials{
	WebhookSecret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 32))),
	TwilioAccount: "AC" + strings.Repeat("0", 32), TwilioToken: "correcthorse",
}

// secrets are the provider Secrets of the tenant.
type secrets map[string]map[string][]byte

func (s secrets) Secret(of, name string) (map[string][]byte, error) {
	if data, ok := s[name]; ok && of == tenant {
		return data, nil
	}
	return nil, rules.ErrNotFound
}

// world is Holdfast without Kubernetes, and the inbox as its providers.
type world struct {
	t      *testing.T
	desk   *flow.Desk
	public string
	inbox  string
}

// newWorld has one provider of a type; info is the policy's part on security info.
func newWorld(t *testing.T, kind v1alpha1.ProviderType, info v1alpha1.SecurityInfoPolicy) *world {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w := &world{t: t, public: listener.Addr().String()}
	box, err := inbox.New(t.TempDir(), credentials, log.New(io.Discard, "", 0), clock.Wall)
	must(t, err)
	pages := httptest.NewServer(box.Handler())
	w.inbox = pages.URL
	t.Cleanup(func() { pages.Close(); must(t, box.Close()) })

	tenants, err := kube.ParseTenants([]string{tenant + "=" + w.public})
	must(t, err)
	policies := kube.NewPolicies(tenants)
	must(t, policies.Apply(w.policy(kind, info)))
	index := kube.NewIndex(policies.For)
	must(t, index.Apply(blocked()))
	keys, err := seal.Generate()
	must(t, err)
	memory, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "holdfast.db"), sqlite.Options{Sealer: keys, Now: clock.Wall})
	must(t, err)
	t.Cleanup(func() { must(t, memory.Close()) })
	must(t, memory.ImportContacts(t.Context(), tenant, anna, nil, nil, clock.Wall()))

	allow, err := deliver.ParsePatterns([]string{"127.0.0.1:*"})
	must(t, err)
	dispatcher := deliver.New(w.secrets(), allow, deliver.Options{Now: clock.Wall})
	t.Cleanup(dispatcher.Close)
	w.desk = &flow.Desk{
		Store: memory, Index: index, Policies: policies, Sealer: keys, Numbers: phone.Numbers{}, Lines: dispatcher, Receipts: dispatcher,
		Now: clock.Wall, Random: rand.Reader, Issuer: "test", Epoch: func() int64 { return 1 }, Scheme: "http",
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{ReadHeaderTimeout: patience, Handler: web.New(web.Config{
		Desk: w.desk, Tenant: policies.Tenant, Scheme: "http", Now: clock.Wall, Log: logr.Discard(),
	})}}
	server.Start()
	t.Cleanup(server.Close)
	w.deliver(&courier.Courier{
		Outbox: memory, Policies: policies, Coder: keys, Sender: dispatcher, Numbers: phone.Numbers{}, ReceiptURL: w.desk.ReceiptURL,
		Now: clock.Wall, After: clock.WallTimer, Random: rand.Reader, Metrics: courier.NewMetrics(prometheus.NewRegistry()),
		Log: slog.New(slog.DiscardHandler),
	})
	return w
}

// deliver runs the courier until the test ends.
func (w *world) deliver(c *courier.Courier) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	w.t.Cleanup(func() { stop(); must(w.t, <-done) })
}

func (w *world) secrets() secrets {
	return secrets{
		"Twilio": {
			"endpoint": []byte(w.inbox), "from": []byte("+15005550006"), "lookup": []byte("line-type"),
			"accountSid": []byte(credentials.TwilioAccount), "authToken": []byte(credentials.TwilioToken),
		},
		"Webhook": {"url": []byte(w.inbox + "/webhook"), "secret": []byte(credentials.WebhookSecret)},
	}
}

func (w *world) policy(kind v1alpha1.ProviderType, info v1alpha1.SecurityInfoPolicy) *v1alpha1.VerificationPolicy {
	return &v1alpha1.VerificationPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: "all"},
		Spec: v1alpha1.VerificationPolicySpec{
			Accounts:     v1alpha1.AccountSelector{Patterns: []v1alpha1.AccountPattern{"*"}},
			Hosts:        []v1alpha1.Host{v1alpha1.Host(w.public)},
			SecurityInfo: info,
			Providers: []v1alpha1.Provider{{
				Name: "phones", Type: kind, SecretRef: v1alpha1.SecretReference{Name: string(kind)},
				Channels: []v1alpha1.Channel{"SMS", "Voice"}, Countries: []v1alpha1.CountryCode{"US"},
			}},
		},
	}
}

// blocked is a block of anna, who has no contacts and may enter a number.
func blocked() *v1alpha1.AccountBlock {
	return &v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: "b1", UID: "uid", CreationTimestamp: metav1.NewTime(clock.Wall())},
		Spec:       v1alpha1.AccountBlockSpec{Account: anna, Reason: "UnusualActivity"},
	}
}

// ticket is what a denied sign-in hands to anna.
func (w *world) ticket() string {
	w.t.Helper()
	out, err := w.desk.Decide(tenant, flow.Request{Account: anna, Action: decision.SignIn})
	must(w.t, err)
	if out.Ticket == "" {
		w.t.Fatalf("SignIn is answered %+v, want a ticket", out)
	}
	return out.Ticket
}

// challenge is what the JSON of a challenge says here.
type challenge struct {
	ID, Advice, Detail string
}

// enter asks for a code to a number with a ticket.
func (w *world) enter(ticket, channel, number string) (status int, c challenge) {
	w.t.Helper()
	status = w.call(http.MethodPost, "/v1/challenges", "", map[string]string{
		"ticket": ticket, "purpose": "Unblock", "channel": channel, "address": number, "country": "US",
	}, &c)
	return status, c
}

func (w *world) call(method, path, bearer string, body, into any) int {
	w.t.Helper()
	sent, err := json.Marshal(body)
	must(w.t, err)
	request, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.public+path, bytes.NewReader(sent))
	must(w.t, err)
	request.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := (&http.Client{Timeout: patience}).Do(request)
	must(w.t, err)
	defer func() { _ = response.Body.Close() }()
	must(w.t, json.NewDecoder(response.Body).Decode(into))
	return response.StatusCode
}

// awaitAdvice asks, as a page that is loaded again, until the advice has come.
func (w *world) awaitAdvice(ticket, want string) {
	w.t.Helper()
	var account struct{ Challenge challenge }
	for end := clock.Wall().Add(patience); account.Challenge.Advice != want; <-clock.WallTimer(20 * time.Millisecond) {
		if clock.Wall().After(end) {
			w.t.Fatalf("the advice is %q, want %q", account.Challenge.Advice, want)
		}
		account.Challenge = challenge{}
		if status := w.call(http.MethodGet, "/v1/account", ticket, nil, &account); status != http.StatusOK {
			w.t.Fatalf("GET /v1/account: %d", status)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
