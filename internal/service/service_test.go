package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/service"
)

type desk struct {
	asked    []flow.Request
	signals  []fact.Signal
	imports  []flow.Import
	decision flow.Decision
	err      error
}

func (d *desk) Decide(_ string, r flow.Request) (flow.Decision, error) {
	d.asked = append(d.asked, r)
	return d.decision, d.err
}

func (d *desk) Report(_ context.Context, s fact.Signal) error {
	d.signals = append(d.signals, s)
	return d.err
}

func (d *desk) ImportContacts(_ context.Context, in flow.Import) error {
	d.imports = append(d.imports, in)
	return d.err
}

// access lets the token "shop" do everything in namespace demo but signals.
type access struct{}

func (access) Allow(_ context.Context, token, namespace, resource string) error {
	switch {
	case token != "shop":
		return rules.ErrUnauthenticated
	case namespace != "demo" || resource == "signals":
		return fmt.Errorf("system:serviceaccount:demo:shop: %w", rules.ErrForbidden)
	default:
		return nil
	}
}

type anyAccess struct{}

func (anyAccess) Allow(context.Context, string, string, string) error { return nil }

func call(h http.Handler, method, path, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func handler(d *desk, a service.Access) http.Handler {
	return service.New(service.Config{Desk: d, Access: a, Synced: func() bool { return true }, Log: logr.Discard()})
}

func TestADeniedSignInSaysWhyUntilWhenAndWhereToGo(t *testing.T) {
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d := &desk{decision: flow.Decision{
		Answer: decision.Answer{Verdict: decision.Deny, Reasons: []decision.Reason{"UnusualActivity"}, Until: until},
		Ticket: "t", Links: map[string]string{"unblock": "https://a.example/unblock?ticket=t"},
	}}
	w := call(handler(d, access{}), "POST", "/v1/namespaces/demo/decisions", "shop",
		`{"account":"ada","action":"SignIn","network":"192.0.2.7","country":"DE"}`)
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"decision": "Deny", "reasons": []any{"UnusualActivity"}, "until": "2026-01-02T03:04:05Z", "ticket": "t",
		"links": map[string]any{"unblock": "https://a.example/unblock?ticket=t"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if d.asked[0].Network.String() != "192.0.2.7" || d.asked[0].Country != "DE" {
		t.Errorf("asked %+v", d.asked[0])
	}
}

func TestBadCallsAreRefusedClearlyAndReachNobody(t *testing.T) {
	long := strings.Repeat("a", 257)
	for name, c := range map[string]struct {
		method, path, token, body string
		status                    int
		says                      string
	}{
		"no token":               {"POST", "/v1/namespaces/demo/decisions", "", `{"account":"a","action":"SignIn"}`, 401, "unauthenticated"},
		"bad token":              {"POST", "/v1/namespaces/demo/decisions", "forged", `{"account":"a","action":"SignIn"}`, 401, "unauthenticated"},
		"another tenant":         {"POST", "/v1/namespaces/other/decisions", "shop", `{"account":"a","action":"SignIn"}`, 403, "forbidden"},
		"without the permission": {"POST", "/v1/namespaces/demo/signals", "shop", `{"account":"a","type":"SignIn"}`, 403, "forbidden"},
		"unknown field":          {"POST", "/v1/namespaces/demo/decisions", "shop", `{"account":"a","action":"SignIn","acount":"b"}`, 422, "acount"},
		"over-long account":      {"POST", "/v1/namespaces/demo/decisions", "shop", `{"account":"` + long + `","action":"SignIn"}`, 422, "body.account"},
		"no account":             {"POST", "/v1/namespaces/demo/decisions", "shop", `{"action":"SignIn"}`, 422, "account"},
		"network is no address":  {"POST", "/v1/namespaces/demo/decisions", "shop", `{"account":"a","action":"SignIn","network":"home"}`, 422, "body.network"},
		"not JSON":               {"POST", "/v1/namespaces/demo/decisions", "shop", `account=a`, 400, "bad-request"},
		"body over 64 KiB":       {"POST", "/v1/namespaces/demo/decisions", "shop", `{"account":"` + strings.Repeat("a", 65<<10) + `"}`, 413, "too-large"},
		"unknown channel":        {"PUT", "/v1/namespaces/demo/accounts/a/security-info", "shop", `{"contacts":[{"channel":"Fax","address":"12345"}]}`, 422, "channel"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{}
			w := call(handler(d, access{}), c.method, c.path, c.token, c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("got %d %s; want %d and %q", w.Code, w.Body, c.status, c.says)
			}
			if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type %q", got)
			}
			if len(d.asked)+len(d.signals)+len(d.imports) > 0 {
				t.Error("the call reached the desk")
			}
			if strings.Contains(w.Body.String(), long) {
				t.Error("the answer repeats what was submitted")
			}
		})
	}
}

func TestAFailedSignInMustSayWhichFactorFailed(t *testing.T) {
	d := &desk{}
	h := handler(d, anyAccess{})
	if w := call(h, "POST", "/v1/namespaces/demo/signals", "shop", `{"account":"a","type":"FailedSignIn"}`); w.Code != 422 {
		t.Errorf("without a method: %d %s", w.Code, w.Body)
	}
	if w := call(h, "POST", "/v1/namespaces/demo/signals", "shop", `{"account":"a","type":"FailedSignIn","method":"SMS"}`); w.Code != 202 {
		t.Errorf("with a method: %d %s", w.Code, w.Body)
	}
	if len(d.signals) != 1 || d.signals[0].Tenant != "demo" || d.signals[0].Method != "SMS" {
		t.Errorf("signals %+v", d.signals)
	}
}

func TestFormsAreNoCalls(t *testing.T) {
	r := httptest.NewRequest("POST", "/v1/namespaces/demo/decisions", strings.NewReader(`{"account":"a","action":"SignIn"}`))
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("Authorization", "Bearer shop")
	w := httptest.NewRecorder()
	handler(&desk{}, access{}).ServeHTTP(w, r)
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestNothingIsAnsweredBeforeTheFirstSync(t *testing.T) {
	d := &desk{}
	h := service.New(service.Config{Desk: d, Access: access{}, Synced: func() bool { return false }, Log: logr.Discard()})
	w := call(h, "POST", "/v1/namespaces/demo/decisions", "shop", `{"account":"a","action":"SignIn"}`)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || len(d.asked) > 0 {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

func TestTheFirstImportKeepsTheAccountAsItIsWritten(t *testing.T) {
	d := &desk{}
	w := call(handler(d, access{}), "PUT", "/v1/namespaces/demo/accounts/auth0%7Cada%2F1/security-info", "shop",
		`{"contacts":[{"channel":"Email","address":"ada@example.test"}],"language":"de"}`)
	if w.Code != 204 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if in := d.imports[0]; in.Account != "auth0|ada/1" || in.Language != "de" || len(in.Contacts) != 1 {
		t.Errorf("imported %+v", in)
	}
}

// An ID that no object can name gets no decision, no signal and no contacts: a hold of its
// would never end, and its block could not be lifted.
func TestAccountsThatNoObjectCanNameAreRefused(t *testing.T) {
	calls := func(account string) [][3]string {
		quoted, _ := json.Marshal(account)
		return [][3]string{
			{"POST", "/v1/namespaces/demo/decisions", `{"action":"SignIn","account":` + string(quoted) + `}`},
			{"POST", "/v1/namespaces/demo/signals", `{"type":"SignIn","account":` + string(quoted) + `}`},
			{"PUT", "/v1/namespaces/demo/accounts/" + url.PathEscape(account) + "/security-info", `{"contacts":[]}`},
		}
	}
	for _, account := range []string{
		"ada", "auth0|ada/1", "ada@shop.example", "!~", strings.Repeat("a", 255),
		"anna müller", "ada*", "анна", "ada\t", "a\x7f", strings.Repeat("a", 256),
	} {
		for _, c := range calls(account) {
			d := &desk{}
			w := call(handler(d, anyAccess{}), c[0], c[1], "shop", c[2])
			reached := len(d.asked)+len(d.signals)+len(d.imports) > 0
			if reached != rules.Nameable(account) || reached == (w.Code == 422) {
				t.Errorf("%s %s for %q: %d %s", c[0], c[1], account, w.Code, w.Body)
			}
			if !reached && !strings.Contains(w.Body.String(), "account\"") {
				t.Errorf("%s for %q does not say what is wrong: %s", c[1], account, w.Body)
			}
			if account == "anna müller" && (!strings.Contains(w.Body.String(), "visible ASCII without a star") || strings.Contains(w.Body.String(), "ller")) {
				t.Errorf("%s: %s", c[1], w.Body)
			}
		}
	}
}

func TestUnavailableMemoryIsSaidAndSaysWhenToComeBack(t *testing.T) {
	d := &desk{err: rules.ErrUnavailable}
	w := call(handler(d, access{}), "PUT", "/v1/namespaces/demo/accounts/a/security-info", "shop", `{"contacts":[]}`)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
