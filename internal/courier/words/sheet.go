package words

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"sigs.k8s.io/yaml"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// sheet is the file of a language. docs/messages.md says how to write one.
type sheet struct {
	// Date is a layout of package time.
	Date string `json:"date"`
	// Minutes and Hours are keyed by plural category; # is the number.
	Minutes map[string]string `json:"minutes"`
	Hours   map[string]string `json:"hours"`
	// Purposes are keyed by purpose, those of SMS are short.
	Purposes    map[string]string `json:"purposes"`
	SMSPurposes map[string]string `json:"smsPurposes"`
	Warning     string            `json:"warning"`
	SMSWarning  string            `json:"smsWarning"`
	// NotYou, NotMe and Help end a mail: what to do about a notice that one did not
	// cause, where to say so of a code, and where help is.
	NotYou   string            `json:"notYou"`
	NotMe    string            `json:"notMe"`
	Help     string            `json:"help"`
	Messages map[string]speech `json:"messages"`
}

// speech is one message in one language.
type speech struct {
	Subject string   `json:"subject"`
	Email   string   `json:"email"`
	SMS     []string `json:"sms"`
	Voice   string   `json:"voice"`
}

//go:embed *.yaml
var files embed.FS

var (
	catalogue = must(load())
	matcher   = language.NewMatcher(tagsOf(catalogue))
)

func must(all []*Words, err error) []*Words {
	if err != nil {
		panic(err) // a sheet of this program's own: tests load it
	}
	return all
}

// load reads all sheets, English first.
func load() ([]*Words, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var all []*Words
	for _, entry := range entries {
		w, err := read(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("words in %s: %w", entry.Name(), err)
		}
		all = append(all, w)
	}
	english := slices.IndexFunc(all, func(w *Words) bool { return w.tag == language.English })
	all[0], all[english] = all[english], all[0]
	return all, nil
}

func read(name string) (*Words, error) {
	w := &Words{texts: map[place][]message.Text{}}
	var err error
	if w.tag, err = language.Parse(strings.TrimSuffix(name, ".yaml")); err != nil {
		return nil, err
	}
	data, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if err := yaml.UnmarshalStrict(data, &w.sheet); err != nil {
		return nil, err
	}
	for name, said := range w.sheet.Messages {
		last := w.sheet.NotYou
		if name == string(message.Code) {
			last = w.sheet.NotMe
		}
		mail := said.Email + "\n\n" + last + "\n" + w.sheet.Help
		if err := w.add(contact.Email, name, said.Subject, mail); err != nil {
			return nil, err
		}
		if err := w.add(contact.SMS, name, "", said.SMS...); err != nil {
			return nil, err
		}
		if err := w.add(contact.Voice, name, "", said.Voice); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// add holds the built-in texts to the rules of overrides.
func (w *Words) add(channel contact.Channel, name, subject string, bodies ...string) error {
	for _, body := range bodies {
		slot := message.Slot{Language: w.tag.String(), Channel: channel, Name: name}
		text, err := message.ParseText(slot, subject, body)
		if err != nil {
			return fmt.Errorf("%s %s: %w", name, channel, err)
		}
		at := place{channel, name}
		w.texts[at] = append(w.texts[at], text)
	}
	return nil
}

func tagsOf(all []*Words) []language.Tag {
	tags := make([]language.Tag, len(all))
	for i, w := range all {
		tags[i] = w.tag
	}
	return tags
}
