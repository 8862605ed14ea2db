package change

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast.dev/holdfast/internal/rules/contact"
)

// law 8: at the start, after 1, 14 and 27 days, one day before the end.
func TestNoticeSchedule(t *testing.T) {
	for name, c := range map[string]struct {
		hold time.Duration
		want []time.Duration
	}{
		"30 days":               {month, []time.Duration{0, day, 14 * day, 27 * day, 29 * day}},
		"28 days tell once":     {28 * day, []time.Duration{0, day, 14 * day, 27 * day}},
		"a week":                {7 * day, []time.Duration{0, day, 6 * day}},
		"a day (seed 45)":       {day, []time.Duration{0}},
		"two days tell once":    {2 * day, []time.Duration{0, day}},
		"an hour":               {time.Hour, []time.Duration{0}},
		"a year":                {365 * day, []time.Duration{0, day, 14 * day, 27 * day, 364 * day}},
		"25 hours, in an order": {25 * time.Hour, []time.Duration{0, time.Hour, day}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, "a")
			l.terms.Hold = c.hold
			r := l.changes[l.replace("new", "")]
			var got []time.Duration
			for {
				if n, due := r.Due(l.now); due {
					got = append(got, l.now.Sub(start))
					r = r.Tell(n, 1)
				}
				if _, due := r.Due(l.now); due {
					t.Fatal("the same notice is due again")
				}
				next := r.Wake(l.now)
				if next.Equal(r.HoldUntil) {
					break
				}
				l.now = next
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestLateNoticesCollapse(t *testing.T) {
	l := newLife(t, "a")
	r := l.changes[l.replace("new", "")].Tell(Started, 1)
	l.pass(28 * day)
	n, due := r.Due(l.now)
	if !due || n != AfterMonth {
		t.Fatalf("notice %d, due %v", n, due)
	}
	if _, due := r.Tell(n, 1).Due(l.now); due {
		t.Fatal("an older notice follows")
	}
}

// law 11: a hold ends only where three clocks agree within 30 s.
func TestClocks(t *testing.T) {
	at := start
	for name, c := range map[string]struct {
		clocks Clocks
		skewed bool
		now    time.Time
	}{
		"agree":                         {Clocks{at, at, at}, false, at},
		"30 s apart":                    {Clocks{at.Add(30 * time.Second), at, at}, false, at},
		"31 s apart":                    {Clocks{at.Add(31 * time.Second), at, at}, true, at},
		"process a day ahead":           {Clocks{at.Add(day), at, at}, true, at},
		"database behind":               {Clocks{at, at, at.Add(-time.Minute)}, true, at.Add(-time.Minute)},
		"apiserver unknown":             {Clocks{Process: at, Database: at}, true, at},
		"the earliest counts":           {Clocks{at, at.Add(-time.Second), at}, false, at.Add(-time.Second)},
		"two behind, one ahead by 30 s": {Clocks{at, at.Add(15 * time.Second), at.Add(30 * time.Second)}, false, at},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.clocks.Skewed(); got != c.skewed {
				t.Errorf("skewed %v", got)
			}
			if got := c.clocks.Now(); !got.Equal(c.now) {
				t.Errorf("now %v, want %v", got, c.now)
			}
		})
	}
}

// law 1: a policy that is edited to one minute shortens nothing that was recorded.
func TestPolicyEditShortensNothing(t *testing.T) {
	l := newLife(t, "a")
	i := l.ask(Spec{Action: Replace, New: []NewContact{{ID: "new"}}})
	edited := l.terms
	edited.Hold = time.Minute
	l.changes[i] = l.changes[i].Seen(NewRecord(l.changes[i].Key, "uid", l.changes[i].Spec, edited, nil, l.now))
	l.mustProve(i, NewContactCode, "new")
	if got := l.changes[i].HoldUntil; !got.Equal(start.Add(month)) {
		t.Fatalf("until %v", got)
	}
}

// law 1: only a deletion that was seen begins anew, and the restriction stays to its date.
func TestIncarnations(t *testing.T) {
	l := newLife(t, "a")
	held := l.changes[l.replace("new", "")]
	fresh := NewRecord(held.Key, "restored", held.Spec, l.terms, nil, start.Add(day))
	if diff := cmp.Diff(held, held.Seen(fresh)); diff != "" {
		t.Fatalf("a restored object: %s", diff)
	}
	gone := held.Erase("uid", start.Add(day))
	if diff := cmp.Diff(gone, gone.Seen(NewRecord(held.Key, "uid", held.Spec, l.terms, nil, start))); diff != "" {
		t.Fatalf("a late sight: %s", diff)
	}
	next := gone.Seen(fresh)
	if next.State(start.Add(day)) != AwaitingCode || !next.HoldStart.IsZero() {
		t.Fatalf("re-created it is %s", next.State(start.Add(day)))
	}
	wantRestricts(t, next, start.Add(day), SignIn, start.Add(month))
	// However the next one ends, it shortens nothing.
	wantRestricts(t, next.Finish(Expired, "", start.Add(2*day)), start.Add(2*day), SignIn, start.Add(month))
	wantRestricts(t, next.Begin(start.Add(2*day)).Cancel("a", start.Add(2*day)), start.Add(2*day), SignIn, start.Add(month))
	wantRestricts(t, next.Begin(start.Add(2*day)), start.Add(2*day), SignIn, start.Add(2*day+month))
}

var ends = []End{{}, {State: Applied}, {State: Cancelled, Reason: ByCode, By: "a"}, {State: Cancelled, Reason: ByDeletion}, {State: Expired}, {State: Rejected, Reason: VoIPRefused}}

func drawMemory(t *rapid.T, label string) Memory {
	instant := func(name string) time.Time {
		n := rapid.IntRange(-1, 4).Draw(t, label+name)
		if n < 0 {
			return time.Time{}
		}
		return start.Add(time.Duration(n) * day)
	}
	m := Memory{
		Created: instant(" created"), HoldStart: instant(" start"), HoldUntil: instant(" until"),
		Restricted:  rapid.SampledFrom([]Restriction{"", SensitiveActions, SignIn}).Draw(t, label+" restricted"),
		NoticesSent: rapid.IntRange(0, 5).Draw(t, label+" notices"),
		End:         rapid.SampledFrom(ends).Draw(t, label+" end"),
	}
	if m.End.State != "" {
		m.End.At = start.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, label+" ended")) * day)
	}
	return m
}

// law 1: in whatever order memories are joined, the outcome is one; no hold is shortened,
// and of two ends the first stands, in the same instant exactly one.
func TestMergeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := make([]Memory, rapid.IntRange(1, 5).Draw(t, "memories"))
		for i := range all {
			all[i] = drawMemory(t, string(rune('a'+i)))
		}
		fold := func(order []Memory) (m Memory) {
			for _, o := range order {
				m = m.Merge(o)
			}
			return m
		}
		one, other := fold(all), fold(rapid.Permutation(all).Draw(t, "order"))
		if diff := cmp.Diff(one, other); diff != "" {
			t.Fatalf("another order: %s", diff)
		}
		for _, m := range all {
			switch {
			case one.HoldUntil.Before(m.HoldUntil):
				t.Fatalf("the hold ends %v, before %v", one.HoldUntil, m.HoldUntil)
			case !m.HoldStart.IsZero() && one.HoldStart.After(m.HoldStart):
				t.Fatalf("the hold starts %v, after %v", one.HoldStart, m.HoldStart)
			case m.End.State != "" && (one.End.State == "" || one.End.At.After(m.End.At)):
				t.Fatalf("%+v stands against the earlier %+v", one.End, m.End)
			}
		}
		if one.End.State != "" && !slices.ContainsFunc(all, func(m Memory) bool { return m.End == one.End }) {
			t.Fatalf("nobody knew of %+v", one.End)
		}
	})
}

// law 1: whatever happens to a record, its hold never ends earlier than it once did, a
// terminal fact stays, and no contact moves before 30 days.
func TestHoldProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t, "a", "b")
		i := l.replace("new", "")
		for range rapid.IntRange(1, 12).Draw(t, "deeds") {
			before := l.changes[i]
			l.pass(time.Duration(rapid.IntRange(0, 20*24).Draw(t, "hours")) * time.Hour)
			switch rapid.IntRange(0, 5).Draw(t, "deed") {
			case 0:
				l.changes[i] = before.Begin(l.now)
			case 1:
				l.changes[i] = before.Adopt(drawMemory(t, "mirror"), l.now)
			case 2:
				l.changes[i] = before.Seen(NewRecord(before.Key, "other", before.Spec, Terms{Hold: time.Minute}, nil, l.now))
			case 3:
				_ = l.cancel(i, rapid.SampledFrom([]string{"a", "b", "new"}).Draw(t, "by"), rapid.Bool().Draw(t, "first factor"))
			case 4:
				if l.settle(i) == Apply && l.now.Before(start.Add(month)) {
					t.Fatalf("applied at %v", l.now)
				}
			case 5:
				l.changes[i] = before.Erase("uid", l.now)
			}
			after := l.changes[i]
			if after.HoldUntil.Before(before.HoldUntil) && !before.Deleted {
				t.Fatalf("the hold ended %v, now %v", before.HoldUntil, after.HoldUntil)
			}
			if before.End.State != "" && !before.Deleted && after.End != before.End {
				t.Fatalf("it had ended as %+v, now %+v", before.End, after.End)
			}
		}
	})
}

// law 1: a cancellation and the deadline in the same instant settle to whichever comes
// first; the other finds an ended change.
func TestCancelAtTheDeadline(t *testing.T) {
	for name, firstCancel := range map[string]bool{"cancel first": true, "apply first": false} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, "a")
			i := l.replace("new", "")
			l.pass(month)
			if !firstCancel {
				l.tick()
			}
			err := l.cancel(i, "a", true)
			l.tick()
			if firstCancel {
				if err != nil {
					t.Fatal(err)
				}
				l.wantState(i, Cancelled)
				l.wantContacts("a")
				return
			}
			if err == nil {
				t.Fatal("both have happened")
			}
			l.wantState(i, Applied)
			l.wantContacts("new")
		})
	}
}

func TestKnown(t *testing.T) {
	for name, c := range map[string]struct {
		contact contact.Contact
		after   time.Duration
		want    bool
	}{
		"an imported contact":               {imported("a"), 0, true},
		"a disabled one counts (N4)":        {contact.Contact{Standing: contact.Disabled, Was: contact.Full}, 0, true},
		"a disabled junior one does not":    {contact.Contact{Standing: contact.Disabled, Was: contact.Junior}, 0, false},
		"an imported junior one":            {contact.Contact{Standing: contact.Junior}, 100 * month, false},
		"a vouched one of 719 hours":        {contact.Contact{Standing: contact.Full, Origin: contact.Vouched, Since: start}, 719 * time.Hour, false},
		"a vouched one of 720 hours":        {contact.Contact{Standing: contact.Full, Origin: contact.Vouched, Since: start}, 720 * time.Hour, true},
		"one added alone, however long ago": {contact.Contact{Standing: contact.Junior, Origin: contact.Alone, Since: start.Add(month)}, 100 * month, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.contact.Known(start.Add(c.after)); got != c.want {
				t.Fatalf("known %v", got)
			}
		})
	}
}
