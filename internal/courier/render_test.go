package courier

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"holdfast.dev/holdfast/internal/courier/words"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

var (
	channels = []contact.Channel{contact.Email, contact.SMS, contact.Voice}
	notices  = told()
	purposes = []code.Purpose{code.Unblock, code.AddContact, code.StepUp, code.Recheck, code.Recovery, code.Cancel}
)

func rendered(t *testing.T, change func(*message.Message)) message.Rendered {
	t.Helper()
	f := newFixture(t, nil)
	m := codeMessage("m-1")
	change(&m)
	m.Challenge.Channel = m.Channel
	r, err := f.render(m, f.Policies.For("", ""), start)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func notice(name string, channel contact.Channel) func(*message.Message) {
	return saying(notified{notice: name}, channel)
}

// seed 8, law 2: in every language the code stands in the body and nowhere else.
func TestCodeStandsInTheBodyAlone(t *testing.T) {
	for _, language := range words.Languages() {
		for _, purpose := range purposes {
			for _, channel := range channels {
				r := rendered(t, spoken(language, channel, purpose))
				at := language + " " + string(purpose) + " " + string(channel)
				if r.Language != language {
					t.Errorf("%s: written in %s", at, r.Language)
				}
				times := map[contact.Channel]int{contact.Email: 1, contact.SMS: 2, contact.Voice: 0}[channel]
				if got := strings.Count(r.Text, "482913"); got != times {
					t.Errorf("%s: the text has the code %d times, want %d: %s", at, got, times, r.Text)
				}
				if got := strings.Count(r.HTML, "482913"); channel == contact.Email && got != 1 {
					t.Errorf("%s: the HTML has the code %d times", at, got)
				}
				outside := []string{r.ID, r.From, r.FromName, r.To, r.Subject, r.Language}
				if digits(strings.Join(outside, "")) != "1" { // of the ID
					t.Errorf("%s: digits outside the body: %q", at, outside)
				}
				if strings.Contains(r.Text+r.HTML+r.Subject, "{{") || strings.Contains(r.Text+r.HTML, "List-Unsubscribe") {
					t.Errorf("%s: %s", at, r.Text)
				}
			}
		}
	}
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// Purpose, life, warning and help, in every language, in the text as in the HTML.
func TestMailSaysWhatItMust(t *testing.T) {
	for _, language := range words.Languages() {
		r := rendered(t, func(m *message.Message) { m.Language = language })
		_, w := words.Choose(language)
		purpose := w.Purpose(code.Challenge{Purpose: code.Unblock, Channel: contact.Email})
		plain, visible := oneLine(r.Text), oneLine(visibleText(t, r.HTML))
		for _, want := range []string{purpose, w.Life(10 * time.Minute), w.Warning(contact.Email), "https://shop.example/help?a=b&c=d"} {
			if !strings.Contains(plain, want) || !strings.Contains(visible, want) {
				t.Errorf("%s: %q is missing in the text or the HTML", language, want)
			}
		}
		if !strings.Contains(r.Subject, purpose) || !strings.Contains(r.Subject, "Shop & Söhne") {
			t.Errorf("%s: subject %q, want product and purpose", language, r.Subject)
		}
		if !strings.Contains(r.Text, "\n482913\n") {
			t.Errorf("%s: the code does not stand alone on its line", language)
		}
		direction := map[bool]string{true: "rtl", false: "ltr"}[language == "ar" || language == "he"]
		if !strings.Contains(r.HTML, `<html lang="`+language+`" dir="`+direction+`">`) {
			t.Errorf("%s: the HTML is not marked as %s", language, direction)
		}
		for _, bad := range []string{"<script", "<img", "http:", "<link", "url(", "@import"} {
			if strings.Contains(r.HTML, bad) {
				t.Errorf("%s: the HTML holds %q", language, bad)
			}
		}
	}
}

func TestMailReadsInLightAndDark(t *testing.T) {
	r := rendered(t, func(*message.Message) {})
	for _, want := range []string{`name="color-scheme" content="light dark"`, "prefers-color-scheme: dark", "monospace", "Shop &amp; Söhne"} {
		if !strings.Contains(r.HTML, want) {
			t.Errorf("the HTML lacks %q", want)
		}
	}
	for _, want := range []string{
		"If you did not ask for this code, ignore it: without the code the account is safe", // seed 41, 42
		"A code is not a password", // seed 58
	} {
		if !strings.Contains(r.Text, want) {
			t.Errorf("the text lacks %q", want)
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func visibleText(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" && n.Parent.Data != "title" {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

// Names are neither markup nor templates, whoever chose them.
func TestNamesAreNeverParsed(t *testing.T) {
	f := newFixture(t, nil)
	p := f.Policies.For("", "")
	p.Messages.ProductName, p.HelpURL = `<b>&"{{.Code}}`, `javascript:alert("{{.Code}}")`
	for _, language := range []string{"en", "ar"} {
		m := codeMessage("m")
		m.Language = language
		r, err := f.render(m, p, start)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.HTML, "<b>") || strings.Count(r.HTML, "&lt;b&gt;&amp;&#34;{{.Code}}") < 3 {
			t.Errorf("%s: the name is not escaped: %s", language, r.HTML)
		}
		if strings.Contains(r.HTML, `href="javascript`) {
			t.Errorf("%s: a link runs a script: %s", language, r.HTML)
		}
		if !strings.Contains(r.Subject, `<b>&"{{.Code}}`) || strings.Count(r.Text, "482913") != 1 {
			t.Errorf("%s: got %q, %q", language, r.Subject, r.Text)
		}
	}
}

// A Latin name within right-to-left text keeps its own order.
func TestNamesAreIsolatedInRightToLeftMail(t *testing.T) {
	r := rendered(t, func(m *message.Message) { m.Language = "he" })
	if !strings.Contains(r.Text, "\u2068Shop & Söhne\u2069") || !strings.Contains(r.HTML, "<bdi>Shop &amp; Söhne</bdi>") {
		t.Errorf("got %s", r.Text)
	}
	if strings.Contains(r.Subject, "\u2068") || strings.Contains(rendered(t, func(*message.Message) {}).Text, "\u2068") {
		t.Error("isolates where none are needed")
	}
}

// standards M1: browsers fill in the code of an SMS by its last line.
func TestSMSEndsWithTheOriginLine(t *testing.T) {
	for _, language := range words.Languages() {
		r := rendered(t, spoken(language, contact.SMS, code.Unblock))
		lines := strings.Split(r.Text, "\n")
		if last := lines[len(lines)-1]; last != "@account.shop.example #482913" {
			t.Errorf("%s: last line %q", language, last)
		}
		_, w := words.Choose(language)
		if !strings.Contains(plain(r.Text), plain(w.Warning(contact.SMS))) {
			t.Errorf("%s: no warning in %q", language, r.Text)
		}
	}
	f := newFixture(t, nil)
	p := f.Policies.For("", "")
	p.Hosts = nil
	m := codeMessage("m")
	m.Channel = contact.SMS
	if r, err := f.render(m, p, start); err != nil || strings.Contains(r.Text, "@") {
		t.Errorf("without a host: %q, %v", r.Text, err)
	}
	if r := rendered(t, notice(message.NoticeReleased, contact.SMS)); strings.Contains(r.Text, "@") {
		t.Errorf("a notice has no code to fill in: %q", r.Text)
	}
}

// Accents are left out where they would cost a segment, and only there.
func TestSMSLeaveOutAccentsThatCost(t *testing.T) {
	for text, want := range map[string]string{
		"Żółć – „kod”": "Zolc - \"kod\"", "código é à ñ": "codigo é à ñ", "İstanbul ığş": "Istanbul igs", "Là mã để đổi mật khẩu": "La ma de doi mat khau",
		"код": "код", "Shop код ó": "Shop код ó", "コード": "コード",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	text, err := message.ParseText(message.Slot{Language: "es", Channel: contact.SMS, Name: "Code"}, "", "código {{.Code}}{{.Warning}}")
	if err != nil {
		t.Fatal(err)
	}
	if got := sms([]message.Text{text}, message.Values{message.FieldCode: "1", message.FieldWarning: "!"}, "a.example"); got != "código 1!\n@a.example #1" {
		t.Errorf("one segment either way: %q", got)
	}
}

func TestVoiceSaysTheDigitsInPairsAndTwice(t *testing.T) {
	for _, language := range words.Languages() {
		r := rendered(t, spoken(language, contact.Voice, code.Unblock))
		if strings.Count(r.Text, "4 8, 2 9, 1 3") != 2 {
			t.Errorf("%s: got %q", language, r.Text)
		}
	}
	if got := pairs("1234567"); got != "1 2, 3 4, 5 6, 7" {
		t.Errorf("got %q", got)
	}
}

// A language without words takes the policy's, then English; what nobody wrote is an error.
func TestLanguagesFallBack(t *testing.T) {
	f := newFixture(t, nil)
	p := f.Policies.For("", "")
	m := codeMessage("m")
	for _, c := range []struct{ own, fallback, want string }{
		{"pt-PT", "de", "pt-BR"}, {"sv", "de-CH", "de"}, {"", "", "en"}, {"sv", "", "en"},
	} {
		m.Language, p.Messages.DefaultLanguage = c.own, c.fallback
		if r, err := f.render(m, p, start); err != nil || r.Language != c.want {
			t.Errorf("%q, else %q: %s, %v", c.own, c.fallback, r.Language, err)
		}
	}
	m.Kind, m.Notice = message.Notice, "Unwritten"
	if _, err := f.render(m, p, start); err == nil || !strings.Contains(err.Error(), "Unwritten") {
		t.Errorf("got %v", err)
	}
}

func TestOverridesReplaceATextInTheirLanguage(t *testing.T) {
	f := newFixture(t, nil)
	p := f.Policies.For("", "")
	p.Messages.DefaultLanguage = "fr"
	p.Messages.Overrides = map[message.Slot]message.Text{}
	for slot, body := range map[message.Slot]string{
		{Language: "de", Channel: contact.Email, Name: "Code"}:                  "{{.Product}}: <i>{{.Code}}</i>, {{.Minutes}} Minuten.\n\nNicht Sie? {{.NotMeURL}}",
		{Language: "sv", Channel: contact.SMS, Name: "Code"}:                    "Kod {{.Code}}. {{.Warning}}",
		{Language: "fr", Channel: contact.Voice, Name: "Code"}:                  "Code {{.Code}}.",
		{Language: "de", Channel: contact.SMS, Name: message.NoticeReleased}:    "Offen seit {{.When}}.",
		{Language: "en", Channel: contact.Email, Name: message.NoticeReleased}:  "Not for Germans",
		{Language: "de-AT", Channel: contact.SMS, Name: message.NoticeReleased}: "Offen, servus.",
	} {
		text, err := message.ParseText(slot, "", body)
		if err != nil {
			t.Fatal(err)
		}
		p.Messages.Overrides[slot] = text
	}
	render := func(change func(*message.Message)) message.Rendered {
		t.Helper()
		m := codeMessage("m")
		change(&m)
		m.Challenge.Channel = m.Channel
		r, err := f.render(m, p, start)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	_, german := words.Choose("de")
	link, err := notMe(codeMessage("m").Challenge, p)
	if err != nil {
		t.Fatal(err)
	}
	if r := render(spoken("de-CH", contact.Email, code.Unblock)); r.Text != "Shop & Söhne: <i>482913</i>, 10 Minuten.\n\nNicht Sie? "+link+"\n\n"+german.Warning(contact.Email)+"\n" ||
		!strings.Contains(r.HTML, "&lt;i&gt;<strong>482913</strong>&lt;/i&gt;") || !strings.Contains(r.Subject, "Sicherheitscode") || r.Language != "de" {
		t.Errorf("de: %+v", r)
	}
	_, french := words.Choose("fr")
	if r := render(spoken("sv-FI", contact.SMS, code.Unblock)); r.Language != "sv" || r.Text != "Kod 482913. "+french.Warning(contact.SMS)+"\n@account.shop.example #482913" {
		t.Errorf("sv: %q in %s", r.Text, r.Language)
	}
	if r := render(spoken("", contact.Voice, code.Unblock)); strings.Count(r.Text, "4 8, 2 9, 1 3") != 2 || r.Language != "fr" {
		t.Errorf("fr: %q in %s", r.Text, r.Language)
	}
	for language, want := range map[string]string{"de": "Offen seit 14. März 2026, 15:09 UTC.", "de-AT": "Offen, servus."} {
		if r := render(func(m *message.Message) { notice(message.NoticeReleased, contact.SMS)(m); m.Language = language }); r.Text != want {
			t.Errorf("%s: %q", language, r.Text)
		}
	}
	if r := render(func(m *message.Message) { notice(message.NoticeReleased, contact.Email)(m); m.Language = "de" }); strings.Contains(r.Text, "Germans") {
		t.Errorf("English for Germans: %q", r.Text)
	}
}

// seed 41: in every language a mail with a code carries the link, in text and HTML; an
// SMS and a call do not, nor does a notice, and none is made for a policy without hosts.
func TestMailsWithACodeCarryTheNotMeLink(t *testing.T) {
	link, err := notMe(codeMessage("m-1").Challenge, newFixture(t, nil).Policies.For("", ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range words.Languages() {
		for _, channel := range channels {
			r := rendered(t, spoken(language, channel, code.Unblock))
			want := map[contact.Channel]int{contact.Email: 1}[channel]
			if got := strings.Count(r.Text, link); got != want {
				t.Errorf("%s %s: the link stands %d times in the text, want %d", language, channel, got, want)
			}
			if got := strings.Count(r.HTML, `href="`+link+`"`); got != want {
				t.Errorf("%s %s: the link stands %d times in the HTML, want %d", language, channel, got, want)
			}
			if r := rendered(t, notice(message.NoticeReleased, channel)); strings.Contains(r.Text, "not-me") {
				t.Errorf("%s: a notice links to %s", channel, link)
			}
		}
	}
	f := newFixture(t, nil)
	p := f.Policies.For("", "")
	p.Hosts = nil
	r, err := f.render(codeMessage("m-1"), p, start)
	if err != nil || strings.Contains(r.Text, "not you") {
		t.Errorf("without hosts: %v, %s", err, r.Text)
	}
}
