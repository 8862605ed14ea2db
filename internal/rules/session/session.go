// Package session holds what one person is doing at the pages: a flow of at most
// 15 minutes that serves one purpose.
package session

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
)

// Life is how long a flow lives from its opening.
const Life = 15 * time.Minute

// Stage is how far a flow has come.
type Stage string

// The stages of a flow.
const (
	Opened Stage = "Opened"
	Proved Stage = "Proved"
	Done   Stage = "Done"
)

// Flow is one person's passage through one purpose.
type Flow struct {
	// ID is stable through the flow and no credential.
	ID      string
	Tenant  string
	Host    string
	Account string
	Purpose code.Purpose
	// Object is the block that the flow is about.
	Object string
	Stage  Stage
	// Secret is the hash of the current credential; it changes at each proof.
	Secret [32]byte
	// Ticket is the ID of the ticket that opened the flow.
	Ticket string
	// Notified is the contact whose notice opened the flow; empty where none did.
	Notified string
	// Bearer lets the ticket itself serve as credential until the first proof:
	// only where a client without cookies opened the flow with it.
	Bearer  bool
	Opened  time.Time
	Expires time.Time
}

// Live reports whether the flow may still be used at now.
func (f Flow) Live(now time.Time) bool { return f.Stage != Done && now.Before(f.Expires) }
