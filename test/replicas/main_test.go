// Package replicas runs two processes of Holdfast on one PostgreSQL and one apiserver,
// and takes away one part after the other.
package replicas_test

import (
	"context"
	"testing"
	"time"
)

const (
	root = "../.."
	// patience is how long one effect may take to show on a busy machine.
	patience = 40 * time.Second
	pollGap  = 20 * time.Millisecond
	// feedTime is how long a fact may take from one replica to the other (law 4).
	feedTime = time.Second
	// watchTime is how long an applied block may take to both replicas.
	watchTime = 5 * time.Second
)

// TestTwoReplicas is one run of two processes through all that may go away.
func TestTwoReplicas(t *testing.T) {
	w := build(t)
	t.Run("both share the work", w.chapter(sharedWork))
	t.Run("the leader is killed (law 4)", w.chapter(leaderKilled))
	t.Run("the apiserver is away (law 4)", w.chapter(apiserverAway))
	t.Run("a code submitted to both at once is accepted once (law 3)", w.chapter(codeToBoth))
	t.Run("the database is down and comes back", w.chapter(databaseDown))
	t.Run("nothing was sent twice", w.chapter(nothingTwice))
	t.Run("no log holds a code or an address (law 2)", w.chapter(nothingSecret))
}

func (w *world) chapter(tell func(*world)) func(*testing.T) {
	return func(t *testing.T) {
		outer, began := w.t, time.Now()
		w.t = t
		defer func() {
			w.t = outer
			t.Logf("took %s", time.Since(began).Round(100*time.Millisecond))
		}()
		tell(w)
	}
}

// await polls until done says so; the test fails after the time given. It returns how
// long it took.
func (w *world) await(within time.Duration, what string, done func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(w.t.Context(), within)
	defer cancel()
	tick := time.NewTicker(pollGap)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("waited %s in vain for %s", within, what)
		}
	}
	return time.Since(began).Round(time.Millisecond)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
