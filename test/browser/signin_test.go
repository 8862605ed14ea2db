package browser

import (
	"testing"

	"github.com/chromedp/chromedp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/web/webtest"
)

// TestSignInPages walks the pages around the security info in every look: WCAG 2.2 AA
// without a violation, nothing wider than the screen, no breach of the policy.
func TestSignInPages(t *testing.T) {
	tabs := browser(t)
	for name := range looks {
		t.Run(name, func(t *testing.T) {
			w := walk(tabs, t, name)
			w.securityInfo()
			w.noSession()
		})
	}
}

// securityInfo is the way from a ticket to the list, through a step-up, to the end.
func (w *walker) securityInfo() {
	ticket := w.desk.InfoTicket()
	w.open("/security-info?ticket="+ticket, 200)
	w.see("info-ticket", "Your security info")
	w.press("main form .button", 200)
	w.see("info-list", "Your security info")
	w.press("a[href='/security-info/verify']", 200)
	w.see("info-verify", "Show that it is you")
	w.press("main form .button", 200)
	w.see("info-code", "Enter your security code")
	w.do("open the help", chromedp.Click(chromedp.CSS("summary")))
	w.see("info-no-code", "Enter your security code")
	w.fill("#code", "000 000")
	w.press("form[action='/security-info/code'] .button", 422)
	w.see("info-wrong-code", "Enter your security code")
	w.fill("#code", webtest.Code)
	w.press("form[action='/security-info/code'] .button", 200)
	w.see("info-stepped-up", "Your security info")
	w.press("form[action='/security-info/end'] .button", 200)
	w.see("info-ended", "You are signed out here")
	w.open("/security-info?ticket="+ticket, 200)
	w.press("main form .button", 410)
	w.see("info-dead-link", "This link no longer works")
}

// noSession are the pages of those who are not signed in.
func (w *walker) noSession() {
	w.open("/security-info", 200)
	w.see("info-sign-in", "Sign in to your security info")
	w.change(func(d *webtest.Desk) { d.Fail["StartSignIn"] = rules.ErrIssuer })
	w.press("main form .button", 503)
	w.see("info-issuer-away", "Signing in does not work right now")
	w.change(func(d *webtest.Desk) { d.Fail["StartSignIn"] = nil; d.Sessions.To = w.url + "/assets/mark.svg" })
	w.open("/security-info/callback?state=s&error=access_denied", 403)
	w.see("info-not-signed-in", "You are not signed in")
	w.change(func(d *webtest.Desk) {
		d.Fail["OpenSession"] = &flow.BlockedError{Unblock: w.url + "/unblock?ticket=" + "ticket-9"}
	})
	w.open("/security-info?ticket="+w.desk.InfoTicket(), 200)
	w.press("main form .button", 403)
	w.see("info-blocked", "Your account is blocked")
	w.change(func(d *webtest.Desk) {
		d.Fail["OpenSession"] = nil
		d.Sessions.Info.Contacts, d.Sessions.Info.Destinations = nil, nil
	})
	w.open("/security-info?ticket="+w.desk.InfoTicket(), 200)
	w.press("main form .button", 200)
	w.see("info-none", "Your security info")
	w.open("/security-info/verify", 200)
	w.see("info-no-way", "Show that it is you")
}
