// Command bench measures Holdfast beside bare baselines that do the same work without
// it, on one machine and in one run: only their ratio means something elsewhere.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// options are the flags.
type options struct {
	only   string
	quick  bool
	rounds int
}

// suites are what -only chooses from, in the order in which they run.
var suites = []struct {
	name string
	// open makes what the suite measures and how to take it down again.
	open func(ctx context.Context, o options) ([]comparison, func(), error)
}{
	{"decisions", openDecisions},
	{"flow", openFlow},
	{"controller", openController},
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "measure one alone: decisions, flow or controller")
	flag.BoolVar(&o.quick, "quick", false, "less of everything: 1,000 blocks, a few legs")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each side is measured; the medians are printed")
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.rounds < 1 {
		return fmt.Errorf("-rounds %d: measure at least once", o.rounds)
	}
	machine := machineLine()
	var results []result
	for _, suite := range suites {
		if o.only != "" && o.only != suite.name {
			continue
		}
		measured, err := measure(ctx, o, suite.open)
		if err != nil {
			return fmt.Errorf("measure %s: %w", suite.name, err)
		}
		results = append(results, measured...)
	}
	if len(results) == 0 {
		return fmt.Errorf("-only %q: choose decisions, flow or controller", o.only)
	}
	command := strings.TrimSpace("go run ./test/bench " + strings.Join(os.Args[1:], " "))
	return printReport(os.Stdout, machine, command, o.rounds, results)
}

func measure(ctx context.Context, o options, open func(context.Context, options) ([]comparison, func(), error)) ([]result, error) {
	comparisons, shut, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer shut()
	var results []result
	for _, c := range comparisons {
		r, err := c.run(ctx, o.rounds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		results = append(results, r)
	}
	return results, nil
}
