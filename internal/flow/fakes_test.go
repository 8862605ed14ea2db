package flow_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/recheck"
	"holdfast.dev/holdfast/internal/store"
)

// clock stands still until it is stepped (law 11).
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) step(d time.Duration) { c.set(c.Now().Add(d)) }

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// dice are random bytes that come out alike in every run.
type dice struct {
	mu   sync.Mutex
	from *rand.ChaCha8
}

func newDice() *dice { return &dice{from: rand.NewChaCha8([32]byte{7})} }

func (r *dice) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from.Read(p)
}

// policies is one policy a tenant.
type policies map[string]*policy.Policy

func (p policies) For(tenant, _ string) policy.Policy {
	if one, ok := p[tenant]; ok {
		return *one
	}
	return policy.Default()
}

func (p policies) Tenant(host string) (string, bool) {
	for tenant, one := range p {
		if slices.Contains(one.Hosts, host) {
			return tenant, true
		}
	}
	return "", false
}

func (p policies) Provider(tenant, name, provider string) policy.Provider {
	if one, ok := p[tenant]; ok && one.Name == name {
		for _, candidate := range one.Providers {
			if candidate.Name == provider {
				return candidate
			}
		}
	}
	return policy.Provider{}
}

// index joins the objects with what the store's feed tells. A reading catches up
// first; while the store is away it shows what it knows.
type index struct {
	memory *store.Store

	mu       sync.Mutex
	objects  map[block.Key]block.Record
	facts    map[block.Key]block.Record
	payments map[string]time.Time
	changes  map[change.Key]change.Record
	rounds   map[string]recheck.Record
}

func newIndex(memory *store.Store) *index {
	return &index{
		memory:  memory,
		objects: map[block.Key]block.Record{}, facts: map[block.Key]block.Record{}, payments: map[string]time.Time{},
		changes: map[change.Key]change.Record{}, rounds: map[string]recheck.Record{},
	}
}

// see takes the sight of an object, as the informer does.
func (x *index) see(r block.Record) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.objects[r.Key] = r
}

func (x *index) catchUp() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	clear(x.rounds) // those that stand are told anew
	_ = x.memory.Follow(ctx, start, cancel, func(f fact.Fact) {
		if f.Block != nil {
			x.facts[f.Block.Key] = *f.Block
		}
		if r := f.Restriction; r != nil {
			x.payments[r.Tenant+"/"+r.Account] = r.Until
		}
		if f.Change != nil {
			x.changes[f.Change.Key] = *f.Change
		}
		if f.Recheck != nil {
			x.rounds[f.Recheck.Account] = *f.Recheck
		}
	})
}

func (x *index) Block(key block.Key) (block.Record, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.catchUp()
	object, ok := x.objects[key]
	if known, told := x.facts[key]; ok && told {
		joined := known.Merge(object.UID, object.Spec)
		if object.End.State.Terminal() && !joined.End.State.Terminal() {
			joined.End = object.End
		}
		return joined, true
	}
	return object, ok
}

func (x *index) Blocks(tenant, account, method string, network netip.Addr, country string) []block.Record {
	var found []block.Record
	for _, key := range x.keys() {
		r, _ := x.Block(key)
		ours := key.Tenant == tenant && (r.Spec.Account == "" || r.Spec.Account == account)
		if ours && r.Spec.Matches(method, network, country) {
			found = append(found, r)
		}
	}
	return found
}

func (x *index) BlocksOf(tenant, account string) []block.Record {
	var found []block.Record
	for _, key := range x.keys() {
		if r, _ := x.Block(key); key.Tenant == tenant && r.Spec.Account == account {
			found = append(found, r)
		}
	}
	return found
}

func (x *index) keys() []block.Key {
	x.mu.Lock()
	defer x.mu.Unlock()
	var keys []block.Key
	for key := range x.objects {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b block.Key) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func (x *index) PaymentsDeniedUntil(tenant, account string) time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.catchUp()
	return x.payments[tenant+"/"+account]
}

func (x *index) Holds(_, account string, now time.Time) []decision.Hold {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.catchUp()
	var list []decision.Hold
	for _, r := range x.changes {
		if what, until := r.Restricts(now); what != "" && r.Spec.Account == account {
			list = append(list, decision.Hold{What: what, Until: until})
		}
	}
	return list
}

func (x *index) Recheck(_, account string) recheck.Record {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.catchUp()
	return x.rounds[account]
}

// idp is an identity provider that writes down what it is told.
type idp struct {
	mu    sync.Mutex
	calls []told
	// err is its answer.
	err error
	// during runs before it answers.
	during func()
}

// told is one call to the IdP.
type told struct{ Account, Password, Key string }

func (i *idp) SetPassword(_ context.Context, _ policy.Policy, account, password, key string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls = append(i.calls, told{account, password, key})
	if i.during != nil {
		i.during()
	}
	return i.err
}

func (i *idp) RequirePasswordChange(context.Context, policy.Policy, string, string) error { return nil }

func (i *idp) RevokeSessions(context.Context, policy.Policy, string, string) error { return nil }

// failing is the store with single deeds that it cannot do now.
type failing struct {
	*store.Store
	current, release bool
}

func (f *failing) CurrentChallenge(ctx context.Context, flowID string) (code.Challenge, message.Delivery, error) {
	if f.current {
		return code.Challenge{}, message.Delivery{}, rules.ErrUnavailable
	}
	return f.Store.CurrentChallenge(ctx, flowID)
}

func (f *failing) ReleaseBlock(ctx context.Context, r block.Release) (block.Record, error) {
	if f.release {
		return block.Record{}, rules.ErrUnavailable
	}
	return f.Store.ReleaseBlock(ctx, r)
}
