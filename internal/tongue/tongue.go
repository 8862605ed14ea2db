// Package tongue knows what languages have in common: which of those at hand a person
// reads, which way its script runs, and which form words take beside a number.
package tongue

import (
	"slices"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Choice picks among languages.
type Choice struct {
	tags    []language.Tag
	matcher language.Matcher
}

// Among chooses among some languages, at least one.
func Among(tags []language.Tag) Choice {
	return Choice{tags: tags, matcher: language.NewMatcher(tags)}
}

// Match finds the language that somebody who wants another reads too: the same one, in the
// same script. Who reads traditional characters gets no simplified ones, and nobody a
// neighbour's language.
func (c Choice) Match(wanted language.Tag) (index int, found bool) {
	_, index, confidence := c.matcher.Match(wanted)
	base, _ := wanted.Base()
	own, _ := c.tags[index].Base()
	return index, confidence >= language.High && own == base
}

// Direction is that of a language's script: ltr or rtl.
func Direction(tag language.Tag) string {
	script, _ := tag.Script()
	if slices.Contains([]string{"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm"}, script.String()) {
		return "rtl"
	}
	return "ltr"
}

// Plural is the CLDR plural category of a whole number: zero, one, two, few, many or other.
func Plural(tag language.Tag, n int) string {
	return forms[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]
}

// Plurals are the categories that whole numbers take in a language, and other, which CLDR
// has everywhere.
func Plurals(tag language.Tag) []string {
	found := []string{"other"}
	for n := range 1001 { // the rules look at the last two digits, and at 1000 for its own sake
		if f := Plural(tag, n); !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	return found
}

var forms = map[plural.Form]string{
	plural.Other: "other", plural.Zero: "zero", plural.One: "one",
	plural.Two: "two", plural.Few: "few", plural.Many: "many",
}
