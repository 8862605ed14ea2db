// Package words holds what the pages say: a sheet for every language, read strictly at the
// start, and the choice of the one that a person reads. docs/pages-language.md says how to
// write one.
package words

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"sigs.k8s.io/yaml"

	"holdfast.dev/holdfast/internal/tongue"
)

//go:embed *.yaml
var files embed.FS

// Files are the sheets of this program as they are written.
func Files() fs.FS { return files }

// Catalogue are the sheets of all languages that are served, English first.
type Catalogue struct {
	sheets []*Sheet
	among  tongue.Choice
}

// Embedded are the sheets of this program; it cannot fail but by a broken build.
func Embedded() *Catalogue {
	c, err := Load(files)
	if err != nil {
		panic(err)
	}
	return c
}

// Load reads a sheet from each file LANGUAGE.yaml. All say what en.yaml says: the same keys,
// with the same placeholders, and each form that the language has for numbers.
func Load(from fs.FS) (*Catalogue, error) {
	names, err := fs.Glob(from, "*.yaml")
	if err != nil {
		return nil, err
	}
	english, err := read(from, "en.yaml")
	if err != nil {
		return nil, err
	}
	c := &Catalogue{sheets: []*Sheet{english}}
	for _, name := range names {
		s := english
		if name != "en.yaml" {
			if s, err = read(from, name); err != nil {
				return nil, err
			}
			c.sheets = append(c.sheets, s)
		}
		if err := s.compare(english); err != nil {
			return nil, fmt.Errorf("words in %s: %w", name, err)
		}
	}
	var tags []language.Tag
	for _, s := range c.sheets {
		tags = append(tags, s.tag)
	}
	c.among = tongue.Among(tags)
	return c, nil
}

func read(from fs.FS, name string) (*Sheet, error) {
	tag, err := language.Parse(strings.TrimSuffix(name, ".yaml"))
	if err != nil {
		return nil, fmt.Errorf("words in %s: the file is named after no language: %w", name, err)
	}
	data, err := fs.ReadFile(from, name)
	if err != nil {
		return nil, err
	}
	var all json.RawMessage
	if err := yaml.UnmarshalStrict(data, &all); err != nil {
		return nil, fmt.Errorf("words in %s: %w", name, err)
	}
	s := &Sheet{tag: tag, messages: map[string]message{}}
	if err := flatten(s.messages, "", all); err != nil {
		return nil, fmt.Errorf("words in %s: %w", name, err)
	}
	return s, nil
}

// compare holds a sheet to the English one, which names what there is to say.
func (s *Sheet) compare(english *Sheet) error {
	for key := range s.messages {
		if _, known := english.messages[key]; !known {
			return fmt.Errorf("%s is not in en.yaml; take it out", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(english.messages)) {
		want, got := english.messages[key], s.messages[key]
		if got == nil {
			return fmt.Errorf("%s is missing", key)
		}
		if !slices.Equal(want.names(), got.names()) {
			return fmt.Errorf("%s has the placeholders %v, want those of en.yaml: %v", key, got.names(), want.names())
		}
		forms := []string{"other"}
		if want.counts() {
			forms = tongue.Plurals(s.tag)
		}
		if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, slices.Sorted(slices.Values(forms))) {
			return fmt.Errorf("%s has the forms %v, want %v", key, have, forms)
		}
		if whole := (message{"other": got["other"]}); !slices.Equal(whole.names(), want.names()) {
			return fmt.Errorf("%s: the form other lacks one of the placeholders %v", key, want.names())
		}
	}
	return nil
}

// Languages are the sheets in the order of their files, English first.
func (c *Catalogue) Languages() []*Sheet { return c.sheets }

// maxAccepted bounds the header that is read, in bytes.
const maxAccepted = 512

// Choose returns the sheet of the language that was chosen, else of the first that the
// header Accept-Language names and that there is one for, else English.
func (c *Catalogue) Choose(chosen, accepted string) *Sheet {
	if s := c.Named(chosen); s != nil {
		return s
	}
	if len(accepted) > maxAccepted {
		accepted = accepted[:strings.LastIndexByte(accepted[:maxAccepted], ',')+1]
	}
	tags, _, err := language.ParseAcceptLanguage(strings.TrimSuffix(accepted, ","))
	if err != nil {
		return c.sheets[0]
	}
	for _, tag := range tags {
		if i, found := c.among.Match(tag); found {
			return c.sheets[i]
		}
	}
	return c.sheets[0]
}

// Named returns the sheet of a language by its very tag, nil where there is none.
func (c *Catalogue) Named(tag string) *Sheet {
	i := slices.IndexFunc(c.sheets, func(s *Sheet) bool { return s.Tag() == tag })
	if i < 0 {
		return nil
	}
	return c.sheets[i]
}
