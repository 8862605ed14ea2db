package message

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast.dev/holdfast/internal/rules/change"
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
		if err := missing(s, t.Body); err != nil {
			return Text{}, err
		}
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

// Cancels reports whether a notice carries the link that cancels the change of which it
// tells.
func Cancels(notice string) bool {
	return notice == change.NoticeHeld || notice == change.NoticeReminder || notice == change.NoticeContested
}

// missing refuses the text of a hold that does not say until when it lasts, or, where it
// can be read, how to cancel it (law 8). Of two that stop each other nobody knows the end.
func missing(s Slot, body Template) error {
	if !Cancels(s.Name) {
		return nil
	}
	if s.Name != change.NoticeContested && body.Count(FieldUntil) == 0 {
		return errors.New("body: it omits when the hold ends: write {{.Until}} where it belongs (law 8)")
	}
	if s.Channel != contact.Voice && body.Count(FieldNotMeURL) == 0 {
		return errors.New("body: it omits the link that cancels: write {{.NotMeURL}} where it belongs (law 8)")
	}
	return nil
}

// told are the fields of a notice besides those of every notice.
var told = map[string][]Field{
	change.NoticeHeld:      {FieldUntil, FieldLeft, FieldAdded, FieldRemoved, FieldMeanwhile},
	change.NoticeReminder:  {FieldUntil, FieldLeft, FieldAdded, FieldRemoved, FieldMeanwhile},
	change.NoticeContested: {FieldUntil, FieldAdded, FieldRemoved, FieldMeanwhile},
	change.NoticeApplied:   {FieldAdded, FieldRemoved},
	change.NoticeHoldEnded: {FieldUntil, FieldAdded, FieldRemoved, FieldMeanwhile},
	change.NoticeCancelled: {FieldUntil, FieldAdded, FieldRemoved, FieldMeanwhile, FieldContact},
	NoticeContactDisabled:  {FieldContact},
	NoticeContactDisowned:  {FieldContact},
	NoticeRecoveryReceived: {FieldUntil, FieldLeft},
	NoticeRecoveryDecided:  {FieldDecision},
}

func bodyFields(name string) []Field {
	if name == string(Code) {
		return []Field{FieldCode, FieldProduct, FieldPurpose, FieldLife, FieldMinutes, FieldWarning, FieldHelpURL, FieldNotMeURL}
	}
	return append([]Field{FieldProduct, FieldWhen, FieldHelpURL, FieldNotMeURL}, told[name]...)
}

// subjectFields leave out masks, for subjects show on locked screens.
func subjectFields(name string) []Field {
	if name == string(Code) {
		return []Field{FieldProduct, FieldPurpose, FieldLife, FieldMinutes}
	}
	fields := []Field{FieldProduct, FieldWhen}
	for _, f := range told[name] {
		if f == FieldUntil || f == FieldLeft {
			fields = append(fields, f)
		}
	}
	return fields
}

// CheckSender refuses a sender's address or name with a placeholder: nothing is filled
// in there, so that a code cannot stand in it (seed 8).
func CheckSender(s string) error {
	if strings.Contains(s, "{{") {
		return errors.New("nothing is filled in here, and a code never stands in the sender (seed 8)")
	}
	return nil
}
