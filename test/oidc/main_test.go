// Package oidc signs people in at a real OpenID Connect provider, a process of its own
// (bin/oidc-provider), by HTTP and in a browser.
package oidc

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/identity/oidc"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/phone"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
	"holdfast.dev/holdfast/internal/web"
)

const (
	tenant = "shop"
	// The provider's example user and client.
	account  = "id1"
	username = "test-user@localhost"
	password = "verysecure"
	clientID = "web"
	secret   = "secret"

	patience = 30 * time.Second
	pollGap  = 50 * time.Millisecond
)

// house is Holdfast without Kubernetes: its pages, and all behind them.
type house struct {
	*testing.T
	*flow.Desk
	// host is that of the pages, issuer the provider's.
	host, issuer string
	provider     *exec.Cmd
	policies     *kube.Policies
	index        *kube.Index
	memory       *store.Store
	keys         *seal.Keys
	secrets      secrets
	log          *lines
}

type secrets map[string][]byte

// Secret reads the one Secret that there is.
func (s secrets) Secret(_, name string) (map[string][]byte, error) {
	if name != "idp" {
		return nil, rules.ErrNotFound
	}
	return s, nil
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open starts the provider and the pages. endpoints are what the installation allows;
// without any the provider's.
func open(t *testing.T, endpoints ...string) *house {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	h := &house{T: t, host: localhost(listener.Addr()), secrets: secrets{"clientSecret": []byte(secret + "\n")}, log: &lines{}}
	h.startProvider()
	if len(endpoints) == 0 {
		endpoints = []string{"localhost:*"}
	}
	allowed, err := deliver.ParsePatterns(endpoints)
	must(t, err)
	h.keys, err = seal.Generate()
	must(t, err)
	h.memory, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "holdfast.db"), sqlite.Options{Sealer: h.keys, Now: now})
	must(t, err)
	t.Cleanup(func() { must(t, h.memory.Close()) })
	h.policies = kube.NewPolicies(kube.Tenants{tenant: {h.host}})
	h.index = kube.NewIndex(h.policies.For)
	h.apply(h.policy("customers", "*"))
	h.Desk = &flow.Desk{
		Store: h.memory, Index: h.index, Policies: h.policies, Sealer: h.keys, Numbers: phone.Numbers{},
		SignIns: oidc.New(h.secrets, allowed, oidc.Options{Now: now}),
		Now:     now, Random: rand.Reader, Issuer: "holdfast", Epoch: func() int64 { return 1 }, Scheme: "http",
	}
	must(t, h.memory.ImportContacts(t.Context(), tenant, account, []contact.Contact{{
		ID: "mail", Channel: contact.Email, Address: "test-user@post.example", Standing: contact.Full, Language: "de",
		Added: now().AddDate(-1, 0, 0), Proven: now().AddDate(0, -1, 0),
	}}, nil, now()))
	h.serve(listener)
	return h
}

func now() time.Time { return time.Now().UTC() }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// localhost is where browsers take secure cookies without TLS.
func localhost(at net.Addr) string {
	_, port, _ := net.SplitHostPort(at.String())
	return "localhost:" + port
}

// policy is a VerificationPolicy as a platform team writes it.
func (h *house) policy(name string, pattern v1alpha1.AccountPattern) *v1alpha1.VerificationPolicy {
	vp := &v1alpha1.VerificationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: name}}
	vp.Spec.Accounts.Patterns = []v1alpha1.AccountPattern{pattern}
	vp.Spec.Hosts = []v1alpha1.Host{v1alpha1.Host(h.host)}
	vp.Spec.Messages.ProductName = "Harbour Shop"
	vp.Spec.Help.URL = "https://help.example/"
	vp.Spec.Providers = []v1alpha1.Provider{{
		Name: "mail", Type: v1alpha1.ProviderSMTP, SecretRef: v1alpha1.SecretReference{Name: "smtp"}, Channels: []v1alpha1.Channel{v1alpha1.ChannelEmail},
	}}
	vp.Spec.Identity.OIDC = &v1alpha1.OIDCClient{
		Issuer: h.issuer, ClientID: clientID, ClientSecretRef: &v1alpha1.SecretKeyReference{Name: "idp", Key: "clientSecret"},
	}
	return vp
}

func (h *house) apply(vp *v1alpha1.VerificationPolicy) {
	h.Helper()
	must(h.T, h.policies.Apply(vp))
}

// startProvider starts the provider at a free port.
func (h *house) startProvider() {
	h.Helper()
	binary, err := filepath.Abs(filepath.Join("..", "..", "bin", "oidc-provider"))
	must(h.T, err)
	if _, err := os.Stat(binary); err != nil {
		h.Fatalf("bin/oidc-provider is not built: run the tests with `make test` (%v)", err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(h.T, err)
	at := localhost(free.Addr())
	must(h.T, free.Close())
	_, port, _ := net.SplitHostPort(at)
	h.issuer = "http://" + at + "/"
	h.provider = exec.Command(binary)
	h.provider.Env = append(os.Environ(), "PORT="+port, "REDIRECT_URI=http://"+h.host+flow.CallbackPath)
	output := &lines{}
	h.provider.Stdout, h.provider.Stderr = output, output
	must(h.T, h.provider.Start())
	h.Cleanup(h.stopProvider)
	h.await("the provider's description", func() bool {
		response, err := (&http.Client{Timeout: time.Second}).Get(h.issuer + ".well-known/openid-configuration")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// stopProvider kills the provider, as an outage does.
func (h *house) stopProvider() {
	if h.provider.ProcessState == nil {
		_ = h.provider.Process.Kill()
		_ = h.provider.Wait()
	}
}

func (h *house) serve(listener net.Listener) {
	handler := web.New(web.Config{
		Desk: h.Desk, Tenant: h.policies.Tenant, Scheme: "http", Now: now,
		ClientAddr: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") },
		Log:        funcr.New(func(prefix, args string) { _, _ = fmt.Fprintln(h.log, prefix, args) }, funcr.Options{Verbosity: 1}),
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			h.Error(err)
		}
	}()
	h.Cleanup(func() { must(h.T, server.Close()) })
}

// await polls until done says so.
func (h *house) await(what string, done func() bool) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), patience)
	defer cancel()
	tick := time.NewTicker(pollGap)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			h.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

// blockAccount applies an AccountBlock; no controller runs.
func (h *house) blockAccount() {
	h.Helper()
	must(h.T, h.index.Apply(&v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: "b1", UID: "uid", CreationTimestamp: metav1.NewTime(now())},
		Spec: v1alpha1.AccountBlockSpec{
			Account: account, Reason: v1alpha1.BlockReasonUnusualActivity,
			Release: &v1alpha1.ReleaseSpec{Steps: []v1alpha1.ReleaseStep{v1alpha1.StepVerifyCode, v1alpha1.StepChangePassword}},
		},
	}))
}

// code is what the person reads in their newest mail.
func (h *house) code() string {
	h.Helper()
	var code string
	h.await("a code", func() bool {
		taken, err := h.memory.Lease(h.Context(), 10, now(), now().Add(time.Minute))
		must(h.T, err)
		for _, m := range taken {
			if m.Kind == message.Code {
				code = h.keys.Code(m.Challenge)
			}
			must(h.T, h.memory.MarkSent(h.Context(), m.ID, now()))
		}
		return code != ""
	})
	return code
}
