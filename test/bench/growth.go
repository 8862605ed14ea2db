package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/clock"
)

const (
	// historyLife is how long cmd/holdfast keeps what is over; the histories reach back
	// twice as far, so that half of each is there to be removed.
	historyLife = 30 * 24 * time.Hour
	historySpan = 2 * historyLife
	// growthPeople take their flows at once.
	growthPeople = 16
	// growthFlows are those of one leg.
	growthFlows = 200
	// quietLegs are measured before retention runs.
	quietLegs = 3
)

// grown is a store with so many rows of history.
type grown struct {
	engine engine
	place  place
	rows   int
	post   *post
}

// openGrowth compares stores that have a long past with one that has a short one.
func openGrowth(ctx context.Context, o options) (suite, error) {
	engines, shut, err := openEngines(ctx)
	if err != nil {
		return suite{}, err
	}
	sizes, legs := []int{10_000, 1_000_000, 10_000_000}, 4
	if o.quick {
		sizes, legs = sizes[:2], 2
	}
	var stores []*grown
	s := suite{floor: "with 10 thousand rows"}
	s.shut = func() {
		for _, g := range stores {
			if err := g.post.close(); err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
			}
		}
		shut()
	}
	for _, e := range engines {
		var young *grown
		for _, size := range sizes {
			g, err := grow(ctx, e, size)
			if err != nil {
				s.shut()
				return suite{}, fmt.Errorf("%d rows on %s: %w", size, e.name, err)
			}
			stores = append(stores, g)
			if young == nil {
				young = g
				continue
			}
			s.comparisons = append(s.comparisons, comparison{
				name: fmt.Sprintf("whole code flow on %s with %s rows, %d at once", e.name, words(size), growthPeople),
				legs: legs, ours: g.leg, floor: young.leg,
			})
		}
	}
	s.after = func(ctx context.Context) (string, error) { return retentions(ctx, stores) }
	return s, nil
}

func words(rows int) string {
	if rows < 1_000_000 {
		return fmt.Sprintf("%d thousand", rows/1000)
	}
	return fmt.Sprintf("%d million", rows/1_000_000)
}

// grow makes a store with a past and opens it.
func grow(ctx context.Context, e engine, rows int) (*grown, error) {
	at, err := e.place(ctx)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	empty, err := openPost(ctx, at) // makes the schema
	if err != nil {
		return nil, err
	}
	if err := empty.close(); err != nil {
		return nil, err
	}
	if err := e.fill(ctx, at, rows); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "%s: %s rows made in %.0f s\n", e.name, words(rows), time.Since(begun).Seconds())
	p, err := openPost(ctx, at)
	if err != nil {
		return nil, err
	}
	g := &grown{e, at, rows, p}
	if _, err := g.leg(ctx); err != nil { // the first leg warms the store
		return nil, errors.Join(err, p.close())
	}
	return g, nil
}

// leg takes further accounts through their flows.
func (g *grown) leg(ctx context.Context) (figures, error) {
	first := len(g.post.people)
	if err := g.post.admit(ctx, growthFlows); err != nil {
		return figures{}, err
	}
	return inTurn(ctx, first, first+growthFlows, growthPeople, g.post.release)
}

// retentions measures every store while what is too old is removed from it.
func retentions(ctx context.Context, stores []*grown) (string, error) {
	var b strings.Builder
	b.WriteString("| retention of | size MiB | flows per s, p50 / p99 / max ms before | while rows are removed | rows removed | in s |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|\n")
	for _, g := range stores {
		line, err := g.retention(ctx)
		if err != nil {
			return "", fmt.Errorf("retention of %d rows on %s: %w", g.rows, g.engine.name, err)
		}
		fmt.Fprintln(os.Stderr, line)
		b.WriteString(line + "\n")
	}
	return b.String(), nil
}

// retention runs flows before and while the rows go, for as long as that takes.
func (g *grown) retention(ctx context.Context) (string, error) {
	size, err := g.place.size(ctx)
	if err != nil {
		return "", err
	}
	var before, meanwhile figures
	for range quietLegs {
		f, err := g.leg(ctx)
		if err != nil {
			return "", err
		}
		before = before.plus(f)
	}
	pruning := make(chan pruned, 1)
	go func() { pruning <- g.prune(ctx) }()
	for {
		f, err := g.leg(ctx)
		if err != nil {
			return "", errors.Join(err, (<-pruning).err)
		}
		select {
		case p := <-pruning:
			if meanwhile.ops == 0 { // it took no longer than one leg
				meanwhile = f
			}
			return fmt.Sprintf("| %s rows on %s | %d | %s | %s | %d | %.1f |", words(g.rows), g.engine.name, size>>20,
				spread(before), spread(meanwhile), p.rows, p.took.Seconds()), p.err
		default:
			meanwhile = meanwhile.plus(f)
		}
	}
}

// pruned is what retention came to.
type pruned struct {
	rows int64
	took time.Duration
	err  error
}

// prune forgets as cmd/holdfast does.
func (g *grown) prune(ctx context.Context) pruned {
	begun, now := time.Now(), clock.Wall()
	n, err := g.post.store.Prune(ctx, now, now.Add(-historyLife))
	return pruned{n, time.Since(begun), err}
}

func spread(f figures) string {
	slices.Sort(f.each)
	return fmt.Sprintf("%.0f, %s / %s / %s", f.rate(), millis(f.each[len(f.each)/2]), millis(f.each[len(f.each)*99/100]), millis(f.each[len(f.each)-1]))
}
