package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"holdfast.dev/holdfast/internal/identity"
	"holdfast.dev/holdfast/internal/identity/identitytest"
	"holdfast.dev/holdfast/internal/identity/webhook"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// idp is an IdP that takes webhooks on a real socket over real TLS and verifies
// them with the library of Standard Webhooks.
type idp struct {
	identity.Identity
	t      *testing.T
	server *httptest.Server

	mu     sync.Mutex
	secret string
	data   map[string][]byte
	deeds  map[string]identitytest.Deed
	order  []string
	calls  []*http.Request
	// handler answers in place of the IdP where it returns true.
	handler func(w http.ResponseWriter, r *http.Request) bool
}

func whsec(seed string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(seed, 24)))
}

type allowed bool

func (a allowed) Allows(string) bool { return bool(a) }

func start(t *testing.T, change ...func(*webhook.Options)) *idp {
	t.Helper()
	s := &idp{t: t, secret: whsec("a"), deeds: map[string]identitytest.Deed{}}
	s.server = httptest.NewTLSServer(s)
	t.Cleanup(s.server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	s.put("url", s.server.URL+"/hooks?tenant=shop", "secret", s.secret+"\n", "ca", string(ca))
	options := webhook.Options{Now: time.Now, Pause: time.Millisecond}
	for _, f := range change {
		f(&options)
	}
	s.Identity = identity.New(s, allowed(true), options)
	return s
}

// put writes the Secret anew with some keys changed.
func (s *idp) put(keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := map[string][]byte{}
	for k, v := range s.data {
		data[k] = v
	}
	for i := 0; i < len(keys); i += 2 {
		data[keys[i]] = []byte(keys[i+1])
	}
	s.data = data
}

func (s *idp) Secret(tenant, name string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil || tenant != "shop" || name != "idp" {
		return nil, errors.New("no such Secret")
	}
	return s.data, nil
}

func (s *idp) Policy() policy.Policy {
	return policy.Policy{Tenant: "shop", Name: "people", Identity: policy.Identity{Adapter: "Webhook", Secret: "idp"}}
}

func (s *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r)
	handler := s.handler
	s.mu.Unlock()
	if handler != nil && handler(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	verifier, err := standardwebhooks.NewWebhook(s.secret)
	if err != nil {
		s.t.Error(err)
		return
	}
	if err := verifier.Verify(body, r.Header); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.do(r.Header.Get(standardwebhooks.HeaderWebhookID), body)
}

// do does a deed once per key; s.mu is held.
func (s *idp) do(key string, body []byte) {
	var call struct {
		Type      string
		Timestamp time.Time
		Data      struct {
			Namespace, Account, Password string
			RevokeSessions               bool
		}
	}
	if err := json.Unmarshal(body, &call); err != nil || call.Timestamp.IsZero() {
		s.t.Errorf("body without its members: %v", err)
	}
	deed := identitytest.Deed{
		Verb: map[string]string{
			"account.set_password":            "SetPassword",
			"account.require_password_change": "RequirePasswordChange",
			"account.revoke_sessions":         "RevokeSessions",
		}[call.Type],
		Namespace: call.Data.Namespace, Account: call.Data.Account, Password: call.Data.Password,
		Sessions: call.Data.RevokeSessions || call.Type == "account.revoke_sessions",
	}
	if _, done := s.deeds[key]; !done {
		s.order = append(s.order, key)
	}
	s.deeds[key] = deed
}

func (s *idp) Deeds() (list []identitytest.Deed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.order {
		list = append(list, s.deeds[key])
	}
	return list
}

func (s *idp) Calls() int { return len(s.requests()) }

func (s *idp) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.calls...)
}

func (s *idp) handle(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = f
}

func (s *idp) answer(status int, header ...string) {
	s.handle(func(w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "the IdP says no")
		return true
	})
}

func (s *idp) RefusePasswords() { s.answer(http.StatusUnprocessableEntity) }
func (s *idp) LosePermission()  { s.answer(http.StatusForbidden) }

func (s *idp) Break(n int) {
	s.handle(func(w http.ResponseWriter, _ *http.Request) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if n == 0 {
			return false
		}
		n--
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "the IdP says no")
		return true
	})
}

func (s *idp) RotateSecret() {
	s.mu.Lock()
	s.secret = whsec("b")
	s.mu.Unlock()
	s.put("secret", whsec("b"))
}

func (s *idp) ForgetSecret() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = nil
}
