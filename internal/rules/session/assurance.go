package session

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
)

// SecurityInfo is the purpose of a session at the security-info pages, and of the ticket
// that opens one.
const SecurityInfo code.Purpose = "SecurityInfo"

// Assurance is how sure it is that the person of a session owns its account. Changes ask
// for one (seed 51, 52).
type Assurance string

// The assurances, each of which includes those before it.
const (
	// Password: the IdP has signed the person in, and says so by a ticket or by OpenID
	// Connect. A thief of the password gets as far.
	Password Assurance = "Password"
	// StepUp: and in this session the person has entered a code that went to a full
	// contact of the account.
	StepUp Assurance = "StepUp"
)

var strengths = map[Assurance]int{Password: 1, StepUp: 2}

// Covers reports whether the assurance is at least the one that is asked for. One that
// nobody knows covers nothing and is covered by nothing.
func (a Assurance) Covers(wanted Assurance) bool {
	return strengths[wanted] > 0 && strengths[a] >= strengths[wanted]
}

// Session is a flow of the purpose SecurityInfo with what its person has proved in it. It
// ends with its flow, at the latest after Life: no proof outlives it.
type Session struct {
	Flow
	Assurance Assurance
	// ProvedBy is the contact whose code stepped the session up, ProvedAt when; both are
	// empty before.
	ProvedBy string
	ProvedAt time.Time
	// Device is the one that the IdP named when it handed out the ticket, if any.
	Device block.Device
}
