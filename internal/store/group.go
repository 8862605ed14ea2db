package store

import (
	"context"
	"sync"
)

// group writes in one transaction what many ask for at the same time: who asks while a
// write is under way waits for the next one, with all others who do.
type group[In any] struct {
	writing sync.Mutex

	mu      sync.Mutex
	waiting []*asked[In]
}

// asked is what one caller wants, and what came of it.
type asked[In any] struct {
	in   In
	err  error
	done bool
}

// do asks, and returns once it is written. write answers for each by its place, or with
// one error for all; it outlives the caller who happens to run it.
func (g *group[In]) do(ctx context.Context, in In, write func(context.Context, []In) ([]error, error)) error {
	mine := &asked[In]{in: in}
	g.mu.Lock()
	g.waiting = append(g.waiting, mine)
	g.mu.Unlock()

	g.writing.Lock()
	defer g.writing.Unlock()
	if mine.done {
		return mine.err
	}
	g.mu.Lock()
	all := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	ins := make([]In, len(all))
	for i, a := range all {
		ins[i] = a.in
	}
	each, err := write(context.WithoutCancel(ctx), ins)
	for i, a := range all {
		if a.err, a.done = err, true; err == nil {
			a.err = each[i]
		}
	}
	return mine.err
}
