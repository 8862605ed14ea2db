package message

import (
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/change"
)

// About is what a notice tells of, as it stood when the notice was put into the outbox.
// It names contacts by their masks alone (seed 22, law 2).
type About struct {
	// Until is when a hold or restriction ends, or by when an answer comes; zero if never.
	Until time.Time `json:"until,omitzero"`
	// Added and Removed are the masks of contacts that a change brings and takes away.
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
	// Contact is the mask of the one whose code cancelled, or that was disabled or
	// disowned.
	Contact string `json:"contact,omitempty"`
	// Brought says that the reader is a contact that the change brings, which cannot cancel.
	Brought bool `json:"brought,omitempty"`
	// Restricted is what does not work until then.
	Restricted change.Restriction `json:"restricted,omitempty"`
	Decision   Decision           `json:"decision,omitempty"`
}

// Decision is the answer to a request for recovery.
type Decision string

// The decisions.
const (
	Approved Decision = "Approved"
	Denied   Decision = "Denied"
)

// ToBrought is what a contact hears that the change brings: of the others nothing.
func (a About) ToBrought() About {
	a.Brought, a.Removed = true, nil
	return a
}

// OfChange is what every notice of a change tells, given its record as it stands when
// the notice is written.
func OfChange(r change.Record) About {
	a := About{Until: r.HoldUntil, Restricted: r.Restricted}
	if r.End.State != "" {
		a.Restricted, a.Until = r.Restricts(r.End.At)
	}
	for _, c := range r.Spec.New {
		a.Added = append(a.Added, c.Hint)
	}
	all := r.Spec.Action == change.Replace || r.Spec.Action == change.Clear
	for _, c := range r.Snapshot {
		if !c.Gone && (all || slices.Contains(r.Spec.Removed, c.ID)) {
			a.Removed = append(a.Removed, c.Hint)
		}
		if c.ID == r.End.By {
			a.Contact = c.Hint
		}
	}
	return a
}
