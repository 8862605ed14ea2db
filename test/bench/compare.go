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
	// each is what one operation took, in any order.
	each []time.Duration
	// cpu is what this process and its children used, the load generator included.
	cpu time.Duration
	// synced is when every block bound decisions; zero where nothing is synced.
	synced time.Duration
}

func (f figures) rate() float64 { return float64(f.ops) / f.took.Seconds() }

// plus joins two legs of one side.
func (f figures) plus(g figures) figures {
	return figures{f.ops + g.ops, f.took + g.took, append(f.each, g.each...), f.cpu + g.cpu, max(f.synced, g.synced)}
}

// comparison is one work, done by Holdfast and by a bare baseline.
type comparison struct {
	name        string
	goal        goal
	ours, floor side
	// legs of each side, one of ours and one of the floor in turn, make a round: the
	// shorter they are, the less it matters what else the machine does meanwhile.
	legs int
}

// result is what all rounds came to.
type result struct {
	name        string
	goal        goal
	ours, floor summary
	// ratio is the median of the rounds' own ratios.
	ratio float64
}

// summary holds the medians of a side's rounds, each figure's own.
type summary struct {
	rate         float64
	p50, p99     time.Duration
	cpuEach      time.Duration
	took, synced time.Duration
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

// run measures the rounds.
func (c comparison) run(ctx context.Context, rounds int) (result, error) {
	var ours, floor []figures
	var ratios []float64
	for round := range rounds {
		a, b, err := c.round(ctx)
		if err != nil {
			return result{}, err
		}
		ours, floor, ratios = append(ours, a), append(floor, b), append(ratios, c.goal.ratio(a, b))
		fmt.Fprintf(os.Stderr, "%s, round %d: %.0f/s beside %.0f/s, ratio %.2f\n", c.name, round+1, a.rate(), b.rate(), ratios[round])
	}
	return result{c.name, c.goal, summarize(ours), summarize(floor), median(ratios)}, nil
}

// round measures the legs. Who goes first changes, so that no side always finds the
// warmer machine.
func (c comparison) round(ctx context.Context) (ours, floor figures, err error) {
	for leg := range 2 * c.legs {
		run, sum := c.ours, &ours
		if leg%4 == 1 || leg%4 == 2 {
			run, sum = c.floor, &floor
		}
		f, err := run(ctx)
		if err != nil {
			return ours, floor, err
		}
		*sum = sum.plus(f)
	}
	return ours, floor, nil
}

func summarize(rounds []figures) summary {
	var rates []float64
	var p50, p99, cpu, took, synced []time.Duration
	for _, f := range rounds {
		slices.Sort(f.each)
		rates = append(rates, f.rate())
		p50, p99 = append(p50, f.each[len(f.each)/2]), append(p99, f.each[len(f.each)*99/100])
		cpu = append(cpu, f.cpu/time.Duration(f.ops))
		took, synced = append(took, f.took), append(synced, f.synced)
	}
	return summary{median(rates), median(p50), median(p99), median(cpu), median(took), median(synced)}
}

// median is the middle value, the upper one of two.
func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
