package change

import "time"

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
