package browser

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/web/webtest"
)

const newAddress = "ma.new@post.example"

// TestDetoursOfChanges looks at what stands beside the ways of TestChangesOfSecurityInfo:
// codes that are wrong, late or used up, changes that ended or wait for others, and nothing
// left to prove with. No page is a dead end. What the pages say is left to others.
func TestDetoursOfChanges(t *testing.T) {
	tabs := browser(t)
	for _, name := range []string{"dark", "phone"} {
		t.Run(name, func(t *testing.T) {
			w := walk(tabs, t, name)
			w.enter()
			w.codesOfChanges()
			w.endsOfChanges()
			w.contestedHold()
			w.nothingToProveWith()
		})
	}
}

// show sees a page that has what a selector names, and lacks what others name.
func (w *walker) show(name, has string, lacks ...string) {
	w.Helper()
	if w.count(has) == 0 {
		w.Fatalf("%s lacks %s; the page says:\n%s", name, has, w.text("main"))
	}
	for _, selector := range lacks {
		if w.count(selector) > 0 {
			w.Errorf("%s has %s", name, selector)
		}
	}
	w.see(name, w.text("h1"))
}

func (w *walker) count(selector string) int {
	w.Helper()
	count, err := chromedp.Run(w.ctx, chromedp.Evaluate[int](fmt.Sprintf("document.querySelectorAll(%q).length", selector)))
	if err != nil {
		w.Fatalf("count %s: %v", selector, err)
	}
	return count
}

// codesOfChanges begins an Add whose codes come to nothing, and drops it.
func (w *walker) codesOfChanges() {
	const enter = "form[action$='/code'] .button"
	w.open("/security-info/add", 200)
	w.fill("#email", newAddress)
	w.press("main form > .button", 200)
	w.fill("#code", "000 000")
	w.press(enter, 422)
	w.show("change-wrong-code", "#trouble")
	w.do("open the help", chromedp.Click(chromedp.CSS("details:has(form[action$='/resend']) summary")))
	w.show("change-no-code", "form[action$='/resend'] .button")
	w.later(10 * time.Minute)
	w.open("/security-info/change/"+w.latest(), 200)
	w.show("change-expired-code", "form[action$='/resend'] .button", "#code")
	w.press("form[action$='/resend'] .button", 200)
	for range 4 {
		w.fill("#code", "000000")
		w.press(enter, 422)
	}
	w.fill("#code", "000000")
	w.press(enter, 422) // the desk in memory; the page says the rest
	w.show("change-spent-code", "form[action$='/forget'] .button", "#code")
	w.press("form[action$='/forget'] .button", 200)
	w.show("change-forgotten", "a[href='/security-info/add']", "a[href^='/security-info/change/']")
}

// latest is the change that was begun last.
func (w *walker) latest() (id string) {
	w.change(func(d *webtest.Desk) { id = d.Changing.Changes[len(d.Changing.Changes)-1].ID })
	return id
}

// endsOfChanges shows what has become of changes to the person and to whoever was told.
func (w *walker) endsOfChanges() {
	now := w.now()
	for name, end := range map[string]change.End{
		"expired":   {State: change.Expired, At: now},
		"rejected":  {State: change.Rejected, At: now, Reason: change.UnknownContact},
		"withdrawn": {State: change.Cancelled, At: now, Reason: change.ByDeletion},
		"applied":   {State: change.Applied, At: now},
	} {
		w.change(func(d *webtest.Desk) {
			d.Changing.Changes = append(d.Changing.Changes, w.replacement(name, end.State, end))
			d.Changing.Notices["told-"+name] = name
		})
		w.open("/security-info/change/"+name, 200)
		w.show("change-"+name, "a[href='/security-info']", "form[action$='/confirm']")
	}
	w.open("/c/told-applied", 200)
	w.show("notice-late", "a[href='/security-info']", "form[action^='/c/']")
	w.change(func(d *webtest.Desk) {
		waits := w.replacement("cleared", change.AwaitingCode, change.End{})
		waits.Action, waits.Added, waits.Missing = change.Clear, nil, []change.Proof{change.Requester}
		d.Changing.Changes = append(d.Changing.Changes, waits)
	})
	w.open("/security-info/change/cleared", 200)
	w.show("change-waits", "a[href='/security-info']", "form[action$='/send']")
}

// replacement is a change of all contacts that was on hold or is.
func (w *walker) replacement(id string, state change.State, end change.End) *flow.Change {
	now := w.now()
	return &flow.Change{
		ID: id, Action: change.Replace, State: state, End: end, Created: now, Deadline: now.Add(change.ProveWithin),
		Added:     []flow.Piece{{Channel: contact.Email, Hint: "ot•••@•••"}},
		Removed:   []flow.Piece{{Channel: contact.Email, Hint: "ma•••@•••"}, {Channel: contact.SMS, Hint: "•••• 42"}},
		HoldStart: now, HoldUntil: now.Add(720 * time.Hour), Restricted: change.SignIn, RestrictedUntil: now.Add(720 * time.Hour),
	}
}

// contestedHold shows two replacements of which neither takes effect.
func (w *walker) contestedHold() {
	w.change(func(d *webtest.Desk) {
		for _, id := range []string{"mine", "theirs"} {
			held := w.replacement(id, change.OnHold, change.End{})
			held.Contested = true
			d.Changing.Changes = append(d.Changing.Changes, held)
		}
	})
	w.open("/security-info", 200)
	w.show("contested", "a[href='/security-info/cancel?change=theirs']")
	if w.count(".hold") != 2 {
		w.Errorf("%d changes on hold are shown, want both", w.count(".hold"))
	}
}

// nothingToProveWith are the pages of a person to whom no code can go, or for whom no
// message service is set up.
func (w *walker) nothingToProveWith() {
	w.open("/security-info/remove?contact=c2", 200)
	w.press("main form > .button", 200)
	w.change(func(d *webtest.Desk) {
		d.Sessions.Info.Destinations = nil
		d.Changing.Prompt, d.Changing.MustBy = "MustVerifySecurityInfo", w.now()
	})
	w.enter()
	w.open("/security-info/cancel?change=mine", 200)
	w.show("cancel-no-way", "main .warn", "form[action$='/send']")
	w.open("/security-info/remove?contact=c2", 200)
	w.show("remove-no-way", "a[href='/security-info/replace']", "form[action='/security-info/remove']")
	w.open("/security-info/recheck", 200)
	w.show("recheck-no-way", "a[href='/security-info/replace']", "form[action$='/send']", "form[action$='/skip']")
	w.change(func(d *webtest.Desk) { d.Changing.Reach.Channels = nil })
	w.open("/security-info/add", 200)
	w.show("add-no-service", "a[href='/security-info']", "form[action='/security-info/add']")
}
