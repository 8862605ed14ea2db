package session

import (
	"testing"
	"time"
)

func TestLive(t *testing.T) {
	opened := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		stage Stage
		after time.Duration
		want  bool
	}{
		"when it opens":                    {Opened, 0, true},
		"with the code proved":             {Proved, 10 * time.Minute, true},
		"a nanosecond before 15 minutes":   {Proved, Life - 1, true},
		"at 15 minutes it is over":         {Opened, Life, false},
		"a proof does not make it longer":  {Proved, Life, false},
		"when all is done it ends at once": {Done, time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := Flow{Stage: c.stage, Opened: opened, Expires: opened.Add(Life)}
			if got := f.Live(opened.Add(c.after)); got != c.want {
				t.Fatalf("live: %v", got)
			}
		})
	}
	if (Flow{Stage: Opened}).Live(opened) {
		t.Error("a flow that was never opened lives")
	}
}
