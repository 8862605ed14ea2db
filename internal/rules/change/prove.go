package change

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// ProofLife is how long after its acceptance a code still serves a change.
const ProofLife = 15 * time.Minute

// Proving is everything that one transaction needs to take a proof.
type Proving struct {
	Key   Key
	Proof Proof
	// ChallengeID is the accepted challenge of NewContactCode and FullContactCode; its
	// object is the change.
	ChallengeID string
	Now         time.Time
}

// Visit is one look at a change at an instant.
type Visit struct {
	Key Key
	Now time.Time
}

// Wake is when an open change calls for something by itself.
type Wake struct {
	Key Key
	At  time.Time
}

// Noticed is what one notice was about and to whom it went.
type Noticed struct {
	Key       Key
	Number    Number
	ContactID string
}

// Cancelling is everything that one transaction needs to cancel by a code.
type Cancelling struct {
	// Key names the change; without a name all open changes of the account that the
	// contact may cancel: it signed in (seed 34).
	Key     Key
	Account string
	// ChallengeID is the accepted challenge, of a purpose that steps up.
	ChallengeID string
	// FirstFactor says that its flow began with a password or a sign-in.
	FirstFactor bool
	Now         time.Time
}

// Prove takes one proof. Of codes, by is the contact that was proven. The first of each
// stands; rules.ErrOrder says that a step-up comes before the confirmation.
func (r Record) Prove(p Proof, by contact.Contact, now time.Time) (Record, error) {
	if r.State(now) != AwaitingCode {
		return r, ErrEnded
	}
	proofs := r.Proofs
	switch p {
	case NewContactCode:
		if !slices.ContainsFunc(r.Spec.New, func(c NewContact) bool { return c.ID == by.ID }) {
			return r, ErrProof
		}
		known := maps.Clone(proofs.New)
		proofs.New = map[string]time.Time{by.ID: now}
		maps.Copy(proofs.New, known)
	case FullContactCode:
		if by.Standing != contact.Full || !r.fullBefore(by.ID) {
			return r, ErrNotFull
		}
		// Of two step-ups the one by a contact that was vouched for counts more.
		if proofs.FullAt.IsZero() || (proofs.FullOrigin == contact.Alone && by.Origin != contact.Alone) {
			proofs.Full, proofs.FullOrigin, proofs.FullAt = by.ID, by.Origin, now
		}
	case WithoutFull:
		proofs.WithoutFull = firstOf(proofs.WithoutFull, now)
	case Confirmation:
		if proofs.FullAt.IsZero() {
			return r, rules.ErrOrder
		}
		proofs.Confirmed = firstOf(proofs.Confirmed, now)
	case LossReport:
		proofs.LossReport = firstOf(proofs.LossReport, now)
	default:
		return r, ErrProof
	}
	r.Proofs = proofs
	return r, nil
}

// Proven is the new contact that a code on a channel has proved, of those that have its
// address: the first whose code is still missing.
func (r Record) Proven(channel contact.Channel, addressed func(id string) bool) (proven NewContact, ok bool) {
	for _, c := range r.Spec.New {
		if c.Channel != channel || !addressed(c.ID) {
			continue
		}
		if r.Proofs.New[c.ID].IsZero() {
			return c, true
		}
		proven, ok = c, true
	}
	return proven, ok
}

// fullBefore reports whether the contact was full in the snapshot and is still there.
func (r Record) fullBefore(id string) bool {
	return slices.ContainsFunc(r.Snapshot, func(c OldContact) bool {
		return c.ID == id && c.Standing == contact.Full && !c.Gone
	})
}

// Second counts another person who asks for the same Clear (seed 45).
func (r Record) Second(requester string) Record {
	if requester != "" && !slices.Contains(r.Proofs.Requesters, requester) {
		r.Proofs.Requesters = append(slices.Clone(r.Proofs.Requesters), requester)
	}
	return r
}

// Seconds reports whether the Clear r stands behind the earlier o, which somebody else has
// asked for.
func (r Record) Seconds(o Record, now time.Time) bool {
	return r.Spec.Action == Clear && o.Spec.Action == Clear && r.Joined == "" && o.Joined == "" &&
		r.State(now) == AwaitingCode && !o.State(now).Terminal() && o.Before(r) && o.Spec.RequestedBy != r.Spec.RequestedBy
}

// Before orders the changes of a tenant by their first record.
func (r Record) Before(o Record) bool {
	return cmp.Or(r.Created.Compare(o.Created), cmp.Compare(r.Key.Name, o.Key.Name)) < 0
}

// Share is a Clear that seconds lead, as it stands with it: their hold and their end are
// one.
func (r Record) Share(lead Record) Record {
	r.HoldStart, r.HoldUntil, r.Begun = lead.HoldStart, lead.HoldUntil, lead.Begun
	if r.End.State == "" {
		r.End = lead.End
	}
	return r
}

// Fresh reports whether a code that was accepted at an instant serves the change at now:
// not long after, and where a hold runs, not before it began.
func (r Record) Fresh(accepted, now time.Time) bool {
	return !accepted.IsZero() && !accepted.Before(r.Begun) && now.Before(accepted.Add(ProofLife))
}

func firstOf(known, now time.Time) time.Time {
	if known.IsZero() {
		return now
	}
	return known
}
