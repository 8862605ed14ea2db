// Package words holds what messages say: a sheet for every language, with the texts of
// all messages for all channels, and the words of times and purposes.
package words

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// Words are the words of one language.
type Words struct {
	tag   language.Tag
	sheet sheet
	texts map[place][]message.Text
}

// place is where texts stand on a sheet.
type place struct {
	channel contact.Channel
	name    string
}

// Texts are the texts of a message, named as in message.Slot: the fullest first; the
// others say the same shorter, so that an SMS costs less. There is none for a channel or
// name that messages do not have.
func (w *Words) Texts(channel contact.Channel, name string) []message.Text {
	return w.texts[place{channel, name}]
}

// Purpose says what a code is for, as a part of a sentence of the same sheet.
func (w *Words) Purpose(c code.Challenge) string {
	key := string(c.Purpose)
	if c.Purpose == code.AddContact {
		key = "AddNumber"
		if c.Channel == contact.Email {
			key = "AddAddress"
		}
	}
	said := w.sheet.Purposes
	if c.Channel == contact.SMS {
		said = w.sheet.SMSPurposes
	}
	if words, known := said[key]; known {
		return words
	}
	return said[string(code.StepUp)]
}

// Warning says not to share the code.
func (w *Words) Warning(channel contact.Channel) string {
	if channel == contact.SMS {
		return w.sheet.SMSWarning
	}
	return w.sheet.Warning
}

// Life says how long a code still lives.
func (w *Words) Life(d time.Duration) string {
	if d = nearest(d); d >= 2*time.Hour {
		return w.count(w.sheet.Hours, int(d/time.Hour))
	}
	return w.count(w.sheet.Minutes, Minutes(d))
}

// Minutes is a life in whole minutes, at least one.
func Minutes(d time.Duration) int { return max(int(nearest(d)/time.Minute), 1) }

// nearest is to the nearest minute: the moment that sending took must not make nine
// minutes of ten.
func nearest(d time.Duration) time.Duration { return (d + 30*time.Second).Truncate(time.Minute) }

// When says an instant, in UTC.
func (w *Words) When(t time.Time) string { return t.UTC().Format(w.sheet.Date) }

// count puts a number in the form that it takes in the language.
func (w *Words) count(forms map[string]string, n int) string {
	return strings.ReplaceAll(forms[form(w.tag, n)], "#", strconv.Itoa(n))
}

// form is the CLDR plural category of a whole number.
func form(tag language.Tag, n int) string {
	return forms[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]
}

var forms = map[plural.Form]string{
	plural.Other: "other", plural.Zero: "zero", plural.One: "one",
	plural.Two: "two", plural.Few: "few", plural.Many: "many",
}
