package shop

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/crypto/bcrypt"
)

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
	response, err := (&http.Client{}).Do(request)
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
	if !slices.ContainsFunc(calls, func(call string) bool { return strings.Contains(call, `"type":"PasswordChanged"`) }) {
		t.Errorf("not reported: %q", calls)
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
