package words

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"sigs.k8s.io/yaml"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/tongue"
)

// sheet is the file of a language. docs/messages.md says how to write one.
type sheet struct {
	// Date is a layout of package time, in which January stands for one of the Months;
	// SMSDate is the short one, without the time of day.
	Date    string   `json:"date"`
	SMSDate string   `json:"smsDate"`
	Months  []string `json:"months"`
	// Minutes, Hours, InHours and InDays are keyed by plural category; # is the number.
	Minutes map[string]string `json:"minutes"`
	Hours   map[string]string `json:"hours"`
	InHours map[string]string `json:"inHours"`
	InDays  map[string]string `json:"inDays"`
	// Purposes are keyed by purpose, those of SMS are short.
	Purposes    map[string]string `json:"purposes"`
	SMSPurposes map[string]string `json:"smsPurposes"`
	Warning     string            `json:"warning"`
	SMSWarning  string            `json:"smsWarning"`
	// Meanwhile is keyed by what a hold restricts, Decisions by the answer.
	Meanwhile map[string]string `json:"meanwhile"`
	Decisions map[string]string `json:"decisions"`
	// NotYou, NotMe, CancelIt, IfYou and Help end a mail: what to do about a notice that
	// one did not cause, where to say so of a code or of a change on hold, what to do
	// about one's own change, and where help is.
	NotYou   string            `json:"notYou"`
	NotMe    string            `json:"notMe"`
	CancelIt string            `json:"cancelIt"`
	IfYou    string            `json:"ifYou"`
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
	among     = tongue.Among(tagsOf(catalogue))
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
		if err := w.add(contact.Email, name, said.Subject, said.Email+"\n\n"+w.sheet.last(name)); err != nil {
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

// last is how a mail ends: the other notices tell what to do if it was not you.
func (s *sheet) last(name string) string {
	switch name {
	case string(message.Code):
		return s.NotMe + "\n" + s.Help
	case change.NoticeContested: // who has asked for it cancels the other one
		return s.CancelIt + "\n\n" + s.Help
	case change.NoticeHeld, change.NoticeReminder:
		return s.CancelIt + "\n\n" + s.IfYou + "\n" + s.Help
	case change.NoticeApplied:
		return s.IfYou + "\n\n" + s.NotYou + "\n" + s.Help
	case message.NoticeRecoveryReceived, message.NoticeRecoveryDecided:
		return s.Help // whoever asked may not be the owner
	default:
		return s.NotYou + "\n" + s.Help
	}
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
