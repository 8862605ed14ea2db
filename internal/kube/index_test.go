package kube

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

var key = block.Key{Tenant: "shop", Name: "b"}

func newIndex() *Index {
	return NewIndex(func(string, string) policy.Policy { return policy.Default() })
}

func apply(t testing.TB, x *Index, objects ...*v1alpha1.AccountBlock) {
	t.Helper()
	for _, o := range objects {
		if err := x.Apply(o); err != nil {
			t.Fatal(err)
		}
	}
}

// binding are the names of the blocks that bind the account at now.
func binding(x *Index, now time.Time) []string {
	var names []string
	for _, r := range x.Blocks("shop", "a-1", "", netip.Addr{}, "") {
		if r.Enforced(now) {
			names = append(names, r.Key.Name)
		}
	}
	return names
}

func binds(t *testing.T, x *Index, now time.Time, want bool) {
	t.Helper()
	if got := len(binding(x, now)) > 0; got != want {
		t.Errorf("the account is blocked: %v, want %v", got, want)
	}
}

func known(x *Index, edits ...func(*block.Record)) {
	r := frozen(edits...)
	x.Fact(fact.Fact{Block: &r})
}

func released(r *block.Record) { r.End = block.End{State: block.Released, At: noon.Add(time.Hour)} }

// law 4: enforced from the moment it is seen, gone at its second, with no controller.
func TestIndexEnforcesAnObjectBeforeAnyReconcile(t *testing.T) {
	x := newIndex()
	binds(t, x, noon, false)
	apply(t, x, object("b"))
	binds(t, x, noon, true)
	binds(t, x, noon.Add(24*time.Hour-time.Second), true)
	binds(t, x, noon.Add(24*time.Hour), false)
	if got := x.Blocks("other", "a-1", "", netip.Addr{}, ""); got != nil {
		t.Errorf("another tenant is blocked too: %v", got)
	}
}

func TestIndexStopsAtDeletion(t *testing.T) {
	x := newIndex()
	apply(t, x, object("b"), object("b", deleting(noon.Add(time.Minute))))
	binds(t, x, noon.Add(time.Minute), false)
	if r, ok := x.Block(key); !ok || r.End.State != block.Revoked {
		t.Errorf("record %+v, %v", r.End, ok)
	}
	x.Remove(key)
	binds(t, x, noon.Add(time.Minute), false)
	if x.Len() != 0 {
		t.Errorf("%d entries are left", x.Len())
	}
}

// law 4: a release is seen though the object still says Active.
func TestIndexFactOfAReleaseBeatsTheObject(t *testing.T) {
	for name, feed := range map[string]func(*Index){
		"object first": func(x *Index) { apply(t, x, object("b")); known(x, released) },
		"fact first":   func(x *Index) { known(x, released); apply(t, x, object("b")) },
		"the object again, still Active": func(x *Index) {
			known(x, released)
			apply(t, x, object("b"), object("b", func(ab *v1alpha1.AccountBlock) {
				ab.Status = report(frozen(), noon).Status(ab.Status)
			}))
		},
		"an older fact afterwards": func(x *Index) { apply(t, x, object("b")); known(x, released); known(x) },
		"restored under another UID": func(x *Index) {
			apply(t, x, object("b"))
			known(x, released)
			x.Remove(key)
			apply(t, x, object("b", uid("uid-2"), created(noon.Add(2*time.Hour))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := newIndex()
			feed(x)
			binds(t, x, noon.Add(time.Hour), false)
			if r, ok := x.Block(key); !ok || r.End.State != block.Released {
				t.Errorf("record %+v, %v", r.End, ok)
			}
		})
	}
}

// law 1: an incarnation ends only when its deletion was seen.
func TestIndexNewIncarnation(t *testing.T) {
	x := newIndex()
	apply(t, x, object("b"))
	known(x, func(r *block.Record) { r.End, r.Deleted = block.End{State: block.Revoked, At: noon}, true })
	x.Remove(key)
	later := noon.Add(time.Hour)
	apply(t, x, object("b", uid("uid-2"), created(later)))
	binds(t, x, later, true)
	binds(t, x, later.Add(24*time.Hour), false)
	// The old incarnation's fact comes again after a break of the feed.
	known(x, func(r *block.Record) { r.End, r.Deleted = block.End{State: block.Revoked, At: noon}, true })
	binds(t, x, later, true)
}

func TestIndexLengthenedByFact(t *testing.T) {
	x := newIndex()
	apply(t, x, object("b"))
	at := noon.Add(30 * time.Hour)
	binds(t, x, at, false)
	known(x, func(r *block.Record) { r.Expires, r.Extensions = noon.Add(36*time.Hour), 1 })
	binds(t, x, at, true)
	known(x) // an older fact shortens nothing
	binds(t, x, at, true)
	x.Prune(noon.Add(36 * time.Hour))
	binds(t, x, noon.Add(36*time.Hour), false)
	known(x, func(r *block.Record) { r.Expires, r.Extensions = noon.Add(48*time.Hour), 2 })
	binds(t, x, noon.Add(36*time.Hour), true)
}

// law 1: a policy edit after the record changes nothing, a fact corrects what this
// replica filled from a policy that it did not know yet.
func TestIndexTakesFrozenNumbers(t *testing.T) {
	p := policy.Default()
	x := NewIndex(func(string, string) policy.Policy { return p })
	apply(t, x, object("b"))
	known(x, func(r *block.Record) { r.Spec.Duration, r.Expires = time.Hour, noon.Add(time.Hour) })
	binds(t, x, noon.Add(time.Hour), false)
	p.Blocks[block.UnusualActivity] = policy.Block{Duration: 72 * time.Hour}
	apply(t, x, object("b"))
	binds(t, x, noon.Add(time.Hour), false)
}

// law 1: where the store lost the record the status is adopted.
func TestIndexAdoptsATerminalStatus(t *testing.T) {
	x := newIndex()
	apply(t, x, object("b", func(ab *v1alpha1.AccountBlock) {
		ab.Status = report(frozen(released), noon).Status(ab.Status)
	}))
	binds(t, x, noon, false)
	if r, ok := x.Block(key); !ok || r.End.State != block.Released {
		t.Errorf("record %+v, %v", r.End, ok)
	}
}

func TestIndexKeepsAFactWithoutObjectToItself(t *testing.T) {
	x := newIndex()
	known(x)
	binds(t, x, noon, false)
	if _, ok := x.Block(key); ok {
		t.Error("an open record without an object is shown")
	}
}

func TestIndexRefusesWhatCannotBeRead(t *testing.T) {
	x := newIndex()
	if err := x.Apply(object("b", spec(func(s *v1alpha1.AccountBlockSpec) { s.Duration = "1d" }))); err == nil {
		t.Error("no error")
	}
	binds(t, x, noon, false)
}

func TestIndexRestriction(t *testing.T) {
	x := newIndex()
	until := noon.Add(720 * time.Hour)
	x.Fact(fact.Fact{Restriction: &fact.Restriction{Tenant: "shop", Account: "a-1", Until: until}})
	x.Fact(fact.Fact{Restriction: &fact.Restriction{Tenant: "shop", Account: "a-1", Until: noon}})
	if got := x.PaymentsDeniedUntil("shop", "a-1"); !got.Equal(until) {
		t.Errorf("until %v", got)
	}
	if got := x.PaymentsDeniedUntil("shop", "a-2"); !got.IsZero() {
		t.Errorf("another account: until %v", got)
	}
	x.Prune(until)
	if got := x.PaymentsDeniedUntil("shop", "a-1"); !got.IsZero() {
		t.Errorf("after its end: until %v", got)
	}
}

func TestIndexPrune(t *testing.T) {
	x := newIndex()
	apply(t, x, object("b"))
	known(x, released)
	apply(t, x, object("c", spec(func(s *v1alpha1.AccountBlockSpec) { s.Permanent = true })))
	x.Prune(noon.Add(1000 * time.Hour))
	if x.Len() != 2 {
		t.Errorf("%d entries: an object still stands for each", x.Len())
	}
	// The end must outlive every event of an object that still says Active.
	apply(t, x, object("b"))
	if got := binding(x, noon); len(got) != 1 || got[0] != "c" {
		t.Errorf("binding: %v", got)
	}
	x.Remove(key)
	x.Prune(noon.Add(25*time.Hour - time.Second))
	if _, ok := x.Block(key); !ok {
		t.Error("forgotten within a day of its end")
	}
	x.Prune(noon.Add(25 * time.Hour))
	if _, ok := x.Block(key); ok || x.Len() != 1 {
		t.Errorf("%d entries, released one known: %v", x.Len(), ok)
	}
}

// Readers, the informer and the feed meet in the index; run with -race.
func TestIndexRace(t *testing.T) {
	x := newIndex()
	var group sync.WaitGroup
	const rounds = 300
	name := func(i int) string { return fmt.Sprint("b", i%7) }
	work := []func(i int){
		func(i int) {
			if err := x.Apply(object(name(i))); err != nil {
				t.Error(err)
			}
		},
		func(i int) { x.Remove(block.Key{Tenant: "shop", Name: name(i)}) },
		func(i int) {
			known(x, func(r *block.Record) { r.Key.Name, r.Extensions = name(i), i })
			x.Fact(fact.Fact{Restriction: &fact.Restriction{Tenant: "shop", Account: name(i), Until: noon}})
		},
		func(i int) { x.Prune(noon.Add(time.Duration(i) * time.Hour)) },
		func(int) {
			for _, r := range x.Blocks("shop", "a-1", "SMS", netip.MustParseAddr("192.0.2.1"), "DE") {
				if r.Spec.Account != "a-1" {
					t.Errorf("block of %s", r.Spec.Account)
				}
			}
		},
		func(i int) {
			x.Block(block.Key{Tenant: "shop", Name: name(i)})
			x.PaymentsDeniedUntil("shop", name(i))
		},
	}
	for _, f := range work {
		group.Go(func() {
			for i := range rounds {
				f(i)
			}
		})
	}
	group.Wait()
	apply(t, x, object("b"))
	binds(t, x, noon, true)
}
