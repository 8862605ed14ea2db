package deliver

import (
	"encoding/xml"

	"golang.org/x/text/language"
)

// twiml is what Twilio does in a call: it says a text and hangs up.
type twiml struct {
	XMLName xml.Name `xml:"Response"`
	Say     spoken
}

type spoken struct {
	Voice    string `xml:"voice,attr,omitempty"`
	Language string `xml:"language,attr,omitempty"`
	Text     string `xml:",chardata"`
}

// voices speak the languages of our messages. Twilio's own default voice knows few, and
// a language that a voice does not know ends the call in silence.
var voices = map[string]spoken{
	"ar":      {Voice: "Polly.Zeina", Language: "arb"},
	"de":      {Voice: "Polly.Vicki", Language: "de-DE"},
	"en":      {Voice: "Polly.Joanna", Language: "en-US"},
	"es":      {Voice: "Polly.Lucia", Language: "es-ES"},
	"fr":      {Voice: "Polly.Lea", Language: "fr-FR"},
	"he":      {Voice: "Google.he-IL-Standard-A", Language: "he-IL"},
	"hi":      {Voice: "Polly.Aditi", Language: "hi-IN"},
	"id":      {Voice: "Google.id-ID-Standard-A", Language: "id-ID"},
	"it":      {Voice: "Polly.Carla", Language: "it-IT"},
	"ja":      {Voice: "Polly.Mizuki", Language: "ja-JP"},
	"ko":      {Voice: "Polly.Seoyeon", Language: "ko-KR"},
	"nl":      {Voice: "Polly.Lotte", Language: "nl-NL"},
	"pl":      {Voice: "Polly.Ewa", Language: "pl-PL"},
	"pt":      {Voice: "Polly.Camila", Language: "pt-BR"},
	"ru":      {Voice: "Polly.Tatyana", Language: "ru-RU"},
	"th":      {Voice: "Google.th-TH-Standard-A", Language: "th-TH"},
	"tr":      {Voice: "Polly.Filiz", Language: "tr-TR"},
	"uk":      {Voice: "Google.uk-UA-Standard-A", Language: "uk-UA"},
	"vi":      {Voice: "Google.vi-VN-Standard-A", Language: "vi-VN"},
	"zh-Hans": {Voice: "Polly.Zhiyu", Language: "cmn-CN"},
	"zh-Hant": {Voice: "Google.cmn-TW-Standard-A", Language: "cmn-TW"},
}

// say writes the TwiML of a text; without a voice for its language Twilio's own reads it.
func say(text, lang string) string {
	tag := language.Make(lang)
	base, _ := tag.Base()
	name := base.String()
	if name == "zh" {
		script, _ := tag.Script()
		name += "-" + script.String()
	}
	t := twiml{Say: voices[name]}
	t.Say.Text = text
	b, _ := xml.Marshal(t) // cannot fail: there are only strings
	return string(b)
}
