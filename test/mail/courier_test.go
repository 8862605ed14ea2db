package mail_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"net/mail"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"holdfast.dev/holdfast/internal/courier"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

const product = "Shop & Söhne"

// post is a courier that runs between a store and the mail server.
type post struct {
	*testing.T
	clock *stepped
	keys  *seal.Keys
	store *store.Store
}

type policies struct{ policy.Policy }

func (p policies) For(string, string) policy.Policy { return p.Policy }

func newPost(t *testing.T, mode string) *post {
	t.Helper()
	// Whole milliseconds, as the store keeps them.
	p := &post{T: t, clock: &stepped{now: time.Now().UTC().Truncate(time.Millisecond)}}
	var err error
	if p.keys, err = seal.Generate(); err != nil {
		t.Fatal(err)
	}
	p.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlite.Options{Sealer: p.keys, Now: p.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	shop := policy.Default()
	shop.Hosts = []string{"account.shop.example"}
	shop.Messages = policy.Messages{ProductName: product, Sender: sender}
	shop.Providers = []policy.Provider{provider}
	c := &courier.Courier{
		Outbox: p.store, Policies: policies{shop}, Coder: p.keys, Sender: newDispatcher(t, secretFor(mode), p.clock.Now),
		Now: p.clock.Now, After: p.clock.After, Random: strings.NewReader(""), // retries are not spread
		Metrics: courier.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := p.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// issue opens a flow of this name and asks for a code to a mailbox; it returns the code.
func (p *post) issue(flow, mailbox string) string {
	p.Helper()
	now := p.clock.Now()
	if err := p.store.OpenFlow(p.Context(), session.Flow{
		ID: flow, Tenant: tenant, Host: "account.shop.example", Account: "u-1", Purpose: code.Unblock, Object: "b-1",
		Stage: session.Opened, Secret: sha256.Sum256([]byte(flow)), Ticket: flow, Opened: now, Expires: now.Add(session.Life),
	}); err != nil {
		p.Fatal(err)
	}
	address := mailbox + "@" + domain
	challenge, err := p.store.IssueChallenge(p.Context(), code.Issue{
		Challenge: code.Challenge{
			ID: "c-" + flow, Tenant: tenant, Account: "u-1", Purpose: code.Unblock, Object: "b-1", Flow: flow,
			ContactID: "k-1", Channel: contact.Email, Destination: p.keys.Lookup(tenant, address), Language: "en",
			Nonce: [16]byte{1}, Digits: 6, Created: now, Expires: now.Add(10 * time.Minute), MaxAttempts: 5,
		},
		Address: address, MaxWrongPerDay: 10, ResendWaits: []time.Duration{time.Minute}, MessageID: "m-" + flow, Now: now,
	})
	if err != nil {
		p.Fatal(err)
	}
	return p.keys.Code(challenge)
}

// awaitDelivery waits until the flow's message has come as far as want.
func (p *post) awaitDelivery(flow string, want message.Delivery) {
	p.Helper()
	var got message.Delivery
	defer func() {
		if p.Failed() {
			p.Logf("the message of %s is %+v", flow, got)
		}
	}()
	await(p.T, "the message of "+flow, func() bool {
		_, delivery, err := p.store.CurrentChallenge(p.Context(), flow)
		if err != nil {
			p.Fatal(err)
		}
		got = delivery
		return got == want
	})
}

// Seed 8: the code stands in the body alone; the rest is what mail servers expect of a
// robot's mail.
func TestCodeReachesItsMailbox(t *testing.T) {
	for service, mode := range modes {
		t.Run(service, func(t *testing.T) {
			p := newPost(t, mode)
			secret := p.issue("f", "code-"+service)
			p.awaitDelivery("f", message.Delivery{State: message.Sent})
			got := arrived(t, "code-"+service)
			checkHeader(t, got.header, "code-"+service)
			for _, kind := range []string{"text/plain", "text/html"} {
				if strings.Count(got.parts[kind], secret) != 1 {
					t.Errorf("the part %s does not have the code once:\n%s", kind, got.parts[kind])
				}
			}
			header, body, _ := bytes.Cut(got.raw, []byte("\n\n"))
			if bytes.Contains(header, []byte(secret)) {
				t.Errorf("the code stands in the header:\n%s", header)
			}
			// A relay that had to recode anything would break its signature.
			if slices.ContainsFunc(body, func(b byte) bool { return b > 0x7e }) {
				t.Errorf("the body is not ASCII:\n%s", body)
			}
		})
	}
}

func checkHeader(t *testing.T, header mail.Header, mailbox string) {
	t.Helper()
	want := map[string][]string{
		"Return-Path":    {"<" + sender + ">"}, // the envelope is aligned with From
		"To":             {"<" + mailbox + "@" + domain + ">"},
		"Delivered-To":   {mailbox + "@" + domain},
		"Message-Id":     {"<m-f@shop.example>"},
		"Auto-Submitted": {"auto-generated"},
		"Mime-Version":   {"1.0"},
		"Bcc":            nil, "Cc": nil, "Sender": nil, "Reply-To": nil,
	}
	got := map[string][]string{}
	for name := range want {
		got[name] = header[name]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	from, err := header.AddressList("From")
	if diff := cmp.Diff([]*mail.Address{{Name: product, Address: sender}}, from); err != nil || diff != "" {
		t.Errorf("From: %v\n%s", err, diff)
	}
	for _, name := range []string{"From", "Date", "Subject"} {
		if len(header[name]) != 1 || header[name][0] == "" {
			t.Errorf("%s is %q, want exactly one", name, header[name])
		}
	}
}

func TestUnknownMailboxEndsTheMessage(t *testing.T) {
	p := newPost(t, "starttls")
	p.issue("f", "nobody")
	p.awaitDelivery("f", message.Delivery{State: message.Dead, Class: message.Rejected})
}

func TestGreylistedMessageIsSentLater(t *testing.T) {
	p := newPost(t, "starttls")
	server.greylist.listed.Store("greylisted@"+domain, true)
	defer server.greylist.listed.Clear()
	secret := p.issue("f", "greylisted")
	p.awaitDelivery("f", message.Delivery{State: message.Waiting, Class: message.Temporary})
	if n := len(inMailbox(t, "greylisted")); n != 0 {
		t.Fatalf("%d mails came in spite of the greylist", n)
	}
	server.greylist.listed.Clear()
	p.clock.step(t, time.Second)
	p.awaitDelivery("f", message.Delivery{State: message.Sent})
	if got := arrived(t, "greylisted").parts["text/plain"]; !strings.Contains(got, secret) {
		t.Errorf("the code is missing: %s", got)
	}
}

// Law 11: what was committed is sent, and once, though the server was away.
func TestMessageOutlivesAnOutage(t *testing.T) {
	p := newPost(t, "starttls")
	p.issue("before", "nobody") // leaves a connection open, which the outage cuts
	p.awaitDelivery("before", message.Delivery{State: message.Dead, Class: message.Rejected})
	var secret string
	server.whileStopped(t, func() {
		secret = p.issue("f", "outage")
		p.awaitDelivery("f", message.Delivery{State: message.Waiting, Class: message.Unreachable})
		p.clock.step(t, time.Second)
		p.clock.step(t, 2*time.Second) // refused a second time
	})
	p.clock.step(t, 4*time.Second)
	p.awaitDelivery("f", message.Delivery{State: message.Sent})
	if got := arrived(t, "outage").parts["text/plain"]; !strings.Contains(got, secret) {
		t.Errorf("the code is missing: %s", got)
	}
}
