package change

import "time"

// Sight is one sight of a change object, or the request of a page.
type Sight struct {
	Key   Key
	UID   string
	Spec  Spec
	Terms Terms
	// Addresses are those of the new contacts, by ID: secret, sealed by the store.
	Addresses map[string]string
	// Refused says why a new contact is none: the change is rejected at once.
	Refused Reason
	// Created is the object's creation as the apiserver dates it; zero for a page.
	Created time.Time
	Now     time.Time
}

// Memory is what a mirror remembers of a record. Where the store lost it, it is adopted.
type Memory struct {
	Created, HoldStart, HoldUntil time.Time
	Restricted                    Restriction
	NoticesSent                   int
	End                           End
}

// Remembers reports whether the mirror says anything at all.
func (m Memory) Remembers() bool { return m != Memory{} }

// Of reports whether the record is that of the object with this UID and of no earlier
// incarnation. A change of the pages that was dropped before its object was seen stays so
// when it is.
func (r Record) Of(uid string) bool {
	return !r.Deleted || r.UID == uid || (r.Key.Own() && (r.UID == "" || uid == ""))
}

// Seen is the record after another sight of its object. Spec and terms stay frozen. Only
// after a deletion was seen does another UID begin a new incarnation, which inherits the
// restriction of the one before.
func (r Record) Seen(fresh Record) Record {
	if !r.Of(fresh.UID) {
		fresh.Inherited = stronger(r.Restricted, r.Inherited)
		fresh.InheritedUntil = later(r.RestrictedUntil, r.InheritedUntil)
		return fresh
	}
	if r.UID == "" {
		r.UID = fresh.UID
	}
	return r
}

// Merge joins two memories of one change: the earliest start and the latest end of the
// hold win, the stronger restriction, and a terminal fact beats an open one, the first of
// two the second (law 1). Its order does not matter and a hold is never shortened.
func (m Memory) Merge(o Memory) Memory {
	return Memory{
		Created:     earlier(m.Created, o.Created),
		HoldStart:   earlier(m.HoldStart, o.HoldStart),
		HoldUntil:   later(m.HoldUntil, o.HoldUntil),
		Restricted:  stronger(m.Restricted, o.Restricted),
		NoticesSent: max(m.NoticesSent, o.NoticesSent),
		End:         first(m.End, o.End),
	}
}

// Memory is what the record remembers of itself.
func (r Record) Memory() Memory {
	return Memory{
		Created: r.Created, HoldStart: r.HoldStart, HoldUntil: r.HoldUntil, Restricted: r.Restricted,
		NoticesSent: r.NoticesSent, End: r.End,
	}
}

// Adopt takes in what a mirror remembers. A record that has ended stays as it is. The
// notices that were due before now went out: they are told before a mirror moves.
func (r Record) Adopt(m Memory, now time.Time) Record {
	if r.End.State != "" {
		return r
	}
	begun := r.HoldStart.IsZero() && !m.HoldStart.IsZero()
	joined := r.Memory().Merge(m)
	r.Created, r.HoldStart, r.HoldUntil = joined.Created, joined.HoldStart, joined.HoldUntil
	r.Restricted, r.NoticesSent, r.End = joined.Restricted, joined.NoticesSent, joined.End
	if r.Restricted != "" && !r.HoldStart.IsZero() {
		r.RestrictedUntil = later(r.RestrictedUntil, r.restrictsTo())
	}
	if !begun {
		return r
	}
	for _, n := range r.schedule() {
		if !r.noticeAt(n).After(now) {
			r.Told = append(r.Told, n)
		}
	}
	return r
}

// first is the earlier of two ends; of two in the same instant the one that changes
// nothing, so that both orders settle to the same.
func first(a, b End) End {
	switch {
	case b.State == "":
		return a
	case a.State == "" || b.At.Before(a.At):
		return b
	case a.At.Before(b.At):
		return a
	case a.State != b.State:
		if rank(b.State) < rank(a.State) {
			return b
		}
		return a
	case b.Reason+Reason(b.By) < a.Reason+Reason(a.By):
		return b
	default:
		return a
	}
}

func rank(s State) int {
	for i, known := range []State{Cancelled, Rejected, Expired, Applied} {
		if s == known {
			return i
		}
	}
	return len(s) + 4
}

// earlier ignores zero instants, which say nothing.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
