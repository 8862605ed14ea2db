package web

import (
	"cmp"
	"net/http"
	"slices"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// tongues are the languages that messages are written in, the first one for want of a
// better.
type tongues struct {
	tags    []language.Tag
	matcher language.Matcher
}

// tonguesOf reads BCP 47 tags; without any there is English.
func tonguesOf(tags []string) tongues {
	t := tongues{}
	for _, tag := range tags {
		t.tags = append(t.tags, language.Make(tag))
	}
	if len(t.tags) == 0 {
		t.tags = []language.Tag{language.English}
	}
	t.matcher = language.NewMatcher(t.tags)
	return t
}

// nearest is the first of the wanted languages in which there are messages: in its own
// region or another one, never in a neighbour's language or another script.
func (t tongues) nearest(wanted ...language.Tag) (tag string, found bool) {
	for _, w := range wanted {
		_, i, confidence := t.matcher.Match(w)
		own, _ := w.Base()
		if base, _ := t.tags[i].Base(); confidence >= language.High && base == own {
			return t.tags[i].String(), true
		}
	}
	return "", false
}

// expected is the language of a new contact's messages for want of a choice (seed 40): the
// one in which the browser reads pages, else the policy's.
func (t tongues) expected(r *http.Request, policy string) string {
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		wanted = nil
	}
	tag, _ := t.nearest(append(wanted, language.Make(policy))...)
	return cmp.Or(tag, t.tags[0].String())
}

// serves reports whether a tag is one of those that a form offers.
func (t tongues) serves(tag string) bool {
	return slices.ContainsFunc(t.tags, func(own language.Tag) bool { return own.String() == tag })
}

// tongue is a language that a form offers, named in itself.
type tongue struct{ Tag, Name string }

// choices are the languages by their own names, those of one script side by side.
func (t tongues) choices() []tongue {
	list := make([]tongue, len(t.tags))
	for i, tag := range t.tags {
		list[i] = tongue{tag.String(), upper(cmp.Or(display.Self.Name(tag), tag.String()))}
	}
	slices.SortFunc(list, func(a, b tongue) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
