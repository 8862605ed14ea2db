package change

import (
	"slices"
	"testing"
	"time"
)

// law 8: of two replacements that stop each other each is told of once; one that waits for
// its codes, another account's, or one that was reviewed is no dispute.
func TestDisputed(t *testing.T) {
	hold := func(name, account, recovery string) Record {
		spec := Spec{Account: account, Action: Replace, Recovery: recovery}
		r := NewRecord(Key{"shop", name}, "", spec, DefaultTerms(), nil, start)
		return r.Begin(start)
	}
	mine, now := hold("mine", "a-1", ""), start.Add(time.Hour)
	waits := NewRecord(Key{"shop", "other"}, "", mine.Spec, DefaultTerms(), nil, start)
	for name, c := range map[string]struct {
		other Record
		want  bool
	}{
		"a rival":              {hold("other", "a-1", ""), true},
		"one that waits":       {waits, false},
		"of another account":   {hold("other", "a-2", ""), false},
		"one that was seen to": {hold("other", "a-1", "request-1"), false},
		"one that was stopped": {hold("other", "a-1", "").Cancel("", start), false},
	} {
		if got := mine.Disputed([]Record{c.other}, now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := c.other.Disputed([]Record{mine}, now); got != c.want {
			t.Errorf("%s, seen from there: %v", name, got)
		}
	}
	rival := []Record{hold("other", "a-1", "")}
	told := mine.Tell(Contest, 2)
	if told.Disputed(rival, now) {
		t.Error("told once more")
	}
	if n, due := told.Due(start); due || !slices.Contains(told.Told, Started) {
		t.Errorf("notice %d is due, though the contest has said more", n)
	}
	if n, due := mine.Tell(Started, 1).Tell(Contest, 2).Due(start.Add(24 * time.Hour)); !due || n != AfterDay {
		t.Errorf("after a day: %d, %v", n, due)
	}
}
