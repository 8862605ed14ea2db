package shop

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const infoLink = "http://holdfast.test/security-info?ticket=t2"

// enter signs alice in at a shop of which Holdfast answers as given from then on.
func enter(t *testing.T, answers map[string]Decision) *testShop {
	t.Helper()
	s := open(t, nil)
	if status, body := s.signInForm(t, "alice", alicePassword); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	s.holdfast.mu.Lock()
	s.holdfast.answers = answers
	s.holdfast.mu.Unlock()
	s.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

func (s *testShop) pay(t *testing.T) (int, string) {
	t.Helper()
	response, err := s.browser.PostForm(s.url+"/pay", url.Values{})
	return read(t, response, err)
}

func held() Decision {
	until := time.Date(2026, 5, 2, 12, 0, 0, 0, time.UTC)
	return Decision{
		Decision: deny, Reasons: []string{"SecurityInfoHold"}, Until: &until,
		Links: map[string]string{"securityInfo": infoLink},
	}
}

// Seed 53: who waits for a change learns why, until when, and where to stop it.
func TestPaymentOnHoldIsRefusedInPlainWords(t *testing.T) {
	s := enter(t, map[string]Decision{actionPayment: held()})
	status, body := s.pay(t)
	for _, want := range []string{reasons["SecurityInfoHold"], `datetime="2026-05-02T12:00:00Z"`, `href="` + infoLink + `"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if status != http.StatusForbidden || strings.Contains(body, "SecurityInfoHold") {
		t.Errorf("%d %s", status, body)
	}
}

func TestPaysWhereNothingSpeaksAgainstIt(t *testing.T) {
	s := enter(t, nil)
	if status, body := s.pay(t); status != http.StatusOK || !strings.Contains(body, "it is paid") {
		t.Errorf("%d %s", status, body)
	}
	s.holdfast.Close()
	if status, body := s.pay(t); status != http.StatusServiceUnavailable || strings.Contains(body, "it is paid") {
		t.Errorf("without Holdfast: %d %s", status, body)
	}
	stranger := open(t, nil)
	if status, _ := stranger.pay(t); status != http.StatusUnauthorized || len(stranger.holdfast.seen()) > 0 {
		t.Errorf("not signed in: %d", status)
	}
}

func TestSecurityInfoOpensByAFreshLink(t *testing.T) {
	s := enter(t, map[string]Decision{actionChangeSecurityInfo: {Decision: allow, Links: map[string]string{"securityInfo": infoLink}}})
	response, err := s.browser.Get(s.url + "/security-info")
	if status, body := read(t, response, err); status != http.StatusSeeOther || response.Header.Get("Location") != infoLink {
		t.Errorf("%d %s", status, body)
	}
	s.holdfast.answers[actionChangeSecurityInfo] = Decision{Decision: deny, Reasons: []string{"Administrative"}}
	response, err = s.browser.Get(s.url + "/security-info")
	if status, body := read(t, response, err); status != http.StatusForbidden || !strings.Contains(body, reasons["Administrative"]) {
		t.Errorf("of a blocked account: %d %s", status, body)
	}
}

// Seed 38: what can be put off is a banner.
func TestPromptIsABannerUntilItIsDone(t *testing.T) {
	by := time.Date(2026, 5, 2, 12, 0, 0, 0, time.UTC)
	s := enter(t, map[string]Decision{actionSignIn: {Decision: allow, Prompt: "VerifySecurityInfo", PromptBy: &by}})
	if body := s.home(t); !strings.Contains(body, "Can you still receive a code?") || !strings.Contains(body, `datetime="2026-05-02T12:00:00Z"`) {
		t.Error(body)
	}
	s.holdfast.answers[actionSignIn] = Decision{Decision: allow, Prompt: promptRegister}
	if body := s.home(t); !strings.Contains(body, "How can we reach you?") {
		t.Error(body)
	}
	delete(s.holdfast.answers, actionSignIn)
	if body := s.home(t); strings.Contains(body, "banner") {
		t.Error(body)
	}
	change := held()
	change.Decision = challenge
	s.holdfast.answers[actionChangeSecurityInfo] = change
	if body := s.home(t); !strings.Contains(body, "is about to change") || !strings.Contains(body, `datetime="2026-05-02T12:00:00Z"`) || strings.Contains(body, "sign in again") {
		t.Error(body)
	}
	s.holdfast.answers[actionSignIn] = held()
	if body := s.home(t); !strings.Contains(body, "cannot pay or sign in again") {
		t.Error(body)
	}
}

// Seed 38: what cannot be put off leads away before anybody is signed in.
func TestMustVerifyLeadsToSecurityInfoBeforeTheSignIn(t *testing.T) {
	s := open(t, nil)
	s.holdfast.answers[actionSignIn] = Decision{
		Decision: challenge, Prompt: "MustVerifySecurityInfo", Links: map[string]string{"securityInfo": infoLink},
	}
	response, err := s.browser.PostForm(s.url+"/signin", url.Values{"account": {"alice"}, "password": {alicePassword}})
	status, body := read(t, response, err)
	if status != http.StatusForbidden || response.Header.Get("Refresh") != "0; url="+infoLink || !strings.Contains(body, `href="`+infoLink+`"`) {
		t.Errorf("%d %v %s", status, response.Header, body)
	}
	if strings.Contains(s.home(t), "Welcome") {
		t.Error("signed in without the proof")
	}
	status, body = s.signInJSON(t, "alice", alicePassword)
	if want := `{"prompt":"MustVerifySecurityInfo","securityInfoUrl":"` + infoLink + `"}`; status != http.StatusForbidden || body != want {
		t.Errorf("%d %s", status, body)
	}
}
