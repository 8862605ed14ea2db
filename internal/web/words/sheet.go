package words

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/language"

	"holdfast.dev/holdfast/internal/tongue"
)

// Sheet is what the pages say in one language.
type Sheet struct {
	tag      language.Tag
	messages map[string]message
}

// Language is the language of the sheet, Tag its BCP 47 tag.
func (s *Sheet) Language() language.Tag { return s.tag }

// Tag is the language as pages name it.
func (s *Sheet) Tag() string { return s.tag.String() }

// Direction is that of the script: ltr or rtl.
func (s *Sheet) Direction() string { return tongue.Direction(s.tag) }

// Gap stands between two sentences: nothing where the script writes none.
func (s *Sheet) Gap() string {
	if base, _ := s.tag.Base(); slices.Contains([]string{"ja", "zh"}, base.String()) {
		return ""
	}
	return " "
}

// Has reports whether the sheet says anything under a key.
func (s *Sheet) Has(key string) bool { return s.messages[key] != nil }

// Pieces is the message of a key in the form of a number; n matters to messages alone that
// have the placeholder {n}. A key that is unknown is shown in brackets.
func (s *Sheet) Pieces(key string, n int) []Piece {
	m := s.messages[key]
	form, found := m[tongue.Plural(s.tag, n)]
	if !found {
		form, found = m["other"]
	}
	if !found {
		return []Piece{{Words: missing(key)}}
	}
	return form
}

// Say is the message of a key as text, with its placeholders filled by name and value in
// turn: strings and whole numbers.
func (s *Sheet) Say(key string, pairs ...any) string {
	n, _ := Value(pairs, number).(int)
	var said strings.Builder
	for _, p := range s.Pieces(key, n) {
		if p.Name == "" {
			said.WriteString(p.Words)
			continue
		}
		said.WriteString(s.Fill(p.Name, Value(pairs, p.Name)))
	}
	return said.String()
}

// Value is what stands behind a name, nil where the name is not given.
func Value(pairs []any, name string) any {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == name {
			return pairs[i+1]
		}
	}
	return nil
}

// Fill is a value as it stands in a message: a number in digits, a text as it is, cleared of
// what would turn the direction of the rest; beside a script that runs from right to left
// it is set apart.
func (s *Sheet) Fill(name string, value any) string {
	switch v := value.(type) {
	case int:
		return strconv.Itoa(v)
	case string:
		return s.apart(v)
	case fmt.Stringer:
		return s.apart(v.String())
	default:
		return missing(name)
	}
}

// The marks that set a text apart from the direction of what is around it (UAX 9).
const isolate, isolated = '\u2068', '\u2069'

func (s *Sheet) apart(value string) string {
	keep := balanced(value) // words that were said before have set their own values apart
	value = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) && (!keep || r != isolate && r != isolated) {
			return -1
		}
		return r
	}, value)
	if s.Direction() == "ltr" || value == "" {
		return value
	}
	return string(isolate) + value + string(isolated)
}

// balanced reports whether a text ends as many isolates as it begins, and none before.
func balanced(value string) bool {
	open := 0
	for _, r := range value {
		switch r {
		case isolate:
			open++
		case isolated:
			open--
		}
		if open < 0 {
			return false
		}
	}
	return open == 0
}

// missing is what stands for words that are not there; tests look for it.
func missing(name string) string { return "⟦" + name + "⟧" }

// Keys are all that the sheet says something under, sorted.
func (s *Sheet) Keys() []string { return slices.Sorted(maps.Keys(s.messages)) }
