package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/kube"
)

// heldWorkers are as many as the SecurityInfoChange controller has.
const heldWorkers = 16

// making is what it took to make n objects.
type making struct {
	n         int
	took, cpu time.Duration
	// writes are the requests that were no reads.
	writes int64
}

func (m making) String() string {
	return fmt.Sprintf("%.0f a second (%d in %.1f s, %s ms of CPU and %.2f writes each)", float64(m.n)/m.took.Seconds(), m.n, m.took.Seconds(),
		millis(m.cpu/time.Duration(m.n)), float64(m.writes)/float64(m.n))
}

// metered counts the writes that go through its configuration.
type metered struct {
	config *rest.Config
	writes atomic.Int64
}

func meter(config *rest.Config) *metered {
	c := &metered{config: rest.CopyConfig(config)}
	c.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet {
				c.writes.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	return c
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bare creates the objects of the records and patches their statuses, each once.
func (h *holds) bare(ctx context.Context, config *rest.Config) (making, error) {
	metered := meter(config)
	c, err := newClient(metered.config)
	if err != nil {
		return making{}, err
	}
	begin, used := time.Now(), cpuUsed()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(heldWorkers)
	for i := range h.n {
		group.Go(func() error { return h.mirror(ctx, c, account(held, i)) })
	}
	err = group.Wait()
	return making{n: h.n, took: time.Since(begin), cpu: cpuUsed() - used, writes: metered.writes.Load()}, err
}

func (h *holds) mirror(ctx context.Context, c client.Client, account string) error {
	r, err := h.memory.Change(ctx, keyOf(account))
	if err != nil {
		return err
	}
	sic := kube.OwnChange(r)
	if err := c.Create(ctx, sic); err != nil {
		return err
	}
	before := sic.DeepCopy()
	sic.Status = kube.ChangeReport{
		Record: r, Spec: r.Spec, Generation: sic.Generation, Now: clock.Wall(),
	}.Status(v1alpha1.SecurityInfoChangeStatus{})
	return c.Status().Patch(ctx, sic, client.MergeFrom(before))
}
