package web

import (
	"cmp"
	"net/http"
	"slices"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"holdfast.dev/holdfast/internal/tongue"
)

// tongues are the languages that messages are written in, the first one for want of a
// better.
type tongues struct {
	tags  []language.Tag
	among tongue.Choice
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
	t.among = tongue.Among(t.tags)
	return t
}

// nearest is the first of the wanted languages in which there are messages: in its own
// region or another one, never in a neighbour's language or another script.
func (t tongues) nearest(wanted ...language.Tag) (tag string, found bool) {
	for _, w := range wanted {
		if i, found := t.among.Match(w); found {
			return t.tags[i].String(), true
		}
	}
	return "", false
}

// expected is the language of a new contact's messages for want of a choice (seed 40): the
// one that the person chose for the pages, else the browser's, else the policy's.
func (t tongues) expected(r *http.Request, policy string) string {
	wanted := []language.Tag{language.Make(chosenLanguage(r))}
	if accepted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language")); err == nil {
		wanted = append(wanted, accepted...)
	}
	tag, _ := t.nearest(append(wanted, language.Make(policy))...)
	return cmp.Or(tag, t.tags[0].String())
}

// serves reports whether a tag is one of those that a form offers.
func (t tongues) serves(tag string) bool {
	return slices.ContainsFunc(t.tags, func(own language.Tag) bool { return own.String() == tag })
}

// choice is a language that a form offers, named in itself.
type choice struct{ Tag, Name string }

// choices are the languages by their own names, those of one script side by side.
func (t tongues) choices() []choice {
	list := make([]choice, len(t.tags))
	for i, tag := range t.tags {
		list[i] = choice{tag.String(), upper(cmp.Or(display.Self.Name(tag), tag.String()))}
	}
	slices.SortFunc(list, func(a, b choice) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
