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

// suite is what belongs together in the report.
type suite struct {
	comparisons []comparison
	// floor heads the column of what Holdfast is compared with.
	floor string
	// after measures what is no comparison and tells it in Markdown; nil for nothing.
	after func(ctx context.Context) (string, error)
	// shut takes down what was opened for it.
	shut func()
}

// suites are what -only chooses from, in the order in which they run.
var suites = []struct {
	name string
	// alone is run only where -only asks for it.
	alone bool
	open  func(ctx context.Context, o options) (suite, error)
}{
	{"decisions", false, openDecisions},
	{"flow", false, openFlow},
	{"controller", false, openController},
	{"courier", false, openCourier},
	{"holds", false, openHolds},
	{"growth", true, openGrowth},
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "measure one alone: decisions, flow, controller, courier, holds or growth (which runs only if it is asked for)")
	flag.BoolVar(&o.quick, "quick", false, "less of everything: 1,000 blocks, a million rows, a few legs, one round")
	flag.IntVar(&o.rounds, "rounds", 0, "how often each side is measured; the medians are printed (default 3, with -quick 1)")
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	task := func(ctx context.Context) error { return run(ctx, o) }
	if os.Getenv(courierVariable) != "" {
		task = beCourier
	}
	err := task(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	switch {
	case o.rounds < 0:
		return fmt.Errorf("-rounds %d: measure at least once", o.rounds)
	case o.rounds == 0 && o.quick:
		o.rounds = 1
	case o.rounds == 0:
		o.rounds = 3
	}
	machine := machineLine()
	var told []section
	for _, s := range suites {
		if o.only != s.name && (o.only != "" || s.alone) {
			continue
		}
		measured, err := measure(ctx, o, s.open)
		if err != nil {
			return fmt.Errorf("measure %s: %w", s.name, err)
		}
		told = append(told, measured)
	}
	if len(told) == 0 {
		return fmt.Errorf("-only %q: choose decisions, flow, controller, courier, holds or growth", o.only)
	}
	command := strings.TrimSpace("go run ./test/bench " + strings.Join(os.Args[1:], " "))
	return printReport(os.Stdout, machine, command, o.rounds, told)
}

func measure(ctx context.Context, o options, open func(context.Context, options) (suite, error)) (section, error) {
	forgetPeak()
	s, err := open(ctx, o)
	if err != nil {
		return section{}, err
	}
	defer s.shut()
	told := section{floor: s.floor}
	for _, c := range s.comparisons {
		r, err := c.run(ctx, o.rounds)
		if err != nil {
			return told, fmt.Errorf("%s: %w", c.name, err)
		}
		told.results = append(told.results, r)
	}
	told.memory = memoryLine()
	if s.after != nil {
		told.after, err = s.after(ctx)
	}
	return told, err
}
