package browser

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/web/webtest"
)

// TestPages walks all pages in every look: WCAG 2.2 AA without a violation, nothing
// wider than the screen, no breach of the policy.
func TestPages(t *testing.T) {
	tabs := browser(t)
	for name := range looks {
		t.Run(name, func(t *testing.T) {
			w := walk(tabs, t, name)
			w.unblock()
			w.otherWays()
			w.notMe()
			w.notMine()
			w.detours()
		})
	}
}

// unblock is the way from the link to the open account (seed 2, 3, 4, 5, 6, 11).
func (w *walker) unblock() {
	w.open("/", 200)
	w.see("start", "Help with your account")
	ticket := w.desk.Ticket()
	w.open("/unblock?ticket="+ticket, 200)
	w.see("blocked", "Your account is blocked")
	w.press("main form .button", 200)
	w.see("contact", "Where shall we send your code?")
	w.do("choose the telephone", chromedp.Click(chromedp.CSS("label[for=to-SMS-c2]")))
	w.press("main form .button", 200)
	w.see("code", "Enter your security code")
	w.noCode()
	w.fill("#code", "000 000")
	w.press("main form .button", 422)
	w.see("wrong-code", "Enter your security code")
	if got := w.text("#trouble"); !strings.Contains(got, "4 attempts left") {
		w.Errorf("the trouble says %q", got)
	}
	w.fill("#code", "135 790")
	w.press("main form .button", 200)
	w.see("password", "Choose a new password")
	w.weakPassword()
	w.fill("#password", webtest.Strong)
	w.press("main form .button", 200)
	w.see("done", "Your account is open again")
	w.open("/unblock?ticket=nonsense", 410)
	w.see("dead-link", "This link no longer works")
}

// weakPassword sees the live verdict, where scripts run, and the refusal.
func (w *walker) weakPassword() {
	w.fill("#password", "password1")
	if !w.bare {
		w.do("await the verdict", chromedp.WaitVisible(chromedp.CSS(".verdict .strength")))
		if got := w.text(".verdict"); !strings.Contains(got, "Not yet: weak") {
			w.Errorf("the verdict is %q", got)
		}
		w.see("weak-live", "Choose a new password")
	}
	w.press("main form .button", 422)
	w.see("weak-refused", "Choose a new password")
}

// detours are the states beside the way: no dead end anywhere.
func (w *walker) detours() {
	w.change(func(d *webtest.Desk) {
		d.Ways.EnterNumber, d.Ways.Channels = true, []contact.Channel{contact.SMS, contact.Voice}
		d.Ways.Countries = []string{"AT", "DE", "FR", "GB", "JP"}
		d.Delivery = message.Delivery{State: message.Waiting, Class: message.Unreachable}
	})
	w.open("/unblock?ticket="+w.desk.Ticket(), 200)
	w.press("main form .button", 200)
	w.do("choose another number", chromedp.Click(chromedp.CSS("label[for=to-number]")), chromedp.WaitVisible(chromedp.CSS("#number")))
	w.see("contact-number", "Where shall we send your code?")
	w.do("choose the email again", chromedp.Click(chromedp.CSS("label[for=to-Email-c1]")))
	w.press("main form .button", 200)
	w.see("message-waits", "Enter your security code")
	w.later(10 * time.Minute)
	w.open("/unblock/code", 200)
	w.see("expired-code", "Your code has expired")
	w.press("main form .button", 200)
	for range 4 {
		w.fill("#code", "000000")
		w.press("main form .button", 422)
	}
	w.fill("#code", "000000")
	w.press("main form .button", 410)
	w.see("spent-code", "Too many wrong codes")
	w.change(func(d *webtest.Desk) { d.Ways = flow.Overview{} })
	w.open("/unblock/contact", 200)
	w.see("no-way", "We cannot send you a code now")
	w.change(func(d *webtest.Desk) { d.Block.Releasable, d.Block.Reason = false, block.CompromisedTraffic })
	w.open("/unblock?ticket="+w.desk.Ticket(), 200)
	w.see("wait-only", "Your account is blocked")
	w.change(func(d *webtest.Desk) { d.Block.State = block.Expired })
	w.open("/unblock?ticket="+w.desk.Ticket(), 410)
	w.see("already-open", "Your account is open")
	w.open("/password-check", 200)
	w.fill("#password", "password1")
	w.press("main form .button", 200)
	w.see("password-check", "Is your password strong?")
	w.open("/nothing", 404)
	w.see("not-found", "This page does not exist")
}

func (w *walker) change(change func(*webtest.Desk)) { w.desk.Change(change) }
