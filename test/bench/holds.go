package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

const (
	// heldChanges are on hold, endingChanges end while somebody looks.
	heldChanges, endingChanges = 10_000, 100
	// endsAfter is how long those still hold when they are recorded.
	endsAfter = 20 * time.Second
	// held and ending begin the names of their accounts.
	held, ending = "held-", "ending-"
)

// openHolds measures what changes on hold cost, beside a client that makes the same
// objects and does nothing else.
func openHolds(_ context.Context, o options) (suite, error) {
	n := heldChanges
	if o.quick {
		n = 1000
	}
	return suite{shut: func() {}, after: func(ctx context.Context) (string, error) { return holdsOf(ctx, n) }}, nil
}

// holds are n changes on hold, in a store.
type holds struct {
	n      int
	memory *store.Store
	told   strings.Builder
}

func holdsOf(ctx context.Context, n int) (told string, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	keys, err := seal.Generate()
	if err != nil {
		return "", err
	}
	memory, err := sqlite.Open(ctx, filepath.Join(dir, "holdfast.db"), sqlite.Options{Sealer: keys, Now: clock.Wall})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	h := &holds{n: n, memory: memory}
	for _, part := range []func(context.Context) error{h.record, h.compare} {
		if err := part(ctx); err != nil {
			return "", err
		}
	}
	return h.told.String(), nil
}

// record has the changes in the store, all in the midst of their hold.
func (h *holds) record(ctx context.Context) error {
	begin := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(createdAtOnce)
	for i := range h.n {
		group.Go(func() error { return h.hold(ctx, account(held, i), 10*24*time.Hour) })
	}
	err := group.Wait()
	fmt.Fprintf(&h.told, "%d changes on hold recorded in %.1f s.\n", h.n, time.Since(begin).Seconds())
	return err
}

// account is one of those with changes, and keyOf the key of its change.
func account(prefix string, i int) string { return fmt.Sprint(prefix, i) }

func keyOf(account string) change.Key {
	return change.Key{Tenant: tenant, Name: change.OwnName(account, "bench", "")}
}

// hold records a change of the pages that holds for a while longer.
func (h *holds) hold(ctx context.Context, account string, longer time.Duration) error {
	now := clock.Wall()
	start := now.Add(longer - change.DefaultHold)
	_, err := h.memory.AdoptChange(ctx, change.Sight{
		Key: keyOf(account), Terms: change.DefaultTerms(), Now: now,
		Spec: change.Spec{Account: account, Action: change.Remove, Removed: []string{"old"}},
	}, change.Memory{
		Created: start, HoldStart: start, HoldUntil: start.Add(change.DefaultHold), Restricted: change.SensitiveActions, NoticesSent: 1,
	})
	return err
}

// compare has the objects made by a bare client, and by a leader on an apiserver of its
// own, where another leader then finds them.
func (h *holds) compare(ctx context.Context) error {
	var bare, ours making
	err := onApiserver(ctx, func(ctx context.Context, config *rest.Config) (err error) {
		bare, err = h.bare(ctx, config)
		return err
	})
	if err != nil {
		return fmt.Errorf("the bare client: %w", err)
	}
	return onApiserver(ctx, func(ctx context.Context, config *rest.Config) (err error) {
		if ours, err = h.first(ctx, config); err != nil {
			return fmt.Errorf("the first leader: %w", err)
		}
		fmt.Fprintf(&h.told, "\nObjects and statuses: %s by a leader that finds their records, %s by a client that creates them and patches their "+
			"statuses, %d at once: ratio %.2f.\n", ours, bare, heldWorkers, ours.took.Seconds()/bare.took.Seconds())
		if err := h.second(ctx, config); err != nil {
			return fmt.Errorf("the second leader: %w", err)
		}
		return nil
	})
}

// onApiserver runs a leg on an apiserver with the tenant and its policy.
func onApiserver(ctx context.Context, leg func(context.Context, *rest.Config) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, legPatience)
	defer cancel()
	env := environment()
	config, err := env.Start()
	if err != nil {
		return fmt.Errorf("start the apiserver from %s: %w", env.BinaryAssetsDirectory, err)
	}
	defer func() { err = errors.Join(err, env.Stop()) }()
	config.QPS = -1
	c, err := newClient(config)
	if err != nil {
		return err
	}
	for _, object := range []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant}}, policyOfShop()} {
		if err := c.Create(ctx, object); err != nil {
			return err
		}
	}
	return leg(ctx, config)
}

func newClient(config *rest.Config) (client.Client, error) {
	scheme, err := kube.Scheme()
	if err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// first is a leader that gives every record its object.
func (h *holds) first(ctx context.Context, config *rest.Config) (done making, err error) {
	metered := meter(config)
	begin, used := time.Now(), cpuUsed()
	return done, h.lead(ctx, metered.config, func(ctx context.Context, l *leader) error {
		if err := l.until(ctx, v1alpha1.ChangeOnHold, h.n); err != nil {
			return err
		}
		done = making{n: h.n, took: time.Since(begin), cpu: cpuUsed() - used, writes: metered.writes.Load()}
		fmt.Fprintf(&h.told, "\nEach was looked at %.2f times until its object told of it.\n", float64(l.looks(held, h.n))/float64(h.n))
		return nil
	})
}

// second is a leader that finds them all on hold, and some that end meanwhile.
func (h *holds) second(ctx context.Context, config *rest.Config) error {
	begin, used := time.Now(), cpuUsed()
	return h.lead(ctx, config, func(ctx context.Context, l *leader) error {
		if err := l.ready(ctx); err != nil {
			return err
		}
		ready, cpu := time.Since(begin), cpuUsed()-used
		fmt.Fprintf(&h.told, "\nA leader that finds %d holds: after %.2f s and %.2f s of CPU it has scheduled them and decisions know them; "+
			"its %d list of wakes took %s ms.\n", h.n, ready.Seconds(), cpu.Seconds(), l.lists, millis(l.listed))
		if err := h.end(ctx, l); err != nil {
			return err
		}
		applied, told, err := h.lateness(ctx, l)
		if err != nil {
			return err
		}
		fmt.Fprintf(&h.told, "\nOf %d further holds that end meanwhile each was applied %s ms after its end, and its object told so after %s ms (p50 / p99), "+
			"with %.2f looks each from record to end; the other %d were looked at %d times.\n", endingChanges, applied, told,
			float64(l.looks(ending, endingChanges))/endingChanges, h.n, l.looks(held, h.n))
		return nil
	})
}

// end records holds that end soon, of accounts with contacts that are told, and waits for
// their end.
func (h *holds) end(ctx context.Context, l *leader) error {
	for i := range endingChanges {
		account := account(ending, i)
		old := []contact.Contact{{ID: "old", Channel: contact.Email, Address: account + "@post.example", Standing: contact.Full, Language: "en"}}
		if err := h.memory.ImportContacts(ctx, tenant, account, old, nil, clock.Wall()); err != nil {
			return err
		}
		if err := h.hold(ctx, account, endsAfter); err != nil {
			return err
		}
	}
	return l.until(ctx, v1alpha1.ChangeApplied, endingChanges)
}

// lateness is how long after its end each hold was applied, and its object told so.
func (h *holds) lateness(ctx context.Context, l *leader) (applied, told lateness, err error) {
	for i := range endingChanges {
		r, err := h.memory.Change(ctx, keyOf(account(ending, i)))
		if err != nil {
			return nil, nil, err
		}
		if r.End.At.Before(r.HoldUntil) {
			return nil, nil, fmt.Errorf("change %s ended at %v, before %v", r.Key, r.End.At, r.HoldUntil)
		}
		applied = append(applied, l.appliedAt(r.Key.Name).Sub(r.HoldUntil))
		told = append(told, l.seen(r.Key.Name, v1alpha1.ChangeApplied).Sub(r.HoldUntil))
	}
	return applied, told, nil
}

// lateness is told by its median and its 99th percentile, in ms.
type lateness []time.Duration

func (l lateness) String() string {
	sorted := slices.Sorted(slices.Values(l))
	return millis(sorted[len(sorted)/2]) + " / " + millis(sorted[len(sorted)*99/100])
}
