package web_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/receipt"
	"holdfast.dev/holdfast/internal/web"
	"holdfast.dev/holdfast/internal/web/webtest"
	"holdfast.dev/holdfast/internal/web/words"
	"holdfast.dev/holdfast/internal/web/words/wordstest"
)

// speaking is a visitor whose browser asks for a language, and every page that is shown.
func speaking(t *testing.T, tag, alphabet string, change ...func(*web.Config)) (*visitor, *[]string) {
	t.Helper()
	v := visit(t, append(change, func(c *web.Config) { c.Words = wordstest.Pseudo(t, tag, alphabet) })...)
	pages, handler := &[]string{}, v.handler
	v.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Language") == "" {
			r.Header.Set("Accept-Language", tag+", en;q=0.5")
		}
		kept := &kept{ResponseWriter: w}
		handler.ServeHTTP(kept, r)
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			*pages = append(*pages, kept.body.String())
		}
	})
	return v, pages
}

type kept struct {
	http.ResponseWriter
	body strings.Builder
}

func (k *kept) Write(b []byte) (int, error) { k.body.Write(b); return k.ResponseWriter.Write(b) }

// said are the words that a page shows or reads out.
func said(t *testing.T, page string) []string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := range root.Descendants() {
		if n.Type == html.TextNode && !slices.Contains([]string{"script", "kbd"}, n.Parent.Data) && !inMenu(n) {
			all = append(all, n.Data)
		}
		for _, a := range n.Attr {
			if slices.Contains([]string{"alt", "aria-label", "title", "label", "placeholder"}, a.Key) || n.Data == "script" && strings.HasPrefix(a.Key, "data-") {
				all = append(all, a.Val)
			}
		}
	}
	return all
}

// inMenu says that a text is a language's name for itself.
func inMenu(n *html.Node) bool {
	return n.Parent.Data == "option" && slices.ContainsFunc(n.Parent.Attr, func(a html.Attribute) bool { return a.Key == "lang" })
}

// names are what is no word of the pages: the names of the test's own.
var names = regexp.MustCompile(`Harbour Shop|[mn][ae.]•••(@•••)?|[a-z@.]*harbour[a-z.]*|[a-z@.]+\.example|\{[a-z]+\}`)

var latin = regexp.MustCompile(`[A-Za-z]{2,}`)

// English words that are left in a page of another language are found there: the sheet has
// none of their letters.
func TestNoEnglishIsLeftInAnyPage(t *testing.T) {
	v, pages := speaking(t, "el", wordstest.Greek)
	walkUnblock(t, v)
	walkInfo(t, v)
	walkAbroad(t, v)
	for _, page := range []string{"?token=x", "?notice=x", "/done", "/done?account"} {
		v.get("/not-me" + page)
	}
	for _, page := range *pages {
		for _, text := range said(t, page) {
			if rest := latin.FindAllString(names.ReplaceAllString(text, ""), -1); rest != nil {
				t.Errorf("%q in %s", rest, text)
			}
			if strings.Contains(text, "⟦") {
				t.Errorf("no words: %s", text)
			}
		}
	}
	if len(*pages) < 250 {
		t.Errorf("%d pages were seen, want all", len(*pages))
	}
}

// walkUnblock shows every page of an unblock, in every state.
func walkUnblock(t *testing.T, v *visitor) {
	t.Helper()
	v.get("/")
	for _, reason := range []block.Reason{block.UnusualActivity, block.HighRequestVolume, block.TermsOfService, block.CompromisedTraffic, block.Administrative, "New"} {
		for _, releasable := range []bool{true, false} {
			v.desk.Block.Reason, v.desk.Block.Releasable = reason, releasable
			v.get("/unblock?ticket=" + v.desk.Ticket())
		}
	}
	until := v.desk.Block.Until
	v.desk.Block.Until = time.Time{}
	v.get("/unblock?ticket=" + v.desk.Ticket())
	v.desk.Block.Until, v.desk.Block.Releasable = until, true
	v.adopt(v.post("/unblock", "ticket", v.desk.Ticket()))
	walkWays(v)
	v.desk.Ways = flow.Overview{
		Destinations: []flow.Destination{{ContactID: "c1", Channel: contact.Email, Hint: "ma•••@•••"}, {ContactID: "c2", Channel: contact.SMS, Hint: "•••• 42"}, {ContactID: "c2", Channel: contact.Voice, Hint: "•••• 42"}},
		EnterNumber:  true, Channels: []contact.Channel{contact.SMS, contact.Voice}, Countries: []string{"DE", "FR"},
	}
	v.desk.Block.OwnDomains, v.desk.Block.Sender = []string{"a.example", "b.example", "c.example"}, "code@harbour.example"
	for _, to := range []string{"Email:c1", "SMS:c2", "Voice:c2"} {
		v.post("/unblock/contact", "contact", to, "after", to)
		walkMessage(v)
	}
	v.post("/unblock/code", "id", v.challenge(), "code", "none")
	v.post("/unblock/code", "id", v.challenge(), "code", "000000")
	id := v.challenge()
	v.now = v.now.Add(10 * time.Minute)
	v.get("/unblock/code")
	v.get("/unblock/no-code")
	v.post("/unblock/resend", "id", id)
	walkRefusals(v)
	v.post("/unblock/contact", "contact", "Email:c1", "after", "again")
	v.adopt(v.post("/unblock/code", "id", v.challenge(), "code", webtest.Code))
	v.get("/unblock/password")
	for _, err := range []error{rules.ErrIdentityRefused, rules.ErrIdentity} {
		v.desk.Fail["SetPassword"] = err
		v.post("/unblock/password", "password", webtest.Strong)
	}
	delete(v.desk.Fail, "SetPassword")
	v.post("/unblock/password", "password", "password1")
	v.post("/unblock/password", "password", webtest.Strong)
	v.get("/unblock/done")
	v.get("/password-check")
	for _, password := range []string{webtest.Strong, "password1", "x"} {
		v.post("/password-check", "password", password)
	}
}

// walkWays shows where a code can go, up to nowhere.
func walkWays(v *visitor) {
	all := v.desk.Ways
	resting := []flow.Resting{{Destination: flow.Destination{ContactID: "c2", Channel: contact.SMS, Hint: "•••• 42"}, Until: noon.Add(time.Hour)}, {Destination: flow.Destination{ContactID: "c3", Channel: contact.App}}}
	for _, ways := range []flow.Overview{all, {}, {Resting: resting}, {Destinations: all.Destinations[:1], Resting: resting}, {EnterNumber: true, Channels: []contact.Channel{contact.SMS, contact.Voice}, Countries: []string{"DE", "FR"}}} {
		v.desk.Ways = ways
		v.get("/unblock/contact")
		v.do("GET", "/unblock/contact", "", "Accept-Language", "el-DE")
	}
	v.desk.Block.Releasable = false
	v.get("/unblock/contact")
	v.desk.Block.Releasable, v.desk.Ways = true, all
}

// walkMessage shows what becomes of a message with a code.
func walkMessage(v *visitor) {
	for _, delivery := range []message.Delivery{{State: message.Waiting}, {State: message.Sent}, {State: message.Dead}, {State: message.Waiting, Class: message.Unreachable}, {State: message.Sent, Class: message.Unknown}} {
		v.desk.Delivery = delivery
		v.get("/unblock/code")
	}
	for _, advice := range []receipt.Advice{receipt.LookAgain, receipt.FreeInbox, receipt.AnswerCall, receipt.TakeCall, receipt.CheckDestination, receipt.AllowSender, receipt.AnotherWay} {
		v.desk.Advice = advice
		v.get("/unblock/no-code")
	}
	v.desk.Advice, v.desk.Delivery = "", message.Delivery{State: message.Sent}
}

// walkRefusals shows why a code was not sent.
func walkRefusals(v *visitor) {
	refused := []error{rules.ErrDestination, rules.ErrNoRoute}
	for _, reason := range rules.Reasons() {
		refused = append(refused, rules.Refuse(reason))
	}
	for _, subject := range []string{"resend", "method", "disowned", "country", "network", "account"} {
		refused = append(refused, &rules.LimitError{Subject: subject, RetryAfter: 5 * time.Minute})
	}
	for _, err := range refused {
		v.desk.Fail["RequestCode"] = err
		v.post("/unblock/contact", "number", "030 1234", "channel", "SMS", "country", "DE")
	}
	delete(v.desk.Fail, "RequestCode")
	v.post("/unblock/contact")
}

// walkAbroad shows what pages of failures there are.
func walkAbroad(t *testing.T, v *visitor) {
	t.Helper()
	v.get("/nowhere")
	v.do("POST", "/unblock/code", "x", "Content-Type", "text/plain")
	v.do("DELETE", "/unblock", "")
	v.do("GET", "/", "", "Host", "elsewhere.example")
	v.do("POST", "/unblock", "", "Sec-Fetch-Site", "cross-site")
	for _, err := range []error{
		rules.ErrNoFlow, rules.ErrTicketUsed, rules.ErrOrder, rules.ErrOver, rules.ErrGone, rules.ErrSpent, rules.ErrUnavailable, rules.ErrIdentity, rules.ErrOpenMatter,
		&rules.LimitError{Subject: "account", RetryAfter: time.Minute}, errors.New("unknown"), problem.New(http.StatusTeapot, "teapot", "A teapot"),
	} {
		v.desk.Fail["Overview"] = err
		v.get("/unblock/contact")
	}
	delete(v.desk.Fail, "Overview")
}

// law 6: in another language too, all dead links look the same.
func TestLaw6HoldsInEveryLanguage(t *testing.T) {
	v, _ := speaking(t, "el", wordstest.Greek)
	used := v.desk.Ticket()
	expect(t, v.post("/unblock", "ticket", used), http.StatusSeeOther)
	want := text(t, expect(t, v.post("/unblock", "ticket", used), http.StatusGone))
	contains(t, want, `<html lang="el" dir="ltr">`)
	for name, r := range map[string]*http.Response{"forged": v.post("/unblock", "ticket", "forged"), "opened": v.get("/unblock?ticket=forged"), "bare": v.get("/unblock")} {
		if got := text(t, expect(t, r, http.StatusGone)); got != want {
			t.Errorf("%s differs from a used one:\n%s", name, got)
		}
	}
}

func TestPagesSayTheirLanguage(t *testing.T) {
	v, _ := speaking(t, "he", wordstest.Hebrew)
	r := expect(t, v.get("/"), http.StatusOK)
	if got := r.Header.Get("Content-Language"); got != "he" {
		t.Errorf("Content-Language %q", got)
	}
	if got := r.Header.Get("Vary"); got != "Accept-Language, Cookie" {
		t.Errorf("Vary %q", got)
	}
	contains(t, text(t, r), `<html lang="he" dir="rtl">`)
	r = v.do("GET", "/nowhere", "", "Accept-Language", "en-GB")
	contains(t, text(t, expect(t, r, http.StatusNotFound)), `<html lang="en" dir="ltr">`, "This page does not exist")
	if got := r.Header.Get("Content-Language"); got != "en" {
		t.Errorf("Content-Language %q", got)
	}
	// A mask keeps its direction among words that run the other way.
	v.adopt(v.post("/unblock", "ticket", v.desk.Ticket()))
	contains(t, text(t, v.get("/unblock/contact")), "\u2068••••\u00a042\u2069")
}

// The menu works without a script: a form sets a cookie and leads back. GET sets nothing
// (law 7).
func TestLanguageMenu(t *testing.T) {
	v, _ := speaking(t, "el", wordstest.Greek)
	page := text(t, v.get("/unblock/contact?number"))
	contains(t, page, `action="/language"`, `<option value="el" lang="el" dir="ltr" selected>`, `<option value="en" lang="en" dir="ltr">English`)
	ticket := v.desk.Ticket()
	page = text(t, v.get("/unblock?ticket="+ticket))
	if got := attribute(t, page, "input", "name", "back", "value"); got != "/unblock?ticket="+ticket {
		t.Errorf("leads back to %q", got)
	}
	page = text(t, v.get("/not-me?token=x&next=https://evil.example"))
	if got := attribute(t, page, "input", "name", "back", "value"); got != "/not-me?token=x" {
		t.Errorf("leads back to %q", got)
	}
	if r := v.get("/language"); len(r.Cookies()) > 0 || r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d, %v", r.StatusCode, r.Cookies())
	}
	r := v.post("/language", "language", "en", "back", "/unblock?ticket="+ticket)
	redirected(t, r, "/unblock?ticket="+ticket)
	cookie := r.Cookies()[0]
	if cookie.Name != "__Host-holdfast-language" || cookie.Value != "en" || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %s", cookie)
	}
	r = v.do("GET", "/", "", "Cookie", "__Host-holdfast-language=en")
	contains(t, text(t, r), "Help with your account", `<html lang="en" dir="ltr">`)
	v.adopt(v.post("/security-info", "ticket", v.desk.InfoTicket())) // seed 40: and so do messages to a new contact
	r = v.do("GET", "/security-info/add", "", "Accept-Language", "ar", "Cookie", "__Host-holdfast-language=de; __Host-holdfast="+v.cookie)
	contains(t, text(t, r), `<option value="de" lang="de" dir="auto" selected>`)
	if r := v.post("/language", "language", "xx", "back", "/"); len(r.Cookies()) > 0 {
		t.Errorf("an unknown language was kept: %v", r.Cookies())
	}
	expect(t, v.do("POST", "/language", "language=en", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site"), http.StatusForbidden)
}

// The menu leads nowhere else, whatever a form says.
func TestLanguageMenuIsNoOpenRedirect(t *testing.T) {
	v := visit(t)
	for _, back := range []string{"", "https://evil.example/", "//evil.example/", "/\\evil.example", "/\t/evil.example", "\\\\evil.example", "evil.example", "javascript:alert(1)", "/x\r\nSet-Cookie: a=b"} {
		redirected(t, v.post("/language", "language", "en", "back", back), "/")
	}
	redirected(t, v.post("/language", "language", "en", "back", "/unblock/contact?number"), "/unblock/contact?number")
}

// A page that answers a form is shown again where a browser can open it.
func TestLanguageMenuLeadsBackFromForms(t *testing.T) {
	v, _ := speaking(t, "el", wordstest.Greek)
	v.adopt(v.post("/unblock", "ticket", v.desk.Ticket()))
	v.post("/unblock/contact", "contact", "SMS:c2")
	back := func(r *http.Response) string {
		return attribute(t, text(t, r), "input", "name", "back", "value")
	}
	for want, r := range map[string]*http.Response{
		"/unblock/code":    v.post("/unblock/code", "id", v.challenge(), "code", "letters"),
		"/unblock/contact": v.post("/unblock/contact"),
	} {
		if got := back(r); got != want {
			t.Errorf("leads back to %q, want %q", got, want)
		}
	}
	v.desk.Fail["Resend"] = &rules.LimitError{Subject: "resend", RetryAfter: time.Minute}
	if got := back(v.post("/unblock/resend", "id", v.challenge())); got != "/unblock/no-code" {
		t.Errorf("leads back to %q", got)
	}
}

// seed 5: the script's verdict speaks the language of the page.
func TestPasswordCheckSpeaks(t *testing.T) {
	v, _ := speaking(t, "el", wordstest.Greek)
	r := expect(t, v.json("POST", "/v1/password-checks", `{"password":"x"}`), http.StatusOK)
	if got := r.Header.Get("Content-Language"); got != "el" {
		t.Errorf("Content-Language %q", got)
	}
	if body := text(t, r); !strings.Contains(body, wordstest.Pseudo(t, "el", wordstest.Greek).Named("el").Say("hint.TooShort", "n", 8)) {
		t.Error(body)
	}
}

// German is served: the first language but English.
func TestGerman(t *testing.T) {
	v := visit(t, func(c *web.Config) { c.Words = nil })
	page := text(t, v.do("GET", "/unblock?ticket="+v.desk.Ticket(), "", "Accept-Language", "de-AT, en;q=0.5"))
	contains(t, page, `<html lang="de" dir="ltr">`, "Ihr Konto ist gesperrt", "Mittwoch, 4. März 2026, 12:00\u00a0Uhr\u00a0UTC", "in 24 Stunden")
}

// Names that others choose stay text, wherever a sentence puts them.
func TestNamesOfOthersStayText(t *testing.T) {
	const evil = `<img src=x onerror=alert(1)>{hint}"'`
	v := opened(t)
	v.desk.Block.ProductName, v.desk.Block.Account, v.desk.Block.Sender = evil, evil, evil
	v.desk.Block.Help = flow.Help{URL: "javascript:alert(1)", Email: evil, Phone: "+49 30"}
	v.desk.Ways.Destinations = []flow.Destination{{ContactID: "c1", Channel: contact.Email, Hint: evil}}
	v.desk.Block.OwnDomains = []string{evil, evil}
	bodies := []string{text(t, v.get("/unblock?ticket="+v.desk.Ticket())), text(t, v.get("/unblock/contact"))}
	expect(t, v.post("/unblock/contact", "contact", "Email:c1"), http.StatusSeeOther)
	bodies = append(bodies, text(t, v.get("/unblock/code")), v.noCode())
	for _, body := range bodies {
		contains(t, body, "&lt;img src=x onerror=alert(1)&gt;{hint}")
		lacks(t, strings.ToLower(body), "<img src=x", `href="javascript`)
	}
}

// Countries stand under their names in the language of the page, in its order.
func TestCountriesAreNamedInTheLanguageOfThePage(t *testing.T) {
	v, _ := speaking(t, "el", wordstest.Greek)
	v.adopt(v.post("/unblock", "ticket", v.desk.Ticket()))
	v.desk.Ways = flow.Overview{EnterNumber: true, Channels: []contact.Channel{contact.SMS}, Countries: []string{"DE", "FR"}}
	page := text(t, v.get("/unblock/contact"))
	contains(t, page, "Γαλλία (+33)", "Γερμανία (+49)")
	if strings.Index(page, "Γαλλία") > strings.Index(page, "Γερμανία") {
		t.Error("the countries are not sorted as Greek sorts")
	}
}

var (
	inTemplate = regexp.MustCompile(`"([a-z][A-Za-z]*\.[A-Za-z0-9.-]*)"`)
	inGo       = regexp.MustCompile(`"([a-z][A-Za-z]*\.[A-Za-z0-9.-]*)"`)
)

// Every key that is used is on the sheet, and every key of the sheet is used. What ends in
// a dot begins keys whose rest is a value, such as a channel.
func TestKeysAreThoseThatAreUsed(t *testing.T) {
	sheet := words.Embedded().Named("en")
	used := map[string]bool{}
	for pattern, literal := range map[string]*regexp.Regexp{"templates/*.html": inTemplate, "*.go": inGo, "words/*.go": inGo} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range literal.FindAllStringSubmatch(string(data), -1) {
				if !strings.HasSuffix(file, "_test.go") && path.Ext(found[1]) != ".html" {
					used[found[1]] = true
				}
			}
		}
	}
	groups := map[string]bool{}
	for _, key := range sheet.Keys() {
		group, _, _ := strings.Cut(key, ".")
		groups[group] = true
		if !used[key] && !slices.ContainsFunc(slices.Collect(maps.Keys(used)), func(prefix string) bool {
			return strings.HasSuffix(prefix, ".") && strings.HasPrefix(key, prefix)
		}) {
			t.Errorf("%s is never said; take it out of the sheets", key)
		}
	}
	for key := range used {
		group, _, _ := strings.Cut(key, ".")
		if groups[group] && !strings.HasSuffix(key, ".") && !sheet.Has(key) && !slices.ContainsFunc(sheet.Keys(), func(k string) bool { return strings.HasPrefix(k, key+".") }) {
			t.Errorf("%s is on no sheet", key)
		}
	}
	for _, enum := range enumerated() {
		if !sheet.Has(enum) {
			t.Errorf("%s has no words", enum)
		}
	}
}

// enumerated are the keys that values of the rules choose.
func enumerated() []string {
	var all []string
	for _, r := range rules.Reasons() {
		all = append(all, "refused."+string(r))
	}
	for _, c := range []contact.Channel{contact.Email, contact.SMS, contact.Voice, contact.App} {
		for _, prefix := range []string{"way", "instead", "again", "sent.waiting", "sent.unconfirmed"} {
			all = append(all, fmt.Sprintf("%s.%s", prefix, c))
		}
	}
	return all
}
