package change

import (
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// MayCancel says whether a fresh code to a contact cancels the change: it was full before
// the change, and somebody but a password stood for it (seed 34); where the account had no
// such contact, any full one of the snapshot. Having cancelled without the first factor
// before this hold began, it takes that too.
func (r Record) MayCancel(contactID string, firstFactor, cancelledBefore bool, now time.Time) error {
	if r.State(now).Terminal() {
		return ErrEnded
	}
	if !slices.ContainsFunc(r.MayCancelBy(), func(c OldContact) bool { return c.ID == contactID }) {
		return ErrNotFull
	}
	if cancelledBefore && !firstFactor && !r.HoldStart.IsZero() {
		return ErrFirstFactor
	}
	return nil
}

// MayCancelBy are the contacts of the snapshot that may cancel.
func (r Record) MayCancelBy() []OldContact {
	var full, vouched []OldContact
	for _, c := range r.Snapshot {
		if c.Standing != contact.Full {
			continue
		}
		full = append(full, c)
		if c.Origin != contact.Alone {
			vouched = append(vouched, c)
		}
	}
	if len(vouched) > 0 {
		return vouched
	}
	return full
}

// Cancel ends an open change by a code to a contact. What it restricted is free again:
// the owner is back.
func (r Record) Cancel(contactID string, now time.Time) Record {
	if !r.State(now).Terminal() {
		r.End = End{State: Cancelled, At: now, Reason: ByCode, By: contactID}
		r.Restricted, r.RestrictedUntil = "", time.Time{}
	}
	return r
}

// Erase ends the incarnation: the deletion of an open change cancels it, and what it
// restricted stays so to its date. It keeps the UID that was deleted, so that a late
// sight of that object begins no new one.
func (r Record) Erase(uid string, now time.Time) Record {
	switch state := r.State(now); {
	case r.End.State != "":
	case state == Expired:
		r.End = End{State: Expired, At: r.Deadline}
	default:
		r.End = End{State: Cancelled, At: now, Reason: ByDeletion}
	}
	r.UID, r.Deleted = uid, true
	return r
}

// Finish ends an open change in a state, at now.
func (r Record) Finish(state State, reason Reason, now time.Time) Record {
	if r.End.State != "" {
		return r
	}
	r.End = End{State: state, At: now, Reason: reason}
	if r.Spec.Action != Clear || state != Applied {
		r.Restricted, r.RestrictedUntil = "", time.Time{}
	}
	return r
}

// Effect is what follows in the IdP from the end of a change.
type Effect string

// The effects.
const (
	// EndSessions and NewPassword follow a cancellation: somebody else had begun it.
	EndSessions Effect = "EndSessions"
	NewPassword Effect = "NewPassword"
	// AskForInfo follows a removal or a Clear that was held: the person is asked for new
	// security info (seed 54), after a Clear at the next sign-in (seed 45).
	AskForInfo Effect = "AskForInfo"
)

// Effects lists what follows from the end of a change that was on hold.
func (r Record) Effects() []Effect {
	switch {
	case r.HoldStart.IsZero():
		return nil
	case r.End.State == Cancelled && r.End.Reason == ByCode:
		return []Effect{EndSessions, NewPassword}
	case r.End.State == Applied && r.Spec.Action != Replace:
		return []Effect{AskForInfo}
	default:
		return nil
	}
}
