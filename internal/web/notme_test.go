package web_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules"
)

// seed 42, law 7: the page says that the account is safe and changes nothing, however
// often a mail scanner opens it.
func TestNotMeChangesNothingBeforeTheButton(t *testing.T) {
	v := visit(t)
	for range 10 {
		body := text(t, expect(t, v.get("/not-me?token=sealed"), http.StatusOK))
		if got := attribute(t, body, "input", "name", "token", "value"); got != "sealed" {
			t.Fatalf("the form carries the token %q", got)
		}
		contains(t, body, "Without the code the account is safe", "This wasn’t me", `action="/not-me"`, "Harbour Shop")
	}
	expect(t, v.do("HEAD", "/not-me?token=sealed", ""), http.StatusOK)
	if len(v.desk.Calls) != 0 {
		t.Errorf("opening the page did %v", v.desk.Calls)
	}
}

// seed 41: the button reports, and the page then says what is next.
func TestNotMeReportsByTheButton(t *testing.T) {
	v := visit(t)
	redirected(t, v.post("/not-me", "token", "sealed"), "/not-me/done")
	if diff := cmp.Diff([]string{"NotMe sealed"}, v.desk.Reports); diff != "" {
		t.Error(diff)
	}
	body := text(t, expect(t, v.get("/not-me/done"), http.StatusOK))
	contains(t, body, "What you can do next", "change it in the app", `href="https://help.example/"`)
}

// seed 41, law 7: whoever is not the account's owner says so by another button, and by the
// link of a notice; opening either page changes nothing, and the notice's page leads back.
func TestNotMyAccountIsSaidByAButton(t *testing.T) {
	v := visit(t)
	page := text(t, expect(t, v.get("/not-me?token=sealed"), http.StatusOK))
	contains(t, page, "I have no such account", "This is not my account", `value="NotMyAccount"`, "30 days")
	page = text(t, expect(t, v.get("/not-me?notice=told"), http.StatusOK))
	contains(t, page, "Is this not your account?", `value="NotMyAccount"`, `href="/c/told"`)
	lacks(t, page, "This wasn’t me", "Without the code")
	if len(v.desk.Calls) != 0 {
		t.Errorf("opening the pages did %v", v.desk.Calls)
	}
	redirected(t, v.post("/not-me", "token", "told", "kind", "NotMyAccount"), "/not-me/done?account")
	redirected(t, v.post("/not-me", "token", "sealed", "kind", "LostDevice"), "/not-me/done") // no such button
	if diff := cmp.Diff([]string{"NotMyAccount told", "NotMe sealed"}, v.desk.Reports); diff != "" {
		t.Error(diff)
	}
	contains(t, text(t, expect(t, v.get("/not-me/done?account"), http.StatusOK)), "the account is not yours", "30 days", "Warnings about that account may still come")
}

// law 6: pages and answers are the same whatever the link is worth.
func TestNotMeShowsNoDifference(t *testing.T) {
	v := visit(t)
	first := text(t, v.get("/not-me?token=sealed"))
	if other := text(t, v.get("/not-me?token=sealed")); other != first {
		t.Error("the page differs from one time to the next")
	}
	for range 2 {
		redirected(t, v.post("/not-me", "token", "used"), "/not-me/done")
	}
	redirected(t, v.post("/not-me"), "/not-me/done")
	v.desk.Fail["ReportCode"] = rules.ErrUnavailable
	contains(t, text(t, expect(t, v.post("/not-me", "token", "sealed"), http.StatusServiceUnavailable)), "We cannot answer right now")
}

// H4: another site cannot press the button, nor does a token in the address.
func TestNotMeIsPressedByThePersonAlone(t *testing.T) {
	v := visit(t)
	r := v.do("POST", "/not-me", "token=sealed", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
	expect(t, r, http.StatusForbidden)
	expect(t, v.do("POST", "/not-me", "token=sealed", "Content-Type", "application/x-www-form-urlencoded", "Host", "elsewhere.example"), http.StatusMisdirectedRequest)
	if len(v.desk.Reports) != 0 {
		t.Errorf("reported %v", v.desk.Reports)
	}
	redirected(t, v.post("/not-me?token=sealed"), "/not-me/done")
	if diff := cmp.Diff([]string{"NotMe "}, v.desk.Reports); diff != "" {
		t.Error(diff)
	}
}

// What the page puts into its form stays text.
func TestNotMeEscapesTheToken(t *testing.T) {
	v := visit(t)
	lacks(t, text(t, v.get("/not-me?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")), "<script>alert")
}

func TestReportsAsJSON(t *testing.T) {
	v := visit(t)
	for _, kind := range []string{"UnrequestedCode", "NotMe", "NotMyAccount"} {
		r := expect(t, v.json("POST", "/v1/reports", `{"kind":"`+kind+`","token":"sealed"}`), http.StatusAccepted)
		if body := text(t, r); body != "" {
			t.Errorf("%s is answered %q", kind, body)
		}
	}
	if diff := cmp.Diff([]string{"UnrequestedCode sealed", "NotMe sealed", "NotMyAccount sealed"}, v.desk.Reports); diff != "" {
		t.Error(diff)
	}
	problemOf(t, v.json("POST", "/v1/reports", `{"kind":"Odd","token":"sealed"}`), http.StatusUnprocessableEntity, "invalid-request")
	problemOf(t, v.json("GET", "/v1/reports", ""), http.StatusMethodNotAllowed, "method-not-allowed")
}
