package web_test

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/disowned"
	"holdfast.dev/holdfast/internal/rules/recheck"
	"holdfast.dev/holdfast/internal/rules/ticket"
	"holdfast.dev/holdfast/internal/web/webtest"
)

// walkInfo shows every page of the security info, in every state.
func walkInfo(t *testing.T, v *visitor) {
	t.Helper()
	v.cookie = ""
	walkSignIn(t, v)
	v.desk.Change(func(d *webtest.Desk) {
		d.Changing.Prompt, d.Changing.MustBy, d.Changing.Clears = recheck.Verify, noon.Add(100*time.Hour), true
		for i := range d.Sessions.Info.Contacts {
			d.Sessions.Info.Contacts[i].Nth = 3 * i
		}
		d.Sessions.Info.Contacts[0].Disowned = noon
		d.Sessions.Info.Contacts[1].Standing = contact.Disabled
		d.Sessions.Info.Contacts[1].Channel = contact.Voice
	})
	enter(v)
	v.get("/security-info")
	v.get("/security-info/lost")
	walkStepUp(v)
	walkAdding(t, v)
	walkChanges(v)
	walkCancel(v)
	walkRecheck(v)
	walkBare(v)
	v.post("/security-info/end")
	v.get("/security-info/ended")
}

func enter(v *visitor) { v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket())) }

func walkSignIn(t *testing.T, v *visitor) {
	t.Helper()
	v.get("/security-info")
	v.get("/security-info?ticket=" + v.desk.InfoTicket())
	v.post("/security-info/sign-in", "way", "way-1")
	v.desk.Change(func(d *webtest.Desk) { d.Sessions.Ways = nil })
	v.get("/security-info")
	for _, err := range []error{&flow.BlockedError{Unblock: "https://shop.example/unblock"}, rules.ErrSignIn, ticket.ErrInvalid, rules.ErrTicketUsed, rules.ErrIssuer, rules.ErrNoFlow, rules.ErrUnavailable} {
		v.desk.Change(func(d *webtest.Desk) { d.Fail["OpenSession"] = err })
		v.post("/security-info", "ticket", v.desk.InfoTicket())
	}
	v.desk.Change(func(d *webtest.Desk) { delete(d.Fail, "OpenSession") })
}

func walkStepUp(v *visitor) {
	v.get("/security-info/verify")
	v.post("/security-info/verify")
	v.post("/security-info/verify", "contact", "Email:c1")
	v.get("/security-info/code")
	v.post("/security-info/code", "code", "letters")
	v.now = v.now.Add(10 * time.Minute)
	v.get("/security-info/code")
}

// walkAdding shows how a contact is added by each channel.
func walkAdding(t *testing.T, v *visitor) {
	t.Helper()
	enter(v)
	v.get("/security-info/add")
	v.get("/security-info/replace")
	v.post("/security-info/add", "channel", "SMS", "country", "DE", "number", "12@")
	v.post("/security-info/add", "channel", "Email", "email", "a@b.example", "language", "klingon")
	for _, err := range []error{&rules.RefusalError{Err: rules.ErrDestination, Reason: rules.ListFull, Count: 3}, rules.ErrOpenMatter, &change.FrozenError{}} {
		v.desk.Change(func(d *webtest.Desk) { d.Fail["StartAdd"] = err })
		v.post("/security-info/add", "channel", "Email", "email", "a@b.example")
	}
	v.desk.Change(func(d *webtest.Desk) { delete(d.Fail, "StartAdd") })
	for _, form := range [][]string{{"channel", "Email", "email", "new@post.example"}, {"channel", "SMS", "number", "0170 1"}, {"channel", "Voice", "number", "0170 2"}} {
		page := v.at(v.post("/security-info/add", form...))
		v.get(page)
		v.get(page + "?another")
		v.post(page+"/code", "code", "letters")
		v.codeAt(page, page, "")
		v.get(page)
		v.post(page + "/send")
		v.post(page+"/confirm", "proof", "WithoutFullContact")
		v.get(page)
	}
	page := v.at(v.post("/security-info/replace", "channel", "Email", "email", "new@post.example"))
	v.get(page + "?another")
	v.now = v.now.Add(10 * time.Minute)
	v.get(page)
	v.post(page+"/resend", "id", attribute(t, text(t, v.get(page)), "input", "name", "id", "value"))
	v.codeAt(page, page, "")
	v.desk.Change(func(d *webtest.Desk) { d.Changing.Reach.Channels = nil })
	v.get("/security-info/add")
}

// walkChanges shows changes in every state.
func walkChanges(v *visitor) {
	enter(v)
	for _, contacts := range []string{"?contact=c1", ""} {
		v.get("/security-info/remove" + contacts)
	}
	page := v.at(v.post("/security-info/remove", "contact", "c2"))
	v.get(page)
	v.post(page+"/send", "contact", "Email:c1")
	v.codeAt(page, page, "")
	v.get(page)
	v.get("/security-info")
	changes := []flow.Change{
		{State: change.OnHold, HoldStart: noon, HoldUntil: noon.Add(720 * time.Hour), Restricted: change.SignIn, RestrictedUntil: noon.Add(800 * time.Hour)},
		{State: change.OnHold, HoldStart: noon, HoldUntil: noon.Add(720 * time.Hour), Contested: true, Restricted: change.SensitiveActions, RestrictedUntil: noon.Add(720 * time.Hour)},
		{State: change.AwaitingCode, Deadline: noon.Add(time.Hour), Missing: []change.Proof{change.Requester}},
		{State: change.Expired}, {State: change.Expired, Deadline: noon}, {State: change.Applied, End: change.End{State: change.Applied}},
	}
	for _, reason := range []change.Reason{"", change.ByCode, change.ByDeletion, change.ByReview, change.UnknownContact, change.TooManyContacts, change.ClearNotAllowed, change.VoIPRefused, change.NumberRefused, change.AddressInvalid, disowned.NotTheirs} {
		changes = append(changes, flow.Change{State: change.Cancelled, End: change.End{State: change.Cancelled, At: noon, Reason: reason}}, flow.Change{State: change.Rejected, End: change.End{State: change.Rejected, Reason: reason}})
	}
	for i, c := range changes {
		for _, action := range []change.Action{change.Add, change.Remove, change.Replace, change.Clear, "New"} {
			c.ID, c.Action = "x", action
			c.Added = []flow.Piece{{Channel: contact.SMS, Hint: "•••• 77"}, {Channel: contact.Voice, Hint: "•••• 78", Apart: flow.Apart{Nth: 2}}}
			c.Removed = []flow.Piece{{Channel: contact.Email, Hint: "ma•••@•••", Apart: flow.Apart{Added: noon, Nth: 7}}, {Channel: contact.App, Apart: flow.Apart{Added: noon}}}
			v.desk.Change(func(d *webtest.Desk) { d.Changing.Changes = []*flow.Change{&c} })
			v.get("/security-info/change/x")
			if i < 3 {
				v.get("/security-info")
				v.get("/security-info/lost")
			}
		}
	}
	for _, frozen := range []*change.FrozenError{{}, {Until: noon.Add(time.Hour)}} {
		v.desk.Change(func(d *webtest.Desk) {
			d.Changing.Frozen = frozen
			d.Changing.Changes = []*flow.Change{{ID: "x", Own: true, Action: change.Add, State: change.AwaitingCode, Missing: []change.Proof{change.NewContactCode}}}
		})
		v.get("/security-info/change/x")
		v.get("/security-info")
	}
	v.desk.Change(func(d *webtest.Desk) { d.Changing.Frozen, d.Changing.Changes = nil, nil })
}

// walkCancel goes from a notice to the cancelled change.
func walkCancel(v *visitor) {
	v.desk.Change(func(d *webtest.Desk) {
		d.Changing.Changes = []*flow.Change{{ID: "h", Action: change.Replace, State: change.OnHold, HoldStart: noon, HoldUntil: noon.Add(720 * time.Hour), Restricted: change.SignIn}}
		d.Changing.Notices["m"] = "h"
	})
	v.get("/c/m")
	v.adopt(v.post("/c/m"))
	v.get("/security-info/cancel")
	v.desk.Change(func(d *webtest.Desk) { d.Changing.SignIn = true })
	v.get("/security-info/cancel")
	v.desk.Change(func(d *webtest.Desk) { d.Changing.SignIn = false })
	v.post("/security-info/cancel/send", "change", "h", "contact", "Email:c1")
	v.codeAt("/security-info/cancel", "/security-info/cancel", "h")
	v.get("/security-info/cancel")
	v.get("/security-info/cancel?saved")
	v.get("/c/m")
	enter(v)
	v.get("/security-info/cancel?change=h")
	v.get("/security-info/cancel?change=h&saved")
	v.post("/security-info/cancel/password", "change", "h", "password", "x")
}

func walkRecheck(v *visitor) {
	for _, prompt := range []recheck.Prompt{recheck.None, recheck.Verify, recheck.MustVerify, recheck.Register, recheck.MustRegister} {
		for _, skip := range []time.Duration{0, 24 * time.Hour} {
			v.desk.Change(func(d *webtest.Desk) {
				d.Changing.Prompt, d.Changing.Skip, d.Changing.MustBy = prompt, skip, noon.Add(100*time.Hour)
			})
			v.get("/security-info/recheck")
			v.get("/security-info")
		}
	}
}

// walkBare shows the pages of an account that has no contact, and of one without help.
func walkBare(v *visitor) {
	for _, recorded := range []bool{true, false} {
		v.desk.Change(func(d *webtest.Desk) {
			i := &d.Sessions.Info
			i.Contacts, i.Destinations, i.Recorded = nil, nil, recorded
			i.Help = flow.Help{Email: "help@harbour.example", Phone: "+49 30"}
			i.ProductURL = "https://shop.example/"
		})
		enter(v)
		v.get("/security-info")
		v.get("/security-info/verify")
		v.get("/security-info/recheck")
	}
}
