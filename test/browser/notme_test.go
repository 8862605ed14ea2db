package browser

import (
	"github.com/chromedp/chromedp"

	"holdfast.dev/holdfast/internal/web/webtest"
)

// notMe is the way of whoever got a code that they did not ask for (seed 41, 42).
func (w *walker) notMe() {
	w.open("/not-me?token=sealed", 200)
	w.see("not-me", "Did somebody else ask for a code?")
	w.press("main form .button", 200)
	w.see("reported", "Thank you for telling us")
}

// notMine is the way of whoever gets messages about somebody else's account: of a code, and
// of a notice (seed 41).
func (w *walker) notMine() {
	w.open("/not-me?token=sealed", 200)
	w.do("open the other way", chromedp.Click(chromedp.CSS("details:has(input[value=NotMyAccount]) summary")))
	w.see("not-my-account", "Did somebody else ask for a code?")
	w.open("/not-me?notice=told", 200)
	w.see("not-my-account-by-notice", "Is this not your account?")
	w.press("main form .button", 200)
	w.see("not-my-account-reported", "Thank you for telling us")

	w.desk.Change(func(d *webtest.Desk) { d.Sessions.Info.Contacts[1].Disowned = w.now() })
	w.open("/security-info?ticket="+w.desk.InfoTicket(), 200)
	w.press("main form .button", 200)
	w.see("not-theirs", "Your security info")
	w.open("/security-info/recheck?prove", 200)
	w.see("prove-it", "Can you still receive a code?")
}
