package words

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/tongue"
)

var (
	names = []string{
		string(message.Code), message.NoticeImported, message.NoticeReleased, message.NoticeReleasedEntered,
		change.NoticeHeld, change.NoticeReminder, change.NoticeApplied, change.NoticeHoldEnded, change.NoticeCancelled, change.NoticeContested,
		message.NoticeContactDisabled, message.NoticeContactDisowned, message.NoticeRecoveryReceived, message.NoticeRecoveryDecided,
	}
	purposes = []string{"Unblock", "AddAddress", "AddNumber", "StepUp", "Recheck", "Recovery", "Cancel"}
)

func TestEveryLanguageOfTheListHasWords(t *testing.T) {
	want := strings.Fields("en es fr de it pt-BR nl pl tr ru uk ar he hi id vi th ja ko zh-Hans zh-Hant")
	got := Languages()
	if got[0] != "en" {
		t.Errorf("%s comes first", got[0])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoLanguageMissesAKey(t *testing.T) {
	for _, w := range catalogue {
		s, at := w.sheet, w.tag.String()
		for key, value := range map[string]string{
			"date": s.Date, "smsDate": s.SMSDate, "warning": s.Warning, "smsWarning": s.SMSWarning, "notYou": s.NotYou,
			"notMe": s.NotMe, "cancelIt": s.CancelIt, "ifYou": s.IfYou, "help": s.Help,
		} {
			filled(t, at+" "+key, value)
		}
		keys(t, at+" purposes", s.Purposes, purposes...)
		keys(t, at+" smsPurposes", s.SMSPurposes, slices.DeleteFunc(slices.Clone(purposes), func(p string) bool { return p == "AddAddress" })...)
		keys(t, at+" minutes", s.Minutes, tongue.Plurals(w.tag)...)
		keys(t, at+" hours", s.Hours, tongue.Plurals(w.tag)...)
		keys(t, at+" inHours", s.InHours, tongue.Plurals(w.tag)...)
		keys(t, at+" inDays", s.InDays, tongue.Plurals(w.tag)...)
		keys(t, at+" meanwhile", s.Meanwhile, string(change.SensitiveActions), string(change.SignIn))
		keys(t, at+" decisions", s.Decisions, string(message.Approved), string(message.Denied))
		filled(t, at+" months", s.Months...)
		if len(s.Messages) != len(names) {
			t.Errorf("%s has %d messages, want %d", at, len(s.Messages), len(names))
		}
		for _, name := range names {
			said := s.Messages[name]
			filled(t, at+" "+name+" subject", said.Subject)
			filled(t, at+" "+name+" email", said.Email)
			filled(t, at+" "+name+" sms", said.SMS...)
			filled(t, at+" "+name+" voice", said.Voice)
		}
	}
}

func filled(t *testing.T, key string, values ...string) {
	t.Helper()
	for _, value := range values {
		if strings.TrimSpace(value) == "" {
			t.Errorf("%s is empty", key)
		}
	}
	if len(values) == 0 && !strings.HasSuffix(key, " months") { // some languages number them
		t.Errorf("%s is missing", key)
	}
}

func keys(t *testing.T, at string, got map[string]string, want ...string) {
	t.Helper()
	for _, key := range want {
		filled(t, at+" "+key, got[key])
	}
	for key := range got {
		if !slices.Contains(want, key) {
			t.Errorf("%s has %s, which is never said", at, key)
		}
	}
}

// Every language says the same: the fields of its texts are those of an English one.
func TestNoLanguageMissesAPlaceholder(t *testing.T) {
	fields := []message.Field{
		message.FieldCode, message.FieldProduct, message.FieldPurpose, message.FieldLife, message.FieldWarning,
		message.FieldWhen, message.FieldUntil, message.FieldLeft, message.FieldAdded, message.FieldRemoved,
		message.FieldContact, message.FieldMeanwhile, message.FieldDecision, message.FieldHelpURL, message.FieldNotMeURL,
	}
	type counts map[message.Field][2]int
	count := func(text message.Text) counts {
		c := counts{}
		for _, f := range fields {
			c[f] = [2]int{text.Subject.Count(f), text.Body.Count(f)}
		}
		return c
	}
	for _, w := range catalogue {
		for at, texts := range w.texts {
			english := catalogue[0].texts[at]
			for i, text := range texts {
				like := english[min(i, len(english)-1)]
				if diff := cmp.Diff(count(like), count(text)); diff != "" {
					t.Errorf("%s %s %s: subject and body (-en +%s): %s", w.tag, at.name, at.channel, w.tag, diff)
				}
			}
		}
	}
}

// Dates are those of CLDR: day, name of the month in the form that dates take, year.
func TestDatesAreThoseOfTheLanguage(t *testing.T) {
	at := time.Date(2026, 12, 22, 14, 5, 0, 0, time.UTC)
	for tag, want := range map[string]string{
		"en": "22 December 2026, 14:05 UTC", "de": "22. Dezember 2026, 14:05 UTC", "es": "22 de diciembre de 2026, 14:05 UTC",
		"fr": "22 décembre 2026, 14:05 UTC", "it": "22 dicembre 2026, 14:05 UTC", "nl": "22 december 2026, 14:05 UTC",
		"pt-BR": "22 de dezembro de 2026, 14:05 UTC", "pl": "22 grudnia 2026, 14:05 UTC", "tr": "22 Aralık 2026, 14:05 UTC",
		"ru": "22 декабря 2026 г., 14:05 UTC", "uk": "22 грудня 2026 р., 14:05 UTC", "ar": "22 ديسمبر 2026، 14:05 UTC",
		"he": "22 בדצמבר 2026, 14:05 UTC", "hi": "22 दिसंबर 2026, 14:05 UTC", "id": "22 Desember 2026, 14:05 UTC",
		"vi": "22 tháng 12, 2026, 14:05 UTC", "th": "22 ธันวาคม ค.ศ. 2026 เวลา 14:05 UTC", "ja": "2026年12月22日 14:05 UTC",
		"ko": "2026년 12월 22일 14:05 UTC", "zh-Hans": "2026年12月22日 14:05 UTC", "zh-Hant": "2026年12月22日 14:05 UTC",
	} {
		_, w := Choose(tag)
		zone := time.FixedZone("UTC+9", 9*60*60)
		if got := w.Until(contact.Email, at.In(zone)); got != want {
			t.Errorf("%s: got %q, want %q", tag, got, want)
		}
		if got := w.Until(contact.SMS, at); got == want || !strings.Contains(got, "2026") || !strings.Contains(got, "22") || strings.Contains(got, "14") {
			t.Errorf("%s: in an SMS %q", tag, got)
		}
		if w.When(time.Time{}) != "" || w.Until(contact.SMS, time.Time{}) != "" {
			t.Errorf("%s: it dates what never is", tag)
		}
	}
	for _, w := range catalogue {
		named := strings.Contains(w.sheet.Date, "January")
		if want := map[bool]int{true: 12}[named]; len(w.sheet.Months) != want {
			t.Errorf("%s: %d names of months, want %d", w.tag, len(w.sheet.Months), want)
		}
		seen := map[string]bool{}
		for m := range 12 {
			seen[w.When(at.AddDate(0, m, 0))] = true
		}
		if len(seen) != 12 {
			t.Errorf("%s: two months are dated alike: %v", w.tag, seen)
		}
	}
}

func TestWhatIsLeftIsSaidInDaysThenInHours(t *testing.T) {
	day := 24 * time.Hour
	for d, want := range map[time.Duration]string{
		30 * day: "in 30 days", 30*day - time.Minute: "in 30 days", 3*day + 13*time.Hour: "in 4 days", 2 * day: "in 2 days",
		2*day - time.Second: "in 48 hours", day: "in 24 hours", 89 * time.Minute: "in 1 hour", time.Second: "in 1 hour", -day: "in 1 hour",
	} {
		if got := catalogue[0].Left(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
	for tag, want := range map[string]string{
		"de": "in 3 Tagen, in 24 Stunden", "pl": "za 3 dni, za 24 godziny", "ru": "через 3 дня, через 24 часа",
		"uk": "через 3 дні, через 24 години", "ar": "بعد 3 أيام, بعد 24 ساعة", "he": "בעוד 3 ימים, בעוד 24 שעות", "ja": "3日後, 24時間後",
	} {
		_, w := Choose(tag)
		if got := w.Left(3*day) + ", " + w.Left(day); got != want {
			t.Errorf("%s: got %q, want %q", tag, got, want)
		}
	}
}

// Seed 40: the frozen language, with another region or none of it, then the policy's,
// then English.
func TestChoose(t *testing.T) {
	for _, c := range []struct {
		own, fallback, want, tags string
	}{
		{"de", "fr", "de", "de"},
		{"de-AT", "fr", "de", "de-AT de"},
		{"pt", "", "pt-BR", "pt pt-BR"},
		{"pt-PT", "", "pt-BR", "pt-PT pt pt-BR"},
		{"zh-TW", "", "zh-Hant", "zh-TW zh-Hant"},
		{"zh-HK", "", "zh-Hant", "zh-HK zh-Hant"},
		{"zh", "", "zh-Hans", "zh zh-Hans"},
		{"PT-br", "", "pt-BR", "pt pt-BR"},
		{"iw", "", "he", "he"},
		{"be", "", "en", "be en"},   // not Russian
		{"ms", "fr", "fr", "ms fr"}, // not Indonesian
		{"sv-FI", "de-CH", "de", "sv-FI sv de-CH de"},
		{"", "pl", "pl", "pl"},
		{"", "", "en", "en"},
		{"no language", "x", "en", "en"},
	} {
		tags, w := Choose(c.own, c.fallback)
		if w.tag.String() != c.want || strings.Join(tags, " ") != c.tags {
			t.Errorf("%q, else %q: words in %s, overrides of %s; want %s and %s", c.own, c.fallback, w.tag, tags, c.want, c.tags)
		}
	}
}

func TestDirection(t *testing.T) {
	for tag, want := range map[string]string{"ar": "rtl", "he": "rtl", "fa-IR": "rtl", "en": "ltr", "zh-Hant": "ltr", "az-Arab": "rtl", "": "ltr"} {
		if got := Direction(tag); got != want {
			t.Errorf("%s: %s", tag, got)
		}
	}
}

func TestLifeIsSaidToTheNearestMinute(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1 minute", time.Minute: "1 minute", 89 * time.Second: "1 minute", 10 * time.Minute: "10 minutes",
		9*time.Minute + 59*time.Second: "10 minutes", 9*time.Minute + 29*time.Second: "9 minutes",
		90 * time.Minute: "90 minutes", 2 * time.Hour: "2 hours", 24*time.Hour - time.Second: "24 hours",
	} {
		if got := catalogue[0].Life(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

func TestNumbersTakeTheirPlural(t *testing.T) {
	for tag, want := range map[string][]string{
		"pl": {"1 minutę", "2 minuty", "5 minut", "12 minut", "22 minuty", "100 minut", "2 godziny", "5 godzin"},
		"ru": {"1 минуту", "2 минуты", "5 минут", "12 минут", "22 минуты", "100 минут", "2 часа", "5 часов"},
		"uk": {"1 хвилину", "2 хвилини", "5 хвилин", "12 хвилин", "22 хвилини", "100 хвилин", "2 години", "5 годин"},
		"ar": {"دقيقة واحدة", "دقيقتين", "5 دقائق", "12 دقيقة", "22 دقيقة", "100 دقيقة", "ساعتين", "5 ساعات"},
		"he": {"דקה אחת", "2 דקות", "5 דקות", "12 דקות", "22 דקות", "100 דקות", "שעתיים", "5 שעות"},
		"ja": {"1分", "2分", "5分", "12分", "22分", "100分", "2時間", "5時間"},
	} {
		_, w := Choose(tag)
		got := make([]string, 0, len(want))
		for _, n := range []time.Duration{1, 2, 5, 12, 22, 100} {
			got = append(got, w.Life(n*time.Minute))
		}
		got = append(got, w.Life(2*time.Hour), w.Life(5*time.Hour))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", tag, diff)
		}
	}
}

// A purpose that this release does not know is told as the most general one.
func TestPurposesDependOnTheChannel(t *testing.T) {
	w := catalogue[0]
	for _, c := range []struct {
		challenge code.Challenge
		want      string
	}{
		{code.Challenge{Purpose: code.AddContact, Channel: contact.Email}, w.sheet.Purposes["AddAddress"]},
		{code.Challenge{Purpose: code.AddContact, Channel: contact.Voice}, w.sheet.Purposes["AddNumber"]},
		{code.Challenge{Purpose: code.AddContact, Channel: contact.SMS}, w.sheet.SMSPurposes["AddNumber"]},
		{code.Challenge{Purpose: "New", Channel: contact.Email}, w.sheet.Purposes["StepUp"]},
	} {
		if got := w.Purpose(c.challenge); got != c.want {
			t.Errorf("%s by %s: %q, want %q", c.challenge.Purpose, c.challenge.Channel, got, c.want)
		}
	}
}
