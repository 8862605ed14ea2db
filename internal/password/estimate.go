package password

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/matching"

	"holdfast.dev/holdfast/internal/rules/password"
)

// maxEstimated is how many characters the estimator sees: its time grows with the
// square of the length.
const maxEstimated = 64

// unleet undoes the usual substitutions in one pass. The estimator's own matcher
// tries every combination of them, which a stranger could make last for minutes.
var unleet = strings.NewReplacer("4", "a", "@", "a", "8", "b", "(", "c", "3", "e", "6", "g", "9", "g",
	"1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t", "+", "t", "2", "z")

// dates finds dates and years, which the estimator takes for random digits.
var dates = regexp.MustCompile(`\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}|(?:19|20)\d\d(?:\d{4})?|\d{4}(?:19|20)\d\d`)

// hints tell what to do about a pattern that makes a password weak.
var hints = map[string]password.Hint{
	"spatial":  password.KeyRows,
	"repeat":   password.Repeats,
	"sequence": password.Sequences,
}

// estimation is how hard a password is to guess: 0 (at once) to 4 (very strong).
type estimation struct {
	score int
	hints []password.Hint
}

// estimate takes the weaker of the password as it stands and without
// substitutions. words are guessed first.
func estimate(secret string, words []string) estimation {
	if runes := []rune(secret); len(runes) > maxEstimated {
		secret = string(runes[:maxEstimated])
	}
	found := dates.FindAllString(secret, -1)
	words = append(words, found...)
	plain := zxcvbn.PasswordStrength(secret, words, matching.FilterL33tMatcher)
	e := estimation{score: plain.Score}
	if simple := unleet.Replace(secret); simple != secret {
		e.score = min(e.score, zxcvbn.PasswordStrength(simple, words, matching.FilterL33tMatcher).Score)
	}
	for _, m := range plain.MatchSequence { // below four characters a pattern is chance
		if hint := hints[m.Pattern]; hint != "" && m.J-m.I >= 3 && !slices.Contains(e.hints, hint) {
			e.hints = append(e.hints, hint)
		}
	}
	if len(found) > 0 {
		e.hints = append(e.hints, password.Dates)
	}
	return e
}
