package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/web/webtest"
)

// The whole way without JavaScript (seed 2, 3, 4, 5, 11).
func TestUnblockFromLinkToDone(t *testing.T) {
	v := visit(t)
	ticket := v.desk.Ticket()
	page := text(t, expect(t, v.get("/unblock?ticket="+ticket), http.StatusOK))
	if got := heading(t, page); got != "Your account is blocked" {
		t.Errorf("heading %q", got)
	}
	contains(t, page, "ma•••", "Harbour Shop", "noticed something unusual",
		`datetime="2026-03-04T12:00:00Z"`, "Wednesday, 4 March 2026 at 12:00\u00a0UTC", `method="post" action="/unblock"`)

	r := v.post("/unblock", "ticket", ticket)
	redirected(t, r, "/unblock/contact")
	cookie := v.adopt(r)
	if !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" ||
		cookie.Domain != "" || cookie.MaxAge != 0 || !cookie.Expires.IsZero() {
		t.Errorf("cookie %s is not bound to host, session and browser", cookie)
	}

	page = text(t, expect(t, v.get("/unblock/contact"), http.StatusOK))
	contains(t, page, "Email to ma•••@•••", "Text message to ••••\u00a042", `value="Email:c1" id="to-Email-c1" checked`)
	redirected(t, v.post("/unblock/contact", "contact", "c2"), "/unblock/code")

	page = text(t, expect(t, v.get("/unblock/code"), http.StatusOK))
	contains(t, page, `autocomplete="one-time-code"`, `inputmode="numeric"`, "We sent your code to ••••\u00a042.",
		"5 attempts left", `datetime="2026-03-03T12:10:00Z"`, `href="/unblock/no-code">I don’t have a code</a>`)
	before := v.cookie
	r = v.post("/unblock/code", "id", v.challenge(), "code", " 135 790 ")
	redirected(t, r, "/unblock/password")
	if v.adopt(r); v.cookie == before {
		t.Error("the credential did not change at the proof (O6)")
	}

	page = text(t, expect(t, v.get("/unblock/password"), http.StatusOK))
	contains(t, page, `autocomplete="new-password"`, "Use at least 8 characters.", "A security code is not a password",
		`autocomplete="username"`, `value="ma•••"`)
	redirected(t, v.post("/unblock/password", "password", webtest.Strong), "/unblock/done")
	page = text(t, expect(t, v.get("/unblock/done"), http.StatusOK))
	contains(t, page, "Your account is open again", "recent activity")
	lacks(t, page, "Payments")
}

// Law 7: scanners may open and HEAD every address as often as they like.
func TestLaw7ReadingChangesNothing(t *testing.T) {
	v := opened(t)
	expect(t, v.post("/unblock/contact", "contact", "c1"), http.StatusSeeOther)
	made := len(v.desk.Calls)
	for _, method := range []string{"GET", "HEAD"} {
		for _, path := range []string{"/", "/unblock?ticket=" + v.desk.Ticket(), "/unblock/contact?contact=c1", "/unblock/code?code=135790", "/unblock/no-code?contact=c2",
			"/unblock/resend", "/unblock/password?password=x", "/unblock/done", "/password-check", "/v1/account", "/v1/challenges", "/openapi.json"} {
			if r := v.do(method, path, ""); len(r.Cookies()) > 0 || r.StatusCode >= 500 {
				t.Errorf("%s %s: %d, cookies %v", method, path, r.StatusCode, r.Cookies())
			}
		}
	}
	if now := v.desk.Calls[made:]; len(now) > 0 {
		t.Errorf("reading did %v", now)
	}
}

// A used, an expired, a forged and a foreign link look the same (law 6).
func TestLaw6OnePageForEveryDeadLink(t *testing.T) {
	v := visit(t)
	used := v.desk.Ticket()
	expect(t, v.post("/unblock", "ticket", used), http.StatusSeeOther)
	want := text(t, expect(t, v.post("/unblock", "ticket", used), http.StatusGone))
	contains(t, want, "This link no longer works", "Sign in again to get a new one.")
	for name, r := range map[string]*http.Response{
		"forged": v.post("/unblock", "ticket", "forged"), "missing": v.post("/unblock"), "opened": v.get("/unblock?ticket=forged"), "bare": v.get("/unblock"),
	} {
		if got := text(t, expect(t, r, http.StatusGone)); got != want {
			t.Errorf("%s differs from a used one:\n%s", name, got)
		}
	}
}

// Fixation: a cookie that somebody planted is never adopted.
func TestPlantedCookieIsNotAdopted(t *testing.T) {
	v := visit(t)
	v.cookie = "planted"
	if cookie := v.adopt(v.post("/unblock", "ticket", v.desk.Ticket())); cookie.Value == "planted" {
		t.Fatal("the planted credential became the flow's")
	}
	v.cookie = "planted"
	page := text(t, expect(t, v.get("/unblock/contact"), http.StatusUnauthorized))
	contains(t, page, "This page has expired")
}

func TestWrongCodeSaysSoAtItsField(t *testing.T) {
	v := opened(t)
	expect(t, v.post("/unblock/contact", "contact", "c1"), http.StatusSeeOther)
	page := text(t, expect(t, v.post("/unblock/code", "id", v.challenge(), "code", "000000"), http.StatusUnprocessableEntity))
	contains(t, page, `role="alert"`, "This code is not right", `href="#code"`, "You have 4 attempts left.", `aria-invalid="true"`, "<title>Error: ")
	lacks(t, page, "000000")

	made := len(v.desk.Calls)
	for _, nonsense := range []string{"", "letters", strings.Repeat("1", 65)} {
		contains(t, text(t, expect(t, v.post("/unblock/code", "id", v.challenge(), "code", nonsense), 422)), "digits only")
	}
	if len(v.desk.Calls) != made {
		t.Error("what cannot be a code cost an attempt")
	}
	for range 3 {
		expect(t, v.post("/unblock/code", "id", v.challenge(), "code", "000000"), 422)
	}
	id := v.challenge()
	contains(t, text(t, expect(t, v.post("/unblock/code", "id", id, "code", "000000"), http.StatusGone)), "Too many wrong codes", "sign in again")
}

// W2: an expired code offers a new one and loses nothing.
func TestExpiredCodeOffersANewOne(t *testing.T) {
	v := opened(t)
	expect(t, v.post("/unblock/contact", "contact", "c2"), http.StatusSeeOther)
	id := v.challenge()
	v.now = v.now.Add(10 * time.Minute)
	contains(t, text(t, expect(t, v.get("/unblock/code"), http.StatusOK)), "Your code has expired", "Send a new code to ••••\u00a042")
	contains(t, text(t, expect(t, v.post("/unblock/code", "id", id, "code", webtest.Code), http.StatusGone)), "Your code has expired")
	redirected(t, v.post("/unblock/resend", "id", id), "/unblock/code")
	if got := v.desk.Targets[len(v.desk.Targets)-1]; got != (flow.Target{}) {
		t.Errorf("a resend went to %v, want the same destination", got)
	}
	contains(t, text(t, expect(t, v.get("/unblock/code"), http.StatusOK)), "Enter your security code")
}

// Mail server down: the page says so and offers another way.
func TestDeliveryStates(t *testing.T) {
	v := opened(t)
	expect(t, v.post("/unblock/contact", "contact", "c1"), http.StatusSeeOther)
	for want, delivery := range map[string]message.Delivery{
		"Your code is on its way to ma•••@•••.":                                {State: message.Waiting},
		"waiting: our mail server does not answer yet. You can wait or choose": {State: message.Waiting, Class: message.Unreachable},
		"We could not deliver the message to ma•••@•••.":                       {State: message.Dead, Class: message.Rejected},
	} {
		v.desk.Delivery = delivery
		contains(t, text(t, v.get("/unblock/code")), want)
	}
}

// No contact, no provider, no way to lift it: never a dead end.
func TestNoDeadEnds(t *testing.T) {
	v := opened(t)
	v.desk.Ways = flow.Overview{}
	contains(t, text(t, expect(t, v.get("/unblock/contact"), http.StatusOK)), "We cannot send you a code now",
		"Wednesday, 4 March 2026 at 12:00\u00a0UTC", "https://help.example/", "Come back later")
	v.desk.Block.Releasable, v.desk.Block.Reason = false, block.CompromisedTraffic
	page := text(t, expect(t, v.get("/unblock?ticket="+v.desk.Ticket()), http.StatusOK))
	contains(t, page, "harmful traffic", "another network", "ends by itself")
	lacks(t, page, "<form")
	v.desk.Block.Until = time.Time{}
	contains(t, text(t, v.get("/unblock?ticket="+v.desk.Ticket())), "It does not end by itself", "https://help.example/")
}

// A number of the person's own (seed 3), and what it costs.
func TestEnteredNumber(t *testing.T) {
	v := opened(t)
	v.desk.Ways = flow.Overview{EnterNumber: true, Channels: []contact.Channel{contact.SMS, contact.Voice}, Countries: []string{"DE", "FR"}}
	page := text(t, expect(t, v.do("GET", "/unblock/contact", "", "Accept-Language", "fr-FR, en;q=0.8"), http.StatusOK))
	contains(t, page, `type="tel"`, `autocomplete="tel"`, `value="FR" selected`, "Germany (+49)", "Automated call", "payments stay off for 30 days")
	expect(t, v.post("/unblock/contact", "number", "", "channel", "SMS"), 422)
	v.desk.Fail["RequestCode"] = rules.ErrDestination
	page = text(t, expect(t, v.post("/unblock/contact", "number", `"><script>`, "channel", "Voice", "country", "DE"), 422))
	contains(t, page, "We cannot send a code there", `value="DE" selected`, `value="Voice" id="by-Voice" checked`, `&lt;script&gt;`)
	delete(v.desk.Fail, "RequestCode")
	redirected(t, v.post("/unblock/contact", "number", "0170 1234567", "channel", "Voice", "country", "DE"), "/unblock/code")
	want := flow.Target{Channel: contact.Voice, Number: "0170 1234567", Country: "DE"}
	if got := v.desk.Targets[0]; got != want {
		t.Errorf("asked for %v, want %v", got, want)
	}
	v.adopt(v.post("/unblock/code", "id", v.challenge(), "code", webtest.Code))
	expect(t, v.post("/unblock/password", "password", webtest.Strong), http.StatusSeeOther)
	contains(t, text(t, v.get("/unblock/done")), "Payments stay off for 30 days")
}

func TestWeakPasswordIsRefusedWithReason(t *testing.T) {
	v := proved(t)
	page := text(t, expect(t, v.post("/unblock/password", "password", "password1"), 422))
	contains(t, page, "Choose another password", "Many people use this password", `href="#password"`)
	lacks(t, page, "password1")
	v.desk.Fail["SetPassword"] = rules.ErrIdentityRefused
	contains(t, text(t, expect(t, v.post("/unblock/password", "password", webtest.Strong), 422)), "did not take this one")
	v.desk.Fail["SetPassword"] = rules.ErrIdentity
	r := v.post("/unblock/password", "password", webtest.Strong)
	contains(t, text(t, expect(t, r, http.StatusBadGateway)), "could not be saved yet", "Nothing was changed", `name="password"`)
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// Whoever goes back, or opens a page too early, is taken to where the flow stands.
func TestPagesLeadToWhereTheFlowStands(t *testing.T) {
	v := opened(t)
	redirected(t, v.get("/unblock/code"), "/unblock/contact")
	redirected(t, v.get("/unblock/password"), "/unblock/contact")
	redirected(t, v.get("/unblock/done"), "/unblock/contact")
	v = proved(t)
	redirected(t, v.get("/unblock/contact"), "/unblock/password")
	redirected(t, v.get("/unblock/code"), "/unblock/password")
	v.desk.Block.State = block.Expired
	v.desk.Fail["Overview"] = rules.ErrOver
	contains(t, text(t, expect(t, v.get("/unblock/password"), http.StatusGone)), "Your account is open")
	contains(t, text(t, expect(t, v.get("/unblock?ticket="+v.desk.Ticket()), http.StatusGone)), "Your account is open")
}

// A block may be lifted by the code alone.
func TestCodeAloneOpens(t *testing.T) {
	v := opened(t)
	v.desk.Block.Remaining = []block.Step{block.VerifyCode}
	expect(t, v.post("/unblock/contact", "contact", "c1"), http.StatusSeeOther)
	contains(t, text(t, v.get("/unblock/code")), "Step 2 of 2")
	r := v.post("/unblock/code", "id", v.challenge(), "code", webtest.Code)
	redirected(t, r, "/unblock/done")
	v.adopt(r)
	contains(t, text(t, expect(t, v.get("/unblock/done"), http.StatusOK)), "open again")
}

// seed 5
func TestPasswordChecker(t *testing.T) {
	v := visit(t)
	contains(t, text(t, expect(t, v.get("/password-check"), http.StatusOK)), "Is your password strong?")
	page := text(t, expect(t, v.post("/password-check", "password", "password1"), http.StatusOK))
	contains(t, page, "Better not: it is weak", "Many people use this password")
	lacks(t, page, "password1")
	contains(t, text(t, v.post("/password-check", "password", webtest.Strong)), "Good: it is very strong")
}
