package courier

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"holdfast.dev/holdfast/internal/rules/message"
)

// sms writes the text that costs the fewest segments; of those that cost the same, the
// fullest, with its accents.
func sms(texts []message.Text, v message.Values, host string) string {
	best, least := "", 0
	for _, text := range texts {
		said := text.Body.Fill(v)
		for _, candidate := range []string{said, plain(said)} {
			candidate = bound(candidate, host, v[message.FieldCode])
			if n := message.Segments(candidate); best == "" || n < least {
				best, least = candidate, n
			}
		}
	}
	return best
}

// bound ends the text with the line by which browsers fill in a code on the page of the
// host alone (standards M1).
func bound(text, host, code string) string {
	last := "@" + host + " #" + code
	if host == "" || code == "" || strings.HasSuffix(text, "\n"+last) {
		return text
	}
	return text + "\n" + last
}

// typewriter are letters and signs that GSM-7 lacks and that no decomposition makes plain.
var typewriter = map[rune]string{
	'ł': "l", 'Ł': "L", 'đ': "d", 'Đ': "D", 'ı': "i", 'œ': "oe", 'Œ': "OE",
	'•': "*", '–': "-", '—': "-", '’': "'", '‘': "'", '“': "\"", '”': "\"", '„': "\"", '«': "\"", '»': "\"", '…': "...", '\u00a0': " ", '\u202f': " ",
}

// plain writes a text in GSM-7 by leaving out the accents that it lacks, as text messages
// in Latin scripts usually are written; a text of another script stays as it is. Vietnamese
// loses all of them, for some alone mislead.
func plain(text string) string {
	var b strings.Builder
	text = norm.NFC.String(text)
	bare := strings.ContainsFunc(text, vietnamese)
	for _, r := range text {
		if message.InGSM7(r) && (!bare || !unicode.IsLetter(r)) {
			b.WriteRune(r)
			continue
		}
		simple := typewriter[r]
		if simple == "" {
			simple = strings.Map(unmarked, norm.NFD.String(string(r)))
		}
		if simple == "" || strings.ContainsFunc(simple, func(r rune) bool { return !message.InGSM7(r) }) {
			return text
		}
		b.WriteString(simple)
	}
	return b.String()
}

func unmarked(r rune) rune {
	if unicode.Is(unicode.Mn, r) {
		return -1
	}
	return r
}

// vietnamese are the letters with two marks or a dot below, of that language alone.
func vietnamese(r rune) bool { return 0x1EA0 <= r && r <= 0x1EF9 }
