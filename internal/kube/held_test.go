package kube

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

var (
	holdStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	holdEnd   = holdStart.Add(720 * time.Hour)
)

// onHold is the fact of a change whose hold began.
func onHold(edit ...func(*change.Record)) fact.Fact {
	r := change.Record{
		Key: change.Key{Tenant: "shop", Name: "replace"}, UID: "u-1", Spec: change.Spec{Account: "a-1", Action: change.Replace},
		Created: holdStart, HoldStart: holdStart, HoldUntil: holdEnd, Restricted: change.SensitiveActions,
	}
	for _, e := range edit {
		e(&r)
	}
	return fact.Fact{Change: &r}
}

func emptyIndex() *Index {
	return NewIndex(func(string, string) policy.Policy { return policy.Default() })
}

func wantHolds(t *testing.T, what string, x *Index, now time.Time, want ...decision.Hold) {
	t.Helper()
	if diff := cmp.Diff(want, x.Holds("shop", "a-1", now)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// law 4: a hold restricts from its fact on, and until a fact says that it has ended.
func TestHoldsOfFacts(t *testing.T) {
	x := emptyIndex()
	restricted := decision.Hold{What: change.SensitiveActions}
	wantHolds(t, "before", x, holdStart)
	x.Fact(onHold())
	wantHolds(t, "on hold", x, holdStart, restricted)
	wantHolds(t, "past its date while nobody applied it", x, holdEnd.Add(time.Hour), restricted)
	x.Fact(onHold(func(r *change.Record) { r.HoldStart, r.HoldUntil, r.Restricted = time.Time{}, time.Time{}, "" }))
	wantHolds(t, "an older fact that comes late", x, holdStart, restricted)
	if got := x.Holds("shop", "a-2", holdStart); got != nil {
		t.Errorf("another account: %v", got)
	}
	cancelled := change.End{State: change.Cancelled, At: holdStart.Add(time.Hour), Reason: change.ByCode}
	x.Fact(onHold(func(r *change.Record) { r.End = cancelled }))
	wantHolds(t, "cancelled", x, holdStart.Add(time.Hour))
	x.Fact(onHold())
	wantHolds(t, "a late fact revives nothing", x, holdStart.Add(time.Hour))
	x.Prune(holdStart.Add(time.Hour))
	if len(x.shelves) != 0 {
		t.Errorf("%d shelves are left of what is over", len(x.shelves))
	}
}

// law 1: where the store has lost a hold, the status still restricts, and only to its date.
func TestHoldsOfTheMirror(t *testing.T) {
	x := emptyIndex()
	sic := &v1alpha1.SecurityInfoChange{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "replace"}}
	sic.Spec.Account = "a-1"
	x.ApplyChange(sic)
	wantHolds(t, "an object without a hold", x, holdStart)
	sic.Status.Restricted, sic.Status.HoldUntilTime = v1alpha1.RestrictSignIn, &metav1.Time{Time: holdEnd}
	x.ApplyChange(sic)
	wantHolds(t, "told by the status of one that is over", x, holdStart, decision.Hold{What: change.SignIn, Until: holdEnd})
	wantHolds(t, "a nanosecond before its date", x, holdEnd.Add(-1), decision.Hold{What: change.SignIn, Until: holdEnd})
	wantHolds(t, "at its date", x, holdEnd)
	sic.Status.State = v1alpha1.ChangeOnHold
	x.ApplyChange(sic)
	wantHolds(t, "nobody has applied it yet", x, holdEnd.Add(time.Hour), decision.Hold{What: change.SignIn})
	x.RemoveChange(sic)
	wantHolds(t, "its object vanished: to its date", x, holdEnd.Add(-1), decision.Hold{What: change.SignIn, Until: holdEnd})
	wantHolds(t, "and no further", x, holdEnd)
	x.Fact(onHold())
	wantHolds(t, "the fact says more", x, holdStart, decision.Hold{What: change.SensitiveActions})
}

// seed 38: a round of rechecks is known until it ends.
func TestRechecks(t *testing.T) {
	x := emptyIndex()
	round := recheck.Record{Tenant: "shop", Account: "a-1", FirstNotice: holdStart, MustAt: holdEnd}
	x.Fact(fact.Fact{Recheck: &round})
	if got := x.Recheck("shop", "a-1"); got != round {
		t.Errorf("got %+v", got)
	}
	x.Fact(fact.Fact{Recheck: &recheck.Record{Tenant: "shop", Account: "a-1", LastProof: holdStart}})
	for _, account := range []string{"a-1", "a-2"} {
		if got := x.Recheck("shop", account); got != (recheck.Record{}) {
			t.Errorf("%s: %+v", account, got)
		}
	}
}
