package words

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Piece is a part of a message: words, or the name of what the caller puts there.
type Piece struct{ Words, Name string }

// message is what a sheet says under one key: its forms by plural category; one that has
// no number has the form other alone.
type message map[string][]Piece

// number is the placeholder whose value chooses the form.
const number = "n"

var placeholder = regexp.MustCompile(`\{([a-z][A-Za-z]*)\}`)

// parse cuts a text at its placeholders, once: what is put there later is never read.
func parse(text string) ([]Piece, error) {
	var pieces []Piece
	rest := text
	for _, at := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		done := len(text) - len(rest)
		if words := text[done:at[0]]; words != "" {
			pieces = append(pieces, Piece{Words: words})
		}
		pieces = append(pieces, Piece{Name: text[at[2]:at[3]]})
		rest = text[at[1]:]
	}
	if rest != "" {
		pieces = append(pieces, Piece{Words: rest})
	}
	for _, p := range pieces {
		if strings.ContainsAny(p.Words, "{}") {
			return nil, fmt.Errorf("%q has a brace that belongs to no placeholder: write {name}", text)
		}
	}
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("the text is empty")
	}
	return pieces, nil
}

// names are the placeholders of a message, sorted.
func (m message) names() []string {
	found := map[string]bool{}
	for _, form := range m {
		for _, p := range form {
			if p.Name != "" {
				found[p.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// counts says that the message has forms for numbers.
func (m message) counts() bool { return slices.Contains(m.names(), number) }

// flatten reads the nested keys of a sheet into dotted ones. A map with the key other holds
// the forms of one message.
func flatten(into map[string]message, prefix string, value json.RawMessage) error {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return add(into, prefix, map[string]string{"other": text})
	}
	var nested map[string]json.RawMessage
	if err := json.Unmarshal(value, &nested); err != nil {
		return fmt.Errorf("%s: write a text in quotation marks, or forms for numbers", prefix)
	}
	if _, forms := nested["other"]; forms {
		var texts map[string]string
		if err := json.Unmarshal(value, &texts); err != nil {
			return fmt.Errorf("%s: each form is a text in quotation marks", prefix)
		}
		return add(into, prefix, texts)
	}
	for key, inner := range nested {
		if prefix != "" {
			key = prefix + "." + key
		}
		if err := flatten(into, key, inner); err != nil {
			return err
		}
	}
	return nil
}

func add(into map[string]message, key string, texts map[string]string) error {
	m := message{}
	for form, text := range texts {
		pieces, err := parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		m[form] = pieces
	}
	into[key] = m
	return nil
}
