package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// side runs one leg of one of the two that are compared.
type side func(ctx context.Context) (figures, error)

// figures are what one leg came to.
type figures struct {
	// ops were done in took.
	ops  int
	took time.Duration
	// p50 and p99 are quantiles of what one operation took.
	p50, p99 time.Duration
	// cpu is what this process and its children used, the load generator included.
	cpu time.Duration
	// synced is when every block bound decisions; zero where nothing is synced.
	synced time.Duration
}

func (f figures) rate() float64 { return float64(f.ops) / f.took.Seconds() }

// comparison is one work, done by Holdfast and by a bare baseline.
type comparison struct {
	name        string
	goal        goal
	ours, floor side
}

// result is the median of all rounds. Every figure has its own median.
type result struct {
	name        string
	goal        goal
	ours, floor figures
	// ratio is the median of the rounds' own ratios.
	ratio float64
}

// goal bounds a ratio.
type goal struct {
	// ofTime compares times, of which the lesser is better; else rates are compared.
	ofTime bool
	// bound is the worst ratio that meets the goal; 0 for work that is told without one.
	bound float64
}

func (g goal) String() string {
	switch {
	case g.bound == 0:
		return "-"
	case g.ofTime:
		return fmt.Sprintf("≤ %.1f", g.bound)
	default:
		return fmt.Sprintf("≥ %.1f", g.bound)
	}
}

func (g goal) ratio(ours, floor figures) float64 {
	if g.ofTime {
		return ours.took.Seconds() / floor.took.Seconds()
	}
	return ours.rate() / floor.rate()
}

func (g goal) verdict(ratio float64) string {
	switch {
	case g.bound == 0:
		return "-"
	case g.ofTime && ratio <= g.bound, !g.ofTime && ratio >= g.bound:
		return "yes"
	default:
		return "no"
	}
}

// run measures both sides once a round, one right after the other; who goes first
// changes, so that no side always finds the warmer machine.
func (c comparison) run(ctx context.Context, rounds int) (result, error) {
	var ours, floor []figures
	var ratios []float64
	for round := range rounds {
		sides := []side{c.ours, c.floor}
		var got [2]figures
		for i := range sides {
			which := (i + round) % 2
			var err error
			if got[which], err = sides[which](ctx); err != nil {
				return result{}, err
			}
		}
		ours, floor = append(ours, got[0]), append(floor, got[1])
		ratios = append(ratios, c.goal.ratio(got[0], got[1]))
		fmt.Fprintf(os.Stderr, "%s, round %d: %.0f/s beside %.0f/s, ratio %.2f\n",
			c.name, round+1, got[0].rate(), got[1].rate(), ratios[round])
	}
	return result{c.name, c.goal, medians(ours), medians(floor), median(ratios)}, nil
}

func medians(all []figures) figures {
	of := func(field func(figures) time.Duration) time.Duration {
		var values []time.Duration
		for _, f := range all {
			values = append(values, field(f))
		}
		return median(values)
	}
	// All legs of a side do their work at one rate: the median leg speaks for it.
	byRate := slices.Clone(all)
	slices.SortFunc(byRate, func(a, b figures) int { return cmp.Compare(a.rate(), b.rate()) })
	m := byRate[len(byRate)/2]
	m.p50, m.p99 = of(func(f figures) time.Duration { return f.p50 }), of(func(f figures) time.Duration { return f.p99 })
	m.synced = of(func(f figures) time.Duration { return f.synced })
	return m
}

// median is the middle value, the upper one of two.
func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// quantiles sorts each and returns its median and its 99th percentile.
func quantiles(each []time.Duration) (p50, p99 time.Duration) {
	slices.Sort(each)
	return each[len(each)/2], each[len(each)*99/100]
}
