package securityinfochange

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
)

// law 11: a hold that ends within a second is applied at the first look after it, by clocks
// that tell whole seconds.
func TestWakesWhenClocksTellTheEnd(t *testing.T) {
	f := newFixture(t)
	f.clock.Set(time.Now().Truncate(time.Second).Add(400 * time.Millisecond))
	name := f.made("one")
	f.reconcile(name)
	f.prove(name)
	coarse := func() time.Time { return f.clock.Now().Truncate(time.Second) }
	f.controller.APIServer, f.store.now = clockOf(coarse), coarse
	until := f.record(name).HoldUntil
	if until.Nanosecond() == 0 {
		t.Fatalf("until %v: nothing is tried here", until)
	}
	f.clock.Set(until.Add(-time.Minute))
	f.reconcile(name) // tells the notices of the month
	sic, result := f.reconcile(name)
	f.state(sic, v1alpha1.ChangeOnHold, isTrue, v1alpha1.ReasonOnHold)
	f.clock.Step(result.RequeueAfter)
	if late := f.clock.Now().Sub(until); late <= 0 || late >= time.Second {
		t.Errorf("wakes %v after the end", late)
	}
	sic, _ = f.reconcile(name)
	f.state(sic, v1alpha1.ChangeApplied, isTrue, v1alpha1.ReasonApplied)
}

// Facts that follow each other are compared with the object once, the last of them, when
// this controller's own patch had its time.
func TestFactsAreComparedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		wait := func(d time.Duration) { // by the bubble's clock
			<-time.After(d)
			synctest.Wait()
		}
		begin := time.Now()
		told := newFacts(ctx)
		var compared []change.Record
		go told.each(func(r change.Record) {
			if after := time.Since(begin); after < mirrorAfter {
				t.Errorf("compared after %v", after)
			}
			compared = append(compared, r)
		})
		one, other := change.Key{Tenant: "shop", Name: "one"}, change.Key{Tenant: "shop", Name: "other"}
		told.add(change.Record{Key: one, NoticesSent: 1})
		wait(mirrorAfter / 10)
		told.add(change.Record{Key: other, NoticesSent: 1})
		told.add(change.Record{Key: one, NoticesSent: 2})
		wait(time.Second)
		told.add(change.Record{Key: other, NoticesSent: 2})
		wait(time.Second)
		want := []change.Record{{Key: one, NoticesSent: 2}, {Key: other, NoticesSent: 1}, {Key: other, NoticesSent: 2}}
		if diff := cmp.Diff(want, compared); diff != "" {
			t.Error(diff)
		}
	})
}
