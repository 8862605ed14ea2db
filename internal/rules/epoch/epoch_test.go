package epoch

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// section 6: a store behind the sequence recorded outside it was restored.
func TestNext(t *testing.T) {
	for name, c := range map[string]struct {
		inside, outside, want Mark
		restored              bool
	}{
		"the very first":                           {Mark{1, 0}, Mark{}, Mark{1, 1}, false},
		"in step":                                  {Mark{1, 7}, Mark{1, 7}, Mark{1, 8}, false},
		"stopped between the two writes":           {Mark{1, 8}, Mark{1, 7}, Mark{1, 9}, false},
		"a new epoch not yet copied":               {Mark{2, 8}, Mark{1, 7}, Mark{2, 9}, false},
		"the copy outside was lost":                {Mark{3, 90}, Mark{}, Mark{3, 91}, false},
		"the copy outside was restored":            {Mark{3, 90}, Mark{2, 40}, Mark{3, 91}, false},
		"restored from a backup of an hour ago":    {Mark{1, 180}, Mark{1, 900}, Mark{2, 901}, true},
		"restored by one beat":                     {Mark{1, 899}, Mark{1, 900}, Mark{2, 901}, true},
		"emptied":                                  {Mark{1, 0}, Mark{4, 900}, Mark{5, 901}, true},
		"restored twice to the same backup":        {Mark{1, 180}, Mark{2, 905}, Mark{3, 906}, true},
		"restored to a backup of an earlier epoch": {Mark{1, 950}, Mark{2, 940}, Mark{3, 951}, true},
		"told from outside":                        {Mark{1, 950}, Mark{2, 0}, Mark{3, 951}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, restored := c.inside.Next(c.outside); got != c.want || restored != c.restored {
				t.Fatalf("%+v, restored %v; want %+v, %v", got, restored, c.want, c.restored)
			}
		})
	}
}

func TestSilent(t *testing.T) {
	last := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]bool{
		-time.Hour: false, 0: false, MaxSilence: false, MaxSilence + time.Millisecond: true,
	} {
		if got := Silent(last, last.Add(after)); got != want {
			t.Errorf("%v after the last beat: %t", after, got)
		}
	}
	if Silent(time.Time{}, last) {
		t.Error("a memory that is new was left alone")
	}
}

// law 1: in whatever order either side is lost or goes back to a mark that it had, and
// wherever the writer stops, a memory that went back begins an epoch above all before.
func TestNoEpochComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inside, outside := Mark{Epoch: 1}, Mark{}
		backups := []Mark{inside}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			step := rapid.SampledFrom([]string{"beat", "half a beat", "restore the memory", "lose the copy"}).Draw(t, "step")
			highest := max(inside.Epoch, outside.Epoch)
			switch step {
			case "restore the memory":
				back := rapid.SampledFrom(backups).Draw(t, "backup")
				if back.Beat >= outside.Beat {
					continue // nothing that the copy saw is lost
				}
				next, restored := back.Next(outside)
				if !restored || next.Epoch <= outside.Epoch {
					t.Fatalf("%+v went back to %+v beside %+v and came to %+v", inside, back, outside, next)
				}
				inside, outside = next, next
			case "lose the copy":
				outside = Mark{}
			}
			next, restored := inside.Next(outside)
			if restored || next.Epoch < highest {
				t.Fatalf("after %s %+v beside %+v came to %+v, restored %v", step, inside, outside, next, restored)
			}
			if inside = next; step != "half a beat" {
				outside = next
			}
			backups = append(backups, inside)
		}
	})
}
