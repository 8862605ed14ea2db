package webhook_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/identity"
	"holdfast.dev/holdfast/internal/identity/identitytest"
	"holdfast.dev/holdfast/internal/identity/webhook"
	"holdfast.dev/holdfast/internal/rules"
)

func TestWebhookKeepsTheContract(t *testing.T) {
	identitytest.Run(t, func(t *testing.T) identitytest.Harness { return start(t) })
}

func (s *idp) set() error {
	return s.SetPassword(context.Background(), s.Policy(), "u-1", "a quiet harbour", "deed-1")
}

// wantIdentity wants ErrIdentity and a number of calls.
func (s *idp) wantIdentity(t *testing.T, err error, calls int) {
	t.Helper()
	if !errors.Is(err, rules.ErrIdentity) || errors.Is(err, rules.ErrIdentityRefused) {
		t.Errorf("got %v, want ErrIdentity", err)
	}
	if got := s.Calls(); got != calls {
		t.Errorf("%d calls, want %d", got, calls)
	}
	for _, secret := range []string{s.server.URL, "127.0.0.1", "u-1", "harbour", "says no"} {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("error %v tells %q", err, secret)
		}
	}
}

func TestEveryTryCarriesTheSameID(t *testing.T) {
	s := start(t)
	s.Break(2)
	if err := s.set(); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.requests() {
		if r.Method != http.MethodPost || r.Header.Get("webhook-id") != "deed-1" ||
			r.Header.Get("Content-Type") != "application/json" || r.RequestURI != "/hooks?tenant=shop" {
			t.Errorf("%s %s %v", r.Method, r.RequestURI, r.Header)
		}
		if !strings.HasPrefix(r.Header.Get("webhook-signature"), "v1,") {
			t.Errorf("signature %q", r.Header.Get("webhook-signature"))
		}
	}
}

func TestWhileASecretIsRotatedBothSign(t *testing.T) {
	s := start(t)
	s.put("secret", whsec("b")+" "+whsec("a"))
	for _, theirs := range []string{whsec("a"), whsec("b")} {
		s.mu.Lock()
		s.secret = theirs
		s.mu.Unlock()
		if err := s.set(); err != nil {
			t.Error(err)
		}
	}
	s.put("secret", whsec("c"))
	s.wantIdentity(t, s.set(), 3)
}

func TestStatusesOfASetPassword(t *testing.T) {
	cases := map[int]struct {
		want  error
		calls int
	}{
		200: {nil, 1}, 202: {nil, 1}, 204: {nil, 1},
		400: {rules.ErrIdentityRefused, 1}, 409: {rules.ErrIdentityRefused, 1}, 422: {rules.ErrIdentityRefused, 1},
		401: {rules.ErrIdentity, 1}, 403: {rules.ErrIdentity, 1}, 404: {rules.ErrIdentity, 1}, 410: {rules.ErrIdentity, 1},
		408: {rules.ErrIdentity, 3}, 429: {rules.ErrIdentity, 3},
		500: {rules.ErrIdentity, 3}, 502: {rules.ErrIdentity, 3}, 503: {rules.ErrIdentity, 3},
	}
	for status, want := range cases {
		s := start(t)
		s.answer(status)
		if err := s.set(); !errors.Is(err, want.want) || s.Calls() != want.calls {
			t.Errorf("%d: got %v after %d calls, want %v after %d", status, err, s.Calls(), want.want, want.calls)
		}
	}
}

func TestARefusalIsAboutPasswordsOnly(t *testing.T) {
	s := start(t)
	s.answer(http.StatusConflict)
	s.wantIdentity(t, s.RevokeSessions(context.Background(), s.Policy(), "u-1", "k"), 1)
}

func TestRetryAfter(t *testing.T) {
	t.Run("is waited for", func(t *testing.T) {
		s := start(t, func(o *webhook.Options) { o.Pause = time.Hour })
		busy := true
		s.handle(func(w http.ResponseWriter, _ *http.Request) bool {
			if !busy {
				return false
			}
			busy = false
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		if err := s.set(); err != nil || s.Calls() != 2 {
			t.Errorf("got %v after %d calls", err, s.Calls())
		}
	})
	t.Run("beyond the budget ends at once", func(t *testing.T) {
		s := start(t)
		s.answer(http.StatusServiceUnavailable, "Retry-After", "3600")
		s.wantIdentity(t, s.set(), 1)
	})
	t.Run("as a date beyond the budget ends at once", func(t *testing.T) {
		s := start(t)
		s.answer(http.StatusServiceUnavailable, "Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT")
		s.wantIdentity(t, s.set(), 1)
	})
}

func TestHangingIdPIsGivenUp(t *testing.T) {
	hanging := func(t *testing.T, change func(*webhook.Options)) *idp {
		s := start(t, change)
		hang := make(chan struct{})
		s.handle(func(http.ResponseWriter, *http.Request) bool { <-hang; return true })
		plain := httptest.NewServer(s) // a handshake takes its time on a busy machine
		s.put("url", plain.URL)
		t.Cleanup(func() { close(hang); plain.Close() })
		return s
	}
	t.Run("each try", func(t *testing.T) {
		s := hanging(t, func(o *webhook.Options) { o.Timeout = 200 * time.Millisecond })
		s.wantIdentity(t, s.set(), 3)
	})
	t.Run("the whole request", func(t *testing.T) {
		s := hanging(t, func(o *webhook.Options) { o.Budget = 200 * time.Millisecond })
		s.wantIdentity(t, s.set(), 1)
	})
}

func TestEndlessAnswerIsNotRead(t *testing.T) {
	s := start(t)
	s.handle(func(w http.ResponseWriter, r *http.Request) bool {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 1024)); err != nil {
				break
			}
		}
		return true
	})
	if err := s.set(); err != nil {
		t.Error(err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := start(t)
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		s := start(t)
		s.answer(status, "Location", elsewhere.server.URL)
		s.wantIdentity(t, s.set(), 1)
	}
	if n := elsewhere.Calls(); n != 0 {
		t.Errorf("the password went elsewhere %d times", n)
	}
}

func TestEndpointOffTheListIsNotCalled(t *testing.T) {
	s := start(t)
	s.Identity = identity.New(s, allowed(false), webhook.Options{Now: time.Now})
	s.wantIdentity(t, s.set(), 0)
}

func TestUntrustedCertificateGetsNoPassword(t *testing.T) {
	s := start(t)
	s.put("ca", "")
	s.wantIdentity(t, s.set(), 0)
}

func TestPlainHTTPOnLoopback(t *testing.T) {
	s := start(t)
	plain := httptest.NewServer(s)
	t.Cleanup(plain.Close)
	s.put("url", plain.URL)
	if err := s.set(); err != nil {
		t.Error(err)
	}
}

func TestPolicyWithoutAdapterSaysSo(t *testing.T) {
	s := start(t)
	for adapter, want := range map[string]string{"": "names no identity adapter", "Kratos": `"Kratos" is not supported by this version`} {
		p := s.Policy()
		p.Identity.Adapter = adapter
		for _, err := range []error{
			s.SetPassword(context.Background(), p, "u-1", "a quiet harbour", "k"),
			s.RequirePasswordChange(context.Background(), p, "u-1", "k"),
			s.RevokeSessions(context.Background(), p, "u-1", "k"),
		} {
			if s.wantIdentity(t, err, 0); !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
	}
}

func TestValidateNamesKeysAndNeverValues(t *testing.T) {
	good := map[string]string{"url": "https://idp.example/hooks\n", "secret": whsec("a")}
	cases := map[string]struct{ key, value, want string }{
		"all well":                {"url", "https://idp.example:8443/x?y=z", ""},
		"two secrets":             {"secret", whsec("a") + " " + whsec("b"), ""},
		"loopback without TLS":    {"url", "http://[::1]:8080/", ""},
		"no url":                  {"url", "", "key url is missing"},
		"no secret":               {"secret", " \n", "key secret is missing"},
		"three secrets":           {"secret", whsec("a") + " " + whsec("b") + " " + whsec("c"), "key secret may hold two"},
		"secret without prefix":   {"secret", "hunter2hunter2hunter2hunter2hunter2", "key secret must be whsec_"},
		"secret not base64":       {"secret", "whsec_hunter2!", "key secret must be whsec_"},
		"short secret":            {"secret", "whsec_aHVudGVyMg==", "key secret must be whsec_"},
		"no TLS elsewhere":        {"url", "http://hunter2.example", "key url may begin with http:// only"},
		"another scheme":          {"url", "ftp://hunter2.example", "key url must be"},
		"no host":                 {"url", "https:///hunter2", "key url must be"},
		"no URL":                  {"url", "https://hunter2 .example", "key url must be"},
		"credentials in the URL":  {"url", "https://u:hunter2@idp.example", "key url must hold neither"},
		"authority that is empty": {"ca", "hunter2", "key ca holds no"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			data := map[string][]byte{}
			for k, v := range good {
				data[k] = []byte(v)
			}
			data[test.key] = []byte(test.value)
			err := identity.Validate("Webhook", data)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q and no value", err, test.want)
			}
		})
	}
	if err := identity.Validate("Kratos", nil); err == nil {
		t.Error("an adapter was validated that there is none of")
	}
}
