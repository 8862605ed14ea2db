// Package courier_test kills real processes that send messages: the courier over a
// store on disk or on PostgreSQL, to a real SMTP server.
package courier_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/courier"
	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/postgres"
	"holdfast.dev/holdfast/internal/store/postgres/pgtest"
	"holdfast.dev/holdfast/internal/store/sqlite"
	"holdfast.dev/holdfast/internal/store/storetest"
)

const tenant = "shop"

// Variables of the environment that make this program the process that is killed.
const (
	// storeVariable is where its messages lie.
	storeVariable = "HOLDFAST_TEST_COURIER_STORE"
	// portVariable is the mail server's.
	portVariable = "HOLDFAST_TEST_COURIER_PORT"
	// epochVariable is when its clock was right, in nanoseconds since 1970.
	epochVariable = "HOLDFAST_TEST_COURIER_EPOCH"
	// paceVariable is how fast its clock goes since then.
	paceVariable = "HOLDFAST_TEST_COURIER_PACE"
)

func TestMain(m *testing.M) {
	at := os.Getenv(storeVariable)
	if at == "" {
		os.Exit(pgtest.Tests{M: m}.Run())
	}
	if err := drain(place(at), os.Getenv(portVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// watch is a clock that was right at its epoch and has gone so many times too fast
// since then: leases that a killed process leaves behind run out in seconds. Processes
// with the same watch agree on the time.
type watch struct {
	epoch time.Time
	pace  time.Duration
}

func (w watch) now() time.Time { return w.epoch.Add(clock.Wall().Sub(w.epoch) * w.pace) }

func (w watch) after(d time.Duration) <-chan time.Time { return clock.WallTimer(d / w.pace) }

// wornWatch is the one that the environment tells of.
func wornWatch() (watch, error) {
	epoch, err := strconv.ParseInt(os.Getenv(epochVariable), 10, 64)
	if err != nil {
		return watch{}, err
	}
	pace, err := strconv.Atoi(os.Getenv(paceVariable))
	return watch{time.Unix(0, epoch), time.Duration(pace)}, err
}

// place is where a store lies: a folder, or the URL of a database.
type place string

func (p place) open(ctx context.Context, now func() time.Time) (*store.Store, error) {
	sealer, err := storetest.NewSealer("kill")
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(string(p), "postgres:") {
		return postgres.Open(ctx, string(p), postgres.Options{Sealer: sealer, Now: now, After: clock.WallTimer})
	}
	return sqlite.Open(ctx, filepath.Join(string(p), "holdfast.db"), sqlite.Options{Sealer: sealer, Now: now})
}

// drain sends until nothing waits any more.
func drain(at place, port string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	worn, err := wornWatch()
	if err != nil {
		return err
	}
	s, err := at.open(ctx, worn.now)
	if err != nil {
		return err
	}
	allow, err := deliver.ParsePatterns([]string{"127.0.0.1:*"})
	if err != nil {
		return err
	}
	c := &courier.Courier{
		Outbox: s, Policies: policies{}, Coder: coder{}, Sender: deliver.New(secrets{port}, allow, deliver.Options{Now: clock.Wall}),
		Now: worn.now, After: worn.after, Random: rand.Reader,
		Workers: 15, // five in flight: a machine under load is slow enough with them
		Metrics: courier.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for waiting := true; waiting; <-time.After(20 * time.Millisecond) {
		if _, waiting, err = s.NextDue(ctx, worn.now()); err != nil {
			return err
		}
	}
	stop()
	return <-done
}

type policies struct{}

func (policies) For(string, string) policy.Policy {
	p := policy.Default()
	p.Hosts = []string{"account.shop.example"}
	p.Messages = policy.Messages{ProductName: "Shop", Sender: "accounts@shop.example"}
	p.Providers = []policy.Provider{{Name: "mail", Type: "SMTP", Secret: "smtp", Channels: []contact.Channel{contact.Email}}}
	return p
}

type coder struct{}

func (coder) Code(code.Challenge) string { return strings.Repeat("0", 6) }

// secrets is the one Secret: that of the server at a port of this machine.
type secrets struct{ port string }

func (s secrets) Secret(string, string) (map[string][]byte, error) {
	return map[string][]byte{
		"host": []byte("127.0.0.1"), "port": []byte(s.port), "tls": []byte("none"),
		"username": []byte("shop"), "password": []byte("secret"),
	}, nil
}
