// Package fact holds what the store's feed carries: each committed change that
// the index and the controllers must learn of.
package fact

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

// Fact is one committed change. Exactly one of its members is set.
type Fact struct {
	// Block is a block's record after the change.
	Block *block.Record
	// Restriction denies payments of an account for a time.
	Restriction *Restriction
	// Change is the record of a change of security info after it changed.
	Change *change.Record
	// Recheck is an account whose round of rechecks began, was skipped or ended.
	Recheck *recheck.Record
}

// Restriction denies an account's payments until an instant: it follows a release
// through a number that proves no owner.
type Restriction struct {
	Tenant, Account string
	Until           time.Time
}

// FailedSignIn is the signal type of a sign-in that failed.
const FailedSignIn = "FailedSignIn"

// SignIn is the signal type of a sign-in that went well.
const SignIn = "SignIn"

// MethodPassword names the first factor in signals: a failure of it may come from
// any stranger.
const MethodPassword = "Password"

// Signal is what an IdP or an app saw. Network is an address, Country an ISO 3166
// alpha-2 code; all but Tenant, Account, Type and At may be empty.
type Signal struct {
	Tenant, Account, Type            string
	Network, Country, Method, Device string
	At                               time.Time
}
