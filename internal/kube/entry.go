package kube

import (
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// sight is what the index keeps of an AccountBlock.
type sight struct {
	uid    string
	intent Intent
	// spec is the intent filled from the policy as it was when the object was seen.
	spec   block.Spec
	memory block.Memory
	// deleting is when the deletion was asked for; zero while the object stands.
	deleting time.Time
}

func see(ab *v1alpha1.AccountBlock, intent Intent, p policy.Block) *sight {
	return &sight{
		uid: string(ab.UID), intent: intent, spec: intent.Fill(p),
		memory: ReadMemory(ab.Status), deleting: instant(ab.DeletionTimestamp),
	}
}

// entry joins the object and the fact of one block.
type entry struct {
	object *sight
	fact   *block.Record
	// record is what object and fact come to.
	record block.Record
	listed bool
	// gone says that the object was there and disappeared: whatever its fact says, it
	// binds nobody until another object or incarnation comes.
	gone bool
}

// join computes the record anew. A fact of a deleted incarnation says nothing about an
// object of another UID; a fact without an object is remembered and binds nobody, but
// for a block of Holdfast's own whose object is still to come.
func (e *entry) join(key block.Key) {
	o := e.object
	switch {
	case o == nil:
		e.record = *e.fact
		return
	case e.fact == nil || (e.fact.Deleted && e.fact.UID != o.uid):
		e.record = block.NewRecord(key, o.uid, o.spec)
	default:
		e.record = e.fact.Merge(o.uid, o.intent.Adopt(e.fact.Spec))
	}
	e.record = o.memory.Into(e.record)
	if !o.deleting.IsZero() && !e.record.End.State.Terminal() {
		e.record.End = block.End{State: block.Revoked, At: o.deleting}
	}
}

// learn takes a fact unless it is older than what is known: within an incarnation a
// deletion, an end, permanence and a later expiry are never taken back.
func (e *entry) learn(r block.Record) bool {
	if old := e.fact; old != nil && old.Deleted && !r.Deleted {
		e.gone = false // a new incarnation
	}
	if old := e.fact; old != nil && old.UID == r.UID {
		back := (old.Deleted && !r.Deleted) || (old.End.State.Terminal() && !r.End.State.Terminal()) ||
			(old.Spec.Permanent && !r.Spec.Permanent) || (!r.Spec.Permanent && r.Expires.Before(old.Expires))
		if back {
			return false
		}
	}
	e.fact = &r
	return true
}

// binds reports whether the entry belongs into the lists that decisions read.
func (e *entry) binds() bool {
	return (e.object != nil || e.awaited()) && !e.record.End.State.Terminal()
}

// awaited reports whether the entry is a record of Holdfast's own that has no object
// yet.
func (e *entry) awaited() bool {
	return e.object == nil && !e.gone && e.record.Key.Own() && !e.record.Deleted
}

// overSince reports whether the block was over at an instant already.
func (e *entry) overSince(then time.Time) bool {
	if e.record.End.State.Terminal() {
		return !e.record.End.At.After(then)
	}
	return e.record.State(then).Terminal()
}

// insert and remove keep a list ordered by name, so that answers do not depend on the
// order of events.
func insert(list []*entry, e *entry) []*entry {
	at, _ := slices.BinarySearchFunc(list, e, byName)
	return slices.Insert(list, at, e)
}

func remove(list []*entry, e *entry) []*entry {
	if at, found := slices.BinarySearchFunc(list, e, byName); found {
		return slices.Delete(list, at, at+1)
	}
	return list
}

func byName(a, b *entry) int { return strings.Compare(a.record.Key.Name, b.record.Key.Name) }
