package message

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// Slot is the place of a text: who says what in which language.
type Slot struct {
	// Language is a BCP 47 tag.
	Language string
	Channel  contact.Channel
	// Name is Code, or the notice's name.
	Name string
}

// Text is what stands in a slot.
type Text struct {
	// Subject is empty but for mail.
	Subject, Body Template
}

// ParseText reads the text of a slot and refuses one that a person must not get: a code
// stands in the body, at least once, and nowhere else (seed 8). Its error names subject
// or body and says what to do.
func ParseText(s Slot, subject, body string) (Text, error) {
	var t Text
	var err error
	if s.Channel != contact.Email && s.Channel != contact.SMS && s.Channel != contact.Voice {
		return t, fmt.Errorf("channel: no message goes to %s", s.Channel)
	}
	if t.Subject, err = parseSubject(s, subject); err != nil {
		return Text{}, fmt.Errorf("subject: %w", err)
	}
	if t.Body, err = ParseTemplate(body, bodyFields(s.Name)...); err != nil {
		return Text{}, fmt.Errorf("body: %w", err)
	}
	if s.Name != string(Code) {
		return t, nil
	}
	if t.Body.Count(FieldCode) == 0 {
		return Text{}, errors.New("body: it omits the code: write {{.Code}} where it belongs (seed 8)")
	}
	t.Body = t.Body.complete(s.Channel)
	return t, nil
}

// complete adds what the text of a code does not say of itself: the warning not to share
// it, and in a call the code once more.
func (t Template) complete(channel contact.Channel) Template {
	if channel == contact.Voice && t.Count(FieldCode) == 1 {
		code := Part{Field: FieldCode}
		for i, line := range t {
			if at := slices.Index(line, code); at >= 0 {
				t[i] = slices.Insert(line, at+1, Part{Text: ". "}, code)
			}
		}
	}
	if t.Count(FieldWarning) > 0 {
		return t
	}
	if channel == contact.Email {
		t = append(t, nil) // a paragraph of its own
	}
	return append(t, Line{{Field: FieldWarning}})
}

func parseSubject(s Slot, subject string) (Template, error) {
	switch {
	case subject == "":
		return nil, nil
	case s.Channel != contact.Email:
		return nil, errors.New("only Email has one")
	case strings.ContainsAny(subject, "\r\n"):
		return nil, errors.New("it is one line")
	case strings.Contains(subject, "{{."+string(FieldCode)+"}}"):
		return nil, errors.New("a code never stands in it, for it shows on locked screens (seed 8)")
	}
	return ParseTemplate(subject, subjectFields(s.Name)...)
}

func bodyFields(name string) []Field {
	if name == string(Code) {
		return []Field{FieldCode, FieldProduct, FieldPurpose, FieldLife, FieldMinutes, FieldWarning, FieldHelpURL, FieldNotMeURL}
	}
	return []Field{FieldProduct, FieldWhen, FieldHelpURL, FieldNotMeURL}
}

func subjectFields(name string) []Field {
	if name == string(Code) {
		return []Field{FieldProduct, FieldPurpose, FieldLife, FieldMinutes}
	}
	return []Field{FieldProduct, FieldWhen}
}

// CheckSender refuses a sender's address or name with a placeholder: nothing is filled
// in there, so that a code cannot stand in it (seed 8).
func CheckSender(s string) error {
	if strings.Contains(s, "{{") {
		return errors.New("nothing is filled in here, and a code never stands in the sender (seed 8)")
	}
	return nil
}
