package message

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
)

func TestTemplatesFillInWhatTheyName(t *testing.T) {
	v := Values{FieldCode: "{{.Product}}", FieldProduct: "{{.Code}} {{call}} %s", FieldHelpURL: ""}
	for text, want := range map[string]string{
		"{{.Code}}":                                    "{{.Product}}", // a value is never parsed
		"a {{.Product}}b}}":                            "a {{.Code}} {{call}} %sb}}",
		" a \r\n b\n\n\n\nc\n":                         "a\n b\n\nc",
		"a\n\nHelp: {{.HelpURL}}\n\nb":                 "a\n\nb",
		"a\nHelp: {{.HelpURL}}\nb":                     "a\nb",
		"Your code is {{.Code}}, see {{.HelpURL}} now": "Your code is {{.Product}}, see  now",
	} {
		parsed, err := ParseTemplate(text, FieldCode, FieldProduct, FieldHelpURL)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := parsed.Fill(v); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestTemplatesKnowNothingButFields(t *testing.T) {
	for _, text := range []string{
		"{{", "{{.Code", "{{Code}}", "{{ .Code }}", "{{.code}}", "{{.Code | html}}", "{{printf .Code}}", "{{{.Code}}}",
		"{{.Challenge.Nonce}}", "{{if .Code}}x{{end}}", "{{.}}", "{{}}", "{{.Host}}", "{{.Code\n}}",
	} {
		if _, err := ParseTemplate(text, FieldCode); err == nil || !strings.Contains(err.Error(), "write {{.Code}}") {
			t.Errorf("%q: got %v, want what may be written", text, err)
		}
	}
}

// Seed 8, law 8: what omits the code or shows it elsewhere, or keeps from the reader how to
// cancel, is refused with the reason.
func TestTextsThatPeopleMustNotGetAreRefused(t *testing.T) {
	mail, text := Slot{"de", contact.Email, string(Code)}, Slot{"de", contact.SMS, string(Code)}
	notice, onHold := Slot{"de", contact.Email, NoticeReleased}, Slot{"de", contact.Email, change.NoticeHeld}
	for name, c := range map[string]struct {
		slot          Slot
		subject, body string
		want          string
	}{
		"no code":                     {mail, "", "Your code.", "body: it omits the code"},
		"code in subject":             {mail, "Code {{.Code}}", "{{.Code}}", "subject: a code never stands in it"},
		"another way":                 {mail, "Code {{ .Code }}", "{{.Code}}", "subject: {{ .Code }} is no placeholder here"},
		"warning in subject":          {mail, "{{.Warning}}", "{{.Code}}", "subject: {{.Warning}} is no placeholder here"},
		"subject of two lines":        {mail, "a\nBcc: x", "{{.Code}}", "subject: it is one line"},
		"subject of an SMS":           {text, "a", "{{.Code}}", "subject: only Email has one"},
		"unknown placeholder":         {text, "", "{{.Code}} {{.Account}}", "body: {{.Account}} is no placeholder here"},
		"code in a notice":            {notice, "", "{{.Code}}", "body: {{.Code}} is no placeholder here"},
		"hold without its end":        {onHold, "", "{{.NotMeURL}}", "body: it omits when the hold ends: write {{.Until}}"},
		"hold without the link":       {onHold, "", "{{.Until}}", "body: it omits the link that cancels: write {{.NotMeURL}}"},
		"hold by SMS without a link":  {Slot{"de", contact.SMS, change.NoticeReminder}, "", "{{.Until}}", "body: it omits the link that cancels"},
		"contest without the link":    {Slot{"de", contact.Email, change.NoticeContested}, "", "{{.Added}}", "body: it omits the link that cancels"},
		"call without the hold's end": {Slot{"de", contact.Voice, change.NoticeHeld}, "", "{{.Product}}", "body: it omits when the hold ends"},
		"mask in a subject":           {onHold, "{{.Added}}", "{{.Until}} {{.NotMeURL}}", "subject: {{.Added}} is no placeholder here"},
		"another notice's field":      {notice, "", "{{.Until}}", "body: {{.Until}} is no placeholder here"},
		"no such message":             {Slot{"de", contact.App, string(Code)}, "", "{{.Code}}", "channel: no message goes to App"},
	} {
		if _, err := ParseText(c.slot, c.subject, c.body); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	for sender, ok := range map[string]bool{"": true, "Shop {x}": true, "a{{.Code}}@shop.example": false, "{{.Product}}": false} {
		if err := CheckSender(sender); (err == nil) != ok {
			t.Errorf("sender %q: got %v", sender, err)
		}
	}
}

func TestTextsOfHoldsMaySayAllThatIsKnown(t *testing.T) {
	for _, c := range []struct {
		slot          Slot
		subject, body string
	}{
		{Slot{"de", contact.Email, change.NoticeHeld}, "{{.Product}} {{.Left}} {{.Until}}", "{{.Until}} {{.Left}} {{.Added}} {{.Removed}} {{.Meanwhile}} {{.NotMeURL}} {{.HelpURL}} {{.When}}"},
		{Slot{"de", contact.Voice, change.NoticeReminder}, "", "{{.Until}}"},
		{Slot{"de", contact.SMS, change.NoticeHoldEnded}, "", "{{.Added}}"},
		{Slot{"de", contact.SMS, change.NoticeContested}, "", "{{.Added}} {{.NotMeURL}}"},
		{Slot{"de", contact.Email, change.NoticeCancelled}, "", "{{.Contact}} {{.Until}}"},
		{Slot{"de", contact.Email, NoticeRecoveryDecided}, "", "{{.Decision}}"},
	} {
		if _, err := ParseText(c.slot, c.subject, c.body); err != nil {
			t.Errorf("%v: %v", c.slot, err)
		}
	}
}

func TestTextsOfCodesAreCompleted(t *testing.T) {
	v := Values{FieldCode: "C", FieldWarning: "W", FieldProduct: "P"}
	for _, c := range []struct {
		channel    contact.Channel
		body, want string
	}{
		{contact.Email, "{{.Code}}", "C\n\nW"},
		{contact.Email, "{{.Warning}} {{.Code}}", "W C"},
		{contact.SMS, "{{.Code}}", "C\nW"},
		{contact.Voice, "a\nIt is {{.Code}}.", "a\nIt is C. C.\nW"},
		{contact.Voice, "{{.Code}}, again {{.Code}}. {{.Warning}}", "C, again C. W"},
	} {
		text, err := ParseText(Slot{"de", c.channel, string(Code)}, "", c.body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, text.Body.Fill(v)); diff != "" {
			t.Errorf("%s %q: %s", c.channel, c.body, diff)
		}
	}
}

func TestSegments(t *testing.T) {
	long := strings.Repeat
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 1}, {long("a", 160), 1}, {long("a", 161), 2}, {long("a", 306), 2}, {long("a", 307), 3},
		// The extension table takes two septets, and a pair is not torn.
		{long("€", 80), 1}, {long("€", 81), 2}, {long("a", 152) + "€" + long("a", 151), 2}, {long("a", 152) + "€" + long("a", 152), 3},
		{"@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ¤¡ÄÖÑÜ§¿äöñüà" + long("~", 56), 1},
		// One letter outside makes all of it UCS-2.
		{long("a", 69) + "á", 1}, {long("a", 70) + "á", 2}, {long("ç", 71), 2}, {long("я", 134), 2}, {long("я", 135), 3},
		{long("😀", 35), 1}, {long("😀", 36), 2}, {long("я", 66) + "😀" + long("я", 66), 3},
	} {
		if got := Segments(c.text); got != c.want {
			t.Errorf("%d runes of %.8q: got %d segments, want %d", len([]rune(c.text)), c.text, got, c.want)
		}
	}
	if InGSM7('ç') || !InGSM7('Ç') || !InGSM7('[') {
		t.Error("GSM-7 has Ç and [, not ç")
	}
}
