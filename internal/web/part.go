package web

import (
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/web/words"
)

// part is a piece of a sentence. The template "say" gives each kind its markup: what stands
// in a part is text, and is escaped like any other.
type part struct {
	Kind partKind
	Text string
	// To is where a link leads, an address or a number.
	To string
	// At is an instant, Wait counts down.
	At   time.Time
	Wait time.Duration
}

// partKind is how a part is marked up.
type partKind string

// The kinds of parts; the empty one is plain text.
const (
	linkPart    partKind = "link"
	mailPart    partKind = "mail"
	phonePart   partKind = "phone"
	keyPart     partKind = "key"
	instantPart partKind = "instant"
	clockPart   partKind = "clock"
	datePart    partKind = "date"
	waitPart    partKind = "wait"
)

// instant is a date and time, which the browser adds the reader's own time to; date one that
// it shows in the reader's own; clock a time of day.
func instant(t time.Time) part { return part{Kind: instantPart, At: t} }
func date(t time.Time) part    { return part{Kind: datePart, At: t} }
func clock(t time.Time) part   { return part{Kind: clockPart, At: t} }

// key is a key of the keyboard.
func key(name string) part { return part{Kind: keyPart, Text: name} }

// countdown is nothing without a wait, and where there is no script.
func countdown(wait time.Duration) part { return part{Kind: waitPart, Wait: wait} }

// link leads elsewhere.
func link(to, text string) part { return part{Kind: linkPart, To: to, Text: text} }

// say is a message whose placeholders hold parts, texts or whole numbers, given by name and
// value in turn. The sheet decides on their order.
func (v *voice) say(name string, pairs ...any) []part {
	n, _ := words.Value(pairs, "n").(int)
	var said []part
	for _, piece := range v.Pieces(name, n) {
		switch value := words.Value(pairs, piece.Name).(type) {
		case part:
			said = append(said, v.dated(value))
		case nil:
			text := piece.Words
			if piece.Name != "" {
				text = v.Fill(piece.Name, nil)
			}
			said = append(said, part{Text: text})
		default:
			said = append(said, part{Text: v.Fill(piece.Name, value)})
		}
	}
	return said
}

// parts is a sentence of nothing but parts.
func (v *voice) parts(all ...part) []part {
	for i, p := range all {
		all[i] = v.dated(p)
	}
	return all
}

// dated writes an instant as the language does.
func (v *voice) dated(p part) part {
	switch p.Kind {
	case instantPart, datePart:
		p.Text = v.Moment(p.At)
	case clockPart:
		p.Text = v.Clock(p.At)
	}
	return p
}

// ask says where help is.
func (v *voice) ask(p page) []part {
	asking := part{Text: v.Say("ask.people", "brand", p.Brand)}
	if p.Help.URL != "" {
		asking = link(p.Help.URL, v.Say("ask.link", "brand", p.Brand))
	}
	name := "ask.plain"
	switch {
	case p.Help.Email != "" && p.Help.Phone != "":
		name = "ask.both"
	case p.Help.Email != "":
		name = "ask.email"
	case p.Help.Phone != "":
		name = "ask.phone"
	}
	return v.say(name, "ask", asking,
		"email", part{Kind: mailPart, Text: p.Help.Email, To: p.Help.Email},
		"phone", part{Kind: phonePart, Text: p.Help.Phone, To: dial(p.Help.Phone)})
}

// dial is a telephone number as links want it.
func dial(number string) string {
	return strings.Map(func(r rune) rune {
		if r == '+' || ('0' <= r && r <= '9') {
			return r
		}
		return -1
	}, number)
}
