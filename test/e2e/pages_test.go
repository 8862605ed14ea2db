package e2e

import (
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
)

// The chapters of shortSpans know pages by their structure alone: what they say may be
// reworded and translated.

// Parts of the pages of security info.
const (
	listOfContacts  = "ul.contacts"
	codeField       = "#code"
	submitCode      = "form[action$='/code'] button"
	choiceOfContact = "form[action$='/send'] input[name=contact]"
	sendCode        = "form[action$='/send'] button[type=submit]"
	cancelByLink    = "form[action^='/c/'] button"
	linkToCancel    = "a[href^='/security-info/cancel?change=']"
	goOnWithChange  = "a[href^='/security-info/change/']"
	skipRecheck     = "form[action='/security-info/recheck/skip'] button"
)

// enter opens a browser at the security info of an account whose first factor the IdP has
// just seen.
func (d *demo) enter(account string) *tab {
	d.t.Helper()
	link := d.decide(map[string]string{"account": account, "action": "ChangeSecurityInfo"}).Links["securityInfo"]
	if link == "" {
		d.t.Fatalf("%s is not led to the security info", account)
	}
	b := browse(d.t)
	b.enterBy(link)
	return b
}

// enterBy opens a session by a link that leads to a ticket.
func (b *tab) enterBy(link string) {
	b.t.Helper()
	b.reach(link, "form[action='/security-info']")
	b.step("form[action='/security-info'] button", 200, listOfContacts)
}

// reach opens a page that has what is named.
func (b *tab) reach(url, has string) {
	b.t.Helper()
	b.move("open "+url, 200, has, chromedp.Navigate(url))
}

// step clicks and expects the status of the page that follows, and what is named in it.
func (b *tab) step(selector string, status int64, has string) {
	b.t.Helper()
	b.move("press "+selector, status, has, chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) move(what string, status int64, has string, step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	response, err := chromedp.RunResponse(b.ctx, step)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	if response.Status != status || b.count(has) == 0 {
		b.t.Fatalf("%s: status %d, %d times %s; want %d, and it there. The page says:\n%s", what, response.Status, b.count(has), has, status, b.text("main"))
	}
}

// count is how often a page has something.
func (b *tab) count(selector string) int {
	b.t.Helper()
	return evaluate[int](b, fmt.Sprintf("document.querySelectorAll(%q).length", selector))
}

// set gives a field a value that its form does not offer, or a choice of a list.
func (b *tab) set(selector, value string) {
	b.t.Helper()
	evaluate[string](b, fmt.Sprintf("document.querySelector(%q).value = %q", selector, value))
}

// post sends a form from the page that is open, and stays there.
func (b *tab) post(path, form string) (status int) {
	b.t.Helper()
	return evaluate[int](b, fmt.Sprintf("fetch(%q, {method: 'POST', body: new URLSearchParams(%q)}).then(r => r.status)", path, form))
}

func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return got
}

// hints are the masked contacts of the list.
func (b *tab) hints() []string {
	b.t.Helper()
	return evaluate[[]string](b, "[...document.querySelectorAll('ul.contacts li h2')].map(h => h.textContent.trim())")
}

// listed opens the list anew and expects as many contacts, in whose masks stands each of
// the parts.
func (d *demo) listed(b *tab, count int, parts ...string) {
	d.t.Helper()
	b.reach(d.env["HOLDFAST_PUBLIC_URL"]+"/security-info", "form[action='/security-info/end']")
	hints := b.hints()
	for _, part := range parts {
		if !strings.Contains(strings.Join(hints, "\n"), part) {
			d.t.Errorf("%q lists none of %q", hints, part)
		}
	}
	if len(hints) != count {
		d.t.Errorf("%d contacts are listed (%q), want %d", len(hints), hints, count)
	}
}

// removalOf is the page that asks whether the contact with such a mask shall go.
func (d *demo) removalOf(b *tab, part string) (url string) {
	d.t.Helper()
	d.listed(b, 3, part)
	return d.env["HOLDFAST_PUBLIC_URL"] + evaluate[string](b, fmt.Sprintf("[...document.querySelectorAll('ul.contacts li')]"+
		".find(li => li.querySelector('h2').textContent.includes(%q)).querySelector(\"a[href*='/remove?']\").getAttribute('href')", part))
}

// brings enters a new address at a form, and the code that goes there.
func (d *demo) brings(b *tab, form, address, then string) {
	d.t.Helper()
	b.reach(d.env["HOLDFAST_PUBLIC_URL"]+form, "form[action='"+form+"']")
	if number, dialled := strings.CutPrefix(address, "+1"); dialled {
		b.click("label[for=by-SMS]")
		b.set("#country", "US")
		b.fill("#number", number)
	} else {
		b.click("label[for=by-Email]")
		b.fill("#email", address)
	}
	b.step("form[action='"+form+"'] button[type=submit]", 200, codeField)
	b.fill(codeField, d.code(address, 0))
	b.step(submitCode, 200, then)
}

// proves sends a code to the contact that the page proposes, which is address, and enters
// it.
func (d *demo) proves(b *tab, address, then string) {
	d.t.Helper()
	before := len(d.inbox(address))
	b.step(sendCode, 200, codeField)
	b.fill(codeField, d.code(address, before))
	b.step(submitCode, 200, then)
}

// told waits for a message without a code after the first n of an inbox.
func (d *demo) told(address string, n int) mail {
	d.t.Helper()
	var notice mail
	d.await(patience, "a notice to "+address, func() bool {
		all := d.inbox(address)
		for _, m := range all[:max(len(all)-n, 0)] {
			if m.code() == "" {
				notice = m
				return true
			}
		}
		return false
	})
	return notice
}
