package block

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawSpec draws a sight of one block: start, duration and permanence differ.
func drawSpec(t *rapid.T, label string) Spec {
	return Spec{
		Account: "anna", Reason: UnusualActivity, Scope: Account, Steps: []Step{VerifyCode},
		Start:     time.Unix(1_790_000_000, 0).Add(time.Duration(rapid.IntRange(-48, 48).Draw(t, label+" start")) * time.Hour),
		Duration:  time.Duration(rapid.IntRange(1, 200).Draw(t, label+" hours")) * time.Hour,
		Permanent: rapid.IntRange(0, 5).Draw(t, label+" permanent") == 0,
	}
}

// law 1: earliest start, latest end and permanence win, in whatever order and
// however often the sights arrive.
func TestMergeDoesNotCareForOrderOrRepetition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sights []Spec
		for range rapid.IntRange(1, 6).Draw(t, "sights") {
			sights = append(sights, drawSpec(t, "sight"))
		}
		merge := func(order []Spec) Record {
			r := NewRecord(Key{"shop", "anna"}, "uid-1", order[0])
			for _, s := range order[1:] {
				r = r.Merge("uid-1", s)
			}
			if r.Spec.Permanent {
				r.Spec.Duration = 0 // means nothing there
			}
			return r
		}
		first := merge(sights)
		if diff := cmp.Diff(first, merge(rapid.Permutation(sights).Draw(t, "order"))); diff != "" {
			t.Fatalf("another order: %s", diff)
		}
		if diff := cmp.Diff(first, merge(append(sights, rapid.Permutation(sights).Draw(t, "again")...))); diff != "" {
			t.Fatalf("seen again: %s", diff)
		}
		for _, s := range sights {
			if first.Spec.Start.After(s.Start) {
				t.Fatalf("starts %v, after %v", first.Spec.Start, s.Start)
			}
			if s.Permanent && !first.Spec.Permanent {
				t.Fatal("a permanent sight was forgotten")
			}
			if !first.Spec.Permanent && first.Expires.Before(s.Start.Add(s.Duration)) {
				t.Fatalf("ends %v, before %v", first.Expires, s.Start.Add(s.Duration))
			}
		}
	})
}

// law 1: no later sight shortens what attempts have lengthened, and none undoes a
// proof.
func TestMergeKeepsWhatHappened(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := NewRecord(Key{"shop", "anna"}, "uid-1", drawSpec(t, "first"))
		r, _ = r.Lengthen(r.Spec.Start.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "attempt"))*time.Hour), MaxLength)
		r.Proof = Proof{Flow: "f", At: r.Spec.Start.Add(time.Hour)}
		got := r.Merge(rapid.SampledFrom([]string{"uid-1", "uid-2"}).Draw(t, "uid"), drawSpec(t, "later"))
		if !got.Spec.Permanent && got.Expires.Before(r.Expires) || r.Spec.Permanent && !got.Spec.Permanent {
			t.Fatalf("shortened from %v to %v", r.Expires, got.Expires)
		}
		if got.Proof != r.Proof || got.Extensions != r.Extensions || got.Key != r.Key {
			t.Fatalf("forgot: %s", cmp.Diff(r, got))
		}
	})
}

// law 1: the frozen spec does not drift with the object.
func TestMergeFreezesTheRest(t *testing.T) {
	r := blocked(t, 24*time.Hour)
	spec := r.Spec
	spec.Account, spec.Reason, spec.Scope, spec.Value = "ben", Administrative, Method, "SMS"
	spec.Steps, spec.CodeTo = nil, AnyNumber
	if diff := cmp.Diff(r, r.Merge("uid-1", spec)); diff != "" {
		t.Fatal(diff)
	}
}

// law 1: a terminal fact beats an open one.
func TestMergeRevivesNothing(t *testing.T) {
	now := at(t, "Mar 1 12:00:00")
	for _, state := range []State{Released, Expired, Revoked} {
		t.Run(string(state), func(t *testing.T) {
			r := blocked(t, 24*time.Hour, func(r *Record) { r.End = End{State: state, At: at(t, "Mar 1 06:00:00")} })
			longer := r.Spec
			longer.Duration, longer.Permanent = 48*time.Hour, true
			for _, uid := range []string{"uid-1", "uid-2"} {
				got := r.Merge(uid, longer)
				if diff := cmp.Diff(r, got); got.Enforced(now) || diff != "" {
					t.Fatalf("%s: enforced %v: %s", uid, got.Enforced(now), diff)
				}
			}
			longer.Start = at(t, "Feb 28 00:00:00")
			if got := r.Merge("uid-1", longer); !got.Spec.Start.Equal(longer.Start) || got.End != r.End {
				t.Fatalf("an earlier start is not recorded: %+v", got)
			}
		})
	}
}

// law 1: an incarnation ends only when its deletion was seen.
func TestANewIncarnationNeedsASeenDeletion(t *testing.T) {
	released := func(r *Record) { r.End = End{State: Released, At: r.Spec.Start.Add(time.Hour)} }
	deleted := func(r *Record) { released(r); r.Deleted = true }
	now := at(t, "Mar 1 12:00:00")
	for name, c := range map[string]struct {
		change func(*Record)
		uid    string
		want   State
	}{
		"the same object, still released":                          {released, "uid-1", Released},
		"another UID, its deletion unseen: a restore adopts":       {released, "uid-2", Released},
		"the same UID after its deletion, a late echo":             {deleted, "uid-1", Released},
		"another UID after a seen deletion: a new block":           {deleted, "uid-2", Active},
		"another UID while the first one is open, deletion unseen": {func(*Record) {}, "uid-2", Active},
	} {
		t.Run(name, func(t *testing.T) {
			r := blocked(t, 24*time.Hour, c.change)
			got := r.Merge(c.uid, r.Spec)
			if state := got.State(now); state != c.want {
				t.Fatalf("state %s, want %s", state, c.want)
			}
			if c.want == Active && r.Deleted {
				if diff := cmp.Diff(NewRecord(r.Key, c.uid, r.Spec), got); diff != "" {
					t.Fatalf("the new block remembers the old one: %s", diff)
				}
			}
		})
	}
}
