package kube

import (
	"context"
	"sync"
)

// listeners are told of changes, each until its own context ends: a controller comes
// and goes with the lease, the feed stays.
type listeners[T any] struct {
	mu   sync.Mutex
	next int
	all  map[int]func(T)
}

func (l *listeners[T]) add(ctx context.Context, f func(T)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[int]func(T){}
	}
	id := l.next
	l.next++
	l.all[id] = f
	context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.all, id)
	})
}

func (l *listeners[T]) tell(what T) {
	l.mu.Lock()
	told := make([]func(T), 0, len(l.all))
	for _, f := range l.all {
		told = append(told, f)
	}
	l.mu.Unlock()
	for _, f := range told {
		f(what)
	}
}
