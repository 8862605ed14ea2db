package oidc

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/decision"
)

const (
	sessionCookie = "__Host-holdfast"
	browserCookie = "__Host-holdfast-signin"
)

// A person signs in at the issuer and sees their security info; every attack on the way
// opens nothing.
func TestSignInAtARealProvider(t *testing.T) {
	h := open(t)
	anna, mallory := h.person(), h.person()
	callback := anna.signIn()

	// Login CSRF: the link of one browser is worth nothing in another, with or without
	// a sign-in of its own under way, and uses nothing up.
	contains(t, mallory.get(callback), http.StatusForbidden, "You are not signed in")
	own := mallory.signIn()
	contains(t, mallory.get(callback), http.StatusForbidden, "You are not signed in")
	mixed := swap(t, own, "code", callback) // her code under his state: the nonce and PKCE refuse it
	contains(t, mallory.get(mixed), http.StatusForbidden, "You are not signed in")
	if mallory.cookie(sessionCookie) != "" {
		t.Fatal("mallory has a session")
	}

	callback = anna.signIn() // PKCE has spent the stolen code
	browser := anna.cookie(browserCookie)
	planted := anna.cookie(sessionCookie)
	arrived := anna.get(callback)
	if arrived.status != http.StatusSeeOther || arrived.header.Get("Location") != "/security-info" || anna.cookie(browserCookie) != "" {
		t.Fatalf("arrived: %d %s\n%s", arrived.status, arrived.header, arrived.body)
	}
	first := anna.cookie(sessionCookie)
	if first == "" || first == planted || first == browser {
		t.Errorf("the session's cookie is %q", first)
	}
	contains(t, anna.get(anna.base+"/security-info"), http.StatusOK, "id•••", "te•••@•••", "German", "Get a code")

	// Replay: the same way back opens no second session.
	replay := h.person()
	replay.Jar.SetCookies(replay.https(), []*http.Cookie{{Name: browserCookie, Value: browser, Path: "/", Secure: true}})
	if again := replay.get(callback); again.status != http.StatusForbidden && again.status != http.StatusGone || replay.cookie(sessionCookie) != "" {
		t.Errorf("replay: %d", again.status)
	}

	// Step-up by a code to a full contact: the cookie changes.
	sent := anna.post(anna.base+"/security-info/verify", url.Values{"contact": {"Email:mail"}})
	if sent.status != http.StatusSeeOther {
		t.Fatalf("verify: %d\n%s", sent.status, sent.body)
	}
	info, err := h.SecurityInfo(t.Context(), flow.Visit{Host: h.host, Credential: first})
	must(t, err)
	proved := anna.post(anna.base+"/security-info/code", url.Values{"id": {info.Challenge.ID}, "code": {h.code()}})
	if proved.status != http.StatusSeeOther || anna.cookie(sessionCookie) == first {
		t.Fatalf("the step-up is answered %d\n%s", proved.status, proved.body)
	}
	contains(t, anna.get(anna.base+"/security-info"), http.StatusOK, "You have shown that it is you")
	anna.post(anna.base+"/security-info/end", nil)
	contains(t, anna.get(anna.base+"/security-info"), http.StatusOK, "Sign in at localhost")

	for what, hidden := range map[string]string{
		"the code": query(t, callback, "code"), "the state": query(t, callback, "state"), "a session": first,
		"the browser's secret": browser, "the client's secret": `"` + secret + `"`, "an id_token": "eyJ",
	} {
		if strings.Contains(h.log.String(), hidden) {
			t.Errorf("the log holds %s:\n%s", what, h.log)
		}
	}
}

// swap takes one parameter of an address from another.
func swap(t *testing.T, address, name, from string) string {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	values := u.Query()
	values.Set(name, query(t, from, name))
	u.RawQuery = values.Encode()
	return u.String()
}

func query(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	if u.Query().Get(name) == "" {
		t.Fatalf("%s carries no %s", address, name)
	}
	return u.Query().Get(name)
}

// A blocked person who signs in is led to the release of the block.
func TestABlockedPersonIsLedToTheRelease(t *testing.T) {
	h := open(t)
	anna := h.person()
	callback := anna.signIn()
	h.blockAccount()
	blocked := anna.get(callback)
	contains(t, blocked, http.StatusForbidden, "Your account is blocked", "http://"+h.host+"/unblock?ticket=")
	if anna.cookie(sessionCookie) != "" {
		t.Error("a blocked person has a session")
	}
	_, after, _ := strings.Cut(blocked.body, `href="http://`+h.host+"/unblock?ticket=")
	sealed, _, _ := strings.Cut(after, `"`)
	contains(t, anna.get(anna.base+"/unblock?ticket="+sealed), http.StatusOK, "Open my account")
}

// law 4: with the provider down a page says what to do, and decisions go on.
func TestTheProviderIsDown(t *testing.T) {
	h := open(t)
	anna := h.person()
	callback := anna.signIn()
	h.stopProvider()
	down := anna.get(callback)
	contains(t, down, http.StatusServiceUnavailable, "Signing in does not work right now", "Try again")
	if down.header.Get("Retry-After") == "" || !strings.Contains(h.log.String(), "its token endpoint cannot be read") {
		t.Errorf("Retry-After %q, log:\n%s", down.header.Get("Retry-After"), h.log)
	}
	started := anna.start() // its description is still known
	if started.status != http.StatusOK || !strings.HasPrefix(started.header.Get("Refresh"), "0; url="+h.issuer) {
		t.Errorf("start: %d %q", started.status, started.header.Get("Refresh"))
	}
	h.blockAccount()
	out, err := h.Decide(tenant, flow.Request{Account: account, Action: decision.SignIn})
	if err != nil || out.Verdict != decision.Deny || out.Ticket == "" {
		t.Errorf("SignIn is answered %+v, %v", out, err)
	}
	contains(t, anna.get(anna.base+"/unblock?ticket="+out.Ticket), http.StatusOK, "Open my account")
}

// What the platform team set wrong shows in the log, by name and without any secret.
func TestAnInstallationThatIsSetWrong(t *testing.T) {
	t.Run("the endpoint is not allowed", func(t *testing.T) {
		h := open(t, "id.example:443")
		contains(t, h.person().start(), http.StatusServiceUnavailable, "Signing in does not work right now")
		if !strings.Contains(h.log.String(), "--provider-endpoints") {
			t.Error(h.log)
		}
	})
	t.Run("the client's secret is wrong", func(t *testing.T) {
		h := open(t)
		h.secrets["clientSecret"] = []byte("hunter2")
		anna := h.person()
		contains(t, anna.get(anna.signIn()), http.StatusServiceUnavailable, "Signing in does not work right now")
		if log := h.log.String(); !strings.Contains(log, "refuses Holdfast's own clientID or secret") || strings.Contains(log, "hunter2") {
			t.Error(log)
		}
	})
	t.Run("the issuer is written otherwise", func(t *testing.T) {
		h := open(t)
		vp := h.policy("customers", "*")
		vp.Spec.Identity.OIDC.Issuer = strings.TrimSuffix(h.issuer, "/")
		h.apply(vp)
		contains(t, h.person().start(), http.StatusServiceUnavailable, "Signing in does not work right now")
		if !strings.Contains(h.log.String(), "it calls itself by another name") {
			t.Error(h.log)
		}
	})
	t.Run("the account's own policy names no issuer", func(t *testing.T) {
		h := open(t)
		vp := h.policy("ids", "id*")
		vp.Spec.Identity.OIDC = nil
		h.apply(vp)
		anna := h.person()
		contains(t, anna.get(anna.signIn()), http.StatusForbidden, "You are not signed in", "an account that is not kept here")
	})
}
