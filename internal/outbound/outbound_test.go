package outbound_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"holdfast.dev/holdfast/internal/outbound"
)

var now = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

func TestEndpointsThatASecretMayName(t *testing.T) {
	for s, want := range map[string]string{
		"https://gateway.example/send?tenant=shop": "",
		"http://localhost:8080/":                   "",
		"http://[::1]:8080/":                       "",
		"":                                         "missing",
		"gateway.example":                          "https://",
		"ftp://gateway.example":                    "https://",
		"https://":                                 "https://",
		"http://gateway.example/":                  "loopback",
		"http://localhost.evil.example/":           "loopback",
		"https://user:pass@gateway.example/":       "neither user nor fragment",
		"https://gateway.example/#part":            "neither user nor fragment",
	} {
		u, problem := outbound.Endpoint(s)
		if (u == nil) != (want != "") || !strings.Contains(problem, want) || (want == "" && problem != "") {
			t.Errorf("%q: %v, %q; want %q", s, u, problem, want)
		}
	}
}

func TestAddressHasAPort(t *testing.T) {
	for s, want := range map[string]string{
		"https://gateway.example/a": "gateway.example:443", "http://localhost": "localhost:80",
		"https://gateway.example:8443": "gateway.example:8443", "https://[::1]": "[::1]:443",
	} {
		u, problem := outbound.Endpoint(s)
		if problem != "" {
			t.Fatal(problem)
		}
		if got := outbound.Address(u); got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	if !errors.Is(outbound.Client(nil).CheckRedirect(nil, nil), http.ErrUseLastResponse) {
		t.Error("a redirect is followed")
	}
	if outbound.Transport(nil, 1).Proxy != nil {
		t.Error("a proxy of the environment is used")
	}
}

func secret(letter string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 24)))
}

func TestEverySecretSigns(t *testing.T) {
	signers, problem := outbound.NewSigners(secret("a") + "\n" + secret("b") + "\n")
	if problem != "" {
		t.Fatal(problem)
	}
	header := http.Header{}
	if err := signers.Sign(header, "id-1", now, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for letter, taken := range map[string]bool{"a": true, "b": true, "c": false} {
		theirs, err := standardwebhooks.NewWebhook(secret(letter))
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.VerifyIgnoringTimestamp([]byte("{}"), header); (err == nil) != taken {
			t.Errorf("secret %s: %v", letter, err)
		}
	}
}

func TestSecretsThatAreRefused(t *testing.T) {
	for s, want := range map[string]string{
		"": "missing", " \n": "missing", "hunter2": "whsec_", "whsec_hunter2": "whsec_",
		"whsec_" + base64.StdEncoding.EncodeToString([]byte("short")): "24 bytes",
		secret("a") + " " + secret("b") + " " + secret("c"):           "two",
	} {
		if _, problem := outbound.NewSigners(s); !strings.Contains(problem, want) || strings.Contains(problem, "hunter2") {
			t.Errorf("%q: %q, want %q", s, problem, want)
		}
	}
}

func TestAnAuthorityThatIsNoneIsRefused(t *testing.T) {
	if _, problem := outbound.TLS([]byte("no PEM")); problem == "" {
		t.Error("taken")
	}
	if config, problem := outbound.TLS(nil); problem != "" || config.RootCAs != nil {
		t.Errorf("without one: %q, %v", problem, config.RootCAs)
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-1": 0, "soon": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := outbound.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}
