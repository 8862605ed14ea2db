package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
)

var begunTests = map[string]func(*testing.T, Backend){
	"begun/law 5: so many are open that pages began, at once or not":       openAtMost,
	"begun/law 5: so many begin in a day":                                  begunPerDay,
	"begun/a change that something has come of is not forgotten":           notForgotten,
	"begun/of a proof and a forgetting at once exactly one has its effect": forgottenAtOnce,
}

// own is an Add that a page of the owner begins.
func (o *owner) own(name string, now time.Time) change.Sight {
	return o.sight(change.OwnPrefix+name, change.Add, now)
}

func openAtMost(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("of-others", change.Add, Start))
	began := make(chan error)
	for i := range 2 * change.MaxOpen {
		seen := o.own(fmt.Sprint(i), Start)
		go func() {
			_, err := b.FreezeChange(t.Context(), seen)
			began <- err
		}()
	}
	refused := 0
	for range 2 * change.MaxOpen {
		switch err := <-began; {
		case errors.Is(err, rules.ErrOpenMatter):
			refused++
		case err != nil:
			t.Error(err)
		}
	}
	equal(t, "refused", refused, change.MaxOpen)
	equal(t, "rows", count(t, b.DB, `SELECT COUNT(*) FROM changes`), change.MaxOpen+1)
}

func begunPerDay(t *testing.T, b Backend) {
	o := newOwner(t, b)
	for i := range change.BegunPerDay {
		name := fmt.Sprint(i)
		o.freeze(o.own(name, Start))
		must(t, b.ForgetChange(t.Context(), change.Visit{Key: o.key(change.OwnPrefix + name), Now: Start}))
	}
	_, err := b.FreezeChange(t.Context(), o.own("more", Start))
	var limited *rules.LimitError
	if !errors.As(err, &limited) {
		t.Fatalf("err = %v, want a limit", err)
	}
	o.freeze(o.own("more", Start.Add(limited.RetryAfter)))
}

func notForgotten(t *testing.T, b Backend) {
	o := held(t, b)
	wantErr(t, b.ForgetChange(t.Context(), change.Visit{Key: o.key("c"), Now: Start}), rules.ErrOrder)
	s := o.own("replace", Start)
	s.Spec.Action = change.Replace
	o.freeze(s)
	o.must(o.provenNew(change.OwnPrefix+"replace", Start))
	wantErr(t, b.ForgetChange(t.Context(), change.Visit{Key: s.Key, Now: Start}), rules.ErrOrder)
	o.wantState(s.Key.Name, Start, change.OnHold)
}

func forgottenAtOnce(t *testing.T, b Backend) {
	o := newOwner(t, b)
	s := o.own("replace", Start)
	s.Spec.Action = change.Replace
	o.freeze(s)
	forgotten := make(chan error, 1)
	go func() { forgotten <- b.ForgetChange(t.Context(), change.Visit{Key: s.Key, Now: Start}) }()
	_, proven := o.provenNew(s.Key.Name, Start)
	err := <-forgotten
	if (proven == nil) == (err == nil) {
		t.Fatalf("the proof: %v, the forgetting: %v", proven, err)
	}
	want := change.OnHold
	if err == nil {
		want = change.Cancelled
	}
	o.wantState(s.Key.Name, Start, want)
}
