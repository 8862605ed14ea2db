// Package password holds the verdict on a new password.
package password

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
	// Suggestions tell the person in plain English what to do.
	Suggestions []string
}
