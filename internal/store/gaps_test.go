package store

import (
	"slices"
	"testing"
)

func TestGaps(t *testing.T) {
	f := follower{numbering: Numbering{Horizon: "side by side"}, last: 2}
	for _, seq := range []int64{3, 6, 11} {
		f.skip(seq)
		f.last = seq
	}
	if want := (gaps{{first: 4, last: 5}, {first: 7, last: 10}}); !slices.Equal(f.missing, want) {
		t.Fatalf("skipped %v, want %v", f.missing, want)
	}
	f.missing[1].until = 99
	for _, step := range []struct {
		came int64
		want gaps
	}{
		{8, gaps{{4, 5, 0}, {7, 7, 99}, {9, 10, 99}}},
		{4, gaps{{5, 5, 0}, {7, 7, 99}, {9, 10, 99}}},
		{10, gaps{{5, 5, 0}, {7, 7, 99}, {9, 9, 99}}},
		{7, gaps{{5, 5, 0}, {9, 9, 99}}},
		{12, gaps{{5, 5, 0}, {9, 9, 99}}},
	} {
		if f.missing = f.missing.without(step.came); !slices.Equal(f.missing, step.want) {
			t.Fatalf("after %d: %v, want %v", step.came, f.missing, step.want)
		}
	}
	one := follower{last: 2}
	if one.skip(9); len(one.missing) != 0 {
		t.Errorf("an engine with one writer misses %v", one.missing)
	}
}
