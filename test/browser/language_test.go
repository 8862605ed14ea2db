package browser

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/web"
	"holdfast.dev/holdfast/internal/web/webtest"
	"holdfast.dev/holdfast/internal/web/words"
	"holdfast.dev/holdfast/internal/web/words/wordstest"
)

// The menu at the foot of a page turns all pages into another language, without a script
// too; the pages of scripts that run from right to left turn round.
func TestPagesSpeakOtherLanguages(t *testing.T) {
	tabs := browser(t)
	for name, c := range map[string]struct {
		tag, direction string
		words          *words.Catalogue
	}{
		"german": {"de", "ltr", words.Embedded()},
		"hebrew": {"he", "rtl", wordstest.Pseudo(t, "he", wordstest.Hebrew)},
	} {
		t.Run(name, func(t *testing.T) {
			w := walk(tabs, t, "no-script", func(config *web.Config) { config.Words = c.words })
			if w.dir += "-" + name; os.MkdirAll(w.dir, 0o750) != nil {
				t.Fatal(w.dir)
			}
			own := c.words.Named(c.tag)
			w.open("/unblock?ticket="+w.desk.Ticket(), 200)
			w.choose(c.tag)
			w.see("blocked", own.Say("block.title"))
			w.bare = false
			w.scripts(true)
			if got := w.attribute("dir"); got != c.direction {
				t.Errorf("the page runs %s", got)
			}
			w.tour(own)
		})
	}
}

// choose chooses a language in the menu, which leads back to the same page.
func (w *walker) choose(tag string) {
	w.Helper()
	w.do("choose a language", chromedp.SetValue(chromedp.CSS("#page-language"), tag))
	w.press(".languages .button", 200)
	if got := w.attribute("lang"); got != tag {
		w.Fatalf("the page is in %q, want %q", got, tag)
	}
}

func (w *walker) attribute(name string) string {
	w.Helper()
	value, err := chromedp.Run(w.ctx, chromedp.Evaluate[string]("document.documentElement."+name))
	if err != nil {
		w.Fatal(err)
	}
	return value
}

// tour walks the pages of an unblock and of the security info in a language.
func (w *walker) tour(own *words.Sheet) {
	w.change(func(d *webtest.Desk) {
		d.Ways.EnterNumber, d.Ways.Channels, d.Ways.Countries = true, []contact.Channel{contact.SMS, contact.Voice}, []string{"AT", "DE", "FR"}
	})
	w.press("main form .button", 200)
	w.see("contact", own.Say("contact.title"))
	w.do("choose the telephone", chromedp.Click(chromedp.CSS("label[for=to-SMS-c2]")))
	w.press("main form .button", 200)
	w.fill("#code", "000 000")
	w.press("main form .button", 422)
	w.see("wrong-code", own.Say("code.title"))
	w.open("/unblock/no-code", 200)
	w.see("no-code", own.Say("common.noCode"))
	w.open("/unblock/code", 200)
	w.fill("#code", webtest.Code)
	w.press("main form .button", 200)
	w.fill("#password", "password1")
	w.do("await the verdict", chromedp.WaitVisible(chromedp.CSS(".verdict .strength")))
	if got, want := w.text(".verdict"), own.Say("script.notYet", "strength", own.Say("strength.1")); !strings.Contains(got, strings.Trim(want, "\u2068\u2069")) && !strings.Contains(got, own.Say("strength.1")) {
		w.Errorf("the verdict is %q", got)
	}
	w.see("password", own.Say("password.title"))
	w.change(func(d *webtest.Desk) {
		d.Sessions.Info.Help = flow.Help{Email: "help@harbour.example", Phone: "+49 30 123-456"}
		d.Sessions.Info.Contacts[1].Nth = 2
	})
	w.open("/security-info?ticket="+w.desk.InfoTicket(), 200)
	w.press("main form .button", 200)
	w.see("list", own.Say("info.title"))
	w.open("/security-info/replace", 200)
	w.see("replace", own.Say("add.replaceTitle"))
	w.do("choose mail", chromedp.Click(chromedp.CSS("label[for=by-Email]")))
	w.fill("#email", "new@post.example")
	w.press("main form .button", 200)
	w.see("proof", own.Say("code.title"))
	w.fill("#code", webtest.Code)
	w.press("main form .button", 200)
	w.later(time.Minute)
	w.see("hold", own.Say("change.heldTitle"))
}
