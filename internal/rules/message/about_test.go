package message

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/change"
)

// Law 8: a notice tells what comes, what goes and until when, as its record stands; of
// contacts the masks alone (law 2).
func TestNoticesTellWhatTheRecordSays(t *testing.T) {
	start := time.Date(2026, 3, 14, 15, 9, 0, 0, time.UTC)
	end := start.Add(720 * time.Hour)
	on := func(action change.Action, removed ...string) change.Record {
		return change.Record{
			Spec: change.Spec{Action: action, Removed: removed},
			Snapshot: []change.OldContact{
				{ID: "a", Hint: "an•••@•••"}, {ID: "b", Hint: "•••• 89"}, {ID: "gone", Hint: "•••• 11", Gone: true},
			},
			HoldStart: start, HoldUntil: end, Restricted: change.SensitiveActions, RestrictedUntil: end,
		}
	}
	replace := on(change.Replace)
	replace.Spec.New = []change.NewContact{{ID: "n", Hint: "•••• 42"}, {ID: "m", Hint: "eu•••@•••"}}
	added, both := []string{"•••• 42", "eu•••@•••"}, []string{"an•••@•••", "•••• 89"}
	cleared := on(change.Clear)
	cleared.HoldUntil = start.Add(24 * time.Hour)
	for name, c := range map[string]struct {
		record change.Record
		want   About
	}{
		"replace all on hold":    {replace, About{Until: end, Added: added, Removed: both, Restricted: change.SensitiveActions}},
		"remove one on hold":     {on(change.Remove, "b"), About{Until: end, Removed: []string{"•••• 89"}, Restricted: change.SensitiveActions}},
		"clear on hold":          {cleared, About{Until: cleared.HoldUntil, Removed: both, Restricted: change.SensitiveActions}},
		"applied after the hold": {replace.Finish(change.Applied, "", end), About{Added: added, Removed: both}},
		// A Clear applies a day later and restricts for the whole hold (seed 45).
		"cleared": {cleared.Finish(change.Applied, "", cleared.HoldUntil), About{Until: end, Removed: both, Restricted: change.SensitiveActions}},
		"cancelled by a code (seed 34)": {
			replace.Cancel("b", start.Add(time.Hour)), About{Added: added, Removed: both, Contact: "•••• 89"},
		},
		"deleted, restricted to its date": {
			replace.Erase("uid", start.Add(time.Hour)), About{Until: end, Added: added, Removed: both, Restricted: change.SensitiveActions},
		},
	} {
		if diff := cmp.Diff(c.want, OfChange(c.record)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	stored, err := json.Marshal(OfChange(replace))
	if err != nil {
		t.Fatal(err)
	}
	var back About
	if err := json.Unmarshal(stored, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(OfChange(replace), back); diff != "" {
		t.Errorf("the outbox loses something (-put +got):\n%s", diff)
	}
	if stored, err := json.Marshal(About{}); err != nil || string(stored) != "{}" {
		t.Errorf("nothing to tell is stored as %s, %v", stored, err)
	}
}
