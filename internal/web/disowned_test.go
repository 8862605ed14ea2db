package web_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/web/webtest"
)

// seed 41: the list shows what somebody said of a contact, and where to prove it; the page
// of the proof asks nobody else to hurry.
func TestTheListShowsWhatIsSaidOfAContact(t *testing.T) {
	v := entered(t)
	lacks(t, text(t, v.get("/security-info")), "Prove it with a code")
	before := v.desk.Sessions.Info.Destinations
	v.desk.Change(func(d *webtest.Desk) { d.Sessions.Info.Contacts[1].Disowned = noon })
	v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket()))
	contains(t, text(t, v.get("/security-info")), "Somebody who gets messages there says that it is not yours", `href="/security-info/verify" rel="noreferrer">Prove it with a code`)
	v.desk.Change(func(d *webtest.Desk) { d.Sessions.Info.Destinations = nil })
	v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket()))
	contains(t, text(t, v.get("/security-info")), `href="/security-info/recheck?prove" rel="noreferrer">Prove it with a code`)
	v.desk.Change(func(d *webtest.Desk) { d.Sessions.Info.Destinations = before })
	v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket()))

	var info struct {
		Contacts []struct{ DisownedAt *time.Time }
	}
	r := expect(t, v.do("GET", "/v1/security-info", ""), http.StatusOK)
	if err := json.Unmarshal([]byte(text(t, r)), &info); err != nil {
		t.Fatal(err)
	}
	if c := info.Contacts; c[0].DisownedAt != nil || c[1].DisownedAt == nil || !c[1].DisownedAt.Equal(noon) {
		t.Errorf("the JSON says %+v", c)
	}
	page := text(t, expect(t, v.get("/security-info/recheck?prove"), http.StatusOK))
	contains(t, page, `value="Email:c1"`, `action="/security-info/recheck/send"`)
	lacks(t, page, "put off")
	contains(t, text(t, v.get("/security-info/recheck")), "nothing more to do here")
}

// A way that rests for it says why, and what helps.
func TestAWayThatSomebodyDisownedSaysWhy(t *testing.T) {
	v := waiting(t, "Email:c1")
	v.desk.Fail["Resend"] = &rules.LimitError{Subject: "disowned", RetryAfter: 720 * time.Hour}
	page := text(t, expect(t, v.post("/unblock/resend", "id", v.challenge(), "contact", "SMS:c2"), http.StatusTooManyRequests))
	contains(t, page, "Codes do not go there now", "30 days", "with another contact that it is you")
}
