package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// Two replicas on one memory; on an engine of one replica, one that is asked from two
// sides.
var replicaTests = map[string]func(*testing.T, Backend){
	"replicas/law 4: what one commits reaches the other":                      factsReachOther,
	"replicas/law 10: of many writers nothing is lost, each in order":         factsOfManyWriters,
	"replicas/law 3: of 1,000 codes submitted to both, each is accepted once": acceptedByOne,
	"replicas/law 3: attempts at both never exceed the maximum":               attemptsAtBoth,
	"replicas/a number serves 3 accounts though both are asked":               numberAtBoth,
	"replicas/a message is leased by one":                                     leasedByOne,
	"replicas/a message of one wakes the courier of the other":                mailReachesOther,
}

// replica is the same memory as another process has it.
func (b Backend) replica(t *testing.T) Store {
	t.Helper()
	if b.Other == nil {
		return b.Store
	}
	return b.Other(t)
}

// through is the same person at a replica.
func (p *person) through(s Store) *person {
	there := *p
	there.Store = s
	return &there
}

func factsReachOther(t *testing.T, b Backend) {
	f := follow(t, b.replica(t), Start)
	f.wantReplay(t)
	for i := range 20 {
		r := mustGet[block.Record](t)(b.FreezeBlock(t.Context(), key, "uid", longer(i)))
		f.wantNext(t, fact.Fact{Block: &r})
	}
}

// factsOfManyWriters has transactions take their numbers in one order and commit in
// another, while followers come and go.
func factsOfManyWriters(t *testing.T, b Backend) {
	const writers, writes = 8, 40
	other := b.replica(t)
	var all sync.WaitGroup
	var followers []*follower
	for w := range writers {
		at := []Store{b.Store, other}[w%2]
		all.Go(func() {
			for i := range writes {
				k := block.Key{Tenant: tenant, Name: fmt.Sprint("block-", w/2)} // two writers a block
				if _, err := at.LengthenBlock(t.Context(), k, "uid", spec(), Start.Add(time.Duration(i*writers+w)*time.Minute), block.MaxLength); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 4 {
		f := follow(t, other, Start)
		f.replay = within(t, f.caughtUp, "the replay")
		followers = append(followers, f)
	}
	all.Wait()
	for _, f := range followers {
		told := map[block.Key]time.Time{}
		for _, r := range f.replay {
			told[r.Block.Key] = r.Block.Expires
		}
		for k, end := range ends(t, b, writers/2) {
			for !told[k].Equal(end) {
				next := within(t, f.news, "a fact").Block
				if next == nil {
					t.Fatalf("%s was told up to the end %s, not %s", k, told[k], end)
				}
				if !next.Expires.After(told[next.Key]) {
					t.Fatalf("%s: after the end %s came %s", next.Key, told[next.Key], next.Expires)
				}
				told[next.Key] = next.Expires
			}
		}
	}
}

// ends is when the blocks of many writers end in the end.
func ends(t *testing.T, b Backend, blocks int) map[block.Key]time.Time {
	t.Helper()
	all := map[block.Key]time.Time{}
	for i := range blocks {
		r := mustGet[block.Record](t)(b.Block(t.Context(), block.Key{Tenant: tenant, Name: fmt.Sprint("block-", i)}))
		all[r.Key] = r.Expires
	}
	return all
}

func acceptedByOne(t *testing.T, b Backend) {
	const perPerson = 8
	tries := 1000
	if testing.Short() {
		tries = 80
	}
	sides := []Store{b.Store, b.replica(t)}
	var p *person
	for i := range tries {
		if i%perPerson == 0 { // what remains of each try uses up the account's day
			p = newPerson(t, b, fmt.Sprint("user-", i))
		}
		visitor := newFlow(p, fmt.Sprint("try-", i), Start)
		c := visitor.mustIssue(visitor.issue(Start))
		var accepted atomic.Int32
		var both sync.WaitGroup
		for _, s := range sides {
			both.Go(func() {
				if err := visitor.through(s).right(c, Start); err == nil {
					accepted.Add(1)
				} else if !errors.Is(err, rules.ErrGone) {
					t.Error(err)
				}
			})
		}
		both.Wait()
		equal(t, fmt.Sprintf("acceptances of code %d", i), accepted.Load(), 1)
	}
	equal(t, "codes accepted", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'CodeAccepted'`), tries)
}

func attemptsAtBoth(t *testing.T, b Backend) {
	sides := []Store{b.Store, b.replica(t)}
	for i := range 10 {
		p := newPerson(t, b, fmt.Sprint("user-", i))
		c := p.mustIssue(p.issue(Start))
		passed := race(func(n int) bool {
			err := p.through(sides[n%2]).wrong(c, Start)
			if err != nil && !errors.Is(err, rules.ErrSpent) {
				t.Error(err)
			}
			return err == nil
		})
		equal(t, "attempts that passed", passed, c.MaxAttempts)
	}
}

func numberAtBoth(t *testing.T, b Backend) {
	sides := []Store{b.Store, b.replica(t)}
	var people []*person
	var challenges []code.Challenge
	for i := range 16 {
		p := newPerson(t, b, fmt.Sprint("user-", i))
		people, challenges = append(people, p), append(challenges, p.mustIssue(p.entered(Start)))
	}
	passed := race(func(i int) bool { return people[i].through(sides[i%2]).right(challenges[i], Start) == nil })
	equal(t, "accounts that the number served", passed, perNumber.Count)
}

func leasedByOne(t *testing.T, b Backend) {
	const messages = 200
	for i := range messages {
		send(t, b, apart(notice(fmt.Sprintf("n%03d", i)))...)
	}
	sides := []Store{b.Store, b.replica(t)}
	var mu sync.Mutex
	var leased []string
	race(func(i int) bool {
		for {
			got, err := sides[i%2].Lease(t.Context(), 7, Start, Start.Add(time.Minute))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			leased = append(leased, ids(got)...)
			mu.Unlock()
			if len(got) == 0 {
				return true
			}
		}
	})
	leased = append(leased, ids(lease(t, b, messages, Start))...) // those that were held when the last one looked
	slices.Sort(leased)
	equal(t, "leased", len(leased), messages)
	equal(t, "leased once", len(slices.Compact(leased)), messages)
}

func mailReachesOther(t *testing.T, b Backend) {
	other := b.replica(t)
	drain(Backend{Store: other})
	send(t, b, notice("n1"))
	within(t, other.Wake(), "the courier's signal")
	equal(t, "leased", ids(lease(t, other, 10, Start)), []string{"n1"})
}
