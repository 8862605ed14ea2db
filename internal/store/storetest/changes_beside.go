package storetest

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/change"
)

// Changes that meet others of their account, its import, or an object that was thought
// gone.
var besideTests = map[string]func(*testing.T, Backend){
	"beside/seed 34, 45: to cancel a Clear that seconds another cancels both": cancelledByJoined,
}

func cancelledByJoined(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.clear("one", "jane", Start)
	equal(t, "joined", o.clear("two", "joe", Start).Joined, "one")
	at := Start.Add(time.Minute)
	must(t, o.cancel("two", "a", false, at))
	for _, name := range []string{"one", "two"} {
		r := mustGet[change.Record](t)(b.Change(t.Context(), o.key(name)))
		equal(t, "end of "+name, r.End, change.End{State: change.Cancelled, At: at, Reason: change.ByCode, By: "a"})
		what, _ := r.Restricts(at)
		equal(t, name+" restricts", what, "")
	}
	equal(t, "told once", o.told(change.NoticeCancelled), 2)
	_, err := o.apply("one", Start.Add(day))
	wantErr(t, err, change.ErrEnded)
	o.wantContacts("a", "b")
}
