package change

import (
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// Proof is one thing that the person, or for a Clear a requester, does for a change.
type Proof string

// The proofs.
const (
	NewContactCode  Proof = "NewContactCode"
	FullContactCode Proof = "FullContactCode"
	// WithoutFull is the choice to go on without a code to a full contact: the new one is
	// junior then.
	WithoutFull  Proof = "WithoutFullContact"
	Confirmation Proof = "Confirmation"
	LossReport   Proof = "LossReport"
	Requester    Proof = "Requester"
)

// Missing lists what has still to be done before the change applies or goes on hold.
func (r Record) Missing() []Proof {
	if r.End.State != "" || !r.HoldStart.IsZero() {
		return nil
	}
	var missing []Proof
	for _, c := range r.Spec.New {
		if r.Proofs.New[c.ID].IsZero() {
			missing = append(missing, NewContactCode)
			break
		}
	}
	stepped := !r.Proofs.FullAt.IsZero()
	switch r.Spec.Action {
	case Add:
		if !stepped && r.Proofs.WithoutFull.IsZero() && r.hasFull() {
			missing = append(missing, FullContactCode)
		}
	case Remove:
		if !stepped {
			missing = append(missing, FullContactCode)
		}
		if r.Proofs.Confirmed.IsZero() {
			missing = append(missing, Confirmation)
		}
	case Clear:
		if r.Proofs.LossReport.IsZero() && len(r.Proofs.Requesters) < r.Terms.Requesters {
			missing = append(missing, Requester)
		}
	}
	return missing
}

func (r Record) hasFull() bool {
	return slices.ContainsFunc(r.Snapshot, func(c OldContact) bool { return c.Standing == contact.Full && !c.Gone })
}

// Step is what a record calls for.
type Step string

// The steps.
const (
	Wait   Step = "Wait"
	Hold   Step = "Hold"
	Apply  Step = "Apply"
	Expire Step = "Expire"
	Reject Step = "Reject"
	// Join waits for the earlier Clear that this one seconds.
	Join Step = "Join"
)

// Next is what the record calls for at now, given the account's contacts and its other
// open changes.
func (r Record) Next(book contact.Book, others []Record, now time.Time) (Step, Reason) {
	switch r.State(now) {
	case OnHold:
		if now.Before(r.HoldUntil) || r.Contested(others, now) || r.Joined != "" {
			return Wait, ""
		}
		return Apply, ""
	case Expired:
		if r.End.State == "" {
			return Expire, ""
		}
	case AwaitingCode:
		return r.proven(book, now)
	}
	return Wait, ""
}

// proven is what follows from the proofs so far.
func (r Record) proven(book contact.Book, now time.Time) (Step, Reason) {
	if reason := r.Refused(book); reason != "" {
		return Reject, reason
	}
	switch {
	case r.Joined != "":
		return Join, ""
	case len(r.Missing()) > 0:
		return Wait, ""
	case r.Dangerous(book, now):
		return Hold, ""
	default:
		return Apply, ""
	}
}

// Refused says why the account's contacts or the policy do not admit the change; empty
// where they do.
func (r Record) Refused(book contact.Book) Reason {
	left := len(book.Contacts)
	switch r.Spec.Action {
	case Remove:
		for _, id := range r.Spec.Removed {
			if _, ok := book.Find(id); !ok {
				return UnknownContact
			}
		}
	case Add:
		if left+len(r.Spec.New) > r.Terms.MaxContacts {
			return TooManyContacts
		}
	case Replace:
		if len(r.Spec.New) > r.Terms.MaxContacts {
			return TooManyContacts
		}
	case Clear:
		if r.Terms.Requesters == 0 {
			return ClearNotAllowed
		}
	}
	return ""
}

// Dangerous reports whether the change waits on hold: after it no contact remains that
// was full for contact.KnownAfter or is the account's first (seed 32, 33, 53). So does a
// removal of a known contact by one that nobody but a password vouched for.
func (r Record) Dangerous(book contact.Book, now time.Time) bool {
	if r.Spec.Action != Remove {
		return r.Spec.Action != Add
	}
	stays, goes := false, false
	for _, c := range book.Contacts {
		if !c.Known(now) {
			continue
		}
		if slices.Contains(r.Spec.Removed, c.ID) {
			goes = true
		} else {
			stays = true
		}
	}
	return !stays || (goes && r.Proofs.FullOrigin == contact.Alone)
}

// Contested reports whether another proven replacement of the account is open: neither
// applies before review. A reviewed one stands against those that are not.
func (r Record) Contested(others []Record, now time.Time) bool {
	if r.Spec.Action != Replace {
		return false
	}
	return slices.ContainsFunc(others, func(o Record) bool {
		return o.Key != r.Key && r.rivals(o, now) && (!r.Reviewed() || o.Reviewed())
	})
}

// Overrules reports whether the reviewed replacement r ends the open replacement o when it
// applies.
func (r Record) Overrules(o Record, now time.Time) bool {
	return r.Reviewed() && o.Key != r.Key && r.rivals(o, now) && !o.Reviewed()
}

func (r Record) rivals(o Record, now time.Time) bool {
	return r.Spec.Action == Replace && o.Spec.Action == Replace && o.State(now) == OnHold &&
		o.Key.Tenant == r.Key.Tenant && o.Spec.Account == r.Spec.Account
}
