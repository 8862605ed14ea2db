package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/epoch"
	"holdfast.dev/holdfast/internal/rules/fact"
)

const (
	// lookEvery is how often a replica looks at the store's mark: a store that went back
	// is noticed within this time.
	lookEvery = 2 * time.Second
	// beatEvery is how often the mark moves on, whichever replica moves it.
	beatEvery = 5 * time.Second
)

// markedStore is the part of the memory that the watch needs.
type markedStore interface {
	Mark(ctx context.Context) (epoch.Mark, error)
	LastBeat(ctx context.Context) (time.Time, error)
	Beat(ctx context.Context, outside epoch.Mark) (epoch.Mark, bool, error)
	Follow(ctx context.Context, since time.Time, caughtUp func(), each func(fact.Fact)) error
}

// epochWatch compares the store's mark with its copy outside and with what this replica
// has seen itself, so that a restored or emptied store begins a new epoch (section 6).
type epochWatch struct {
	store markedStore
	copy  kube.Marks
	log   logr.Logger

	// seen is the highest mark so far, moved when it moved last.
	seen  epoch.Mark
	moved time.Time

	current atomic.Int64
	mu      sync.Mutex
	// changed is closed when another epoch has begun.
	changed chan struct{}
}

// begin moves the mark on before anything is answered. Without the copy nobody knows
// whether the store was restored, so that an unreadable one is an error.
func (w *epochWatch) begin(ctx context.Context, now time.Time) error {
	read, err := w.copy.Read(ctx)
	if err != nil {
		return fmt.Errorf("compare the store with its mark (config/rbac grants the ConfigMap): %w", err)
	}
	outside, err := w.afterSilence(ctx, read.Mark, now)
	if err != nil {
		return err
	}
	if err := w.beat(ctx, outside, now); err != nil {
		return err
	}
	return w.copy.Write(ctx, read, w.seen)
}

// afterSilence has an epoch begin where nobody ran for long: store and copy may have been
// restored together, and agree.
func (w *epochWatch) afterSilence(ctx context.Context, outside epoch.Mark, now time.Time) (epoch.Mark, error) {
	last, err := w.store.LastBeat(ctx)
	if err != nil || !epoch.Silent(last, now) {
		return outside, err
	}
	inside, err := w.store.Mark(ctx)
	if err != nil {
		return outside, err
	}
	w.log.Info("no replica has used the store for long: it may have been restored together with its mark", "lastUse", last)
	outside.Epoch = max(outside.Epoch, inside.Epoch+1)
	return outside, nil
}

// look is one look at the mark. Where another replica has moved it, nothing is to do.
func (w *epochWatch) look(ctx context.Context, now time.Time) error {
	inside, err := w.store.Mark(ctx)
	if err != nil {
		return err
	}
	wentBack := inside.Beat < w.seen.Beat || inside.Epoch < w.seen.Epoch
	switch {
	case !wentBack && inside.Beat > w.seen.Beat:
		w.see(inside, now)
		return nil
	case !wentBack && now.Before(w.moved.Add(beatEvery)):
		return nil
	}
	return w.move(ctx, now)
}

// move moves the mark on. While the apiserver is away, what this replica has seen stands
// for the copy.
func (w *epochWatch) move(ctx context.Context, now time.Time) error {
	reading, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	read, away := w.copy.Read(reading)
	if away != nil {
		return errors.Join(away, w.beat(ctx, epoch.Mark{}, now))
	}
	if err := w.beat(ctx, read.Mark, now); err != nil {
		return err
	}
	writing, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	return w.copy.Write(writing, read, w.seen)
}

func (w *epochWatch) beat(ctx context.Context, outside epoch.Mark, now time.Time) error {
	outside = epoch.Mark{Epoch: max(outside.Epoch, w.seen.Epoch), Beat: max(outside.Beat, w.seen.Beat)}
	mark, restored, err := w.store.Beat(ctx, outside)
	if err != nil {
		return err
	}
	if restored {
		w.log.Info("the store is behind its mark: it was restored or emptied; a new epoch begins and voids open codes, tickets and sessions",
			"epoch", mark.Epoch, "mark", outside.Beat)
	}
	w.see(mark, now)
	return nil
}

func (w *epochWatch) see(mark epoch.Mark, now time.Time) {
	w.seen, w.moved = mark, now
	if w.current.Swap(mark.Epoch) == mark.Epoch {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// epoch is the present one.
func (w *epochWatch) epoch() int64 { return w.current.Load() }

// run looks until ctx ends, and then moves the mark a last time, so that a backup made
// since the last beat is behind it too.
func (w *epochWatch) run(ctx context.Context, now func() time.Time) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return w.end(context.WithoutCancel(ctx), now())
		case <-time.After(lookEvery):
		}
		err := w.look(ctx, now())
		if err != nil && !failing && ctx.Err() == nil {
			w.log.Info("the store and its mark are not compared; trying again", "every", lookEvery.String(), "cause", err.Error())
		}
		failing = err != nil
	}
}

func (w *epochWatch) end(ctx context.Context, now time.Time) error {
	last, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	if err := w.move(last, now); err != nil {
		w.log.Info("the store's mark was not moved at the end", "cause", err.Error())
	}
	return nil
}

// Follow follows the store's feed until its epoch ends: a store that went back counts
// its facts anew, so that its followers must begin anew too.
func (w *epochWatch) Follow(ctx context.Context, since time.Time, caughtUp func(), each func(fact.Fact)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed := w.change()
	go func() {
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return w.store.Follow(ctx, since, caughtUp, each)
}

func (w *epochWatch) change() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}
