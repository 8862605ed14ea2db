package courier

import (
	"embed"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"holdfast.dev/holdfast/internal/courier/words"
	"holdfast.dev/holdfast/internal/rules/message"
)

//go:embed templates/mail.tmpl
var files embed.FS

// frame is the HTML of every mail; it escapes whatever is filled in.
var frame = template.Must(template.ParseFS(files, "templates/mail.tmpl"))

// page is what the frame shows.
type page struct {
	Language, Direction, Product string
	Paragraphs                   []paragraph
}

// paragraph of a mail. Code marks the one that is the code alone, Small the last one.
type paragraph struct {
	Code, Small bool
	Lines       [][]piece
}

// piece is a part of a line as it shows: text, or one of the others.
type piece struct {
	Text, Strong, Link string
	// Name is in a script and direction of its own.
	Name string
}

// mail writes subject, text and HTML from the same text.
func mail(r *message.Rendered, t message.Text, v message.Values) error {
	p := page{Language: r.Language, Direction: words.Direction(r.Language), Product: v[message.FieldProduct]}
	paragraphs := t.Body.Paragraphs(v)
	for i, lines := range paragraphs {
		next := paragraph{Small: i > 0 && i == len(paragraphs)-1, Lines: pieces(lines, v)}
		if len(lines) == 1 && slices.Equal(lines[0], message.Line{{Field: message.FieldCode}}) {
			next = paragraph{Code: true, Lines: [][]piece{{{Text: v[message.FieldCode]}}}}
		}
		p.Paragraphs = append(p.Paragraphs, next)
	}
	var b strings.Builder
	if err := frame.Execute(&b, p); err != nil {
		return fmt.Errorf("write the HTML of a mail in %s: %w", r.Language, err)
	}
	r.HTML = b.String()
	r.Subject = t.Subject.Fill(v)
	if p.Direction == "rtl" {
		for _, name := range []message.Field{message.FieldProduct, message.FieldAdded, message.FieldRemoved, message.FieldContact} {
			v[name] = isolate(v[name])
		}
	}
	r.Text = t.Body.Fill(v) + "\n"
	return nil
}

func pieces(lines []message.Line, v message.Values) [][]piece {
	out := make([][]piece, len(lines))
	for i, line := range lines {
		for _, part := range line {
			out[i] = append(out[i], shown(part, v))
		}
	}
	return out
}

func shown(p message.Part, v message.Values) piece {
	switch p.Field {
	case "":
		return piece{Text: p.Text}
	case message.FieldHelpURL, message.FieldNotMeURL:
		return piece{Link: v[p.Field]}
	case message.FieldProduct, message.FieldWhen, message.FieldAdded, message.FieldRemoved, message.FieldContact:
		return piece{Name: v[p.Field]}
	case message.FieldCode, message.FieldLife, message.FieldWarning, message.FieldUntil:
		return piece{Strong: v[p.Field]}
	default:
		return piece{Text: v[p.Field]}
	}
}

// isolate keeps the letters of a name from turning those around it: FSI and PDI of the
// Unicode bidirectional algorithm.
func isolate(name string) string {
	if name == "" {
		return "" // its line is left out
	}
	return "\u2068" + name + "\u2069"
}
