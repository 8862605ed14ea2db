package browser

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/web/webtest"
)

// TestChangesOfSecurityInfo walks the pages on which people change their security info in
// every look: WCAG 2.2 AA without a violation, nothing wider than the screen.
func TestChangesOfSecurityInfo(t *testing.T) {
	tabs := browser(t)
	for name := range looks {
		t.Run(name, func(t *testing.T) {
			w := walk(tabs, t, name)
			w.change(func(d *webtest.Desk) { d.Changing.Reach.OwnDomains = []string{"harbour.example"} })
			w.enter()
			w.addContact()
			w.removeContact()
			w.recheck()
			w.lost()
			w.hold()
			w.notice()
			w.alike()
		})
	}
}

// enter opens a session.
func (w *walker) enter() {
	w.open("/security-info?ticket="+w.desk.InfoTicket(), 200)
	w.press("main form .button", 200)
}

// code enters the right code of a page.
func (w *walker) code() {
	w.fill("#code", webtest.Code)
	w.press("#code ~ .button, form:has(#code) > .button", 200)
}

// addContact adds a phone: refused at first, then proven, then without a full contact.
func (w *walker) addContact() {
	w.press("a[href='/security-info/add']", 200)
	w.see("add-email", "Add a contact")
	w.do("choose texts", chromedp.Click(chromedp.CSS("label[for='by-SMS']")))
	w.see("add-phone", "Add a contact")
	w.fill("#country", "Fra")
	w.fill("#number", "12@")
	w.press("main form > .button", 422)
	w.see("add-refused", "Add a contact")
	w.do("clear", chromedp.Clear(chromedp.CSS("#number")))
	w.fill("#number", "06 12 34 56 78")
	w.press("main form > .button", 200)
	w.see("add-code", "Enter your security code")
	w.code()
	w.see("add-vouch", "Show that it is you")
	w.do("open the way without", chromedp.Click(chromedp.CSS("details:has(input[value=WithoutFullContact]) summary")))
	w.see("add-without", "Show that it is you")
	w.press("form:has(input[value=WithoutFullContact]) .button", 200)
	w.see("add-junior", "Your security info was changed")
	w.press("main p > .button", 200)
	w.see("list", "Your security info")
}

// removeContact removes one: asked, proven, asked again.
func (w *walker) removeContact() {
	w.press("a[href='/security-info/remove?contact=c2']", 200)
	w.see("remove", "Remove this contact?")
	w.press("main form > .button", 200)
	w.see("remove-prove", "Show that it is you")
	w.press("form:has(#contact) > .button", 200)
	w.code()
	w.see("remove-again", "Remove it for good?")
	w.open("/security-info", 200)
	w.see("not-finished", "Your security info")
	w.press(".box .button.second[href*='/change/']", 200)
	w.press("main form > .button", 200)
	w.see("removed", "Your security info was changed")
	w.open("/security-info/remove", 200)
	w.see("remove-all", "Remove all of your contacts?")
}

// recheck asks whether codes still arrive; it is skipped, and then must be done.
func (w *walker) recheck() {
	w.change(func(d *webtest.Desk) {
		d.Changing.Prompt, d.Changing.MustBy, d.Changing.Skip = "VerifySecurityInfo", w.now().Add(100*time.Hour), 24*time.Hour
	})
	w.open("/security-info", 200)
	w.see("asked", "Your security info")
	w.press("a[href='/security-info/recheck']", 200)
	w.see("recheck", "Can you still receive a code?")
	w.press("form[action='/security-info/recheck/skip'] .button", 200)
	w.see("skipped", "Thank you")
	w.change(func(d *webtest.Desk) { d.Changing.Prompt, d.Changing.Skip = "MustVerifySecurityInfo", 0 })
	w.open("/security-info/recheck", 200)
	w.see("must", "Can you still receive a code?")
	w.press("form:has(#contact) > .button", 200)
	w.see("recheck-code", "Enter your security code")
	w.code()
	w.see("rechecked", "Thank you")
	w.change(func(d *webtest.Desk) { d.Changing.Prompt = "MustRegisterSecurityInfo" })
	w.open("/security-info/recheck", 200)
	w.see("register", "Add a way to reach you")
	w.change(func(d *webtest.Desk) { d.Changing.Prompt = "" })
}

// hold replaces all contacts, looks at the banner and cancels.
func (w *walker) hold() {
	w.open("/security-info/replace", 200)
	w.see("replace", "Replace all of your contacts")
	w.fill("#email", "ma.new@post.example")
	w.press("main form > .button", 200)
	w.code()
	w.see("held", "This change is on hold")
	w.open("/security-info", 200)
	w.see("banner", "Your security info")
	w.localDate()
	w.press(".hold .button.danger", 200)
	w.see("cancel", "Cancel this change")
	w.press("form:has(#contact) > .button", 200)
	w.see("cancel-code", "Enter your security code")
	w.code()
	w.see("cancelled", "This change was cancelled")
	w.fill("#password", webtest.Strong)
	w.press("form:has(#password) .button", 200)
	w.see("new-password", "Your new password is saved")
}

// localDate: with scripts the end of the hold stands in the reader's own language and time
// zone, without in UTC.
func (w *walker) localDate() {
	w.Helper()
	if w.bare {
		if got := w.text(".hold time"); !strings.HasSuffix(got, "UTC") {
			w.Errorf("without scripts the hold ends %q", got)
		}
		return
	}
	if _, err := chromedp.Call(w.ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tokyo"}); err != nil {
		w.Fatal(err)
	}
	w.open("/security-info", 200)
	if got := w.text(".hold time"); !strings.Contains(got, "GMT+9") && !strings.Contains(got, "JST") {
		w.Errorf("in Tokyo the hold ends %q", got)
	}
	w.see("banner-tokyo", "Your security info")
	if _, err := chromedp.Call(w.ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: ""}); err != nil {
		w.Fatal(err)
	}
}

// notice follows the link of a notice, in a browser without a session.
func (w *walker) notice() {
	w.open("/security-info/replace", 200)
	w.fill("#email", "other@post.example")
	w.press("main form > .button", 200)
	w.code()
	var message string
	w.change(func(d *webtest.Desk) {
		open := d.Changing.Changes[len(d.Changing.Changes)-1]
		for m, id := range d.Changing.Notices {
			if id == open.ID {
				message = m
			}
		}
		open.Removed[0].Channel = contact.Voice
	})
	w.open("/c/"+message, 200)
	w.see("notice", "Was this you?")
	w.press(".button.danger", 200)
	w.see("notice-cancel", "Cancel this change")
	w.change(func(d *webtest.Desk) { d.Changing.SignIn = true })
	w.open("/security-info/cancel", 200)
	w.see("notice-sign-in", "Cancel this change")
	w.change(func(d *webtest.Desk) { d.Changing.SignIn = false })
	w.open("/security-info/cancel", 200)
	w.press("form:has(#contact) > .button", 200)
	w.code()
	w.see("notice-cancelled", "This change was cancelled")
}

// lost reports a lost device once a help desk has asked to clear the contacts.
func (w *walker) lost() {
	w.change(func(d *webtest.Desk) { d.Changing.Clears = true })
	w.open("/security-info", 200)
	w.do("open the way to it", chromedp.Click(chromedp.CSS("details:has(a[href='/security-info/lost']) summary")))
	w.see("lost-way", "Your security info")
	w.press("a[href='/security-info/lost']", 200)
	w.see("lost-before", "Have you lost your phone?")
	w.change((*webtest.Desk).AskToClear)
	w.open("/security-info/change/"+w.latest(), 200)
	w.see("lost-waits", "This change waits for somebody else")
	w.press("a[href='/security-info/lost']", 200)
	w.see("lost", "Have you lost your phone?")
	w.press("form[action='/security-info/lost'] .button", 200)
	w.see("lost-reported", "Your help desk clears your security info")
	w.change(func(d *webtest.Desk) {
		d.Changing.Changes, d.Changing.Clears = d.Changing.Changes[:len(d.Changing.Changes)-1], false
	})
}

// alike shows contacts with one mask where one of them is chosen, what is frozen, and the
// way back.
func (w *walker) alike() {
	w.change(func(d *webtest.Desk) {
		d.Sessions.Info.ProductURL = "https://shop.example/"
		for i := range 2 {
			info := &d.Sessions.Info
			info.Contacts[2*i].Hint, info.Contacts[2*i].Nth = "ma•••@•••", i+1
			info.Contacts[2*i].Added = w.now().AddDate(0, -1, 0)
		}
		first := &d.Sessions.Info.Destinations[0]
		first.Added, first.Nth = w.now().AddDate(0, -1, 0), 1
		second := *first
		second.ContactID, second.Nth = "c3", 2
		d.Sessions.Info.Destinations = append(d.Sessions.Info.Destinations, second)
	})
	w.enter()
	w.see("alike", "Your security info")
	w.open("/security-info/verify", 200)
	w.see("alike-verify", "Show that it is you")
	w.open("/security-info/remove?contact=c3", 200)
	w.see("alike-remove", "Remove this contact?")
	w.press("main form > .button", 200)
	w.see("alike-prove", "Show that it is you")
	w.change(func(d *webtest.Desk) { d.Changing.Frozen = &change.FrozenError{Until: w.now().Add(100 * time.Hour)} })
	w.open("/security-info/change/"+w.latest(), 200)
	w.see("frozen-change", "This change cannot go on now")
	w.open("/security-info", 200)
	w.see("frozen", "Your security info")
	w.open("/security-info/recheck", 200)
	w.see("way-back", "Thank you")
}
