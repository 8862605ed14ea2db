package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/web"
)

const keyHeader = "Idempotency-Key"

func sends(v *visitor) int { return len(v.desk.Targets) }

// A client that lost the answer asks again: one message, one answer, and the cookie
// of the first call still serves.
func TestARepeatedRequestSendsOneMessage(t *testing.T) {
	v := visit(t)
	body := `{"purpose":"Unblock","ticket":"` + v.desk.Ticket() + `"}`
	r := expect(t, v.json("POST", "/v1/challenges", body, keyHeader, `"8e03978e-40d5"`), http.StatusAccepted)
	first := decode[web.Challenge](t, r)
	again := expect(t, v.json("POST", "/v1/challenges", body, keyHeader, "8e03978e-40d5"), http.StatusAccepted)
	if cookies := again.Cookies(); len(cookies) != 0 {
		t.Errorf("the repeated request got a credential: %v", cookies)
	}
	if c := decode[web.Challenge](t, again); c.ID != first.ID || sends(v) != 1 {
		t.Errorf("challenge %s after %s, %d messages", c.ID, first.ID, sends(v))
	}
	v.adopt(r)
	path := "/v1/challenges/" + first.ID + "/resend"
	one := decode[web.Challenge](t, expect(t, v.json("POST", path, `{}`, keyHeader, "next"), http.StatusAccepted))
	two := decode[web.Challenge](t, expect(t, v.json("POST", path, `{}`, keyHeader, "next"), http.StatusAccepted))
	if one.ID == first.ID || one.ID != two.ID || sends(v) != 2 {
		t.Errorf("resent as %s and %s, %d messages", one.ID, two.ID, sends(v))
	}
}

func TestATicketWorksOnceWithoutItsKey(t *testing.T) {
	v := visit(t)
	body := `{"purpose":"Unblock","ticket":"` + v.desk.Ticket() + `"}`
	expect(t, v.json("POST", "/v1/challenges", body), http.StatusAccepted)
	problemOf(t, v.json("POST", "/v1/challenges", body), http.StatusGone, "link-expired")

	redeemed := opened(t) // at a page: it never serves as Bearer
	body = `{"purpose":"Unblock","ticket":"ticket-1"}`
	problemOf(t, redeemed.json("POST", "/v1/challenges", body, keyHeader, "k"), http.StatusGone, "link-expired")
}

func TestAKeyOfAnotherRequestIsRefused(t *testing.T) {
	v := opened(t)
	v.desk.Fail["RequestCode"] = rules.ErrKeyReused
	problemOf(t, v.json("POST", "/v1/challenges", unblock, keyHeader, "k"), http.StatusUnprocessableEntity, "idempotency-key-reused")
}

func TestAKeyThatCannotBeUsed(t *testing.T) {
	for name, key := range map[string]string{
		"empty": `""`, "unbalanced": `"key`, "spaces": "a b", "beyond ASCII": "schlüssel", "quotation": `"a"b"`,
		"backslash": `a\b`, "256 characters": strings.Repeat("k", 256),
	} {
		t.Run(name, func(t *testing.T) {
			v := opened(t)
			p := problemOf(t, v.json("POST", "/v1/challenges", unblock, keyHeader, key), http.StatusBadRequest, "idempotency-key-invalid")
			if strings.Contains(p.Detail, key) && len(key) > 3 {
				t.Errorf("the answer repeats the key: %s", p.Detail)
			}
			problemOf(t, v.json("POST", "/v1/challenges/x/resend", `{}`, keyHeader, key), http.StatusBadRequest, "idempotency-key-invalid")
			if sends(v) != 0 {
				t.Error("a message was sent")
			}
		})
	}
	v := opened(t)
	expect(t, v.json("POST", "/v1/challenges", unblock, keyHeader, strings.Repeat("k", 255)), http.StatusAccepted)
}

// A double click without JavaScript sends a form twice.
func TestADoubleClickSendsOneMessage(t *testing.T) {
	v := opened(t)
	after := func() string {
		return attribute(t, text(t, v.get("/unblock/contact")), "input", "name", "after", "value")
	}
	form := []string{"contact", "c1", "after", after()}
	for range 2 {
		redirected(t, v.post("/unblock/contact", form...), "/unblock/code")
	}
	if sends(v) != 1 {
		t.Errorf("a double click on send cost %d messages", sends(v))
	}
	id := v.challenge()
	for range 2 {
		redirected(t, v.post("/unblock/resend", "id", id), "/unblock/code")
	}
	if sends(v) != 2 {
		t.Errorf("a double click on resend left %d messages in all, want 2", sends(v))
	}
	if fresh := after(); fresh == "" || fresh == form[3] {
		t.Errorf("the form at a newer code says %q, as before", fresh)
	}
	redirected(t, v.post("/unblock/contact", "contact", "c1", "after", after()), "/unblock/code")
	if sends(v) != 3 {
		t.Errorf("the same wish at a newer code: %d messages in all, want 3", sends(v))
	}
}

// What a client writes into the header never passes for a form.
func TestKeysOfFormsAndHeadersAreApart(t *testing.T) {
	v := opened(t)
	expect(t, v.json("POST", "/v1/challenges", unblock, keyHeader, "send"), http.StatusAccepted)
	v.now = v.now.Add(time.Minute)
	redirected(t, v.post("/unblock/contact", "contact", "c1", "after", ""), "/unblock/code")
	keys := map[string]bool{}
	for _, visit := range v.desk.Visits {
		keys[visit.Key] = visit.Key != ""
	}
	if !keys["header send"] || len(keys) < 2 || keys["send"] {
		t.Errorf("keys %v", keys)
	}
}
