// Package password holds the verdict on a new password.
package password

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Reason is why a password is refused, stable for programs.
type Reason string

// The reasons of a refusal.
const (
	TooShort  Reason = "TooShort"
	TooLong   Reason = "TooLong"
	Common    Reason = "Common"
	Blocked   Reason = "Blocked"
	Personal  Reason = "Personal"
	TooWeak   Reason = "TooWeak"
	LooksCode Reason = "SecurityCode"
)

// Strength is what a password checker says (seed 5).
type Strength struct {
	// Score is 0 (guessed at once) to 4 (very strong).
	Score      int
	Acceptable bool
	Reasons    []Reason
	// Suggestions tell the person what to do.
	Suggestions []Suggestion
}

// Hint names what to do: what helps against a reason has the reason's name, the others are
// about a pattern that makes a password weak.
type Hint string

// The hints that are no reasons.
const (
	KeyRows   Hint = "KeyRows"
	Repeats   Hint = "Repeats"
	Sequences Hint = "Sequences"
	Dates     Hint = "Dates"
)

// Suggestion is one thing to do about a password.
type Suggestion struct {
	Hint Hint
	// Length is the least or the greatest in characters, where the hint is about it.
	Length int
}

// sentences say the hints in English; # is the length.
var sentences = map[Hint]string{
	Hint(TooShort):  "Use at least # characters.",
	Hint(TooLong):   "Use at most # characters.",
	Hint(Common):    "Many people use this password, so attackers try it first. Choose another.",
	Hint(Blocked):   "It contains a word that is not allowed here. Leave that word out.",
	Hint(Personal):  "It is mostly your account or the name of this service. Use words that have nothing to do with you.",
	Hint(TooWeak):   "Add another word or two. Uncommon words are better.",
	Hint(LooksCode): "A security code is not a password. Choose a password of your own.",
	KeyRows:         "Avoid rows and patterns of keys that lie next to each other.",
	Repeats:         "Avoid repeated characters.",
	Sequences:       "Avoid sequences such as abc or 6543.",
	Dates:           "Avoid dates and years.",
}

// String is the suggestion in plain English.
func (s Suggestion) String() string {
	return strings.ReplaceAll(sentences[s.Hint], "#", strconv.Itoa(s.Length))
}

// Hints are all that there are.
func Hints() []Hint { return slices.Sorted(maps.Keys(sentences)) }

// English are the suggestions in plain English.
func (s Strength) English() []string {
	said := make([]string, len(s.Suggestions))
	for i, suggestion := range s.Suggestions {
		said[i] = suggestion.String()
	}
	return said
}
