package password

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/password"
	"holdfast.dev/holdfast/internal/rules/policy"
)

var _ flow.Passwords = (*Checker)(nil)

var checker = New()

// seeds is what holds where the platform team says nothing.
var seeds = policy.Default().Password

// seed 5: a password is judged before it is used, with a reason for each refusal.
func TestCheckSaysWhy(t *testing.T) {
	words := []string{"anna.kovacs@example.com", "Harbour Shop"}
	strict := policy.Password{MinLength: 8, MinScore: 3, Blocklist: []string{"Contoso", "Zürich", "ab"}}
	for name, c := range map[string]struct {
		policy policy.Password
		secret string
		want   []password.Reason
	}{
		"a sentence is taken":                            {seeds, "correct-horse-battery-staple", nil},
		"sixteen random characters are taken":            {seeds, "vX9#qTr2!mLw8&zK", nil},
		"words of another script are taken":              {seeds, "дождливый вторник у моря", nil},
		"spaces are taken":                               {seeds, "wet dogs like tall ladders", nil},
		"one character below the least length":           {seeds, "vX9#qTr", []password.Reason{password.TooShort}},
		"characters count, not bytes":                    {policy.Password{MinLength: 8}, "žluťoučk", nil},
		"seven of two bytes each are seven":              {policy.Password{MinLength: 8}, "žluťouč", []password.Reason{password.TooShort}},
		"letter and accent count as one":                 {policy.Password{MinLength: 8}, "e\u0301e\u0301e\u0301e\u0301", []password.Reason{password.TooShort}},
		"nothing at all":                                 {seeds, "", []password.Reason{password.TooShort, password.TooWeak}},
		"seed 5: a common password":                      {seeds, "baseball", []password.Reason{password.Common, password.TooWeak}},
		"a common password in capitals":                  {seeds, "BaseBall", []password.Reason{password.Common, password.TooWeak}},
		"a common password in wide letters":              {seeds, "ｂａｓｅｂａｌｌ", []password.Reason{password.Common, password.TooWeak}},
		"a common one, no estimate asked for":            {policy.Password{MinLength: 8}, "baseball", []password.Reason{password.Common}},
		"a short common password":                        {seeds, "qwerty", []password.Reason{password.TooShort, password.Common, password.TooWeak}},
		"seed 58: a security code":                       {seeds, "493817", []password.Reason{password.TooShort, password.LooksCode, password.TooWeak}},
		"seed 58: a security code with its space":        {seeds, "493 817", []password.Reason{password.TooShort, password.LooksCode, password.TooWeak}},
		"seed 58: where six characters would do":         {policy.Password{MinLength: 6}, "493817", []password.Reason{password.LooksCode}},
		"eleven digits are no code":                      {policy.Password{MinLength: 8}, "49381726405", nil},
		"a word of the blocklist":                        {strict, "contoso", []password.Reason{password.TooShort, password.Blocked, password.TooWeak}},
		"a word of the blocklist among others":           {strict, "My-CONTOSO-umbrella-is-blue", []password.Reason{password.Blocked}},
		"a word of the blocklist in another composition": {strict, "rainy zu\u0308rich umbrellas", []password.Reason{password.Blocked}},
		"a blocked word of two letters inside another":   {strict, "tables under a rainbow sky", nil},
		"the account":                                    {seeds, "anna.kovacs@example.com", []password.Reason{password.Personal, password.TooWeak}},
		"the account and a year":                         {seeds, "AnnaKovacs1987", []password.Reason{password.Personal, password.TooWeak}},
		"the product in other clothes":                   {seeds, "Harbour-Shop!!1", []password.Reason{password.Personal, password.TooWeak}},
		"a sentence may name the product":                {seeds, "the harbour shop sells purple lanterns", nil},
		"a date":                                         {seeds, "29/06/1976", []password.Reason{password.TooWeak}},
		"a date without signs":                           {seeds, "29061976", []password.Reason{password.LooksCode, password.TooWeak}},
		"a word and a year":                              {seeds, "umbrella1976", []password.Reason{password.TooWeak}},
		"a row of keys":                                  {seeds, "asdfghjkl;'", []password.Reason{password.TooWeak}},
		"a common word with usual substitutions":         {seeds, "B4s3b411!", []password.Reason{password.TooWeak}},
		"64 characters are taken (N21)":                  {seeds, strings.Repeat("wet dogs like ladders. ", 3)[:64], nil},
		"256 characters are taken":                       {seeds, "quiet lamp " + strings.Repeat("ž", 245), nil},
		"257 characters are too many":                    {seeds, "quiet lamp " + strings.Repeat("ž", 246), []password.Reason{password.TooLong}},
		"a megabyte":                                     {seeds, strings.Repeat("ladder ", 150_000), []password.Reason{password.TooLong}},
	} {
		t.Run(name, func(t *testing.T) {
			got := checker.Check(c.policy, c.secret, words...)
			if diff := cmp.Diff(c.want, got.Reasons); diff != "" {
				t.Errorf("reasons (-want +got): %s", diff)
			}
			if got.Acceptable != (len(c.want) == 0) {
				t.Errorf("acceptable: %v", got.Acceptable)
			}
			if got.Acceptable != (len(got.Suggestions) == 0) {
				t.Errorf("suggestions: %q", got.Suggestions)
			}
		})
	}
}

func TestSuggestionsSayWhatToDo(t *testing.T) {
	for name, c := range map[string]struct{ secret, want string }{
		"too short":            {"vX9#qTr", "Use at least 8 characters."},
		"too weak":             {"umbrella99", "Add another word or two. Uncommon words are better."},
		"a row of keys":        {"asdfghjkl;'", "Avoid rows and patterns of keys that lie next to each other."},
		"repeated letters":     {"bbbbbbbbbbb", "Avoid repeated characters."},
		"a sequence":           {"ponmlkjihg", "Avoid sequences such as abc or 6543."},
		"a date":               {"24/12/1987", "Avoid dates and years."},
		"seed 58: a code":      {"493817", "A security code is not a password. Choose a password of your own."},
		"seed 4: a common one": {"baseball", "Many people use this password, so attackers try it first. Choose another."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := checker.Check(seeds, c.secret); !slices.Contains(got.English(), c.want) {
				t.Fatalf("suggestions: %q", got.Suggestions)
			}
		})
	}
}

// seed 4: the new password is strong, by the estimate of the policy.
func TestScoreRisesWithStrength(t *testing.T) {
	last := -1
	for _, secret := range []string{"password1", "umbrella99", "umbrella-ladder", "umbrella-ladder-vicious-pond"} {
		got := checker.Check(seeds, secret)
		if got.Score < last {
			t.Errorf("%q scores %d, less than a weaker one", secret, got.Score)
		}
		last = got.Score
	}
	if last != 4 {
		t.Errorf("the strongest scores %d", last)
	}
	if got := checker.Check(policy.Password{MinLength: 8, MinScore: 1}, "umbrella99"); !got.Acceptable {
		t.Errorf("a policy that asks for less refuses: %v", got.Reasons)
	}
}

func TestComposedAndDecomposedAreOnePassword(t *testing.T) {
	composed, decomposed := "caf\u00e9 au bord de l'eau", "cafe\u0301 au bord de l'eau"
	if diff := cmp.Diff(checker.Check(seeds, composed), checker.Check(seeds, decomposed)); diff != "" {
		t.Fatal(diff)
	}
}

// law 2: no suggestion repeats the password or a part of it that tells something.
func TestSuggestionsAreFixedSentences(t *testing.T) {
	p := policy.Password{MinLength: 8, MinScore: 4, Blocklist: []string{"contoso", "fabrikam"}}
	rapid.Check(t, func(t *rapid.T) {
		secret := drawSecret(t)
		got := checker.Check(p, secret, "annakovacs")
		for _, s := range got.Suggestions {
			if !slices.Contains(password.Hints(), s.Hint) || !slices.Contains([]int{0, p.MinLength, MaxLength}, s.Length) || s.String() == "" {
				t.Fatalf("%q is a sentence made for this password", s)
			}
		}
		if got.Acceptable != (len(got.Reasons) == 0) || got.Score < 0 || got.Score > 4 {
			t.Fatalf("%+v", got)
		}
		if n := utf8.RuneCountInString(secret); got.Acceptable && n < p.MinLength {
			t.Fatalf("%d characters are acceptable", n)
		}
	})
}

// The caller's words stay as they are.
func TestCheckChangesNoArgument(t *testing.T) {
	words := append(make([]string, 0, 8), "anna", "shop")
	checker.Check(policy.Password{Blocklist: []string{"contoso"}}, "some password", words...)
	if diff := cmp.Diff([]string{"anna", "shop", ""}, words[:3]); diff != "" {
		t.Fatal(diff)
	}
}

func TestGarbageDoesNotPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := string(rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "bytes"))
		checker.Check(seeds, secret, rapid.SliceOf(rapid.String()).Draw(t, "words")...)
	})
}

func drawSecret(t *rapid.T) string {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"contoso", "annakovacs", "password", "qwerty", "1987-12-24", "aaaa", "4@8(3", "  "}),
		rapid.StringN(0, 12, -1), rapid.StringMatching(`[a-z0-9]{0,12}`),
	)
	return strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "pieces"), "")
}

// ASVS asks for at least the 3,000 most common passwords that the policy would take (O2).
func TestListIsLongEnough(t *testing.T) {
	long := 0
	for word := range checker.common {
		if fold(word) != word {
			t.Errorf("%q is not folded: it is never found", word)
		}
		if utf8.RuneCountInString(word) >= seeds.MinLength {
			long++
		}
	}
	if long < 3000 {
		t.Fatalf("%d common passwords of %d characters or more", long, seeds.MinLength)
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, secret := range map[string]string{
		"common":           "baseball",
		"sentence":         "correct-horse-battery-staple",
		"64 letters":       strings.Repeat("ladder wet dogs ", 4),
		"64 substitutions": strings.Repeat("4@8({[<369!1|70$5+%2", 4)[:64],
		"64 keys in rows":  strings.Repeat("qwertyuiopasdfgh", 4),
		"256 digits":       strings.Repeat("19871224", 32),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				checker.Check(seeds, secret, "anna@example.com", "Harbour Shop")
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New()
	}
}
