package tongue

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"
)

func TestMatchKeepsToTheLanguageAndItsScript(t *testing.T) {
	names := []string{"en", "de", "pt-BR", "ru", "zh-Hans", "zh-Hant"}
	tags := make([]language.Tag, len(names))
	for i, name := range names {
		tags[i] = language.MustParse(name)
	}
	among := Among(tags)
	for wanted, want := range map[string]string{
		"de-AT": "de", "en-GB": "en", "pt": "pt-BR", "zh-TW": "zh-Hant", "zh": "zh-Hans", "zh-Hant-HK": "zh-Hant",
		"uk": "", "gsw": "", "eo": "", "und": "",
	} {
		index, found := among.Match(language.MustParse(wanted))
		if got := names[index]; found != (want != "") || found && got != want {
			t.Errorf("%s: %s (%v), want %q", wanted, got, found, want)
		}
	}
}

func TestDirection(t *testing.T) {
	for tag, want := range map[string]string{"ar": "rtl", "he": "rtl", "fa-IR": "rtl", "de": "ltr", "hi": "ltr", "az-Arab": "rtl"} {
		if got := Direction(language.MustParse(tag)); got != want {
			t.Errorf("%s runs %s, want %s", tag, got, want)
		}
	}
}

func TestPlurals(t *testing.T) {
	for tag, want := range map[string][]string{
		"en": {"one", "other"}, "ja": {"other"}, "ru": {"few", "many", "one", "other"}, "ar": {"few", "many", "one", "other", "two", "zero"},
	} {
		got := Plurals(language.MustParse(tag))
		if slices.Sort(got); !cmp.Equal(got, want) {
			t.Errorf("%s has %v, want %v", tag, got, want)
		}
	}
	if got := Plural(language.Russian, 22); got != "few" {
		t.Errorf("22 in Russian is %s", got)
	}
}
