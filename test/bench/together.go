package main

import "sync"

// together does at once what many ask for: who asks while it is being done waits for
// the next time, as messages wait for their courier.
type together[In, Out any] struct {
	doing sync.Mutex

	mu    sync.Mutex
	asked []*asked[In, Out]
}

type asked[In, Out any] struct {
	in   In
	out  Out
	err  error
	done bool
}

// do asks and returns once somebody has done it; run answers all in their order.
func (t *together[In, Out]) do(in In, run func([]In) ([]Out, error)) (Out, error) {
	mine := &asked[In, Out]{in: in}
	t.mu.Lock()
	t.asked = append(t.asked, mine)
	t.mu.Unlock()

	t.doing.Lock()
	defer t.doing.Unlock()
	if mine.done {
		return mine.out, mine.err
	}
	t.mu.Lock()
	all := t.asked
	t.asked = nil
	t.mu.Unlock()
	ins := make([]In, len(all))
	for i, a := range all {
		ins[i] = a.in
	}
	out, err := run(ins)
	for i, a := range all {
		if a.err, a.done = err, true; err == nil {
			a.out = out[i]
		}
	}
	return mine.out, mine.err
}
