package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// section is what one suite came to.
type section struct {
	floor   string
	results []result
	// memory and after stand under the table.
	memory, after string
}

// printReport writes everything as Markdown, as docs/benchmarks.md takes it.
func printReport(w io.Writer, machine, command string, rounds int, told []section) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Machine: %s\n\nCommand: `%s`; medians of %d rounds.\n", machine, command, rounds)
	for _, s := range told {
		if len(s.results) > 0 {
			fmt.Fprintf(&b, "\n| work | Holdfast per s | p50 / p99 ms | CPU ms each | %s per s | p50 / p99 ms | CPU ms each | ratio | goal | met |\n", s.floor)
			b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|---|---|\n")
		}
		for _, r := range s.results {
			fmt.Fprintf(&b, "| %s | %s | %s | **%.2f** | %s | %s |\n",
				r.name, cells(r.ours), cells(r.floor), r.ratio, r.goal, r.goal.verdict(r.ratio))
		}
		for _, r := range s.results {
			if r.ours.synced > 0 {
				fmt.Fprintf(&b, "\n%s: after %.1f s every block bound decisions, after %.1f s (%s: %.1f s) every status told it.\n",
					r.name, r.ours.synced.Seconds(), r.ours.took.Seconds(), s.floor, r.floor.took.Seconds())
			}
		}
		fmt.Fprintf(&b, "\n%s\n", s.memory)
		if s.after != "" {
			fmt.Fprintf(&b, "\n%s", s.after)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func cells(s summary) string {
	return fmt.Sprintf("%.0f | %s / %s | %s", s.rate, millis(s.p50), millis(s.p99), millis(s.cpuEach))
}

func millis(d time.Duration) string {
	ms := float64(d.Microseconds()) / 1000
	if ms >= 100 {
		return fmt.Sprintf("%.0f", ms)
	}
	return fmt.Sprintf("%.2f", ms)
}
