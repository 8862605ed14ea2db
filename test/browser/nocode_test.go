package browser

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/receipt"
	"holdfast.dev/holdfast/internal/web/webtest"
)

// noCode looks at "I don't have a code" and goes back (seed 6).
func (w *walker) noCode() {
	w.press("a[href='/unblock/no-code']", 200)
	w.see("no-code", "I don’t have a code")
	w.press("a[href='/unblock/code']", 200)
	w.see("code-again", "Enter your security code")
}

// otherWays tries every way on from a code that does not come: a call, another contact,
// a number of one's own; what is paused is told and no choice (seed 3, 6, 24, 25, 28, 49).
func (w *walker) otherWays() {
	w.change(func(d *webtest.Desk) {
		d.Block.Sender, d.Block.OwnDomains = "code@harbour.example", []string{"harbour.example", "harbour.co.uk"}
		d.Block.Help.Email, d.Block.Help.Phone = "help@harbour.example", "+44 20 7946 0000"
		d.Ways = flow.Overview{
			Destinations: []flow.Destination{
				{ContactID: "c1", Channel: contact.Email, Hint: "ma•••@•••"}, {ContactID: "c2", Channel: contact.SMS, Hint: "•••• 42"}, {ContactID: "c2", Channel: contact.Voice, Hint: "•••• 42"},
			},
			Resting:     []flow.Resting{{Destination: flow.Destination{ContactID: "c3", Channel: contact.SMS, Hint: "•••• 07"}, Until: w.now().Add(5 * time.Hour)}},
			EnterNumber: true, Channels: []contact.Channel{contact.SMS, contact.Voice}, Countries: []string{"AT", "DE", "FR", "GB", "JP"},
		}
	})
	w.open("/unblock?ticket="+w.desk.Ticket(), 200)
	w.press("main form .button", 200)
	w.see("ways", "Where shall we send your code?")
	w.press("main form > .button", 200)
	w.press("a[href='/unblock/no-code']", 200)
	w.see("no-mail", "I don’t have a code")
	w.later(time.Minute)
	w.press("button[value='SMS:c2']", 200)
	w.change(func(d *webtest.Desk) { d.Advice = receipt.FreeInbox })
	w.press("a[href='/unblock/no-code']", 200)
	w.see("no-text", "I don’t have a code")
	w.change(func(d *webtest.Desk) { d.Advice = "" })
	w.press("button[value='Voice:c2']", 200)
	if got := w.text("main .lead"); !strings.Contains(got, "We called ••••\u00a042") {
		w.Errorf("after the call was asked for the page says %q", got)
	}
	w.press("a[href='/unblock/no-code']", 200)
	w.press("a[href='/unblock/contact?number']", 200)
	w.see("another-number", "Where shall we send your code?")
	w.fill("#country", "Fra") // a list is searched by typing, as with any other
	if got := w.chosen("#country"); got != "FR" {
		w.Errorf("typing a name chooses %q, want FR", got)
	}
	w.fill("#number", "020 7946 0958")
	w.press("main form > .button", 200)
	w.press("a[href='/unblock/no-code']", 200)
	w.see("no-text-to-number", "I don’t have a code")
	w.change(func(d *webtest.Desk) {
		d.Ways.Destinations, d.Ways.EnterNumber, d.Advice = nil, false, ""
		d.Delivery = message.Delivery{State: message.Sent}
	})
	w.open("/unblock/contact", 200)
	w.see("all-paused", "We cannot send you a code now")
	w.change(func(d *webtest.Desk) { d.Ways = webtest.New(w.now).Ways })
}

// TestTheChallengeSurvivesAnotherSignIn: whoever signs in to a second account of the same
// provider, in the same browser and on the same host, to read the code there, is signed
// out of the first one and can enter the code all the same (seed 25).
func TestTheChallengeSurvivesAnotherSignIn(t *testing.T) {
	w := walk(browser(t), t, "light")
	w.provider.HandleFunc("/mail/sign-in", signIn)
	w.provider.HandleFunc("/mail/inbox", inbox)
	w.open("/mail/sign-in?as=maria", 200)
	w.open("/unblock?ticket="+w.desk.Ticket(), 200)
	w.press("main form .button", 200)
	w.press("main form > .button", 200)
	w.do("type half of the code", chromedp.SendKeys(chromedp.CSS("#code"), webtest.Code[:3]))

	w.beside(func(mail *walker) {
		mail.open("/mail/sign-in?as=bert", 200)
		mail.open("/mail/inbox", 200)
		if got := mail.whole(); got != "bert: your code is "+webtest.Code {
			t.Fatalf("the inbox shows %q: the second sign-in did not take the place of the first", got)
		}
	})

	w.fill("#code", webtest.Code[3:])
	w.press("main form .button", 200)
	w.see("after-another-sign-in", "Choose a new password")
	w.open("/mail/inbox", 200)
	if got := w.whole(); !strings.HasPrefix(got, "bert:") {
		t.Errorf("the pages signed %q in", got)
	}
}

// chosen is the value of a field.
func (w *walker) chosen(selector string) string {
	w.Helper()
	value, err := chromedp.Run(w.ctx, chromedp.Evaluate[string]("document.querySelector('"+selector+"').value"))
	if err != nil {
		w.Fatal(err)
	}
	return value
}

// whole is all that a page says.
func (w *walker) whole() string {
	w.Helper()
	text, err := chromedp.Run(w.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		w.Fatal(err)
	}
	return text
}

// signIn is a provider's own: one session a browser, and everything else of the account
// that was signed in before is taken from it.
func signIn(w http.ResponseWriter, r *http.Request) {
	for _, old := range []string{"session", "remember"} {
		http.SetCookie(w, &http.Cookie{Name: old, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	http.SetCookie(w, &http.Cookie{Name: "session", Value: r.URL.Query().Get("as"), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	_, _ = w.Write([]byte("signed in")) // the browser has gone if this fails
}

func inbox(w http.ResponseWriter, r *http.Request) {
	session, err := r.Cookie("session")
	if err != nil {
		http.Error(w, "sign in", http.StatusUnauthorized)
		return
	}
	_, _ = w.Write([]byte(session.Value + ": your code is " + webtest.Code)) // the browser has gone if this fails
}
