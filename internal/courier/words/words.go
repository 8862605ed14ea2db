// Package words holds what messages say: a sheet for every language, with the texts of
// all messages for all channels, and the words of times and purposes.
package words

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/tongue"
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

// When says an instant, in UTC; nothing of the zero one.
func (w *Words) When(t time.Time) string { return w.date(t, w.sheet.Date) }

// Until says when something ends, to the minute, or in an SMS to the day.
func (w *Words) Until(channel contact.Channel, t time.Time) string {
	if channel == contact.SMS {
		return w.date(t, w.sheet.SMSDate)
	}
	return w.date(t, w.sheet.Date)
}

// date names the month as dates of the language do: package time knows English alone.
func (w *Words) date(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	said := t.UTC().Format(layout)
	if len(w.sheet.Months) == 0 || !strings.Contains(layout, time.January.String()) {
		return said
	}
	return strings.Replace(said, t.UTC().Month().String(), w.sheet.Months[t.UTC().Month()-1], 1)
}

// Left says in how many days, to the nearest, an instant comes; below two days, in how
// many hours.
func (w *Words) Left(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return w.count(w.sheet.InHours, max(int((d+30*time.Minute)/time.Hour), 1))
	}
	return w.count(w.sheet.InDays, int((d+day/2)/day))
}

// Meanwhile says what works during a hold and what does not; nothing where all does.
func (w *Words) Meanwhile(what change.Restriction) string { return w.sheet.Meanwhile[string(what)] }

// Decision says the answer to a request for recovery.
func (w *Words) Decision(d message.Decision) string { return w.sheet.Decisions[string(d)] }

// count puts a number in the form that it takes in the language.
func (w *Words) count(forms map[string]string, n int) string {
	return strings.ReplaceAll(forms[tongue.Plural(w.tag, n)], "#", strconv.Itoa(n))
}
