// Package change holds the rules of changes of security info: which applies after a
// code, which goes on hold and for how long, what cancels it and who is told.
package change

import (
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// Action says what a change does.
type Action string

// The actions.
const (
	Add     Action = "Add"
	Remove  Action = "Remove"
	Replace Action = "Replace"
	Clear   Action = "Clear"
)

// State is where a change stands.
type State string

// The states of a change.
const (
	AwaitingCode State = "AwaitingCode"
	OnHold       State = "OnHold"
	Applied      State = "Applied"
	Cancelled    State = "Cancelled"
	Expired      State = "Expired"
	Rejected     State = "Rejected"
)

// Terminal reports whether a change in this state is over for good.
func (s State) Terminal() bool {
	return s == Applied || s == Cancelled || s == Expired || s == Rejected
}

// Restriction is what a hold keeps from happening.
type Restriction string

// The restrictions, the weaker first; empty restricts nothing.
const (
	// SensitiveActions denies changes of security info and payments (seed 53).
	SensitiveActions Restriction = "SensitiveActions"
	// SignIn denies signing in as well (seed 33).
	SignIn Restriction = "SignIn"
)

// Reason says why a change ended as it did.
type Reason string

// The reasons of an end.
const (
	// The change was cancelled by a code to a contact of the snapshot (seed 34), by the
	// deletion of its object, or because a reviewed one took its place.
	ByCode     Reason = "Code"
	ByDeletion Reason = "Deleted"
	ByReview   Reason = "Superseded"

	// The change was rejected.
	UnknownContact  Reason = "UnknownContact"
	TooManyContacts Reason = "TooManyContacts"
	ClearNotAllowed Reason = "ClearNotAllowed"
	VoIPRefused     Reason = "VoIPRefused"
	NumberRefused   Reason = "NumberRefused"
	AddressInvalid  Reason = "AddressInvalid"
)

const (
	// DefaultHold is how long a dangerous change waits (seed 32, 33, 53).
	DefaultHold = 720 * time.Hour
	// DefaultJunior is how long a contact added without a code to a full one stays junior.
	DefaultJunior = 720 * time.Hour
	// DefaultClearDelay is the wait before contacts are cleared (seed 45).
	DefaultClearDelay = 24 * time.Hour
	// DefaultRequesters is how many people must ask for a Clear.
	DefaultRequesters = 2
	// DefaultMaxContacts is how many contacts an account may have.
	DefaultMaxContacts = 10
	// ProveWithin is how long the codes of a change may take, then it expires.
	ProveWithin = 168 * time.Hour
)

// Key names a change: a tenant is a namespace.
type Key struct{ Tenant, Name string }

// String returns tenant/name.
func (k Key) String() string { return k.Tenant + "/" + k.Name }

// Spec is the intent of a change, frozen at its first record.
type Spec struct {
	Account string
	Action  Action
	// New are the contacts that Add or Replace brings; their addresses lie sealed in the
	// store. Removed are the IDs that Remove names.
	New     []NewContact
	Removed []string
	// RequestedBy is the user who asks; it proves nothing about the person.
	RequestedBy string
	// Recovery names the RecoveryRequest whose approval made this change: it was reviewed.
	Recovery string
}

// NewContact is a contact that a change brings, without its address.
type NewContact struct {
	ID      string
	Channel contact.Channel
	// Hint is the mask (seed 22); Language is frozen from here on (seed 40).
	Hint, Language string
}

// Terms are the policy's numbers, frozen with the first record: no later edit of a
// policy changes them.
type Terms struct {
	Hold time.Duration
	// Restrict is empty where it follows from how the hold came about (seed 33, 53).
	Restrict  Restriction
	JuniorFor time.Duration
	// ProveWithin is how long the codes may take.
	ProveWithin time.Duration
	MaxContacts int
	// Requesters is how many people must ask for a Clear without the person's own loss
	// report; 0 forbids it. ClearDelay is the wait after the last of them.
	Requesters int
	ClearDelay time.Duration
}

// DefaultTerms are the seeds' numbers: nobody may clear.
func DefaultTerms() Terms {
	return Terms{
		Hold: DefaultHold, JuniorFor: DefaultJunior, ProveWithin: ProveWithin,
		MaxContacts: DefaultMaxContacts, ClearDelay: DefaultClearDelay,
	}
}

// OldContact is a contact of the snapshot: who is told and who may cancel.
type OldContact struct {
	ID             string
	Channel        contact.Channel
	Hint, Language string
	Standing       contact.Standing
	Origin         contact.Origin
	// Gone says that another change had removed it lately: it is told and may cancel.
	Gone bool
}

// Proofs are what the person has done so far.
type Proofs struct {
	// New are the instants at which the new contacts were proven, by ID.
	New map[string]time.Time
	// Full is the contact that stepped up, FullOrigin what vouched for it.
	Full       string
	FullOrigin contact.Origin
	FullAt     time.Time
	// WithoutFull is when the person went on without a full contact.
	WithoutFull time.Time
	// Confirmed is the second confirmation of a removal (seed 31).
	Confirmed time.Time
	// LossReport is when the person reported the loss (seed 46).
	LossReport time.Time
	// Requesters are the different people who asked for a Clear.
	Requesters []string
}

// End is a terminal fact. The zero End means that the change is open.
type End struct {
	State  State
	At     time.Time
	Reason Reason
	// By is the contact that cancelled.
	By string
}

// Record is what the store remembers of a change: frozen spec and facts. It holds no
// address.
type Record struct {
	Key   Key
	UID   string
	Spec  Spec
	Terms Terms
	// Created is the first record, Deadline when the proofs must be there.
	Created, Deadline time.Time
	// Snapshot are the contacts before the change.
	Snapshot []OldContact
	Proofs   Proofs
	// HoldStart and HoldUntil are frozen when the hold begins; zero before.
	HoldStart, HoldUntil time.Time
	// Begun is when this process's clock saw the hold begin.
	Begun time.Time
	// Restricted holds until RestrictedUntil, and as long as the change is on hold.
	Restricted      Restriction
	RestrictedUntil time.Time
	// Inherited is what an earlier incarnation of the name restricts to its date.
	Inherited      Restriction
	InheritedUntil time.Time
	// Told are the notices that went out; NoticesSent counts their messages.
	Told        []Number
	NoticesSent int
	// Joined names the Clear that this one seconds and whose end it shares.
	Joined string
	End    End
	// Standing is the one with which the new contacts came in; empty before they did.
	Standing contact.Standing
	// Deleted says that the object's deletion was seen: this incarnation is over.
	Deleted bool
}

// NewRecord is the first record of a change at now, given the contacts before it.
func NewRecord(key Key, uid string, spec Spec, terms Terms, snapshot []OldContact, now time.Time) Record {
	r := Record{
		Key: key, UID: uid, Spec: spec, Terms: terms, Snapshot: snapshot,
		Created: now, Deadline: now.Add(terms.ProveWithin),
	}
	if spec.Action == Clear {
		r.Proofs.Requesters = []string{spec.RequestedBy}
	}
	return r
}

// State is where the change stands at now. On hold it stays until somebody applies or
// cancels it, however late.
func (r Record) State(now time.Time) State {
	switch {
	case r.End.State != "":
		return r.End.State
	case !r.HoldStart.IsZero():
		return OnHold
	case !now.Before(r.Deadline):
		return Expired
	default:
		return AwaitingCode
	}
}

// Drifted reports whether spec differs from the frozen one. IDs of new contacts may be
// drawn anew at every sight and do not count.
func (r Record) Drifted(spec Spec) bool {
	return spec.Account != r.Spec.Account || spec.Action != r.Spec.Action ||
		spec.RequestedBy != r.Spec.RequestedBy || spec.Recovery != r.Spec.Recovery ||
		len(spec.New) != len(r.Spec.New) || !slices.Equal(spec.Removed, r.Spec.Removed)
}

// Reviewed reports whether people have reviewed the change.
func (r Record) Reviewed() bool { return r.Spec.Recovery != "" }
