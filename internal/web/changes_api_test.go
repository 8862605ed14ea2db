package web_test

import (
	"net/http"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/web/webtest"
)

type changeJSON struct {
	ID, Action, State, HoldUntil, Restricted, EndedBecause string
	Missing                                                []string
	Added, Removed                                         []struct{ Channel, Hint string }
	Junior                                                 bool
}

type provedJSON struct {
	Next   string
	Change *changeJSON
}

// enterCode asks for a code by JSON, enters it and goes on with the new cookie.
func (v *visitor) enterCode(target, body string) provedJSON {
	v.t.Helper()
	sent := decode[struct{ ID, Hint string }](v.t, expect(v.t, v.json("POST", target, body), http.StatusAccepted))
	r := expect(v.t, v.json("POST", "/v1/challenges/"+sent.ID+"/code", `{"code":"`+webtest.Code+`"}`), http.StatusOK)
	v.adopt(r)
	return decode[provedJSON](v.t, r)
}

// Every page's deed exists as JSON: add with and without a full contact.
func TestAddingByJSON(t *testing.T) {
	v := entered(t)
	r := v.json("POST", "/v1/security-info/changes", `{"action":"Add","channel":"Email","address":"new@post.example"}`, "Accept-Language", "de-AT")
	c := decode[changeJSON](t, expect(t, r, http.StatusCreated))
	if c.State != "AwaitingCode" || len(c.Missing) != 2 || c.Added[0].Hint != "ne•••@•••" || v.desk.Changing.Typed[0].Language != "de" {
		t.Fatalf("the change is %+v of %+v", c, v.desk.Changing.Typed)
	}
	first := v.enterCode("/v1/challenges", `{"purpose":"AddContact","changeId":"`+c.ID+`"}`)
	if first.Next != "SecurityInfo" || first.Change == nil || len(first.Change.Missing) != 1 {
		t.Fatalf("the code to the new contact brings %+v", first)
	}
	open := decode[struct{ Changes []changeJSON }](t, expect(t, v.get("/v1/security-info"), http.StatusOK)).Changes
	if len(open) != 1 || open[0].ID != c.ID {
		t.Errorf("open are %+v", open)
	}
	problemOf(t, v.json("POST", "/v1/security-info/changes/"+c.ID+"/confirmation", `{"proof":"Confirmation"}`), http.StatusConflict, "step-missing")
	done := decode[changeJSON](t, expect(t, v.json("POST", "/v1/security-info/changes/"+c.ID+"/confirmation", `{"proof":"WithoutFullContact"}`), http.StatusOK))
	if done.State != "Applied" || !done.Junior {
		t.Errorf("the change is %+v", done)
	}
}

// Removing by JSON: a code that vouches for this change, then the second yes.
func TestRemovingByJSON(t *testing.T) {
	v := entered(t)
	c := decode[changeJSON](t, expect(t, v.json("POST", "/v1/security-info/changes", `{"action":"Remove","contactIds":["c2"]}`), http.StatusCreated))
	v.enterCode("/v1/challenges", `{"purpose":"StepUp","changeId":"`+c.ID+`","contactId":"c1"}`)
	done := decode[changeJSON](t, expect(t, v.json("POST", "/v1/security-info/changes/"+c.ID+"/confirmation", `{"proof":"Confirmation"}`), http.StatusOK))
	if done.State != "Applied" {
		t.Errorf("the change is %+v", done)
	}
	c = decode[changeJSON](t, expect(t, v.json("POST", "/v1/security-info/changes", `{"action":"Remove","contactIds":["c1"]}`), http.StatusCreated))
	expect(t, v.json("DELETE", "/v1/security-info/changes/"+c.ID, ""), http.StatusNoContent)
	for name, body := range map[string]string{
		"no contacts":       `{"action":"Remove"}`,
		"an address to go":  `{"action":"Remove","contactIds":["c1"],"address":"a@b.example"}`,
		"nothing to add":    `{"action":"Add","channel":"Email"}`,
		"no way to add it":  `{"action":"Replace","address":"a@b.example"}`,
		"a Clear of a page": `{"action":"Clear"}`,
	} {
		if r := v.json("POST", "/v1/security-info/changes", body); r.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
}

// seed 34: cancelled by JSON, in a session or with nothing but a notice.
func TestCancellingByJSON(t *testing.T) {
	v, id, message := held(t)
	c := decode[changeJSON](t, expect(t, v.get("/v1/security-info/changes/"+id), http.StatusOK))
	if c.State != "OnHold" || c.HoldUntil != noon.Add(720*time.Hour).Format(time.RFC3339) {
		t.Fatalf("the change is %+v", c)
	}
	sent := expect(t, v.json("POST", "/v1/security-info/changes/"+id+"/cancel", `{"contactId":"c1"}`), http.StatusAccepted)
	again := decode[struct{ ID string }](t, sent).ID
	expect(t, v.json("POST", "/v1/challenges/"+again+"/resend", ""), http.StatusAccepted)

	v.cookie = ""
	problemOf(t, v.json("POST", "/v1/challenges", `{"purpose":"Cancel","notice":"guessed"}`), http.StatusNotFound, "not-found")
	v.desk.Change(func(d *webtest.Desk) { d.Changing.SignIn = true })
	problemOf(t, v.json("POST", "/v1/challenges", `{"purpose":"Cancel","notice":"`+message+`"}`), http.StatusForbidden, "first-factor")
	v.desk.Change(func(d *webtest.Desk) { d.Changing.SignIn = false })
	r := expect(t, v.json("POST", "/v1/challenges", `{"purpose":"Cancel","notice":"`+message+`","contactId":"c2"}`), http.StatusAccepted)
	v.adopt(r)
	challenge := decode[struct{ ID string }](t, r).ID
	problemOf(t, v.json("POST", "/v1/challenges/"+challenge+"/code", `{"code":"000000"}`), http.StatusUnprocessableEntity, "code-wrong")
	done := decode[provedJSON](t, expect(t, v.json("POST", "/v1/challenges/"+challenge+"/code", `{"code":"`+webtest.Code+`"}`), http.StatusOK))
	if done.Change == nil || done.Change.State != "Cancelled" || done.Change.EndedBecause != "Code" {
		t.Errorf("the code brings %+v", done)
	}
	if ask := v.desk.Changing.Asks[len(v.desk.Changing.Asks)-1]; ask.Purpose != code.Cancel || ask.Change != id || ask.To.ContactID != "c2" {
		t.Errorf("the desk was asked for %+v", ask)
	}
	problemOf(t, v.json("POST", "/v1/challenges", `{"purpose":"Cancel","notice":"`+message+`"}`), http.StatusGone, "change-ended")
}

// seed 38: what is asked stands in the list; it is proven or skipped by JSON too.
func TestRecheckByJSON(t *testing.T) {
	v := entered(t)
	v.desk.Change(func(d *webtest.Desk) {
		d.Changing.Prompt, d.Changing.MustBy, d.Changing.Skip = "VerifySecurityInfo", noon.Add(time.Hour), time.Hour
	})
	asked := decode[struct{ Prompt, PromptBy string }](t, v.get("/v1/security-info"))
	if asked.Prompt != "VerifySecurityInfo" || asked.PromptBy != "2026-03-03T13:00:00Z" {
		t.Errorf("the list asks %+v", asked)
	}
	expect(t, v.json("POST", "/v1/security-info/recheck/skip", ""), http.StatusNoContent)
	v.desk.Change(func(d *webtest.Desk) { d.Changing.Prompt, d.Changing.Skip = "MustVerifySecurityInfo", 0 })
	problemOf(t, v.json("POST", "/v1/security-info/recheck/skip", ""), http.StatusConflict, "step-missing")
	v.enterCode("/v1/challenges", `{"purpose":"Recheck","contactId":"c2"}`)
	if now := decode[struct{ Prompt string }](t, v.get("/v1/security-info")); now.Prompt != "" {
		t.Errorf("proven, the list asks %q", now.Prompt)
	}
	for _, body := range map[string]string{
		"a recheck of a change":   `{"purpose":"Recheck","changeId":"x"}`,
		"an add of no change":     `{"purpose":"AddContact"}`,
		"an address":              `{"purpose":"AddContact","changeId":"x","channel":"SMS","address":"+49"}`,
		"a notice to another end": `{"purpose":"AddContact","notice":"x"}`,
	} {
		problemOf(t, v.json("POST", "/v1/challenges", body), http.StatusUnprocessableEntity, "invalid-request")
	}
}

// seed 46: the person's own report of a loss is for a session; a code's report needs its
// token.
func TestReportsOfALoss(t *testing.T) {
	v := entered(t)
	expect(t, v.json("POST", "/v1/reports", `{"kind":"LostDevice"}`), http.StatusAccepted)
	if last := v.desk.Calls[len(v.desk.Calls)-1]; last != "ReportLoss" {
		t.Errorf("the report did %s", last)
	}
	problemOf(t, v.json("POST", "/v1/reports", `{"kind":"NotMe"}`), http.StatusUnprocessableEntity, "invalid-request")
	v.cookie = ""
	problemOf(t, v.json("POST", "/v1/reports", `{"kind":"LostDevice"}`), http.StatusUnauthorized, "no-flow")
}

// law 10: after a cancelled hold the new password is taken by JSON too, in the session
// that cancelled it and in no other state.
func TestThePasswordAfterACancelByJSON(t *testing.T) {
	v, id, _ := held(t)
	path, strong := "/v1/security-info/changes/"+id+"/password", `{"password":"`+webtest.Strong+`"}`
	problemOf(t, v.json("POST", path, strong), http.StatusConflict, "step-missing")
	v.enterCode("/v1/security-info/changes/"+id+"/cancel", `{"contactId":"c1"}`)
	problemOf(t, v.json("POST", path, `{"password":"weak"}`), http.StatusUnprocessableEntity, "password-refused")
	if r := v.json("POST", path, `{"password":""}`); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no password: %d", r.StatusCode)
	}
	problemOf(t, v.json("POST", "/v1/security-info/changes/guessed/password", strong), http.StatusNotFound, "not-found")
	if done := decode[provedJSON](t, expect(t, v.json("POST", path, strong), http.StatusOK)); done.Next != "Done" {
		t.Errorf("then comes %q", done.Next)
	}
	v.cookie = ""
	problemOf(t, v.json("POST", path, strong), http.StatusUnauthorized, "no-flow")
}

// seed 40: what is asked for is matched to the nearest language that has messages, and the
// answer says which; what is no language tag is refused.
func TestTheLanguageOfAContactByJSON(t *testing.T) {
	v := entered(t)
	v.desk.Change(func(d *webtest.Desk) { d.Changing.Reach.Language = "de" })
	for _, c := range []struct{ asked, accepts, want string }{
		{"de-AT", "", "de"},
		{"pt-br", "de", "pt-BR"},
		{"zh-TW", "", "zh-Hant"},
		{"nl", "pt, en", "pt-BR"}, // a neighbour's language is not the person's
		{"nl", "", "de"},          // the policy's
		{"", "sw, ar;q=0.5", "ar"},
		{"", "*", "de"},
	} {
		body := `{"action":"Add","channel":"Email","address":"new@post.example"`
		if c.asked != "" {
			body += `,"language":"` + c.asked + `"`
		}
		r := v.json("POST", "/v1/security-info/changes", body+"}", "Accept-Language", c.accepts)
		begun := decode[struct{ Added []struct{ Language string } }](t, expect(t, r, http.StatusCreated))
		if got := begun.Added[0].Language; got != c.want {
			t.Errorf("asked for %q by one who reads %q: %q, want %q", c.asked, c.accepts, got, c.want)
		}
	}
	for _, tag := range []string{"english", "de-", "x-", "qqqq-zzzzzz"} {
		p := problemOf(t, v.json("POST", "/v1/security-info/changes", `{"action":"Add","channel":"Email","address":"a@b.example","language":"`+tag+`"}`), http.StatusUnprocessableEntity, "invalid-request")
		if len(p.Errors) != 1 || p.Errors[0].Location != "body.language" {
			t.Errorf("%q: %+v", tag, p.Errors)
		}
	}
}
