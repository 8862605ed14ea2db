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

// Begin puts the change on hold at now, for the length that was frozen with its first
// record, counted from the latest of the clocks: by one that is behind it would end too
// early (law 11). A hold that has begun stays as it is.
func (r Record) Begin(now time.Time, clocks ...time.Time) Record {
	if r.State(now).Terminal() || !r.HoldStart.IsZero() {
		return r
	}
	length, restricted := r.Terms.Hold, r.restriction()
	if r.Spec.Action == Clear {
		length = r.Terms.ClearDelay
	}
	start := later(now, r.Created) // the apiserver may have seen the object later than this clock says
	for _, at := range clocks {
		start = later(start, at)
	}
	r.HoldStart, r.HoldUntil, r.Begun = start, start.Add(length), now
	r.Restricted = stronger(r.Restricted, restricted)
	r.RestrictedUntil = later(r.RestrictedUntil, r.restrictsTo())
	return r
}

// restrictsTo is the end of the hold; a Clear restricts as long as other holds do, though
// its contacts go sooner.
func (r Record) restrictsTo() time.Time {
	if r.Spec.Action == Clear {
		return later(r.HoldUntil, r.HoldStart.Add(r.Terms.Hold))
	}
	return r.HoldUntil
}

// restriction follows the policy, else how the hold came about: who proved no contact of
// theirs waits to sign in (seed 33), others only for what is sensitive (seed 53). Who was
// cleared must sign in to register (seed 45).
func (r Record) restriction() Restriction {
	switch {
	case r.Spec.Action == Clear:
		return SensitiveActions
	case r.Terms.Restrict != "":
		return r.Terms.Restrict
	case r.Spec.Action == Replace && r.Proofs.FullAt.IsZero():
		return SignIn
	default:
		return SensitiveActions
	}
}

// Restricts is what is denied at now and until when; until is zero where the end is not
// known. A hold restricts until it was applied or cancelled by a code; what was deleted
// restricts to its date, and so does a Clear that was applied.
func (r Record) Restricts(now time.Time) (what Restriction, until time.Time) {
	what, until = r.restrictsItself(now)
	if !now.Before(r.InheritedUntil) {
		return what, until
	}
	if what == "" || !until.IsZero() {
		until = later(until, r.InheritedUntil)
	}
	return stronger(what, r.Inherited), until
}

func (r Record) restrictsItself(now time.Time) (what Restriction, until time.Time) {
	switch {
	case now.Before(r.RestrictedUntil):
		return r.Restricted, r.RestrictedUntil
	case r.State(now) == OnHold:
		return r.Restricted, time.Time{}
	default:
		return "", time.Time{}
	}
}

// Admitted is the new contact as an Add writes it: full where a full contact vouched for
// it or absence was proved, else junior. After a Clear the first one is junior: nobody
// but the help desk stands for it.
func (r Record) Admitted(c NewContact, book contact.Book, now time.Time) contact.Contact {
	out := contact.Contact{
		ID: c.ID, Channel: c.Channel, Language: c.Language, Added: now, Proven: r.Proofs.New[c.ID],
		Standing: contact.Full, Since: now,
	}
	switch {
	case !r.HoldStart.IsZero():
		out.Origin, out.Since = contact.Vouched, r.HoldStart
	case book.Absent() && !book.Cleared:
		out.Origin = contact.First
	case !r.Proofs.FullAt.IsZero():
		out.Origin = contact.Vouched
		if r.Proofs.FullOrigin == contact.Alone {
			out.Origin = contact.Alone
		}
	default:
		out = r.Junior(out, now)
	}
	return out
}

// Junior is a new contact for which nobody but a password stands.
func (r Record) Junior(c contact.Contact, now time.Time) contact.Contact {
	c.Standing, c.Origin, c.Since = contact.Junior, contact.Alone, now.Add(r.Terms.JuniorFor)
	return c
}

// Leaving are the IDs of the contacts that go when the change applies.
func (r Record) Leaving(book contact.Book) []string {
	switch r.Spec.Action {
	case Remove:
		return r.Spec.Removed
	case Clear, Replace:
		var ids []string
		for _, c := range book.Contacts {
			// A Clear takes only what was there when it was asked for.
			if r.Spec.Action == Replace || r.knew(c.ID) {
				ids = append(ids, c.ID)
			}
		}
		return ids
	default:
		return nil
	}
}

func (r Record) knew(id string) bool {
	return slices.ContainsFunc(r.Snapshot, func(c OldContact) bool { return c.ID == id })
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func stronger(a, b Restriction) Restriction {
	if a == SignIn || b == SignIn {
		return SignIn
	}
	return max(a, b)
}
