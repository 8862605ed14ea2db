// Package recheck holds when a person is asked to make sure that they can receive a code
// (seed 38, 39).
package recheck

import "time"

// Terms are the policy's numbers.
type Terms struct {
	// Skip is for how long a person may skip at a time, MustVerifyAfter how long after the
	// first notice nobody signs in without proving or adding a contact (seed 38).
	Skip, MustVerifyAfter time.Duration
	// Absence and ProofAge say when the person is asked again: so long after the last
	// sign-in or the last proof (seed 39).
	Absence, ProofAge time.Duration
}

// DefaultTerms are the seeds' numbers.
func DefaultTerms() Terms {
	day := 24 * time.Hour
	return Terms{Skip: day, MustVerifyAfter: 7 * day, Absence: 90 * day, ProofAge: 365 * day}
}

// Record is what the store remembers of an account. All may be zero.
type Record struct {
	Tenant, Account string
	// FirstNotice began the present round; zero outside of one.
	FirstNotice time.Time
	// MustAt is the end of the round, frozen when it began.
	MustAt time.Time
	// SkippedUntil ends the last skip.
	SkippedUntil time.Time
	// LastSignIn and LastProof are the latest that are known.
	LastSignIn, LastProof time.Time
	// Register says that there is nothing left to prove: the round asks for a first
	// contact.
	Register bool
}

// Prompt is what a person who signs in is asked.
type Prompt string

// The prompts; None asks nothing.
const (
	None Prompt = ""
	// Verify asks to prove or add a contact, or to skip.
	Verify Prompt = "VerifySecurityInfo"
	// MustVerify leaves no skipping.
	MustVerify Prompt = "MustVerifySecurityInfo"
	// Register asks for a first contact, MustRegister leaves no skipping (seed 45, 54).
	Register     Prompt = "RegisterSecurityInfo"
	MustRegister Prompt = "MustRegisterSecurityInfo"
)

// Begin opens a round at a sign-in at now where one is due: after a long absence, or where
// the last proof is old. An account without any contact has nothing to prove.
func (r Record) Begin(terms Terms, contacts int, now time.Time) Record {
	absent := !r.LastSignIn.IsZero() && !now.Before(r.LastSignIn.Add(terms.Absence))
	stale := !r.LastProof.IsZero() && !now.Before(r.LastProof.Add(terms.ProofAge))
	if r.FirstNotice.IsZero() && contacts > 0 && (absent || stale) && !r.provenSince(now, terms) {
		r.FirstNotice, r.MustAt, r.SkippedUntil = now, now.Add(terms.MustVerifyAfter), time.Time{}
	}
	if !r.Recent(now) {
		r.LastSignIn = now
	}
	return r
}

// Recent reports whether the account signed in so lately that another sign-in at now tells
// nothing new.
func (r Record) Recent(now time.Time) bool { return now.Before(r.LastSignIn.Add(signInGrain)) }

// signInGrain is how exactly the last sign-in is known: it is not written at each one.
const signInGrain = time.Hour

// registerWithin is how long somebody may go without any contact after a hold has ended.
const registerWithin = 168 * time.Hour

// Emptied opens a round that asks for a first contact: a help desk has cleared the
// others, which leaves no skipping (seed 45), or a hold has ended (seed 54).
func (r Record) Emptied(forced bool, now time.Time) Record {
	r.FirstNotice, r.MustAt, r.SkippedUntil, r.Register = now, now.Add(registerWithin), time.Time{}, true
	if forced {
		r.MustAt = now
	}
	return r
}

// SameRound reports whether two records ask the same of a person.
func (r Record) SameRound(o Record) bool {
	return r.FirstNotice.Equal(o.FirstNotice) && r.MustAt.Equal(o.MustAt) && r.SkippedUntil.Equal(o.SkippedUntil) && r.Register == o.Register
}

// provenSince reports whether the person proved a contact so lately that a sign-in after
// an absence asks nothing: on the way to this very sign-in.
func (r Record) provenSince(now time.Time, terms Terms) bool {
	return !r.LastProof.IsZero() && now.Before(r.LastProof.Add(terms.Skip))
}

// Prompt is what the person is asked at now. must is when skipping ends.
func (r Record) Prompt(now time.Time) (p Prompt, must time.Time) {
	switch {
	case r.FirstNotice.IsZero():
		return None, time.Time{}
	case r.Register && !now.Before(r.MustAt):
		return MustRegister, r.MustAt
	case !now.Before(r.MustAt):
		return MustVerify, r.MustAt
	case now.Before(r.SkippedUntil):
		return None, r.MustAt
	case r.Register:
		return Register, r.MustAt
	default:
		return Verify, r.MustAt
	}
}

// Skip puts the question off for Terms.Skip, never beyond the end of the round; false
// where it may not be skipped or there is nothing to skip.
func (r Record) Skip(terms Terms, now time.Time) (Record, bool) {
	if p, _ := r.Prompt(now); p != Verify && p != Register {
		return r, false
	}
	r.SkippedUntil = now.Add(terms.Skip)
	if r.SkippedUntil.After(r.MustAt) {
		r.SkippedUntil = r.MustAt
	}
	return r, true
}

// Proven ends the round: a contact was proven or added at now.
func (r Record) Proven(now time.Time) Record {
	r.FirstNotice, r.MustAt, r.SkippedUntil, r.Register = time.Time{}, time.Time{}, time.Time{}, false
	if now.After(r.LastProof) {
		r.LastProof = now
	}
	return r
}
