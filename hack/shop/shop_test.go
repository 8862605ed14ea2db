package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/crypto/bcrypt"
)

const (
	alicePassword = "violet-harbor-copper-92"
	secret        = "whsec_c2hvcCB0ZXN0IHNlY3JldCBvZiAyNCBieXRlcw=="
)

// fakeHoldfast answers as the service listener's contract says.
type fakeHoldfast struct {
	*httptest.Server
	mu sync.Mutex
	// answers by action; Allow where there is none.
	answers map[string]Decision
	// status, where not zero, is answered to everything.
	status int
	token  string
	calls  []string
}

func newFakeHoldfast(t *testing.T) *fakeHoldfast {
	f := &fakeHoldfast{answers: map[string]Decision{}, token: "good"}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeHoldfast) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+f.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if f.status != 0 {
		w.WriteHeader(f.status)
		return
	}
	body, _ := io.ReadAll(r.Body)
	f.calls = append(f.calls, fmt.Sprintf("%s %s %s", r.Method, r.URL.Path, bytes.TrimSpace(body)))
	if !strings.HasSuffix(r.URL.Path, "/decisions") {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	var in struct{ Action string }
	_ = json.Unmarshal(body, &in)
	answer, ok := f.answers[in.Action]
	if !ok {
		answer.Decision = "Allow"
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *fakeHoldfast) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.calls...)
}

type testShop struct {
	*Shop
	url      string
	holdfast *fakeHoldfast
	browser  *http.Client
	now      time.Time
	token    string
}

func open(t *testing.T, change func(*Config)) *testShop {
	t.Helper()
	dir := t.TempDir()
	accounts, err := OpenAccounts(filepath.Join(dir, "shop.json"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	ts := &testShop{holdfast: newFakeHoldfast(t), now: time.Now(), token: filepath.Join(dir, "token")}
	writeFile(t, ts.token, "good\n")
	config := Config{
		Accounts:      accounts,
		Holdfast:      &Holdfast{URL: ts.holdfast.URL, Namespace: "demo", TokenFile: ts.token, Client: ts.holdfast.Client()},
		WebhookSecret: secret,
		Log:           log.New(io.Discard, "", 0),
		Now:           func() time.Time { return ts.now },
	}
	if change != nil {
		change(&config)
	}
	ts.Shop, err = New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(ts.Handler())
	t.Cleanup(server.Close)
	ts.url = server.URL
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	ts.browser = server.Client()
	ts.browser.Jar = jar
	return ts
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, response *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

func (s *testShop) signInJSON(t *testing.T, account, password string) (int, string) {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"account": account, "password": password})
	response, err := s.browser.Post(s.url+"/api/signin", "application/json", bytes.NewReader(body))
	return read(t, response, err)
}

func (s *testShop) signInForm(t *testing.T, account, password string) (int, string) {
	t.Helper()
	response, err := s.browser.PostForm(s.url+"/signin", url.Values{"account": {account}, "password": {password}})
	return read(t, response, err)
}

func (s *testShop) home(t *testing.T) string {
	t.Helper()
	response, err := s.browser.Get(s.url)
	_, body := read(t, response, err)
	return body
}

func (s *testShop) block() time.Time {
	until := time.Date(2026, 5, 2, 12, 0, 0, 0, time.UTC)
	s.holdfast.answers[actionSignIn] = Decision{
		Decision: deny, Reasons: []string{"UnusualActivity"}, Until: &until,
		Links: map[string]string{"unblock": "http://holdfast.test/unblock?ticket=t1"},
	}
	return until
}

func TestAsksBeforeAndAfterThePassword(t *testing.T) {
	s := open(t, nil)
	if status, body := s.signInForm(t, "alice", alicePassword); status != http.StatusOK || !strings.Contains(body, "Welcome, Alice") {
		t.Fatalf("%d %s", status, body)
	}
	want := []string{
		`POST /v1/namespaces/demo/decisions {"account":"alice","action":"Attempt","network":"127.0.0.1"}`,
		`POST /v1/namespaces/demo/decisions {"account":"alice","action":"SignIn","network":"127.0.0.1"}`,
		`POST /v1/namespaces/demo/signals {"account":"alice","network":"127.0.0.1","type":"SignIn"}`,
	}
	if diff := cmp.Diff(want, s.holdfast.seen()); diff != "" {
		t.Error(diff)
	}
}

// O1: a stranger's wrong password is named as one, so that it lengthens nothing.
func TestWrongPasswordIsReportedAsTheFirstFactor(t *testing.T) {
	s := open(t, nil)
	s.block()
	status, known := s.signInJSON(t, "alice", "wrong")
	unknownStatus, unknown := s.signInJSON(t, "nobody", "wrong")
	if status != http.StatusUnauthorized || status != unknownStatus || known != unknown {
		t.Errorf("law 6: known %d %s, unknown %d %s", status, known, unknownStatus, unknown)
	}
	want := `POST /v1/namespaces/demo/signals {"account":"alice","method":"Password","network":"127.0.0.1","type":"FailedSignIn"}`
	if got := s.holdfast.seen(); len(got) != 4 || got[1] != want {
		t.Errorf("calls %q", got)
	}
}

func TestBlockedAccountIsDeniedWithTheLink(t *testing.T) {
	s := open(t, nil)
	until := s.block()
	status, body := s.signInJSON(t, "alice", alicePassword)
	want := `{"blocked":true,"reasons":["UnusualActivity"],"until":"` + until.Format(time.RFC3339) +
		`","unblockUrl":"http://holdfast.test/unblock?ticket=t1"}`
	if status != http.StatusForbidden || body != want {
		t.Errorf("%d %s", status, body)
	}
	status, body = s.signInForm(t, "alice", alicePassword)
	if status != http.StatusForbidden || !strings.Contains(body, `href="http://holdfast.test/unblock?ticket=t1"`) ||
		!strings.Contains(body, reasons["UnusualActivity"]) || !strings.Contains(body, `datetime="2026-05-02T12:00:00Z"`) {
		t.Errorf("%d %s", status, body)
	}
	if strings.Contains(s.home(t), "Welcome") {
		t.Error("a blocked account is signed in")
	}
}

func TestDeniedAttemptTellsNothing(t *testing.T) {
	s := open(t, nil)
	_, wrong := s.signInJSON(t, "alice", "wrong")
	s.holdfast.answers[actionAttempt] = Decision{Decision: deny}
	if status, body := s.signInJSON(t, "alice", alicePassword); status != http.StatusUnauthorized || body != wrong {
		t.Errorf("%d %s, want what a wrong password gets: %s", status, body, wrong)
	}
}

func TestFailsClosedUnlessToldOtherwise(t *testing.T) {
	closed := open(t, nil)
	closed.holdfast.Close()
	if status, body := closed.signInForm(t, "alice", alicePassword); status != http.StatusServiceUnavailable || !strings.Contains(body, "does not answer") {
		t.Errorf("%d %s", status, body)
	}
	failOpen := open(t, func(c *Config) { c.FailOpen = true })
	failOpen.holdfast.Close()
	if status, _ := failOpen.signInForm(t, "alice", alicePassword); status != http.StatusOK {
		t.Errorf("fail open: %d", status)
	}
	named := open(t, nil)
	named.holdfast.status = http.StatusUnprocessableEntity
	if status, _ := named.signInForm(t, "no account at all", "x"); status != http.StatusUnauthorized {
		t.Errorf("impossible name: %d", status)
	}
}

func TestReadsTheTokenAnewWhenItIsRefused(t *testing.T) {
	s := open(t, nil)
	if status, _ := s.signInJSON(t, "alice", alicePassword); status != http.StatusOK {
		t.Fatal(status)
	}
	s.holdfast.mu.Lock()
	s.holdfast.token = "better"
	s.holdfast.mu.Unlock()
	writeFile(t, s.token, "better\n")
	if status, body := s.signInJSON(t, "alice", alicePassword); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

func TestImportsUntilHoldfastHasEveryAddress(t *testing.T) {
	s := open(t, nil)
	s.holdfast.status = http.StatusServiceUnavailable
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); s.ImportContacts(ctx, time.Millisecond) }()
	s.holdfast.mu.Lock()
	s.holdfast.status = 0
	s.holdfast.mu.Unlock()
	<-done
	var want []string
	for _, id := range []string{"ada", "alice", "grace", "linus"} {
		want = append(want, fmt.Sprintf(`PUT /v1/namespaces/demo/accounts/%s/security-info {"contacts":[{"address":"%s@example.test","channel":"Email"}],"language":"en"}`, id, id))
	}
	if diff := cmp.Diff(want, s.holdfast.seen()); diff != "" {
		t.Error(diff)
	}
}

func TestImportTakesConflictForDone(t *testing.T) {
	s := open(t, nil)
	s.holdfast.status = http.StatusConflict
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s.ImportContacts(ctx, time.Hour)
	if ctx.Err() != nil {
		t.Error("asked again although Holdfast has the addresses")
	}
}

// post sends an event as Holdfast would.
func (s *testShop) post(t *testing.T, id string, at time.Time, key, body string) int {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/holdfast-webhook", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("webhook-id", id)
	request.Header.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
	request.Header.Set("webhook-signature", signature)
	response, err := http.DefaultTransport.RoundTrip(request)
	status, _ := read(t, response, err)
	return status
}

func setPassword(password string) string {
	return `{"type":"account.set_password","timestamp":"2026-05-01T12:00:00Z","data":{"namespace":"demo","account":"alice","password":"` + password + `","revokeSessions":true}}`
}

func TestWebhookSetsThePasswordOnceAndEndsSessions(t *testing.T) {
	s := open(t, nil)
	s.signInForm(t, "alice", alicePassword)
	if status := s.post(t, "deed-1", s.now, secret, setPassword("quartz-lantern-fjord-10")); status != http.StatusNoContent {
		t.Fatal(status)
	}
	if strings.Contains(s.home(t), "Welcome") {
		t.Error("the old session lives on")
	}
	if status, _ := s.signInJSON(t, "alice", alicePassword); status != http.StatusUnauthorized {
		t.Errorf("old password: %d", status)
	}
	if status, _ := s.signInForm(t, "alice", "quartz-lantern-fjord-10"); status != http.StatusOK {
		t.Errorf("new password: %d", status)
	}
	// A retry of the same deed, even with another body, does nothing.
	if status := s.post(t, "deed-1", s.now, secret, setPassword("another-password-3")); status != http.StatusNoContent {
		t.Errorf("retry: %d", status)
	}
	if !strings.Contains(s.home(t), "Welcome") {
		t.Error("the retry ended the new session")
	}
	if status, _ := s.signInJSON(t, "alice", "quartz-lantern-fjord-10"); status != http.StatusOK {
		t.Error("the retry changed the password")
	}
}

func TestWebhookRefusals(t *testing.T) {
	s := open(t, nil)
	good := setPassword("quartz-lantern-fjord-10")
	other := "whsec_YW5vdGhlciBzZWNyZXQgb2YgMjQgYnl0ZXM="
	for name, c := range map[string]struct {
		at        time.Time
		key, body string
		want      int
	}{
		"foreign key":      {s.now, other, good, http.StatusUnauthorized},
		"old signature":    {s.now.Add(-6 * time.Minute), secret, good, http.StatusUnauthorized},
		"present password": {s.now, secret, setPassword(alicePassword), http.StatusUnprocessableEntity},
		"too long":         {s.now, secret, setPassword(strings.Repeat("x", maxPassword+1)), http.StatusUnprocessableEntity},
		"unknown account":  {s.now, secret, strings.ReplaceAll(good, "alice", "nobody"), http.StatusUnprocessableEntity},
		"unknown event":    {s.now, secret, strings.ReplaceAll(good, "set_password", "drop"), http.StatusUnprocessableEntity},
		"no JSON":          {s.now, secret, "password", http.StatusBadRequest},
		"too big":          {s.now, secret, strings.Repeat(" ", maxBody+1), http.StatusBadRequest},
	} {
		if status := s.post(t, "deed-"+name, c.at, c.key, c.body); status != c.want {
			t.Errorf("%s: %d, want %d", name, status, c.want)
		}
	}
	if status, _ := s.signInJSON(t, "alice", alicePassword); status != http.StatusOK {
		t.Error("a refused webhook changed the password")
	}
}

func TestRequiredChangeIsAskedForAndReported(t *testing.T) {
	s := open(t, nil)
	body := `{"type":"account.require_password_change","data":{"account":"alice"}}`
	if status := s.post(t, "deed-1", s.now, secret, body); status != http.StatusNoContent {
		t.Fatal(status)
	}
	if _, page := s.signInForm(t, "alice", alicePassword); !strings.Contains(page, "choose a new password now") {
		t.Errorf("not asked: %s", page)
	}
	form := url.Values{"present": {alicePassword}, "password": {"quartz-lantern-fjord-10"}}
	response, err := s.browser.PostForm(s.url+"/password", form)
	if _, page := read(t, response, err); strings.Contains(page, "choose a new password now") || !strings.Contains(page, "Welcome") {
		t.Errorf("after the change: %s", page)
	}
	calls := s.holdfast.seen()
	if last := calls[len(calls)-1]; !strings.Contains(last, `"type":"PasswordChanged"`) {
		t.Errorf("last call %s", last)
	}
}

func TestSecondRunFindsPasswordsAndDeeds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.json")
	now := time.Now()
	for _, wantDone := range []bool{true, false} {
		accounts, err := OpenAccounts(path, bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		done, err := accounts.Apply("alice", "deed-1", SetPassword("quartz-lantern-fjord-10"), now)
		if err != nil || done != wantDone {
			t.Errorf("done %t, %v, want done %t", done, err, wantDone)
		}
		if _, right := accounts.Check("alice", "quartz-lantern-fjord-10"); !right {
			t.Error("new password is not known")
		}
	}
}

func TestForeignPagesCannotPost(t *testing.T) {
	s := open(t, nil)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/signout", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	response, err := s.browser.Do(request)
	if status, _ := read(t, response, err); status != http.StatusForbidden {
		t.Errorf("%d", status)
	}
}
