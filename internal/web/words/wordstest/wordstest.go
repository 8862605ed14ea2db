// Package wordstest makes sheets for tests: a language that nobody speaks shows what the
// pages say of their own accord.
package wordstest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/text/language"
	"sigs.k8s.io/yaml"

	"holdfast.dev/holdfast/internal/tongue"
	"holdfast.dev/holdfast/internal/web/words"
)

// English are the words in English alone.
func English(t testing.TB) *words.Catalogue {
	t.Helper()
	english, err := fs.ReadFile(words.Files(), "en.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := words.Load(fstest.MapFS{"en.yaml": {Data: english}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Pseudo are the English words and the same in letters of another script under the name of
// a language of that script.
func Pseudo(t testing.TB, tag string, alphabet string) *words.Catalogue {
	t.Helper()
	english, err := fs.ReadFile(words.Files(), "en.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := words.Load(fstest.MapFS{"en.yaml": {Data: english}, tag + ".yaml": {Data: sheet(t, english, tag, []rune(alphabet))}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sheet(t testing.TB, english []byte, tag string, alphabet []rune) []byte {
	t.Helper()
	var all any
	if err := yaml.Unmarshal(english, &all); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(spell(all, language.MustParse(tag), alphabet)) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// spell writes every text in the alphabet, and gives each message with a number all forms
// of the language.
func spell(value any, tag language.Tag, alphabet []rune) any {
	switch v := value.(type) {
	case string:
		return letters(v, alphabet)
	case map[string]any:
		if other, forms := v["other"].(string); forms {
			own := map[string]any{}
			for _, form := range tongue.Plurals(tag) {
				own[form] = letters(other, alphabet)
			}
			return own
		}
		own := map[string]any{}
		for key, inner := range v {
			own[key] = spell(inner, tag, alphabet)
		}
		return own
	default:
		panic(fmt.Sprintf("a sheet holds a %T", value))
	}
}

// letters replaces the letters of a text outside its placeholders.
func letters(text string, alphabet []rune) string {
	inside := false
	return strings.Map(func(r rune) rune {
		switch {
		case r == '{':
			inside = true
		case r == '}':
			inside = false
		case inside:
		case 'a' <= r && r <= 'z':
			return alphabet[int(r-'a')%len(alphabet)]
		case 'A' <= r && r <= 'Z':
			return alphabet[int(r-'A')%len(alphabet)]
		}
		return r
	}, text)
}

// Greek and Hebrew are alphabets without a Latin letter.
const (
	Greek  = "αβγδεζηθικλμνξοπρστυφχψω"
	Hebrew = "אבגדהוזחטיכלמנסעפצקרשת"
)
