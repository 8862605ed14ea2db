package code

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/limit"
)

// ReportKind is what a person says of a message that came (seed 41).
type ReportKind string

// The kinds of reports. The first two have the same effect; the audit tells them apart.
const (
	// UnrequestedCode says that a code came which the person did not ask for.
	UnrequestedCode ReportKind = "UnrequestedCode"
	// NotMe says that somebody else is at the account.
	NotMe ReportKind = "NotMe"
	// NotMyAccount says that the account is somebody else's: an address was mistyped, or
	// belonged to its owner before.
	NotMyAccount ReportKind = "NotMyAccount"
)

const (
	// ReportLife is how long after its code a link to report it still works.
	ReportLife = 24 * time.Hour
	// ReportPause is how long the network that asked for a reported code gets no other.
	ReportPause = time.Hour
)

// Report is everything that one transaction needs to act on a report.
type Report struct {
	Kind ReportKind
	// Tenant and ChallengeID name the challenge whose code was not asked for.
	Tenant      string
	ChallengeID string
	// Network is the rate of networks for an account. The store asks, for it alone knows
	// whose challenge it is.
	Network func(account string) limit.Rate
	Now     time.Time
}
