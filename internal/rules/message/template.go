package message

import (
	"fmt"
	"slices"
	"strings"
)

// Field names a value that a text may show as {{.Name}}.
type Field string

// The fields of texts.
const (
	// FieldCode is the code, as its channel says it.
	FieldCode    Field = "Code"
	FieldProduct Field = "Product"
	// FieldPurpose is what the code is for, as a part of a sentence.
	FieldPurpose Field = "Purpose"
	// FieldLife is how long the code lives in words, FieldMinutes in minutes.
	FieldLife    Field = "Life"
	FieldMinutes Field = "Minutes"
	// FieldWarning says not to share the code.
	FieldWarning Field = "Warning"
	// FieldWhen is when a notice's cause happened.
	FieldWhen Field = "When"
	// FieldUntil is when a hold ends, as a date; FieldLeft says in how many days or hours.
	FieldUntil Field = "Until"
	FieldLeft  Field = "Left"
	// FieldAdded, FieldRemoved and FieldContact are masks of contacts.
	FieldAdded   Field = "Added"
	FieldRemoved Field = "Removed"
	FieldContact Field = "Contact"
	// FieldMeanwhile says what works during a hold and what does not (seed 33, 53).
	FieldMeanwhile Field = "Meanwhile"
	// FieldDecision is the answer to a request for recovery.
	FieldDecision Field = "Decision"
	FieldHelpURL  Field = "HelpURL"
	// FieldNotMeURL is the link "this wasn't me": of a code, or of a change on hold.
	FieldNotMeURL Field = "NotMeURL"
)

// Part is either literal text or a field.
type Part struct {
	Text  string
	Field Field
}

// Line is a line of a template; an empty one parts paragraphs.
type Line []Part

// Template is a text with fields. It knows nothing but fields: no calls, no
// conditions; and what is filled in is never parsed.
type Template []Line

// ParseTemplate reads a text in which {{.Name}} stands for one of the fields.
func ParseTemplate(text string, fields ...Field) (Template, error) {
	var t Template
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		parts, err := parseLine(strings.TrimRight(line, " \t\r"), fields)
		if err != nil {
			return nil, err
		}
		t = append(t, parts)
	}
	return t, nil
}

func parseLine(text string, fields []Field) (Line, error) {
	var line Line
	for text != "" {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			line = append(line, Part{Text: before})
		}
		if !found {
			break
		}
		inner, after, closed := strings.Cut(rest, "}}")
		name, dotted := strings.CutPrefix(inner, ".")
		if !closed || !dotted || !slices.Contains(fields, Field(name)) {
			return nil, fmt.Errorf("{{%.32s is no placeholder here: write %s", rest, placeholders(fields))
		}
		line, text = append(line, Part{Field: Field(name)}), after
	}
	return line, nil
}

func placeholders(fields []Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = "{{." + string(f) + "}}"
	}
	return strings.Join(names, ", ")
}

// Count is how often the template names the field.
func (t Template) Count(f Field) (n int) {
	for _, line := range t {
		for _, part := range line {
			if part.Field == f {
				n++
			}
		}
	}
	return n
}

// Values are what is filled in.
type Values map[Field]string

// Paragraphs are the template's paragraphs, each of its lines. A line that names what
// has no value is left out, such as the one with the help page where there is none; the
// line with the code never is.
func (t Template) Paragraphs(v Values) [][]Line {
	var all [][]Line
	var open []Line
	for _, line := range append(slices.Clip(t), nil) {
		switch {
		case len(line) > 0 && !v.lacks(line):
			open = append(open, line)
		case len(line) == 0 && len(open) > 0:
			all, open = append(all, open), nil
		}
	}
	return all
}

func (v Values) lacks(line Line) bool {
	empty := slices.ContainsFunc(line, func(p Part) bool { return p.Field != "" && v[p.Field] == "" })
	return empty && !slices.Contains(line, Part{Field: FieldCode})
}

// Fill writes the text, with an empty line between paragraphs.
func (t Template) Fill(v Values) string {
	var b strings.Builder
	for i, paragraph := range t.Paragraphs(v) {
		if i > 0 {
			b.WriteString("\n\n")
		}
		for j, line := range paragraph {
			if j > 0 {
				b.WriteByte('\n')
			}
			for _, part := range line {
				b.WriteString(v.show(part))
			}
		}
	}
	return b.String()
}

func (v Values) show(p Part) string {
	if p.Field != "" {
		return v[p.Field]
	}
	return p.Text
}
