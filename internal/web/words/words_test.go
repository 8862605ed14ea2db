package words

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language/display"
)

// small is a catalogue of a few words in some languages.
func small(t *testing.T, sheets map[string]string) (*Catalogue, error) {
	t.Helper()
	files := fstest.MapFS{"en.yaml": {Data: []byte(`{a: {left: {one: "{n} left for {who}", other: "{n} left for {who}"}, plain: "plain"}}`)}}
	for name, data := range sheets {
		files[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return Load(files)
}

func TestSheetsOfThisProgramAreComplete(t *testing.T) {
	c, err := Load(Files())
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(Files(), "*.yaml")
	if err != nil || len(names) != len(c.Languages()) {
		t.Fatalf("%d files, %d languages, %v", len(names), len(c.Languages()), err)
	}
	if first := c.Languages()[0].Tag(); first != "en" {
		t.Errorf("%s comes first", first)
	}
	selves := map[string]string{}
	for _, s := range c.Languages() {
		self := s.Say("language.self")
		if other := selves[self]; other != "" {
			t.Errorf("%s and %s call themselves %q", s.Tag(), other, self)
		}
		selves[self] = s.Tag()
		if s.Tag() != "en" && self == display.English.Tags().Name(s.Language()) && s.Tag() != "vi" {
			t.Errorf("%s calls itself %q, which is English", s.Tag(), self)
		}
	}
}

func TestIncompleteSheetsAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ file, data, want string }{
		"a key is missing":     {"de.yaml", `{a: {plain: "x"}}`, "a.left is missing"},
		"a key is unknown":     {"de.yaml", `{a: {left: {one: "{n} {who}", other: "{n} {who}"}, plain: "x", more: "y"}}`, "a.more is not in en.yaml"},
		"a key stands twice":   {"de.yaml", "a:\n  plain: \"x\"\n  plain: \"y\"\n", "plain"},
		"a placeholder lacks":  {"de.yaml", `{a: {left: {one: "{n}", other: "{n}"}, plain: "x"}}`, "a.left has the placeholders [n]"},
		"other has not all":    {"de.yaml", `{a: {left: {one: "{n} {who}", other: "{n}"}, plain: "x"}}`, "the form other lacks"},
		"a placeholder more":   {"de.yaml", `{a: {left: {one: "{n} {who}", other: "{n} {who}"}, plain: "{x}"}}`, "a.plain has the placeholders [x]"},
		"a form lacks":         {"ru.yaml", `{a: {left: {one: "{n} {who}", other: "{n} {who}"}, plain: "x"}}`, "a.left has the forms [one other]"},
		"a form too many":      {"ja.yaml", `{a: {left: {one: "{n} {who}", other: "{n} {who}"}, plain: "x"}}`, "want [other]"},
		"a text is empty":      {"de.yaml", `{a: {left: {one: "{n} {who}", other: "{n} {who}"}, plain: " "}}`, "a.plain: the text is empty"},
		"a brace is lost":      {"de.yaml", `{a: {left: {one: "{n} {who}", other: "{n} {who}"}, plain: "{x"}}`, "belongs to no placeholder"},
		"a text is a number":   {"de.yaml", `{a: {left: {one: "{n} {who}", other: "{n} {who}"}, plain: 5}}`, "a.plain: write a text"},
		"no language":          {"klingonese.yaml", `{}`, "named after no language"},
		"not even YAML at all": {"de.yaml", `{`, "words in de.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := small(t, map[string]string{c.file: c.data}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestLanguageIsChosen(t *testing.T) {
	same := `{a: {left: {one: "{n} {who}", other: "{n} {who}"}, plain: "x"}}`
	one := `{a: {left: {other: "{n} {who}"}, plain: "x"}}`
	slavic := `{a: {left: {one: "{n} {who}", few: "{n} {who}", many: "{n} {who}", other: "{n} {who}"}, plain: "x"}}`
	c, err := small(t, map[string]string{"de.yaml": same, "pt-BR.yaml": same, "ru.yaml": slavic, "zh-Hans.yaml": one, "zh-Hant.yaml": one})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ chosen, accepted, language string }{
		{"", "", "en"},
		{"", "de-AT, en;q=0.5", "de"},
		{"", "en-GB, de;q=0.9", "en"},
		{"", "eo, de;q=0.5", "de"},
		{"", "uk", "en"}, // who reads Ukrainian is not given Russian
		{"", "zh-TW", "zh-Hant"},
		{"", "pt-PT", "pt-BR"},
		{"", "*", "en"},
		{"", ";;;=", "en"},
		{"", strings.Repeat("eo;q=0.9,", 100) + "de", "en"},
		{"", "de," + strings.Repeat("eo;q=0.9,", 100), "de"},
		{"", strings.Repeat("a", 10_000), "en"},
		{"ru", "de", "ru"},
		{"xx", "de", "de"},
		{"<script>", "", "en"},
	} {
		if got := c.Choose(want.chosen, want.accepted).Tag(); got != want.language {
			t.Errorf("%q chosen, %.40q accepted: %s, want %s", want.chosen, want.accepted, got, want.language)
		}
	}
}

// Whoever owns a name says nothing in it but the name.
func TestValuesStayValues(t *testing.T) {
	c, err := small(t, map[string]string{"he.yaml": `{a: {left: {one: "{n} {who}", two: "{n} {who}", many: "{n} {who}", other: "{n} {who}"}, plain: "x"}}`})
	if err != nil {
		t.Fatal(err)
	}
	english, hebrew := c.Named("en"), c.Named("he")
	for given, want := range map[string]string{
		"{n}":                   "5 left for {n}",
		"<b>":                   "5 left for <b>", // the template escapes it
		"Eve\u202egnihtyna":     "5 left for Evegnihtyna",
		"\u2069\u2066out\u200f": "5 left for out",
	} {
		if got := english.Say("a.left", "n", 5, "who", given); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got, alone := hebrew.Say("a.left", "n", 5, "who", given), strings.TrimPrefix(want, "5 left for "); got != "5 \u2068"+alone+"\u2069" {
			t.Errorf("%q in Hebrew", got)
		}
	}
	if got := hebrew.Say("a.left", "n", 5, "who", "x \u2068y\u2069"); got != "5 \u2068x \u2068y\u2069\u2069" {
		t.Errorf("words that were said before: %q", got)
	}
	if got := english.Say("a.left", "n", 1); got != "1 left for ⟦who⟧" {
		t.Errorf("%q", got)
	}
	if got := english.Say("a.none"); got != "⟦a.none⟧" {
		t.Errorf("%q", got)
	}
}

func TestTimesInEnglish(t *testing.T) {
	s := Embedded().Named("en")
	at := time.Date(2026, 3, 4, 11, 59, 30, 0, time.FixedZone("", 3600))
	for got, want := range map[string]string{
		s.Moment(at): "Wednesday, 4 March 2026 at 11:00\u00a0UTC", s.Clock(at): "11:00\u00a0UTC", s.Day(at): "4 March 2026",
		s.In(90 * time.Second): "in 90 seconds", s.In(61 * time.Minute): "in 61 minutes", s.In(0): "in 1 second",
		s.Lasting(47 * time.Hour): "47 hours", s.Lasting(49 * time.Hour): "3 days", s.Lasting(720 * time.Hour): "30 days",
		s.Or(nil): "", s.Or([]string{"a"}): "a", s.Or([]string{"a", "b"}): "a or b", s.Or([]string{"a", "b", "c"}): "a, b or c",
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}
