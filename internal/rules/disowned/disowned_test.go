package disowned

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestUntil(t *testing.T) {
	if got := Until(noon); !got.Equal(noon.Add(720 * time.Hour)) {
		t.Errorf("it rests until %v", got)
	}
	if got := Until(time.Time{}); !got.IsZero() {
		t.Errorf("what nobody said rests until %v", got)
	}
}

// law 8, seed 34: every code rests but those that cancel.
func TestCodesThatCancelNeverRest(t *testing.T) {
	for purpose, want := range map[code.Purpose]bool{
		code.Unblock: true, code.AddContact: true, code.StepUp: true, code.Recheck: true, code.Recovery: true, code.Cancel: false,
	} {
		if got := Concerns(purpose); got != want {
			t.Errorf("%s: %t", purpose, got)
		}
	}
}

// seed 41: only of somebody else's account, and an address that somebody typed, the flow
// goes on.
func TestWhichFlowEnds(t *testing.T) {
	listed, typed := code.Challenge{ContactID: "c1"}, code.Challenge{}
	cancels := code.Challenge{ContactID: "c1", Purpose: code.Cancel} // law 8
	for _, c := range []struct {
		kind code.ReportKind
		of   code.Challenge
		want bool
	}{
		{code.NotMe, listed, true}, {code.NotMe, typed, true}, {code.UnrequestedCode, listed, true}, {code.UnrequestedCode, typed, true},
		{code.NotMyAccount, listed, true}, {code.NotMyAccount, typed, false},
		{code.NotMe, cancels, false}, {code.NotMyAccount, cancels, false},
	} {
		if got := EndsFlow(c.kind, c.of); got != c.want {
			t.Errorf("%s of a code to %q: %t", c.kind, c.of.ContactID, got)
		}
	}
}

// A report ends the change that waits for the very code, and never one on hold, one that has
// ended, or another one.
func TestWhichChangeIsDropped(t *testing.T) {
	waiting := change.Record{Key: change.Key{Tenant: "shop", Name: "add"}, Deadline: noon.Add(time.Hour)}
	held, over, ended, other := waiting, waiting, waiting, waiting
	held.HoldStart = noon.Add(-time.Hour)
	over.Deadline = noon
	ended.End.State = change.Applied
	other.Key.Name = "other"
	adding := code.Challenge{Purpose: code.AddContact, Object: "add"}
	vouching := code.Challenge{Purpose: code.StepUp, Object: "add"}
	for name, c := range map[string]struct {
		of   code.Challenge
		r    change.Record
		want bool
	}{
		"the one that waits": {adding, waiting, true}, "on hold": {adding, held, false}, "too late": {adding, over, false},
		"ended": {adding, ended, false}, "another one": {adding, other, false}, "a code to an old contact": {vouching, waiting, false},
	} {
		if got := Drops(c.of, c.r, noon); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
