package web

import (
	"maps"
	"net/http"
	"runtime"
	"sync"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/limit"
)

// costly are the deeds that a stranger may ask for and that take a processor tens of
// milliseconds each.
var costly = map[string]bool{"/password-check": true, "/v1/password-checks": true}

// costlyRate is for one network: a person types, a form is sent again.
var costlyRate = limit.Rate{Count: 60, Per: time.Minute, Burst: 20}

const (
	// costlyNetworks bounds how many networks are remembered.
	costlyNetworks = 4096
	// costlyWaiting is how many wait for each one that is being done.
	costlyWaiting = 16
	// costlyPause is what those that find no room are asked to wait.
	costlyPause = time.Second
)

// brake bounds costly deeds: a rate for each network, and a number at once that
// leaves processors to everything else.
type brake struct {
	now func() time.Time
	// room holds a token for each deed that runs or waits, running for each that runs.
	room, running chan struct{}

	mu sync.Mutex
	// next is the limit's stored instant by network.
	next map[string]time.Time
}

func newBrake(now func() time.Time) *brake {
	n := max(1, runtime.GOMAXPROCS(0)/2)
	return &brake{
		now: now, next: map[string]time.Time{},
		running: make(chan struct{}, n), room: make(chan struct{}, n*(1+costlyWaiting)),
	}
}

// braked lets costly deeds through one network after another and a few at a time.
func (s *site) braked(next http.Handler) http.Handler {
	b := newBrake(s.Now)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !costly[r.URL.Path] {
			next.ServeHTTP(w, r)
			return
		}
		if wait := b.take(flow.NetworkOf(s.ClientAddr(r))); wait > 0 {
			s.fail(w, r, &rules.LimitError{Subject: "network", RetryAfter: wait})
			return
		}
		select {
		case b.room <- struct{}{}:
			defer func() { <-b.room }()
		default:
			s.fail(w, r, &rules.LimitError{Subject: "network", RetryAfter: costlyPause})
			return
		}
		select {
		case b.running <- struct{}{}:
			defer func() { <-b.running }()
			next.ServeHTTP(w, r)
		case <-r.Context().Done(): // nobody waits for the answer
		}
	})
}

// take asks the network's limit for one deed; where it is refused, it says how long
// to wait.
func (b *brake) take(network string) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if len(b.next) >= costlyNetworks {
		maps.DeleteFunc(b.next, func(_ string, at time.Time) bool { return !at.After(now) })
	}
	if len(b.next) >= costlyNetworks {
		clear(b.next) // a flood from everywhere: the number at once still holds
	}
	b.next[network], wait = costlyRate.Take(b.next[network], now)
	return wait
}
