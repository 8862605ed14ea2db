package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/postgres"
)

const (
	// longQueue are messages that wait while the memory of a courier is measured.
	longQueue = 1_000_000
	// queueSent are sent of them.
	queueSent = 3000
	// courierVariable makes this program that courier; the rest comes by its input.
	courierVariable = "HOLDFAST_BENCH_COURIER"
)

// errand is what the courier's process is to do.
type errand struct {
	// Store is where it lies (openAt).
	Store  string
	Keys   map[string][]byte
	Kind   string
	Secret map[string][]byte
}

// errandDone is what came of it.
type errandDone struct {
	PerSecond float64
	// Opened is what the process held before it leased a message, Resident what it holds
	// at the end, and Peak the most.
	Opened, Resident, Peak string
}

// queues measures the memory of a courier behind which a million messages wait.
func queues(ctx context.Context, o options, engines []engine, servers *providers) (string, error) {
	n := longQueue
	if o.quick {
		n /= 10
	}
	servers.delay.Store(0)
	var b strings.Builder
	b.WriteString("| waiting | queue MiB on disk | sent per s | courier's process: opened | at the end | at most |\n|---|--:|--:|--:|--:|--:|\n")
	for _, e := range engines {
		line, err := longQueueOn(ctx, e, servers.smtp(), n)
		if err != nil {
			return "", fmt.Errorf("%d waiting messages on %s: %w", n, e.name, err)
		}
		fmt.Fprintln(os.Stderr, line)
		b.WriteString(line + "\n")
	}
	return b.String(), nil
}

func longQueueOn(ctx context.Context, e engine, by way, n int) (line string, err error) {
	at, err := e.place(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, at.remove(context.WithoutCancel(ctx))) }()
	keys, err := seal.Generate()
	if err != nil {
		return "", err
	}
	memory, err := at.open(ctx, keys)
	if err != nil {
		return "", err
	}
	begun := time.Now()
	if err := errors.Join(queue(ctx, memory, by.channel, n), memory.Close()); err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "%s: %d messages queued in %.0f s\n", e.name, n, time.Since(begun).Seconds())
	if err := settle(ctx, e, at); err != nil {
		return "", err
	}
	size, err := at.size(ctx)
	if err != nil {
		return "", err
	}
	where, err := whereIs(at)
	if err != nil {
		return "", err
	}
	done, err := send(ctx, errand{Store: where, Keys: keys.Marshal(), Kind: by.kind, Secret: by.secret})
	return fmt.Sprintf("| %d on %s | %d | %.0f | %s | %s | %s |", n, e.name, size>>20, done.PerSecond, done.Opened, done.Resident, done.Peak), err
}

// settle has the engine do what it does in its own time.
func settle(ctx context.Context, e engine, at place) (err error) {
	db, err := at.bare(1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, statement := range e.settled {
		if err := do(ctx, db, statement); err != nil {
			return err
		}
	}
	return nil
}

// send starts this program as a courier.
func send(ctx context.Context, job errand) (done errandDone, err error) {
	self, err := os.Executable()
	if err != nil {
		return done, err
	}
	in, err := json.Marshal(job)
	if err != nil {
		return done, err
	}
	p := exec.CommandContext(ctx, self)
	p.Env = append(os.Environ(), courierVariable+"=1")
	p.Stdin, p.Stderr = bytes.NewReader(in), os.Stderr
	out, err := p.Output()
	if err != nil {
		return done, fmt.Errorf("the courier's process: %w", err)
	}
	return done, json.Unmarshal(out, &done)
}

// whereIs is what another process opens a place by.
func whereIs(at place) (string, error) {
	switch at := at.(type) {
	case sqlitePlace:
		return string(at), nil
	case postgresPlace:
		return at.server.URL(at.database), nil
	default:
		return "", fmt.Errorf("a store at %v has no address", at)
	}
}

func openAt(ctx context.Context, where string, keys *seal.Keys) (*store.Store, error) {
	if strings.HasPrefix(where, "postgres:") {
		return postgres.Open(ctx, where, postgres.Options{Sealer: keys, Now: clock.Wall, After: clock.WallTimer})
	}
	return sqlitePlace(where).open(ctx, keys)
}

// beCourier is the courier's process.
func beCourier(ctx context.Context) (err error) {
	var job errand
	if err := json.NewDecoder(os.Stdin).Decode(&job); err != nil {
		return err
	}
	keys, err := seal.Parse(job.Keys)
	if err != nil {
		return err
	}
	memory, err := openAt(ctx, job.Store, keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	done := errandDone{Opened: mebibytes("VmRSS")}
	f, err := drain(ctx, memory, way{kind: job.Kind, channel: contact.Email, secret: job.Secret}, warmMessages, queueSent)
	if err != nil {
		return err
	}
	done.PerSecond, done.Resident, done.Peak = f.rate(), mebibytes("VmRSS"), mebibytes("VmHWM")
	return json.NewEncoder(os.Stdout).Encode(done)
}
