package web_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/ticket"
	"holdfast.dev/holdfast/internal/web"
	"holdfast.dev/holdfast/internal/web/webtest"
)

const unblock = `{"purpose":"Unblock"}`

// ask opens a flow with a ticket and asks for a code, as an app does.
func ask(v *visitor) web.Challenge {
	v.t.Helper()
	r := expect(v.t, v.json("POST", "/v1/challenges", `{"purpose":"Unblock","ticket":"`+v.desk.Ticket()+`"}`), http.StatusAccepted)
	v.adopt(r)
	return decode[web.Challenge](v.t, r)
}

func TestJSONUnblockFromTicketToDone(t *testing.T) {
	v := visit(t)
	c := ask(v)
	want := web.Challenge{
		ID: c.ID, ContactID: "c1", Channel: contact.Email, Hint: "ma•••@•••", Digits: 6, AttemptsLeft: 5, Repeatable: true,
		ExpiresAt: noon.Add(10 * time.Minute), ResendAt: noon.Add(time.Minute),
		Alternatives: []web.Destination{{ContactID: "c2", Channel: contact.SMS, Hint: "•••• 42"}},
		Delivery:     web.Delivery{State: "Waiting"},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("challenge (-want +got):\n%s", diff)
	}
	problemOf(t, v.json("POST", "/v1/challenges/"+c.ID+"/code", `{"code":"000000"}`), 422, "code-wrong")
	account := decode[web.Account](t, expect(t, v.get("/v1/account"), http.StatusOK))
	if account.Challenge == nil || account.Challenge.AttemptsLeft != 4 || account.Account != "ma•••" || account.Stage != "Opened" ||
		!account.Until.Equal(noon.Add(24*time.Hour)) || len(account.Steps) != 2 {
		t.Errorf("account %+v", account)
	}
	r := expect(t, v.json("POST", "/v1/challenges/"+c.ID+"/resend", `{"contactId":"c2"}`), http.StatusAccepted)
	if c = decode[web.Challenge](t, r); c.Channel != contact.SMS {
		t.Errorf("resent by %s, want SMS", c.Channel)
	}
	before := v.cookie
	r = expect(t, v.json("POST", "/v1/challenges/"+c.ID+"/code", `{"code":"135 790"}`), http.StatusOK)
	if v.adopt(r); v.cookie == before {
		t.Error("the credential did not change at the proof (O6)")
	}
	if next := decode[map[string]string](t, r); next["next"] != "ChangePassword" {
		t.Errorf("next %v", next)
	}
	p := problemOf(t, v.json("POST", "/v1/password", `{"password":"password1"}`), 422, "password-weak")
	if len(p.Reasons) != 1 || p.Reasons[0] != "Common" || len(p.Suggestions) != 1 {
		t.Errorf("reasons %v, suggestions %v", p.Reasons, p.Suggestions)
	}
	r = expect(t, v.json("POST", "/v1/password", `{"password":"`+webtest.Strong+`"}`), http.StatusOK)
	if next := decode[map[string]string](t, r); next["next"] != "Done" {
		t.Errorf("next %v", next)
	}
	if account = decode[web.Account](t, v.get("/v1/account")); account.Stage != "Done" || account.State != "Released" || len(account.Steps) != 0 {
		t.Errorf("account %+v", account)
	}
}

// A client without cookies goes on with the ticket that opened its flow.
func TestTicketServesAsBearerUntilTheProofReplacesIt(t *testing.T) {
	v := visit(t)
	bearer := v.desk.Ticket()
	expect(t, v.json("POST", "/v1/challenges", `{"purpose":"Unblock","ticket":"`+bearer+`"}`), http.StatusAccepted)
	expect(t, v.do("GET", "/v1/account", "", "Authorization", "Bearer "+bearer), http.StatusOK)
	r := expect(t, v.json("POST", "/v1/challenges", unblock, "Authorization", "Bearer "+bearer), http.StatusAccepted)
	c := decode[web.Challenge](t, r)
	r = expect(t, v.json("POST", "/v1/challenges/"+c.ID+"/code", `{"code":"135790"}`, "Authorization", "Bearer "+bearer), http.StatusOK)
	problemOf(t, v.do("GET", "/v1/account", "", "Authorization", "Bearer "+bearer), 401, "no-flow")
	successor := decode[map[string]string](t, r)["ticket"]
	expect(t, v.json("POST", "/v1/password", `{"password":"`+webtest.Strong+`"}`, "Authorization", "Bearer "+successor), http.StatusOK)

	page := v.desk.Ticket()
	expect(t, v.post("/unblock", "ticket", page), http.StatusSeeOther)
	problemOf(t, v.do("GET", "/v1/account", "", "Authorization", "Bearer "+page), 401, "no-flow")
}

// Replay and fixation: a ticket opens once, and with credentials of its own.
func TestJSONTicketWorksOnceAndAdoptsNoCookie(t *testing.T) {
	v := visit(t)
	v.cookie = "planted"
	used := v.desk.Ticket()
	body := `{"purpose":"Unblock","ticket":"` + used + `"}`
	if cookie := v.adopt(v.json("POST", "/v1/challenges", body)); cookie.Value == "planted" {
		t.Fatal("the planted credential became the flow's")
	}
	p := problemOf(t, v.json("POST", "/v1/challenges", body), 410, "link-expired")
	if q := problemOf(t, v.json("POST", "/v1/challenges", strings.Replace(body, used, "forged", 1)), 410, "link-expired"); !cmp.Equal(p, q) {
		t.Errorf("a forged ticket %v differs from a used one %v (law 6)", q, p)
	}
	v.desk.Fail["RequestCode"] = &rules.LimitError{Subject: "account", RetryAfter: time.Minute}
	v.cookie = ""
	r := v.json("POST", "/v1/challenges", `{"purpose":"Unblock","ticket":"`+v.desk.Ticket()+`"}`)
	problemOf(t, r, 429, "too-many-requests")
	v.adopt(r) // the ticket is spent, so the flow must not be lost with the refusal
	expect(t, v.get("/v1/account"), http.StatusOK)
}

func TestJSONErrors(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		name   string
		retry  string
	}{
		{rules.ErrWrongCode, 422, "code-wrong", ""},
		{rules.ErrGone, 410, "code-expired", ""},
		{rules.ErrSpent, 410, "code-spent", ""},
		{rules.ErrNotFound, 404, "not-found", ""},
		{rules.ErrOver, 410, "already-open", ""},
		{rules.ErrOrder, 409, "step-missing", ""},
		{rules.ErrNoFlow, 401, "no-flow", ""},
		{ticket.ErrInvalid, 410, "link-expired", ""},
		{&rules.LimitError{Subject: "account", RetryAfter: 1500 * time.Millisecond}, 429, "too-many-requests", "2"},
		{rules.ErrUnavailable, 503, "unavailable", "2"},
	} {
		v := visit(t)
		c := ask(v)
		v.desk.Fail["SubmitCode"] = test.err
		r := v.json("POST", "/v1/challenges/"+c.ID+"/code", `{"code":"135790"}`)
		problemOf(t, r, test.status, test.name)
		if got := r.Header.Get("Retry-After"); got != test.retry {
			t.Errorf("%s: Retry-After %q, want %q", test.name, got, test.retry)
		}
		v.desk.Fail["SetPassword"] = rules.ErrIdentity
		problemOf(t, v.json("POST", "/v1/password", `{"password":"x"}`), 502, "identity-unavailable")
		v.desk.Fail["SetPassword"] = rules.ErrIdentityRefused
		problemOf(t, v.json("POST", "/v1/password", `{"password":"x"}`), 422, "password-refused")
	}
}

func TestChallengeTargets(t *testing.T) {
	v := visit(t)
	ask(v)
	entered := `{"purpose":"Unblock","address":"0170 1234567","channel":"Voice","country":"DE"}`
	expect(t, v.json("POST", "/v1/challenges", entered), http.StatusAccepted)
	expect(t, v.json("POST", "/v1/challenges", `{"purpose":"Unblock","contactId":"c2"}`), http.StatusAccepted)
	want := []flow.Target{{ContactID: "c1", Channel: contact.Email}, {Channel: contact.Voice, Number: "0170 1234567", Country: "DE"}, {ContactID: "c2"}}
	if diff := cmp.Diff(want, v.desk.Targets); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	problemOf(t, v.json("POST", "/v1/challenges", `{"purpose":"Recovery"}`), 422, "purpose-unsupported")
	problemOf(t, v.json("POST", "/v1/challenges", `{"purpose":"Recheck"}`), 401, "no-flow") // of a session, not of an unblock
	problemOf(t, v.json("POST", "/v1/challenges", `{"purpose":"Unblock","contactId":"c1","address":"1"}`), 422, "invalid-request")
	problemOf(t, v.json("POST", "/v1/challenges", `{"purpose":"Unblock","address":"1"}`), 422, "invalid-request")
	v.desk.Ways = flow.Overview{}
	problemOf(t, v.json("POST", "/v1/challenges", unblock), 422, "destination-refused")
}

// Bad input is named and never repeated.
func TestBadInputIsNotEchoed(t *testing.T) {
	v := visit(t)
	c := ask(v)
	made := len(v.desk.Calls)
	secret := "hunter2-hunter2"
	for name, test := range map[string]struct {
		path, body string
		status     int
		problem    string
	}{
		"unknown field":   {"/v1/password", `{"password":"` + secret + `","extra":"` + secret + `"}`, 422, "invalid-request"},
		"over-long":       {"/v1/challenges/" + c.ID + "/code", `{"code":"` + strings.Repeat(secret, 5) + `"}`, 422, "invalid-request"},
		"over-long path":  {"/v1/challenges/" + strings.Repeat("x", 129) + "/code", `{"code":"` + secret + `"}`, 422, "invalid-request"},
		"wrong type":      {"/v1/challenges/" + c.ID + "/code", `{"code":135790}`, 422, "invalid-request"},
		"wrong enum":      {"/v1/challenges", `{"purpose":"` + secret + `"}`, 422, "invalid-request"},
		"no JSON":         {"/v1/password", `{"password":"` + secret, 400, "bad-request"},
		"empty":           {"/v1/password", ``, 400, "bad-request"},
		"missing":         {"/v1/password", `{}`, 422, "invalid-request"},
		"too large":       {"/v1/password", `{"password":"` + strings.Repeat("x", 64<<10) + `"}`, 413, "too-large"},
		"not a code":      {"/v1/challenges/" + c.ID + "/code", `{"code":"` + secret + `"}`, 422, "code-unreadable"},
		"country by name": {"/v1/challenges", `{"purpose":"Unblock","address":"1","channel":"SMS","country":"` + secret + `"}`, 422, "invalid-request"},
	} {
		t.Run(name, func(t *testing.T) {
			v.t = t
			r := v.json("POST", test.path, test.body)
			var body bytes.Buffer
			_, _ = body.ReadFrom(r.Body)
			lacks(t, body.String(), secret, "135790", "$schema")
			var p fault
			if err := json.Unmarshal(body.Bytes(), &p); err != nil || r.StatusCode != test.status || !strings.HasSuffix(p.Type, "/"+test.problem) {
				t.Errorf("%d %s, want %d %s", r.StatusCode, body.String(), test.status, test.problem)
			}
			lacks(t, v.log.String(), secret)
		})
	}
	if now := v.desk.Calls[made:]; len(now) > 0 {
		t.Errorf("bad input did %v", now)
	}
}

// seed 5
func TestJSONPasswordCheck(t *testing.T) {
	v := visit(t)
	type verdict struct {
		Score       int
		Acceptable  bool
		Reasons     []string
		Suggestions []string
	}
	got := decode[verdict](t, expect(t, v.json("POST", "/v1/password-checks", `{"password":"short"}`), http.StatusOK))
	want := verdict{Reasons: []string{"TooShort", "TooWeak"}, Suggestions: []string{"Use at least 8 characters.", "Add another word or two. Uncommon words are better."}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
	body := text(t, v.json("POST", "/v1/password-checks", `{"password":"`+webtest.Strong+`"}`))
	contains(t, body, `"reasons":[]`, `"suggestions":[]`, `"acceptable":true`, `"score":4`)
}

func TestOpenAPIIsServedAndDeterministic(t *testing.T) {
	first, err := web.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	second, _ := web.OpenAPI()
	served := text(t, expect(t, visit(t).get("/openapi.json"), http.StatusOK))
	if !bytes.Equal(first, second) || served != string(first) {
		t.Error("two documents of one build differ")
	}
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(first, &document); err != nil || !strings.HasPrefix(document.OpenAPI, "3.1") {
		t.Fatalf("no OpenAPI 3.1: %v", err)
	}
	for path, method := range map[string]string{
		"/v1/challenges": "post", "/v1/challenges/{id}/resend": "post", "/v1/challenges/{id}/code": "post",
		"/v1/password": "post", "/v1/password-checks": "post", "/v1/account": "get",
	} {
		if document.Paths[path][method] == nil {
			t.Errorf("%s %s is not described", method, path)
		}
	}
}
