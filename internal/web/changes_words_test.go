package web_test

import (
	"net/http"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/web/webtest"
)

// Every state says of each contact whether it is still to come or to go, has come or gone,
// or stayed.
func TestWhatIsPastAndWhatIsToCome(t *testing.T) {
	ended := func(state change.State, reason change.Reason) flow.Change {
		return flow.Change{State: state, End: change.End{State: state, At: noon.Add(-time.Hour), Reason: reason}}
	}
	for name, c := range map[string]struct {
		flow.Change
		want []string
	}{
		"waits for somebody else": {flow.Change{State: change.AwaitingCode, Deadline: noon.Add(time.Hour), Missing: []change.Proof{change.Requester}},
			[]string{"is to be replaced", "To be added: ", "To be removed: ", "Nothing is left for you to do"}},
		"on hold": {flow.Change{State: change.OnHold, HoldStart: noon, HoldUntil: noon.Add(720 * time.Hour), Restricted: change.SignIn, RestrictedUntil: noon.Add(720 * time.Hour)},
			[]string{"is to be replaced", "To be added: ", "To be removed: ", "30 days after the wait began", "Until then nobody can sign in"}},
		"contested": {flow.Change{State: change.OnHold, HoldStart: noon, HoldUntil: noon.Add(720 * time.Hour), Contested: true, Restricted: change.SignIn, RestrictedUntil: noon.Add(720 * time.Hour)},
			[]string{"To be added: ", "It does not take effect, because", "The account is restricted until"}},
		"applied": {ended(change.Applied, ""), []string{"info was replaced", "Added: ", "Removed: "}},
		"cancelled by a code": {ended(change.Cancelled, change.ByCode),
			[]string{"was to be replaced", "Not added: ", "Not removed: ", "It was cancelled on", "has cancelled it"}},
		"superseded": {ended(change.Cancelled, change.ByReview), []string{"Not added: ", "took its place"}},
		"expired":    {flow.Change{State: change.Expired, Deadline: noon.Add(-time.Hour)}, []string{"was to be", "Not added: ", "not confirmed in time"}},
		"rejected":   {ended(change.Rejected, change.VoIPRefused), []string{"was to be", "Not added: ", "could not be made", "internet (VoIP) number"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := entered(t)
			c.ID, c.Action = "x", change.Replace
			c.Added = []flow.Piece{{Channel: contact.SMS, Hint: "•••• 77"}}
			c.Removed = []flow.Piece{{Channel: contact.Email, Hint: "ma•••@•••"}}
			v.desk.Change(func(d *webtest.Desk) { d.Changing.Changes = append(d.Changing.Changes, &c.Change) })
			page := text(t, expect(t, v.get("/security-info/change/x"), http.StatusOK))
			contains(t, page, c.want...)
			lacks(t, page, "Old:", "Goes:")
			if c.State == change.Applied {
				lacks(t, page, "to be")
			}
			if c.State.Terminal() {
				lacks(t, page, "is to be", "To be")
			}
		})
	}
}

// A withdrawn change keeps its restriction to its date, and the page says so.
func TestAWithdrawnChangeRestrictsOn(t *testing.T) {
	v := entered(t)
	v.desk.Change(func(d *webtest.Desk) {
		d.Changing.Changes = append(d.Changing.Changes, &flow.Change{
			ID: "x", Action: change.Replace, State: change.Cancelled, End: change.End{State: change.Cancelled, At: noon, Reason: change.ByDeletion},
			Restricted: change.SignIn, RestrictedUntil: noon.Add(24 * time.Hour),
		})
	})
	contains(t, text(t, v.get("/security-info/change/x")), "It was withdrawn", "restricted until", "nobody can sign in")
}

// seed 40: the language of messages is chosen among those that there are, each named in
// itself; the one of the browser is chosen before, and what is not offered is refused.
func TestTheLanguageOfAContact(t *testing.T) {
	v := entered(t)
	shown := text(t, v.do("GET", "/security-info/add", "", "Accept-Language", "sw, de-CH, en;q=0.5"))
	contains(t, shown, "Language of messages", `<option value="de" lang="de" dir="auto" selected>Deutsch`, `lang="ar" dir="auto">العربية`, ">Português", ">繁體中文")
	contains(t, text(t, v.do("GET", "/security-info/replace", "", "Accept-Language", "fr, *")), `lang="en" dir="auto" selected>`)
	v.desk.Change(func(d *webtest.Desk) { d.Changing.Reach.Language = "zh-Hant" })
	contains(t, text(t, v.get("/security-info/add")), `lang="zh-Hant" dir="auto" selected>`)

	for _, tag := range []string{"fr", "de-AT", "klingon"} {
		page := text(t, expect(t, v.post("/security-info/add", "channel", "Email", "email", "new@post.example", "language", tag), http.StatusUnprocessableEntity))
		contains(t, page, "Choose a language", `href="#language"`, `value="new@post.example"`, `aria-invalid="true"`)
	}
	if len(v.desk.Changing.Typed) != 0 {
		t.Fatalf("the desk was asked for %+v", v.desk.Changing.Typed)
	}
	contains(t, text(t, v.post("/security-info/add", "channel", "Email", "email", "no address", "language", "ar")), `lang="ar" dir="auto" selected>`)
	v.at(v.post("/security-info/add", "channel", "Email", "email", "new@post.example", "language", "ar"))
	if in := v.desk.Changing.Typed; in[len(in)-1].Language != "ar" {
		t.Errorf("the desk was asked for %+v", in)
	}
}

// twins gives the desk two contacts with one mask, added on one day, and a third one.
func twins(d *webtest.Desk) {
	day := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	info := &d.Sessions.Info
	info.Contacts, info.Destinations = nil, nil
	for i, id := range []string{"c1", "c2", "c3"} {
		c := flow.SecurityContact{ID: id, Channel: contact.Email, Hint: "ma•••@•••", Standing: contact.Full, Added: day, Nth: i + 1}
		if id == "c3" {
			c.Added, c.Nth = day.AddDate(1, 0, 0), 0
		}
		info.Contacts = append(info.Contacts, c)
		info.Destinations = append(info.Destinations, flow.Destination{ContactID: id, Channel: c.Channel, Hint: c.Hint, Apart: flow.Apart{Added: c.Added, Nth: c.Nth}})
	}
}

// seed 22: contacts that look alike are told apart by the day on which they were added and
// their order, wherever one is chosen, and by nothing more of the address.
func TestContactsThatLookAlike(t *testing.T) {
	first, second, third := "(added 6 May 2024, the first)", "(added 6 May 2024, the second)", "(added 6 May 2025)"
	v := visit(t)
	v.desk.Change(twins)
	v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket()))
	contains(t, text(t, v.get("/security-info")), `aria-label="Remove ma•••@••• `+second+`"`, `6 May 2024</time> (the second)`, `6 May 2025</time></dd>`)
	contains(t, text(t, v.get("/security-info/remove?contact=c2")), "Email address "+second)
	contains(t, text(t, v.get("/security-info/verify")), "Email to ma•••@••• "+first, "Email to ma•••@••• "+second, "Email to ma•••@••• "+third)
	expect(t, v.post("/security-info/verify", "contact", "Email:c1"), http.StatusSeeOther)
	contains(t, text(t, v.get("/security-info/code")), "Send an email to ma•••@••• "+second)

	page := v.at(v.post("/security-info/remove", "contact", "c2"))
	contains(t, text(t, v.get(page)), "Email to ma•••@••• "+third)
	redirected(t, v.post(page+"/send", "contact", "Email:c3"), page)
	contains(t, text(t, v.get(page)), "Send an email to ma•••@••• "+first)
	v.codeAt(page, page, "")
	contains(t, text(t, v.get(page)), "Remove it for good?", "email address ma•••@••• "+second)

	type way struct {
		ContactID, AddedAt string
		Nth                int
	}
	listed := decode[struct {
		Contacts     []struct{ Nth int }
		Destinations []way
		Changes      []struct{ Removed []way }
	}](t, v.get("/v1/security-info"))
	if w := listed.Destinations[1]; listed.Contacts[1].Nth != 2 || w != (way{"c2", "2024-05-06T07:08:09Z", 2}) || listed.Destinations[2].Nth != 0 {
		t.Errorf("by JSON: %+v", listed)
	}
	if gone := listed.Changes[0].Removed; len(gone) != 1 || gone[0].ContactID != "c2" || gone[0].Nth != 2 {
		t.Errorf("by JSON goes %+v", gone)
	}
}

// seed 45, 46: who has lost a device finds the way from the list, is told what a report does,
// and makes it once a help desk has asked to clear; only where the policy lets it.
func TestALostDevice(t *testing.T) {
	v := entered(t)
	lacks(t, text(t, v.get("/security-info")), "lost my phone")
	expect(t, v.get("/security-info/lost"), http.StatusNotFound)

	v.desk.Change(func(d *webtest.Desk) { d.Changing.Clears = true })
	contains(t, text(t, v.get("/security-info")), "I have lost my phone", `href="/security-info/lost"`)
	before := text(t, expect(t, v.get("/security-info/lost"), http.StatusOK))
	contains(t, before, "Have you lost your phone?", "Nobody has asked for it yet", "https://help.example/")
	lacks(t, before, "<form")

	v.desk.Change((*webtest.Desk).AskToClear)
	for range 2 {
		contains(t, text(t, v.get("/security-info/lost")), "Yes, my device is lost", "To be removed: ", "Nothing else changes")
	}
	waits := text(t, v.get("/security-info/change/"+v.desk.Changing.Changes[0].ID))
	contains(t, waits, "I have lost a device", "at the request of your help desk")
	if c := v.desk.Changing.Changes[0]; c.State != change.AwaitingCode {
		t.Fatalf("looking made it %s (law 7)", c.State)
	}
	expect(t, v.do("POST", "/security-info/lost", "", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"), http.StatusForbidden)
	redirected(t, v.post("/security-info/lost"), "/security-info/lost")
	after := text(t, v.get("/security-info/lost"))
	contains(t, after, "Your help desk clears your security info", `It takes effect on <time datetime="2026-03-04T12:00:00Z"`, "24 hours after the wait began",
		`restricted until <time datetime="2026-04-02T12:00:00Z"`, "This wasn’t me, cancel")
	v.cookie = ""
	expect(t, v.post("/security-info/lost"), http.StatusUnauthorized)
}

// Who is done is led back to the place that the policy names, and never to one of a request.
func TestTheWayBack(t *testing.T) {
	const back = `<a class="button" href="https://shop.example/sign-in" rel="noreferrer">Back to Harbour Shop</a>`
	v := visit(t)
	v.desk.Change(func(d *webtest.Desk) {
		d.Block.ProductURL, d.Sessions.Info.ProductURL = "https://shop.example/sign-in", "https://shop.example/sign-in"
	})
	v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket()))
	page := text(t, v.get("/security-info/recheck?return=https://evil.example&next=https://evil.example"))
	contains(t, page, "Thank you", back)
	lacks(t, page, "evil.example")
	begun := v.at(v.post("/security-info/remove", "contact", "c2"))
	lacks(t, text(t, v.get(begun)), back)
	redirected(t, v.post(begun+"/send", "contact", "Email:c1"), begun)
	v.codeAt(begun, begun, "")
	redirected(t, v.post(begun+"/confirm", "proof", "Confirmation"), begun)
	contains(t, text(t, v.get(begun)), "Your security info was changed", back)
	if got := decode[struct{ ProductURL string }](t, v.get("/v1/security-info")).ProductURL; got != "https://shop.example/sign-in" {
		t.Errorf("by JSON the way back is %q", got)
	}

	v.adopt(v.post("/unblock", "ticket", v.desk.Ticket()))
	expect(t, v.post("/unblock/contact", "contact", "c1"), http.StatusSeeOther)
	v.adopt(v.post("/unblock/code", "id", v.challenge(), "code", webtest.Code))
	expect(t, v.post("/unblock/password", "password", webtest.Strong), http.StatusSeeOther)
	contains(t, text(t, v.get("/unblock/done")), "The block is lifted", back)

	lacks(t, text(t, entered(t).get("/security-info/recheck")), "Back to Harbour Shop")
}

// seed 53: what is on hold keeps contacts from being added and removed: the pages offer
// neither, say until when, and leave the replacement open.
func TestWhatIsFrozen(t *testing.T) {
	v := entered(t)
	begun := v.at(v.post("/security-info/remove", "contact", "c2"))
	v.desk.Change(func(d *webtest.Desk) { d.Changing.Frozen = &change.FrozenError{Until: noon.Add(time.Hour)} })
	list := text(t, v.get("/security-info"))
	contains(t, list, `no contact is added or removed until <time datetime="2026-03-03T13:00:00Z"`, "/security-info/replace")
	lacks(t, list, "/security-info/add", "/security-info/remove")
	page := text(t, v.get(begun))
	contains(t, page, "This change cannot go on now", "To be removed: ", `<time datetime="2026-03-03T13:00:00Z"`, "Forget this change")
	lacks(t, page, `action="`+begun+`/send"`)
	shown := decode[struct {
		Frozen      bool
		FrozenUntil string
	}](t, v.get("/v1/security-info"))
	if !shown.Frozen || shown.FrozenUntil != "2026-03-03T13:00:00Z" {
		t.Errorf("by JSON: %+v", shown)
	}
	v.desk.Change(func(d *webtest.Desk) { d.Changing.Frozen = &change.FrozenError{} })
	contains(t, text(t, v.get("/security-info")), "As long as a change is on hold")
	redirected(t, v.post(begun+"/forget"), "/security-info")
}
