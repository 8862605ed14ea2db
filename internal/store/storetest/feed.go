package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
)

var feedTests = map[string]func(*testing.T, Backend){
	"feed/law 10: every change in the order of the commits": feedOrder,
	"feed/law 4: a release is seen at once":                 feedRelease,
	"feed/several followers at once":                        feedFollowers,
	"feed/replay of what is open or ended lately":           feedReplay,
	"feed/after a restart nothing is lost":                  feedAfterRestart,
	"feed/no change is lost between replay and tail":        feedSeam,
	"feed/a refused deed tells nothing":                     feedRefused,
}

// patience bounds a wait for the feed: only a broken feed reaches it.
const patience = 10 * time.Second

// follower collects what the feed tells.
type follower struct {
	caughtUp chan []fact.Fact
	news     chan fact.Fact
	ended    chan error
	// replay is what came before caughtUp, for tests that need it again.
	replay []fact.Fact
}

func follow(t *testing.T, s Store, since time.Time) *follower {
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{caughtUp: make(chan []fact.Fact, 1), news: make(chan fact.Fact, 10000), ended: make(chan error, 1)}
	var replay []fact.Fact
	caughtUp := false
	go func() {
		f.ended <- s.Follow(ctx, since,
			func() { caughtUp = true; f.caughtUp <- replay },
			func(fact fact.Fact) {
				if caughtUp {
					f.news <- fact
				} else {
					replay = append(replay, fact)
				}
			})
	}()
	t.Cleanup(func() {
		cancel()
		if err := within(t, f.ended, "the end of the feed"); err != nil {
			t.Errorf("following ended with %v", err)
		}
	})
	return f
}

func within[T any](t *testing.T, c <-chan T, what string) (value T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case value = <-c:
	case <-ctx.Done():
		t.Errorf("waited %s for %s", patience, what)
	}
	return value
}

func (f *follower) wantReplay(t *testing.T, want ...fact.Fact) {
	t.Helper()
	equal(t, "replay", within(t, f.caughtUp, "the replay"), want)
}

func (f *follower) wantNext(t *testing.T, want ...fact.Fact) {
	t.Helper()
	for _, w := range want {
		equal(t, "next fact", within(t, f.news, "a fact"), w)
	}
}

func feedOrder(t *testing.T, b Backend) {
	f := follow(t, b.Store, Start)
	f.wantReplay(t)
	var want []fact.Fact
	for i := range 300 {
		r, err := b.FreezeBlock(t.Context(), block.Key{Tenant: tenant, Name: fmt.Sprint("b", i%7)}, "uid", longer(i))
		must(t, err)
		want = append(want, fact.Fact{Block: &r})
	}
	f.wantNext(t, want...)
}

// longer is a spec that differs from the one before it.
func longer(i int) block.Spec {
	s := spec()
	s.Duration += time.Duration(i) * time.Minute
	return s
}

func feedRelease(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	f := follow(t, b.Store, Start)
	within(t, f.caughtUp, "the replay")
	must(t, p.right(p.mustIssue(p.entered(Start)), Start))
	proved := mustGet[block.Record](t)(b.Block(t.Context(), p.key))
	f.wantNext(t, fact.Fact{Block: &proved})
	r := mustGet[block.Record](t)(p.release(Start))
	restriction := &fact.Restriction{Tenant: tenant, Account: account, Until: Start.Add(block.EnteredNumberRestriction)}
	f.wantNext(t, fact.Fact{Block: &r}, fact.Fact{Restriction: restriction})
}

func feedFollowers(t *testing.T, b Backend) {
	followers := []*follower{follow(t, b.Store, Start), follow(t, b.Store, Start), follow(t, b.Store, Start)}
	for _, f := range followers {
		f.wantReplay(t)
	}
	for i := range 20 {
		r := mustGet[block.Record](t)(b.FreezeBlock(t.Context(), key, "uid", longer(i)))
		for _, f := range followers {
			f.wantNext(t, fact.Fact{Block: &r})
		}
	}
}

func feedReplay(t *testing.T, b Backend) {
	get := mustGet[block.Record](t)
	named := func(name string) block.Key { return block.Key{Tenant: tenant, Name: name} }
	open := get(b.FreezeBlock(t.Context(), named("1-open"), "uid", spec()))
	since := Start.Add(10 * time.Hour)
	before := block.End{State: block.Revoked, At: since.Add(-time.Millisecond)}
	get(b.EndBlock(t.Context(), named("2-ended-before"), "uid", spec(), before, false))
	lately := get(b.EndBlock(t.Context(), named("3-ended-lately"), "uid", spec(), block.End{State: block.Revoked, At: since}, true))
	follow(t, b.Store, since).wantReplay(t, fact.Fact{Block: &open}, fact.Fact{Block: &lately})
	equal(t, "replay of all times", len(within(t, follow(t, b.Store, time.Time{}).caughtUp, "the replay")), 3)
}

func feedAfterRestart(t *testing.T, b Backend) {
	get := mustGet[block.Record](t)
	get(b.FreezeBlock(t.Context(), key, "uid", spec()))
	r := get(b.LengthenBlock(t.Context(), key, "uid", spec(), Start.Add(12*time.Hour), block.MaxLength))
	reopened := b.Reopen(t)
	f := follow(t, reopened, Start)
	f.wantReplay(t, fact.Fact{Block: &r})
	for at := 13 * time.Hour; at < 20*time.Hour; at += time.Hour {
		r := get(reopened.LengthenBlock(t.Context(), key, "uid", spec(), Start.Add(at), block.MaxLength))
		f.wantNext(t, fact.Fact{Block: &r})
	}
}

// feedSeam follows while another writes: whatever the moment of the replay, the last
// word must arrive.
func feedSeam(t *testing.T, b Backend) {
	const writes = 200
	wrote := make(chan error, 1)
	go func() {
		for i := range writes {
			if _, err := b.FreezeBlock(t.Context(), key, "uid", longer(i)); err != nil {
				wrote <- err
				return
			}
		}
		wrote <- nil
	}()
	for range 5 {
		f := follow(t, b.Store, Start)
		last := time.Time{}
		for _, told := range within(t, f.caughtUp, "the replay") {
			last = told.Block.Expires
		}
		for end := longer(writes - 1).Duration; !last.Equal(Start.Add(end)); {
			next := within(t, f.news, "a fact")
			if next.Block == nil || (!last.IsZero() && next.Block.Expires.Sub(last) != time.Minute) {
				t.Fatalf("after the end %s came %+v", last, next.Block)
			}
			last = next.Block.Expires
		}
	}
	must(t, within(t, wrote, "the writer"))
}

func feedRefused(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	f := follow(t, b.Store, Start)
	within(t, f.caughtUp, "the replay")
	if _, err := p.release(Start); err == nil {
		t.Fatal("released without a proof")
	}
	r := mustGet[block.Record](t)(b.FreezeBlock(t.Context(), key, "uid", spec()))
	f.wantNext(t, fact.Fact{Block: &r})
}
