package words

import (
	"slices"

	"golang.org/x/text/language"

	"holdfast.dev/holdfast/internal/tongue"
)

// Languages are the languages that there are words for, English first.
func Languages() []string {
	names := make([]string, len(catalogue))
	for i, w := range catalogue {
		names[i] = w.tag.String()
	}
	return names
}

// Choose returns the words for the first of the wanted languages that has them: its own,
// those of the same language without or with another region, and English at the end.
// tags are the languages to look for overrides in, the best first; the last one is that
// of the words.
func Choose(wanted ...string) (tags []string, w *Words) {
	add := func(tag string) {
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	for _, name := range append(wanted[:len(wanted):len(wanted)], "en") {
		tag, err := language.Parse(name)
		if err != nil {
			continue
		}
		for t := tag; !t.IsRoot(); t = t.Parent() {
			add(t.String())
		}
		if w = match(tag); w != nil {
			tags = slices.DeleteFunc(tags, func(t string) bool { return t == w.tag.String() })
			return append(tags, w.tag.String()), w
		}
	}
	return tags, w // not reached: there are words in English
}

// match finds the words of the same language in the same script.
func match(tag language.Tag) *Words {
	i, found := among.Match(tag)
	if !found {
		return nil
	}
	return catalogue[i]
}

// Direction is that of the language's script: ltr or rtl.
func Direction(tag string) string { return tongue.Direction(language.Make(tag)) }
