package securityinfochange

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"holdfast.dev/holdfast/internal/rules/change"
)

// mirrorAfter is the wait before a fact is compared with its object. Facts that this
// controller commits itself come back while its own patch is on the way to the cache.
const mirrorAfter = 250 * time.Millisecond

// facts are the latest records of the changes that are still to be compared.
type facts struct {
	due workqueue.TypedDelayingInterface[change.Key]

	mu     sync.Mutex
	latest map[change.Key]change.Record
}

// newFacts returns facts that wait until ctx ends.
func newFacts(ctx context.Context) *facts {
	f := &facts{due: workqueue.NewTypedDelayingQueue[change.Key](), latest: map[change.Key]change.Record{}}
	context.AfterFunc(ctx, f.due.ShutDown)
	return f
}

func (f *facts) add(r change.Record) {
	f.mu.Lock()
	f.latest[r.Key] = r
	f.mu.Unlock()
	f.due.AddAfter(r.Key, mirrorAfter)
}

// each takes the records one after the other as they are due, until all ends.
func (f *facts) each(take func(change.Record)) {
	for {
		key, ended := f.due.Get()
		if ended {
			return
		}
		f.mu.Lock()
		r, has := f.latest[key]
		delete(f.latest, key)
		f.mu.Unlock()
		if has { // else an earlier fact of the change was due, and took the later one
			take(r)
		}
		f.due.Done(key)
	}
}
