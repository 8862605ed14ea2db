package kube

import (
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// keepEnded is how long a block without an object stays known after its end: it must
// not be opened anew within that time.
const keepEnded = 24 * time.Hour

// Index is a replica's view of blocks: what objects ask for and what the store
// remembers, in one record each (law 4). It is fed by Apply and Remove from the
// informer and by Fact from the store's feed, in any order. It reads no clock: whether
// a block binds is the record's answer at the reader's own now.
type Index struct {
	policyFor func(tenant, account string) policy.Policy

	mu      sync.RWMutex
	entries map[block.Key]*entry
	shelves map[string]*shelf
}

// NewIndex returns an empty index. policyFor resolves what an object leaves open and
// has no record yet.
func NewIndex(policyFor func(tenant, account string) policy.Policy) *Index {
	return &Index{policyFor: policyFor, entries: map[block.Key]*entry{}, shelves: map[string]*shelf{}}
}

// Apply takes the sight of an object: it binds from now on, before any reconcile. An
// object that cannot be read binds nobody unless it did before.
func (x *Index) Apply(ab *v1alpha1.AccountBlock) error {
	intent, err := ReadIntent(ab)
	if err != nil {
		if !ab.DeletionTimestamp.IsZero() {
			x.Remove(KeyOf(ab))
		}
		return fmt.Errorf("AccountBlock %s is not enforced: %w", KeyOf(ab), err)
	}
	p := x.policyFor(ab.Namespace, intent.spec.Account).Blocks[intent.spec.Reason]
	x.change(KeyOf(ab), func(e *entry) { e.object, e.gone = see(ab, intent, p), false })
	return nil
}

// Remove takes the disappearance of an object: it binds no more.
func (x *Index) Remove(key block.Key) {
	x.change(key, func(e *entry) { e.object, e.gone = nil, e.object != nil || e.gone })
}

// Fact takes one committed change from the store's feed.
func (x *Index) Fact(f fact.Fact) {
	if f.Block != nil {
		x.change(f.Block.Key, func(e *entry) { e.learn(*f.Block) })
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch r := f.Restriction; {
	case r != nil:
		payments := x.shelf(r.Tenant).payments
		if r.Until.After(payments[r.Account]) {
			payments[r.Account] = r.Until
		}
	case f.Change != nil:
		x.factOfChange(f.Change)
	case f.Recheck != nil:
		x.factOfRecheck(f.Recheck)
	}
}

// Blocks lists the records that bind a request, whether or not their time has come or
// gone. The callers must not change the steps of a record.
func (x *Index) Blocks(tenant, account, method string, network netip.Addr, country string) []block.Record {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if s := x.shelves[tenant]; s != nil {
		return s.find(account, method, network, country)
	}
	return nil
}

// BlocksOf lists the records of an account's own blocks, of every method, whether or
// not their time has come or gone.
func (x *Index) BlocksOf(tenant, account string) []block.Record {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.shelves[tenant]
	if s == nil {
		return nil
	}
	var found []block.Record
	for _, e := range s.accounts[account] {
		found = append(found, e.record)
	}
	return found
}

// Block is the record of one block, open or over. A record without an object is shown
// only once it is over, or while its object is still to come.
func (x *Index) Block(key block.Key) (block.Record, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.entries[key]
	if e == nil || (e.object == nil && !e.awaited() && !e.record.End.State.Terminal()) {
		return block.Record{}, false
	}
	return e.record, true
}

// PaymentsDeniedUntil is zero where the account's payments are free.
func (x *Index) PaymentsDeniedUntil(tenant, account string) time.Time {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if s := x.shelves[tenant]; s != nil {
		return s.payments[account]
	}
	return time.Time{}
}

// Prune drops what time has ended: from the lists at once, from memory a day after the
// end where no object is left. Readers wait only while something is dropped.
func (x *Index) Prune(now time.Time) {
	over := x.over(now)
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, key := range over {
		e := x.entries[key]
		if e == nil {
			continue
		}
		if e.listed && e.overSince(now) {
			x.shelf(key.Tenant).unlist(e)
		}
		if e.object == nil && e.overSince(now.Add(-keepEnded)) {
			delete(x.entries, key)
		}
	}
	for tenant, s := range x.shelves {
		maps.DeleteFunc(s.payments, func(_ string, until time.Time) bool { return !until.After(now) })
		s.holds.prune(now)
		if s.empty() {
			delete(x.shelves, tenant)
		}
	}
}

// over lists the blocks that Prune has to look at.
func (x *Index) over(now time.Time) []block.Key {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var keys []block.Key
	for key, e := range x.entries {
		if (e.listed || e.object == nil) && e.overSince(now) {
			keys = append(keys, key)
		}
	}
	return keys
}

// Len is how many blocks the index knows.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.entries)
}

// change edits an entry and puts it where its new record belongs.
func (x *Index) change(key block.Key, edit func(*entry)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[key]
	if e == nil {
		e = &entry{record: block.Record{Key: key}}
		x.entries[key] = e
	}
	s := x.shelf(key.Tenant)
	if e.listed {
		s.unlist(e)
	}
	edit(e)
	if e.object == nil && e.fact == nil {
		delete(x.entries, key)
		return
	}
	e.join(key)
	if e.binds() {
		s.list(e)
	}
}

// shelf is the tenant's part; the caller holds the lock.
func (x *Index) shelf(tenant string) *shelf {
	s := x.shelves[tenant]
	if s == nil {
		s = newShelf()
		x.shelves[tenant] = s
	}
	return s
}
