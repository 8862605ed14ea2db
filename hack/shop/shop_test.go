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
	if diff := cmp.Diff(want, s.holdfast.seen()[:3]); diff != "" {
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
	for _, c := range [][3]string{
		{"ada", "+12025550102", "Voice"}, // a landline
		{"alice", "+12025550101", "SMS"},
		{"grace", "+12025550103", "SMS"},
		{"linus", "+12025550104", "SMS"},
	} {
		want = append(want, fmt.Sprintf(`PUT /v1/namespaces/demo/accounts/%s/security-info {"contacts":[{"address":"%s@example.test","channel":"Email"},`+
			`{"address":"%s","channel":"%s"}],"language":"en"}`, c[0], c[0], c[1], c[2]))
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
