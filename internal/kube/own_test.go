package kube

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// own is the record of a block that Holdfast made, before it has an object.
func own(edits ...func(*block.Record)) block.Record {
	s := frozen().Spec
	r := block.NewRecord(block.Key{Tenant: "shop", Name: block.OwnName(s)}, "", s)
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func tell(x *Index, r block.Record) { x.Fact(fact.Fact{Block: &r}) }

func ownObject(edits ...func(*v1alpha1.AccountBlock)) *v1alpha1.AccountBlock {
	return object(own().Key.Name, append([]func(*v1alpha1.AccountBlock){uid("uid-own")}, edits...)...)
}

// law 10: what Holdfast itself blocks binds from its fact on, before any object exists
// and also while the apiserver is away.
func TestIndexBindsItsOwnBeforeTheObject(t *testing.T) {
	x := newIndex()
	tell(x, own())
	binds(t, x, noon, true)
	binds(t, x, noon.Add(24*time.Hour), false)
	if r, ok := x.Block(own().Key); !ok || r.State(noon) != block.Active {
		t.Errorf("record %+v, %v", r, ok)
	}
	apply(t, x, ownObject())
	binds(t, x, noon, true)
}

// law 4: deleting the object unblocks at once on every replica, in whatever order the
// object's disappearance and the deletion's fact arrive.
func TestIndexDeletionEndsItsOwn(t *testing.T) {
	deleted := own(func(r *block.Record) {
		r.UID, r.Deleted, r.End = "uid-own", true, block.End{State: block.Revoked, At: noon}
	})
	for name, feed := range map[string]func(x *Index){
		"only asked for":        func(x *Index) { apply(t, x, ownObject(deleting(noon))) },
		"the object first":      func(x *Index) { x.Remove(own().Key) },
		"the object, then fact": func(x *Index) { x.Remove(own().Key); tell(x, deleted) },
		"the fact first":        func(x *Index) { tell(x, deleted); x.Remove(own().Key) },
		"the old fact again":    func(x *Index) { x.Remove(own().Key); tell(x, own()) },
	} {
		t.Run(name, func(t *testing.T) {
			x := newIndex()
			tell(x, own())
			apply(t, x, ownObject())
			feed(x)
			binds(t, x, noon.Add(time.Minute), false)
		})
	}
}

// A new incarnation under the name binds before it has an object, as the first did.
func TestIndexBindsItsOwnAnew(t *testing.T) {
	x := newIndex()
	tell(x, own())
	apply(t, x, ownObject())
	tell(x, own(func(r *block.Record) {
		r.UID, r.Deleted, r.End = "uid-own", true, block.End{State: block.Revoked, At: noon}
	}))
	x.Remove(own().Key)
	tell(x, own())
	binds(t, x, noon, true)
}
