package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/web/webtest"
)

// entered is a visitor whose session is open.
func entered(t *testing.T) *visitor {
	t.Helper()
	v := visit(t)
	r := v.post("/security-info", "ticket", v.desk.InfoTicket())
	redirected(t, r, "/security-info")
	v.adopt(r)
	return v
}

// cookieOf is a cookie that an answer sets.
func cookieOf(t *testing.T, r *http.Response, name string) *http.Cookie {
	t.Helper()
	for _, c := range r.Cookies() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no cookie %s is set", name)
	return nil
}

// law 7: the page of a ticket shows whose it is and a button, and changes nothing; the
// button makes a new cookie and adopts none.
func TestATicketToSecurityInfo(t *testing.T) {
	v := visit(t)
	sealed := v.desk.InfoTicket()
	for range 3 {
		page := text(t, expect(t, v.get("/security-info?ticket="+sealed), http.StatusOK))
		contains(t, page, "ma•••", `action="/security-info"`, "Open my security info")
		lacks(t, page, "ma•••@•••")
	}
	if len(v.desk.Calls) != 0 {
		t.Errorf("looking did %v", v.desk.Calls)
	}
	v.cookie = "planted"
	r := v.post("/security-info", "ticket", sealed)
	redirected(t, r, "/security-info")
	c := cookieOf(t, r, "__Host-holdfast")
	if c.Value == "planted" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || v.desk.Visits[0].Credential != "" {
		t.Errorf("the cookie is %+v, the visit %+v", c, v.desk.Visits[0])
	}
	if got := heading(t, text(t, expect(t, v.post("/security-info", "ticket", sealed), http.StatusGone))); got != "This link no longer works" {
		t.Errorf("used again: %q", got)
	}
	contains(t, text(t, expect(t, v.get("/security-info?ticket=forged"), http.StatusGone)), "/security-info")
}

// H4: no other site opens, steps up, starts or ends anything.
func TestOtherSitesDoNothingToSessions(t *testing.T) {
	v := entered(t)
	calls := len(v.desk.Calls)
	for _, path := range []string{"", "/sign-in", "/verify", "/code", "/resend", "/end"} {
		r := v.do("POST", "/security-info"+path, "ticket=pass-1&way=way-1&contact=c1",
			"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
		expect(t, r, http.StatusForbidden)
	}
	if len(v.desk.Calls) != calls {
		t.Errorf("other sites did %v", v.desk.Calls[calls:])
	}
}

// seed 22: the list says of each contact what its owner needs, masked.
func TestTheListOfSecurityInfo(t *testing.T) {
	v := entered(t)
	page := text(t, expect(t, v.get("/security-info"), http.StatusOK))
	contains(t, page, "ma•••@•••", "Email address", "Phone, by text message", "German", "Brazilian Portuguese", "3 March 2024", "Never",
		"For a time it does not prove", "/security-info/verify", "Harbour Shop")
	v.desk.Change(func(d *webtest.Desk) { d.Sessions.Info.Contacts[1].Standing = contact.Disabled })
	v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket()))
	contains(t, text(t, v.get("/security-info")), "Paused after too many wrong codes", "Only one of them proves")
	v.desk.Change(func(d *webtest.Desk) { d.Sessions.Info.Contacts, d.Sessions.Info.Destinations = nil, nil })
	v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket()))
	page = text(t, v.get("/security-info"))
	contains(t, page, "You have no security info")
	lacks(t, page, "/security-info/verify")
	v.desk.Change(func(d *webtest.Desk) { d.Sessions.Info.Recorded = false })
	v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket()))
	contains(t, text(t, v.get("/security-info")), "We do not know yet")
}

// Without a session the page says where to sign in, alike for everybody (law 6).
func TestWithoutASession(t *testing.T) {
	v := visit(t)
	page := text(t, expect(t, v.get("/security-info"), http.StatusOK))
	contains(t, page, "Sign in at id.harbour.example", `action="/security-info/sign-in"`, "where you are signed in")
	v.cookie = "nobody's"
	if again := text(t, v.get("/security-info")); again != page {
		t.Error("a foreign cookie changes the page")
	}
	v.desk.Change(func(d *webtest.Desk) { d.Sessions.Ways = nil })
	lacks(t, text(t, v.get("/security-info")), "sign-in\"", "Sign in at")
	for _, path := range []string{"/verify", "/code"} {
		if got := heading(t, text(t, expect(t, v.get("/security-info"+path), http.StatusUnauthorized))); got != "This page has expired" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// Signing in at the issuer: the browser keeps a secret, goes there and comes back to a
// new session; the address with the code is left at once.
func TestSigningInAtTheIssuer(t *testing.T) {
	v := visit(t)
	r := expect(t, v.post("/security-info/sign-in", "way", "way-1"), http.StatusOK)
	if got := r.Header.Get("Refresh"); got != "0; url=https://id.harbour.example/auth?state=s" {
		t.Errorf("Refresh: %q", got)
	}
	kept := cookieOf(t, r, "__Host-holdfast-signin")
	if !kept.Secure || !kept.HttpOnly || kept.SameSite != http.SameSiteLaxMode || kept.MaxAge != 600 {
		t.Errorf("the browser keeps %+v", kept)
	}
	page := text(t, r)
	contains(t, page, `href="https://id.harbour.example/auth?state=s"`)
	lacks(t, page, kept.Value)
	back := v.do("GET", "/security-info/callback?state=s&code=c&iss=https%3A%2F%2Fid", "", "Cookie", "__Host-holdfast-signin="+kept.Value+"; __Host-holdfast=planted")
	redirected(t, back, "/security-info")
	if cookieOf(t, back, "__Host-holdfast-signin").MaxAge >= 0 || cookieOf(t, back, "__Host-holdfast").Value == "planted" {
		t.Error("the cookies are not new")
	}
	if got := v.desk.Sessions.Returned[0]; got != (flow.Returned{State: "s", Code: "c", Issuer: "https://id"}) || v.desk.Sessions.Browsers[0] != kept.Value {
		t.Errorf("brought back: %+v", got)
	}
	lacks(t, v.log.String(), "state=s", "code=c", kept.Value)
}

// Open redirect: nothing of a request says where it leads.
func TestARequestNamesNoDestination(t *testing.T) {
	v := visit(t)
	for _, query := range []string{"?next=https://evil.example", "?redirect_uri=https://evil.example&to=//evil.example"} {
		lacks(t, text(t, v.get("/security-info"+query)), "evil")
		r := v.post("/security-info/sign-in"+query, "way", "way-1", "to", "https://evil.example")
		lacks(t, r.Header.Get("Refresh")+text(t, r), "evil")
	}
	expect(t, v.post("/security-info/sign-in", "way", "https://evil.example"), http.StatusForbidden)
}

// Each failure has a page that says what to do, and sets no cookie.
func TestSignInsThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		query   string
		status  int
		heading string
		holds   []string
	}{
		"in another browser": {nil, "?state=s&code=c", 403, "You are not signed in", []string{"another browser", "Sign in again"}},
		"refused there":      {nil, "?state=s&error=access_denied&error_description=Evil+words", 403, "You are not signed in", nil},
		"the issuer is away": {rules.ErrIssuer, "?state=s&code=c", 503, "Signing in does not work right now", []string{"Try again"}},
		"used":               {rules.ErrTicketUsed, "?state=s&code=c", 410, "This link no longer works", nil},
		"blocked":            {&flow.BlockedError{Unblock: "https://shop.example/unblock?ticket=t"}, "?state=s&code=c", 403, "Your account is blocked", []string{`href="https://shop.example/unblock?ticket=t"`}},
		"blocked for ever":   {&flow.BlockedError{}, "?state=s&code=c", 403, "Your account is blocked", []string{"https://help.example/"}},
		"the store is away":  {rules.ErrUnavailable, "?state=s&code=c", 503, "We cannot answer right now", nil},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t)
			v.desk.Fail["FinishSignIn"] = c.err
			r := expect(t, v.get("/security-info/callback"+c.query), c.status)
			page := text(t, r)
			if got := heading(t, page); got != c.heading {
				t.Errorf("heading %q, want %q", got, c.heading)
			}
			contains(t, page, c.holds...)
			lacks(t, page, "Evil words", "access_denied")
			if len(r.Cookies()) != 0 {
				t.Errorf("cookies %v", r.Cookies())
			}
			if c.status == 503 && r.Header.Get("Retry-After") == "" {
				t.Error("nothing says when to try again")
			}
		})
	}
}

// Nobody has an issuer asked without end.
func TestSigningInIsBoundedForANetwork(t *testing.T) {
	v := visit(t)
	var last *http.Response
	for range 21 {
		last = v.get("/security-info/callback?state=s&code=c")
	}
	expect(t, last, http.StatusTooManyRequests)
	if n := len(v.desk.Calls); n != 20 {
		t.Errorf("the desk was asked %d times", n)
	}
}

// A step-up changes the cookie; wrong codes are told on the page of the code.
func TestSteppingUp(t *testing.T) {
	v := entered(t)
	before := v.cookie
	contains(t, text(t, v.get("/security-info/verify")), "Email to ma", "Text message to")
	lacks(t, text(t, v.get("/security-info/verify")), "m.•••")
	contains(t, text(t, expect(t, v.post("/security-info/verify"), http.StatusUnprocessableEntity)), "We cannot send a code there")
	redirected(t, v.get("/security-info/code"), "/security-info/verify")
	redirected(t, v.post("/security-info/verify", "contact", "SMS:c2"), "/security-info/code")
	page := text(t, v.get("/security-info/code"))
	id := attribute(t, page, "input", "name", "id", "value")
	redirected(t, v.post("/security-info/resend", "id", id, "contact", "Email:c1"), "/security-info/code")
	contains(t, text(t, expect(t, v.post("/security-info/code", "id", id, "code", "000000"), http.StatusGone)), "no longer works")
	id = attribute(t, text(t, v.get("/security-info/code")), "input", "name", "id", "value")
	contains(t, text(t, expect(t, v.post("/security-info/code", "id", id, "code", "no digits"), http.StatusUnprocessableEntity)), "5 attempts left")
	contains(t, text(t, expect(t, v.post("/security-info/code", "id", id, "code", "000000"), http.StatusUnprocessableEntity)), "4 attempts left")
	r := v.post("/security-info/code", "id", id, "code", "135 790")
	redirected(t, r, "/security-info")
	if v.adopt(r).Value == before {
		t.Error("the credential stays the same")
	}
	page = text(t, v.get("/security-info"))
	contains(t, page, "You have shown that it is you")
	lacks(t, page, "/security-info/verify")
}

// A session ends at Done, and with its 15 minutes.
func TestEndingASession(t *testing.T) {
	v := entered(t)
	r := v.post("/security-info/end")
	redirected(t, r, "/security-info/ended")
	if c := cookieOf(t, r, "__Host-holdfast"); c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("the cookie stays: %+v", c)
	}
	contains(t, text(t, v.get("/security-info/ended")), "You are signed out here")
	contains(t, text(t, v.get("/security-info")), "Sign in at")
	redirected(t, v.post("/security-info/end"), "/security-info/ended")
	v = entered(t)
	v.now = v.now.Add(15 * time.Minute)
	contains(t, text(t, v.get("/security-info")), "Sign in at")
}

// The same as JSON: follow-ups carry the ticket or the cookie.
func TestSecurityInfoAsJSON(t *testing.T) {
	v := visit(t)
	problemOf(t, v.json("GET", "/v1/security-info", ""), http.StatusUnauthorized, "no-flow")
	problemOf(t, v.json("POST", "/v1/session", `{"ticket":"forged"}`), http.StatusGone, "link-expired")
	r := expect(t, v.json("POST", "/v1/session", `{"ticket":"`+v.desk.InfoTicket()+`"}`), http.StatusOK)
	v.adopt(r)
	type contactJSON struct{ ID, Channel, Hint, Standing, Language, AddedAt, ProvenAt string }
	type info struct {
		Account, Assurance, EndsAt string
		Recorded                   bool
		Contacts                   []contactJSON
		Destinations               []struct{ ContactID string }
	}
	got := decode[info](t, expect(t, v.json("GET", "/v1/security-info", ""), http.StatusOK))
	want := contactJSON{"c1", "Email", "ma•••@•••", "Full", "en", "2024-03-03T12:00:00Z", "2026-02-03T12:00:00Z"}
	if got.Account != "ma•••" || got.Assurance != "Password" || !got.Recorded || got.EndsAt != "2026-03-03T12:15:00Z" ||
		len(got.Contacts) != 3 || got.Contacts[0] != want || got.Contacts[1].ProvenAt != "" || len(got.Destinations) != 2 {
		t.Errorf("security info: %+v", got)
	}
	account := decode[struct {
		Account      string
		Reason       *string
		SecurityInfo *info
	}](t, expect(t, v.json("GET", "/v1/account", ""), http.StatusOK))
	if account.Account != "ma•••" || account.Reason != nil || account.SecurityInfo == nil || len(account.SecurityInfo.Contacts) != 3 {
		t.Errorf("account: %+v", account)
	}

	problemOf(t, v.json("POST", "/v1/challenges", `{"purpose":"StepUp","address":"+4915112345678","channel":"SMS"}`), 422, "invalid-request")
	challenge := decode[struct{ ID, Hint string }](t, expect(t, v.json("POST", "/v1/challenges", `{"purpose":"StepUp"}`), http.StatusAccepted))
	challenge = decode[struct{ ID, Hint string }](t, expect(t, v.json("POST", "/v1/challenges/"+challenge.ID+"/resend", `{"contactId":"c2"}`), http.StatusAccepted))
	if challenge.Hint != "•••• 42" {
		t.Errorf("the code goes to %q", challenge.Hint)
	}
	problemOf(t, v.json("POST", "/v1/challenges/"+challenge.ID+"/code", `{"code":"000000"}`), 422, "code-wrong")
	r = expect(t, v.json("POST", "/v1/challenges/"+challenge.ID+"/code", `{"code":"`+webtest.Code+`"}`), http.StatusOK)
	before := v.cookie
	v.adopt(r)
	if next := decode[struct{ Next string }](t, r).Next; next != "SecurityInfo" || v.cookie == before {
		t.Errorf("next %q, cookie changed %t", next, v.cookie != before)
	}
	if got := decode[info](t, v.json("GET", "/v1/security-info", "")); got.Assurance != "StepUp" {
		t.Errorf("assurance %q", got.Assurance)
	}
	expect(t, v.json("DELETE", "/v1/session", ""), http.StatusNoContent)
	problemOf(t, v.json("GET", "/v1/security-info", ""), http.StatusUnauthorized, "no-flow")
}

// law 6: a blocked account's problem names no account and leads nowhere by itself.
func TestABlockedAccountAsJSON(t *testing.T) {
	v := visit(t)
	v.desk.Fail["OpenSession"] = &flow.BlockedError{Unblock: "https://shop.example/unblock?ticket=t"}
	if body := text(t, v.json("POST", "/v1/session", `{"ticket":"pass-1"}`)); !strings.Contains(body, "account-blocked") || strings.Contains(body, "ticket=t") {
		t.Error(body)
	}
}
