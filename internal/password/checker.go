// Package password judges new passwords as NIST SP 800-63B-4 asks (N21): length,
// a list of passwords that are guessed first and an estimate of strength; no rules
// of composition.
package password

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go/frequency"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/password"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// MaxLength is the longest password in characters. At least 64 must be taken (N21).
const MaxLength = 256

// maxBytes is more than MaxLength characters take in any form.
const maxBytes = 16 * MaxLength

// shortestWord is the least length in characters at which a word is looked for
// inside a password.
const shortestWord = 4

// The shortest and the longest security code in digits.
const minCode, maxCode = 6, 10

//go:embed wordlist/passwords.txt
var embedded string

// Checker judges passwords. It is safe for concurrent use.
type Checker struct {
	common map[string]struct{}
}

// New reads the lists of common passwords. They are folded already.
func New() *Checker {
	c := &Checker{common: make(map[string]struct{}, 32_000)}
	for _, word := range strings.Fields(embedded) {
		c.common[word] = struct{}{}
	}
	// The estimator's own list adds those below eight characters.
	for _, word := range frequency.Lists["Passwords"].List {
		c.common[word] = struct{}{}
	}
	return c
}

// Check judges a new password. words are what an attacker would guess first: the
// account, the product. No suggestion repeats any part of the password.
func (c *Checker) Check(p policy.Password, secret string, words ...string) password.Strength {
	if len(secret) > maxBytes {
		return verdict(0, []finding{tooLong()})
	}
	secret = norm.NFC.String(secret)
	folded := fold(secret)
	found := length(secret, p.MinLength)
	if looksLikeCode(secret) {
		found = append(found, against(password.LooksCode))
	}
	_, common := c.common[folded]
	if common {
		found = append(found, against(password.Common))
	}
	if blocked(folded, p.Blocklist) {
		found = append(found, against(password.Blocked))
	}
	if personal(folded, words, p.MinLength) {
		found = append(found, against(password.Personal))
	}
	e := estimate(secret, slices.Concat(words, parts(words), p.Blocklist))
	if common {
		e.score = 0
	}
	if e.score < p.MinScore {
		found = append(found, against(password.TooWeak))
		for _, hint := range e.hints {
			found = append(found, finding{suggestion: password.Suggestion{Hint: hint}})
		}
	}
	return verdict(e.score, found)
}

// finding is a reason against a password and what to do; a hint has no reason.
type finding struct {
	reason     password.Reason
	suggestion password.Suggestion
}

func against(r password.Reason) finding {
	return finding{r, password.Suggestion{Hint: password.Hint(r)}}
}

func verdict(score int, found []finding) password.Strength {
	s := password.Strength{Score: score, Acceptable: len(found) == 0}
	for _, f := range found {
		if f.reason != "" {
			s.Reasons = append(s.Reasons, f.reason)
		}
		s.Suggestions = append(s.Suggestions, f.suggestion)
	}
	return s
}

func tooLong() finding {
	return finding{password.TooLong, password.Suggestion{Hint: password.Hint(password.TooLong), Length: MaxLength}}
}

func length(secret string, least int) []finding {
	switch n := utf8.RuneCountInString(secret); {
	case n < least:
		return []finding{{password.TooShort, password.Suggestion{Hint: password.Hint(password.TooShort), Length: least}}}
	case n > MaxLength:
		return []finding{tooLong()}
	default:
		return nil
	}
}

// looksLikeCode reports digits alone, as many as a security code has (seed 58).
func looksLikeCode(secret string) bool {
	digits := code.Normalize(secret)
	return len(digits) >= minCode && len(digits) <= maxCode && strings.Trim(digits, "0123456789") == ""
}

// blocked reports whether the password is, or contains, a word of the blocklist.
func blocked(folded string, blocklist []string) bool {
	for _, word := range blocklist {
		if word = fold(word); word != "" && (folded == word || contains(folded, word)) {
			return true
		}
	}
	return false
}

// personal reports whether, without the person's words, less than a password's
// least length is left. A long sentence may name the service.
func personal(folded string, words []string, least int) bool {
	rest := letters(folded)
	for _, word := range parts(words) {
		if contains(rest, word) {
			rest = strings.ReplaceAll(rest, word, "")
		}
	}
	return rest != letters(folded) && utf8.RuneCountInString(rest) < least
}

// parts are the words themselves and, of an email address, what stands before the @.
func parts(words []string) []string {
	var all []string
	for _, word := range words {
		local, _, _ := strings.Cut(word, "@")
		all = append(all, letters(fold(word)), letters(fold(local)))
	}
	return all
}

func contains(text, word string) bool {
	return utf8.RuneCountInString(word) >= shortestWord && strings.Contains(text, word)
}

// letters keeps letters and digits, so that dots and hyphens hide no word.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// fold makes spellings equal that differ in case, width or composition.
func fold(s string) string { return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s))) }
