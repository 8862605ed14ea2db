// Package courier_test kills a real process that sends messages: the courier over a
// store on disk, to a real SMTP server.
package courier_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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
	"holdfast.dev/holdfast/internal/store/sqlite"
	"holdfast.dev/holdfast/internal/store/storetest"
)

const (
	tenant = "shop"
	// dirVariable and portVariable make this program the process that is killed.
	dirVariable  = "HOLDFAST_TEST_COURIER_DIR"
	portVariable = "HOLDFAST_TEST_COURIER_PORT"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(dirVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := drain(dir, os.Getenv(portVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func open(ctx context.Context, dir string) (*store.Store, error) {
	sealer, err := storetest.NewSealer("kill")
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, filepath.Join(dir, "holdfast.db"), sqlite.Options{Sealer: sealer, Now: clock.Wall})
}

// drain sends until nothing waits any more.
func drain(dir, port string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s, err := open(ctx, dir)
	if err != nil {
		return err
	}
	allow, err := deliver.ParsePatterns([]string{"127.0.0.1:*"})
	if err != nil {
		return err
	}
	c := &courier.Courier{
		Outbox: s, Policies: policies{}, Coder: coder{}, Sender: deliver.New(secrets{port}, allow, deliver.Options{Now: clock.Wall}),
		Now: clock.Wall, After: clock.WallTimer, Random: rand.Reader,
		Workers: 15, // five in flight: a machine under load is slow enough with them
		Metrics: courier.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for waiting := true; waiting; <-time.After(20 * time.Millisecond) {
		if _, waiting, err = s.NextDue(ctx, clock.Wall()); err != nil {
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
