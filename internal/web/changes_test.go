package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/web/webtest"
)

// at is where an answer sends the browser.
func (v *visitor) at(r *http.Response) string {
	v.t.Helper()
	return expect(v.t, r, http.StatusSeeOther).Header.Get("Location")
}

// codeAt enters the right code in the form of a page and goes on with the new cookie.
func (v *visitor) codeAt(page, base, changeID string) string {
	v.t.Helper()
	id := attribute(v.t, text(v.t, expect(v.t, v.get(page), http.StatusOK)), "input", "name", "id", "value")
	r := v.post(base+"/code", "id", id, "code", webtest.Code, "change", changeID)
	to := v.at(r)
	v.adopt(r)
	return to
}

// added is a visitor whose new email address is proven.
func added(t *testing.T) (v *visitor, page string) {
	t.Helper()
	v = entered(t)
	contains(t, text(t, expect(t, v.get("/security-info/add"), http.StatusOK)), "Add a contact", `name="country"`, "harbour.example", `maxlength="254"`)
	page = v.at(v.do("POST", "/security-info/add", "channel=Email&email=+new%40post.example+", "Content-Type", "application/x-www-form-urlencoded", "Accept-Language", "pt-BR, en"))
	shown := text(t, expect(t, v.get(page), http.StatusOK))
	if got := heading(t, shown); got != "Enter your security code" {
		t.Fatalf("after the address comes %q", got)
	}
	lacks(t, shown, "new@post.example")
	if to := v.codeAt(page, page, ""); to != page {
		t.Fatalf("the code leads to %s", to)
	}
	return v, page
}

// seed 51, 40: a code to the new contact, then one to a full one; the language of the page
// stays with the contact.
func TestAddingAContact(t *testing.T) {
	v, page := added(t)
	if in := v.desk.Changing.Typed[0]; in.Address != "new@post.example" || in.Language != "pt-BR" || in.Country != "" {
		t.Errorf("the desk was asked for %+v", in)
	}
	shown := text(t, v.get(page))
	contains(t, shown, "Show that it is you", "Continue without, for 30 days", "for 30 days it proves nothing")
	redirected(t, v.post(page+"/send", "contact", "Email:c1"), page)
	v.codeAt(page, page, "")
	contains(t, text(t, v.get(page)), "Your security info was changed", "prove that it is you from now on")
}

// Without a full contact the page says plainly what the new one cannot do.
func TestAddingWithoutAFullContact(t *testing.T) {
	v, page := added(t)
	redirected(t, v.post(page+"/confirm", "proof", "WithoutFullContact"), page)
	contains(t, text(t, v.get(page)), `Until <time datetime="2026-04-02T12:00:00Z"`, "the new contact proves nothing")
	v.now = noon.Add(720 * time.Hour)
	v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket()))
	contains(t, text(t, v.get(page)), "prove that it is you from now on")
}

// seed 55: what cannot be a contact is refused at its field with the reason, and what was
// typed stays.
func TestContactsThatThePageRefuses(t *testing.T) {
	v := entered(t)
	page := text(t, expect(t, v.post("/security-info/add", "channel", "SMS", "country", "DE", "number", "12@"), http.StatusUnprocessableEntity))
	contains(t, page, "check the country and the digits", `value="12@"`, `aria-invalid="true"`, `value="DE" selected`, "VoIP")
	for _, empty := range []string{"", strings.Repeat("a", 255) + "@post.example"} {
		expect(t, v.post("/security-info/add", "channel", "Email", "email", empty), http.StatusUnprocessableEntity)
	}
	v.desk.Change(func(d *webtest.Desk) { d.Fail["StartAdd"] = rules.ErrOpenMatter })
	contains(t, text(t, expect(t, v.post("/security-info/add", "channel", "Email", "email", "a@b.example"), http.StatusConflict)), "Too many changes are open")
}

// seed 31, 52: asked, proven by a code, asked again; then it is gone.
func TestRemovingAContact(t *testing.T) {
	v := entered(t)
	contains(t, text(t, v.get("/security-info")), "/security-info/remove?contact=c2")
	asked := text(t, expect(t, v.get("/security-info/remove?contact=c2"), http.StatusOK))
	contains(t, asked, "Remove this contact?", "Phone, by text message")
	if len(v.desk.Changing.Changes) != 0 {
		t.Fatal("looking began a change")
	}
	page := v.at(v.post("/security-info/remove", "contact", "c2"))
	redirected(t, v.post(page+"/send", "contact", "Email:c1"), page)
	v.codeAt(page, page, "")
	contains(t, text(t, v.get(page)), "Remove it for good?", "Yes, remove it")
	redirected(t, v.post(page+"/confirm", "proof", "Confirmation"), page)
	if c := v.desk.Changing.Changes[0]; c.State != change.Applied {
		t.Errorf("the change is %s", c.State)
	}
	expect(t, v.get("/security-info/remove?contact=nobody"), http.StatusNotFound)
}

// held is a visitor who has replaced all contacts: on hold for 30 days.
func held(t *testing.T) (v *visitor, id, message string) {
	t.Helper()
	v = entered(t)
	contains(t, text(t, v.get("/security-info/replace")), "Replace all of your contacts", "wait 30 days")
	page := v.at(v.post("/security-info/replace", "channel", "Email", "email", "new@post.example"))
	v.codeAt(page, page, "")
	for m, c := range v.desk.Changing.Notices {
		id, message = c, m
	}
	return v, id, message
}

// The list says before all else what is on hold, until when exactly, and how to cancel it:
// in UTC without a script, and for programs.
func TestTheBannerOfAHold(t *testing.T) {
	v, id, _ := held(t)
	page := text(t, v.get("/security-info"))
	contains(t, page, `<time datetime="2026-04-02T12:00:00Z" data-local="date">Thursday, 2 April 2026 at 12:00`, "This wasn’t me, cancel", "/security-info/cancel?change="+id, "30 days")
	if strings.Index(page, "This wasn’t me") > strings.Index(page, "Email address") {
		t.Error("the banner does not come first")
	}
	contains(t, text(t, v.get("/security-info/change/"+id)), "This change is on hold")
}

// seed 34, law 7: cancelling takes a fresh code; the page of the session then takes a new
// password, straight to the IdP.
func TestCancellingInASession(t *testing.T) {
	v, id, _ := held(t)
	cancel := "/security-info/cancel?change=" + id
	contains(t, text(t, expect(t, v.get(cancel), http.StatusOK)), "A password or a link alone cancels nothing")
	redirected(t, v.post("/security-info/cancel/send", "change", id, "contact", "Email:c1"), cancel)
	wrong := text(t, expect(t, v.post("/security-info/cancel/code", "change", id, "id", v.desk.Calls[0], "code", "12"), http.StatusGone))
	contains(t, wrong, "Enter your security code")
	if to := v.codeAt(cancel, "/security-info/cancel", id); to != cancel {
		t.Fatalf("the code leads to %s", to)
	}
	contains(t, text(t, v.get(cancel)), "This change was cancelled", "Choose a new password")
	contains(t, text(t, expect(t, v.post("/security-info/cancel/password", "change", id, "password", "weak"), http.StatusUnprocessableEntity)), "Choose another password")
	redirected(t, v.post("/security-info/cancel/password", "change", id, "password", webtest.Strong), cancel+"&saved")
	contains(t, text(t, v.get(cancel+"&saved")), "Your new password is saved")
}

// law 7: the link of a notice shows what it told of and changes nothing however often it is
// opened; its button opens a flow under a new cookie that cancels and sets no password.
func TestTheLinkOfANotice(t *testing.T) {
	v, id, message := held(t)
	v.cookie = ""
	calls := len(v.desk.Calls)
	for range 3 {
		contains(t, text(t, expect(t, v.get("/c/"+message), http.StatusOK)), "Was this you?", "This wasn’t me, cancel", "data-local=\"date\"")
	}
	expect(t, v.do("HEAD", "/c/"+message, ""), http.StatusOK)
	if len(v.desk.Calls) != calls {
		t.Fatalf("looking did %v", v.desk.Calls[calls:])
	}
	expect(t, v.get("/c/guessed"), http.StatusNotFound)
	expect(t, v.post("/c/guessed"), http.StatusNotFound)
	v.cookie = "planted"
	r := v.post("/c/" + message)
	redirected(t, r, "/security-info/cancel")
	if c := v.adopt(r); c.Value == "planted" {
		t.Fatal("a cookie was adopted")
	}
	redirected(t, v.post("/security-info/cancel/send", "change", id, "contact", "SMS:c2"), "/security-info/cancel?change="+id)
	v.codeAt("/security-info/cancel", "/security-info/cancel", id)
	page := text(t, v.get("/security-info/cancel"))
	contains(t, page, "This change was cancelled", "stays blocked until you sign in")
	lacks(t, page, "Choose a new password")
	v.cookie = ""
	contains(t, text(t, v.get("/c/"+message)), "This change was cancelled")
	redirected(t, v.post("/c/"+message), "/c/"+message)
}

// Whoever has cancelled once without the password is told to sign in.
func TestCancellingTakesThePassword(t *testing.T) {
	v, _, message := held(t)
	v.desk.Change(func(d *webtest.Desk) { d.Changing.SignIn = true })
	v.cookie = ""
	v.adopt(v.post("/c/" + message))
	contains(t, text(t, v.get("/security-info/cancel")), "Sign in to cancel it", "Now it takes the password too")
}

// seed 38: the list and the page ask; the question can be skipped until it cannot.
func TestMakeSureYouCanReceiveACode(t *testing.T) {
	v := entered(t)
	v.desk.Change(func(d *webtest.Desk) {
		d.Changing.Prompt, d.Changing.MustBy, d.Changing.Skip = "VerifySecurityInfo", noon.Add(100*time.Hour), 24*time.Hour
	})
	contains(t, text(t, v.get("/security-info")), "Can you still receive a code?", "/security-info/recheck")
	contains(t, text(t, v.get("/security-info/recheck")), "ask me again in 24 hours", "Add another contact", "Saturday, 7 March 2026")
	redirected(t, v.post("/security-info/recheck/skip"), "/security-info/recheck")
	contains(t, text(t, v.get("/security-info/recheck")), "Thank you")
	v.desk.Change(func(d *webtest.Desk) { d.Changing.Prompt, d.Changing.Skip = "MustVerifySecurityInfo", 0 })
	lacks(t, text(t, v.get("/security-info/recheck")), "ask me again")
	expect(t, v.post("/security-info/recheck/skip"), http.StatusConflict)
	redirected(t, v.post("/security-info/recheck/send", "contact", "SMS:c2"), "/security-info/recheck")
	v.codeAt("/security-info/recheck", "/security-info/recheck", "")
	contains(t, text(t, v.get("/security-info/recheck")), "Thank you")
}

// H4: no other site changes, confirms, cancels, skips or opens anything.
func TestOtherSitesChangeNothing(t *testing.T) {
	v, id, message := held(t)
	calls := len(v.desk.Calls)
	for _, path := range []string{
		"/security-info/add", "/security-info/replace", "/security-info/remove", "/security-info/change/" + id + "/send",
		"/security-info/change/" + id + "/code", "/security-info/change/" + id + "/resend", "/security-info/change/" + id + "/confirm",
		"/security-info/change/" + id + "/forget", "/c/" + message, "/security-info/cancel/send", "/security-info/cancel/code",
		"/security-info/cancel/resend", "/security-info/cancel/password", "/security-info/recheck/send", "/security-info/recheck/code",
		"/security-info/recheck/resend", "/security-info/recheck/skip",
	} {
		r := v.do("POST", path, "contact=c1&change="+id, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
		expect(t, r, http.StatusForbidden)
	}
	if len(v.desk.Calls) != calls {
		t.Errorf("other sites did %v", v.desk.Calls[calls:])
	}
	v.cookie = ""
	for _, path := range []string{"/add", "/replace", "/remove", "/change/" + id, "/cancel?change=" + id, "/recheck"} {
		if got := heading(t, text(t, expect(t, v.get("/security-info"+path), http.StatusUnauthorized))); got != "This page has expired" {
			t.Errorf("%s without a session: %q", path, got)
		}
	}
}
