package courier

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/courier/words"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A folder a language and a file a channel, to be read as a whole by who knows the
// language: a code for every purpose, then the notices.
func TestMessagesReadAsTheGoldenFiles(t *testing.T) {
	for _, language := range words.Languages() {
		files := map[string]*strings.Builder{"Email.txt": {}, "Email.html": {}, "SMS.txt": {}, "Voice.txt": {}}
		for _, channel := range channels {
			for _, purpose := range purposes {
				show(files, "Code to "+string(purpose), rendered(t, spoken(language, channel, purpose)))
			}
			for _, n := range notices {
				r := rendered(t, func(m *message.Message) { saying(n, channel)(m); m.Language = language })
				show(files, n.title(), r)
			}
		}
		for name, got := range files {
			golden(t, filepath.Join(language, name), got.String())
		}
	}
	golden(t, "page.html", rendered(t, func(*message.Message) {}).HTML)
}

func spoken(language string, channel contact.Channel, purpose code.Purpose) func(*message.Message) {
	return func(m *message.Message) {
		m.Language, m.Channel, m.Challenge.Purpose = language, channel, purpose
	}
}

// show adds a message to its golden file: of an SMS with what it costs, of HTML what
// differs from page.html.
func show(files map[string]*strings.Builder, title string, r message.Rendered) {
	switch r.Channel {
	case contact.Email:
		fmt.Fprintf(files["Email.txt"], "=== %s\nSubject: %s\n\n%s\n", title, r.Subject, r.Text)
		open := r.HTML[strings.Index(r.HTML, "<html"):]
		_, body, _ := strings.Cut(r.HTML, "<main>\n")
		body, _, _ = strings.Cut(body, "</main>")
		fmt.Fprintf(files["Email.html"], "<!-- %s -->\n%s\n%s\n", title, open[:strings.Index(open, "\n")], body)
	case contact.SMS:
		alphabet := "GSM-7"
		if strings.ContainsFunc(r.Text, func(r rune) bool { return !message.InGSM7(r) }) {
			alphabet = "UCS-2"
		}
		fmt.Fprintf(files["SMS.txt"], "=== %s (%s, segments: %d)\n%s\n\n", title, alphabet, message.Segments(r.Text), r.Text)
	default:
		fmt.Fprintf(files["Voice.txt"], "=== %s\n%s\n\n", title, r.Text)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (go test -update writes it anew): %s", path, diff)
	}
}

// Latin letters and the dense scripts of East Asia fit into one segment with the line for
// the browser; elsewhere the purpose and the warning are worth a second one.
func TestSMSCostOneSegmentWhereTheScriptAllowsIt(t *testing.T) {
	f := newFixture(t, nil)
	p := f.Policies.For("", "")
	p.Messages.ProductName = "Shop"
	for _, language := range words.Languages() {
		most := 1
		if strings.Contains("ar he hi ru th uk", language) {
			most = 2
		}
		for _, purpose := range purposes {
			m := codeMessage("m")
			spoken(language, contact.SMS, purpose)(&m)
			m.Challenge.Channel = contact.SMS
			r, err := f.render(m, p, start)
			if err != nil {
				t.Fatal(err)
			}
			if n := message.Segments(r.Text); n > most {
				t.Errorf("%s %s: %d segments, want %d: %q", language, purpose, n, most, r.Text)
			}
		}
		for _, n := range notices {
			m := codeMessage("m-1")
			saying(n, contact.SMS)(&m)
			m.Language = language
			r, err := f.render(m, p, start)
			if err != nil {
				t.Fatal(err)
			}
			latin := !strings.ContainsFunc(r.Text, func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) })
			if n := message.Segments(r.Text); n > 2 || (latin && n > 1) {
				t.Errorf("%s %s: %d segments: %q", language, m.Notice, n, r.Text)
			}
		}
	}
}
