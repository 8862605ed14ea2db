package recheck

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	start = time.Date(2030, 3, 1, 0, 0, 0, 0, time.UTC)
	day   = 24 * time.Hour
)

// asked is an account whose round begins at start, after a long absence.
func asked(t interface{ Fatal(args ...any) }) Record {
	r := Record{LastSignIn: start.Add(-90 * day)}.Begin(DefaultTerms(), 1, start)
	if !r.FirstNotice.Equal(start) {
		t.Fatal("no round has begun")
	}
	return r
}

func want(t *testing.T, r Record, now time.Time, p Prompt) {
	t.Helper()
	if got, _ := r.Prompt(now); got != p {
		t.Fatalf("after %v: asks %q, want %q", now.Sub(start), got, p)
	}
}

// seed 38: skipped for 24 hours at a time; after seven days from the first notice there is
// no signing in without proving or adding.
func TestSkipping(t *testing.T) {
	r, terms := asked(t), DefaultTerms()
	for d := range 7 {
		now := start.Add(time.Duration(d) * day)
		want(t, r, now, Verify)
		var ok bool
		if r, ok = r.Skip(terms, now); !ok {
			t.Fatalf("day %d cannot be skipped", d)
		}
		want(t, r, now.Add(day-time.Second), None)
	}
	want(t, r, start.Add(7*day), MustVerify)
	if _, ok := r.Skip(terms, start.Add(7*day)); ok {
		t.Fatal("skipped after seven days")
	}
	want(t, r.Proven(start.Add(8*day)), start.Add(8*day), None)
}

func TestSkipReachesNoFurtherThanTheWeek(t *testing.T) {
	now := start.Add(6*day + 20*time.Hour)
	r, _ := asked(t).Skip(DefaultTerms(), now)
	if !r.SkippedUntil.Equal(start.Add(7 * day)) {
		t.Fatalf("skipped until %v", r.SkippedUntil)
	}
	want(t, r, start.Add(7*day-time.Second), None)
	want(t, r, start.Add(7*day), MustVerify)
}

// seed 39: not at every sign-in, but after a long absence or where the last proof is old.
func TestWhoIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		record   Record
		contacts int
		want     Prompt
	}{
		"the first sign-in that is known":       {Record{}, 1, None},
		"yesterday":                             {Record{LastSignIn: start.Add(-day)}, 1, None},
		"89 days ago":                           {Record{LastSignIn: start.Add(-89 * day)}, 1, None},
		"90 days ago":                           {Record{LastSignIn: start.Add(-90 * day)}, 1, Verify},
		"90 days ago, proven today":             {Record{LastSignIn: start.Add(-90 * day), LastProof: start.Add(-time.Hour)}, 1, None},
		"a proof of a year":                     {Record{LastSignIn: start.Add(-day), LastProof: start.Add(-365 * day)}, 1, Verify},
		"a proof of less":                       {Record{LastSignIn: start.Add(-day), LastProof: start.Add(-364 * day)}, 1, None},
		"90 days ago, without any contact":      {Record{LastSignIn: start.Add(-90 * day)}, 0, None},
		"a round that has begun is not put off": {Record{FirstNotice: start.Add(-8 * day), MustAt: start.Add(-day), LastSignIn: start.Add(-90 * day)}, 1, MustVerify},
	} {
		t.Run(name, func(t *testing.T) { want(t, c.record.Begin(DefaultTerms(), c.contacts, start), start, c.want) })
	}
}

func TestRoundIsNotBegunAnewBySigningIn(t *testing.T) {
	r := asked(t)
	for d := range 10 {
		r = r.Begin(DefaultTerms(), 1, start.Add(time.Duration(d)*day))
	}
	want(t, r, start.Add(7*day), MustVerify)
}

// seed 45, 54: who has nothing left registers: after a Clear at the next sign-in.
func TestRegistering(t *testing.T) {
	cleared := Record{}.Emptied(true, start)
	want(t, cleared, start, MustRegister)
	if _, ok := cleared.Skip(DefaultTerms(), start); ok {
		t.Fatal("skipped")
	}
	held := Record{}.Emptied(false, start)
	want(t, held, start, Register)
	held, _ = held.Skip(DefaultTerms(), start)
	want(t, held, start, None)
	want(t, held, start.Add(7*day), MustRegister)
	want(t, held.Proven(start), start.Add(7*day), None)
}

// seed 38: whatever is skipped, the end of the week stands.
func TestSkipProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := asked(t)
		now := start
		for range rapid.IntRange(0, 20).Draw(t, "visits") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
			r = r.Begin(DefaultTerms(), 1, now)
			r, _ = r.Skip(DefaultTerms(), now)
			p, must := r.Prompt(now)
			if !must.Equal(start.Add(7 * day)) {
				t.Fatalf("must at %v", must)
			}
			if late := !now.Before(must); late != (p == MustVerify) {
				t.Fatalf("after %v asks %q", now.Sub(start), p)
			}
		}
	})
}
