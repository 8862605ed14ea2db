package storetest

import (
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/epoch"
)

var epochTests = map[string]func(*testing.T, Backend){
	"epoch/the mark counts on and survives a restart":               beats,
	"epoch/section 6: a store behind its mark begins another":       behindItsMark,
	"epoch/law 1: an emptied store begins one above all before":     emptiedStore,
	"epoch/of many beats at once none is alike, none a false alarm": beatRace,
}

func beats(t *testing.T, b Backend) {
	equal(t, "at first", mustGet[epoch.Mark](t)(b.Mark(t.Context())), epoch.Mark{Epoch: 1})
	var outside epoch.Mark
	for range 3 {
		outside = beat(t, b, outside, false)
	}
	equal(t, "after three", outside, epoch.Mark{Epoch: 1, Beat: 3})
	equal(t, "after a restart", mustGet[epoch.Mark](t)(b.Reopen(t).Mark(t.Context())), outside)
}

func beat(t *testing.T, b Store, outside epoch.Mark, restored bool) epoch.Mark {
	t.Helper()
	next, got, err := b.Beat(t.Context(), outside)
	must(t, err)
	equal(t, "restored", got, restored)
	return next
}

// behindItsMark takes the store's own number back, as a restored backup does.
func behindItsMark(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	backup := beat(t, b, epoch.Mark{}, false)
	outside := beat(t, b, beat(t, b, backup, false), false)
	_, err := b.DB.ExecContext(t.Context(), `UPDATE meta SET value = $1 WHERE name = 'beat'`, backup.Beat)
	must(t, err)

	after := beat(t, b, outside, true)
	equal(t, "mark", after, epoch.Mark{Epoch: 2, Beat: outside.Beat + 1})
	equal(t, "epoch", mustGet[int64](t)(b.Epoch(t.Context())), 2)
	wantErr(t, p.wrong(c, Start), rules.ErrGone)
	_, err = b.FlowBySecret(t.Context(), p.flow.Secret)
	wantErr(t, err, rules.ErrNoFlow)
	equal(t, "told in the audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'EpochBegun'`), 1)

	equal(t, "the next beat", beat(t, b, after, false).Epoch, int64(2))
	later := newFlow(p, "later", Start)
	must(t, later.right(later.mustIssue(later.issue(Start.Add(time.Minute))), Start.Add(time.Minute)))
}

func emptiedStore(t *testing.T, b Backend) {
	outside := epoch.Mark{Epoch: 7, Beat: 4000}
	equal(t, "mark", beat(t, b, outside, true), epoch.Mark{Epoch: 8, Beat: 4001})
}

// beatRace has replicas that read the copy outside, beat and write it, all at once.
func beatRace(t *testing.T, b Backend) {
	var mu sync.Mutex
	var outside epoch.Mark
	seen := map[int64]bool{}
	race(func(int) bool {
		for range 5 {
			mu.Lock()
			read := outside
			mu.Unlock()
			next, restored, err := b.Beat(t.Context(), read)
			mu.Lock()
			if err != nil || restored || seen[next.Beat] {
				t.Errorf("beside %+v came %+v, restored %v, seen %v, %v", read, next, restored, seen[next.Beat], err)
			}
			seen[next.Beat] = true
			if next.Beat > outside.Beat {
				outside = next
			}
			mu.Unlock()
		}
		return true
	})
}
