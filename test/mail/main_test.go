// Package mail_test sends through a mail server as providers run them: Postfix, with
// Dovecot judging passwords, TLS enforced and mailboxes on disk.
package mail_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

const (
	patience = 30 * time.Second
	pollGap  = 20 * time.Millisecond
)

var server *mailServer

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "holdfast-mail")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make a folder for the mail server:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if server, err = newMailServer(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go stopOnSignal()
	defer func() {
		if err := server.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		if code != 0 {
			server.printLogs(os.Stderr)
		}
	}()
	if err := server.start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// stopOnSignal leaves nothing running where the tests are interrupted.
func stopOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	fmt.Fprintln(os.Stderr, "interrupted:", errors.Join(server.stop(), os.RemoveAll(server.Dir)))
	os.Exit(1)
}

// await polls until done or fails the test.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
		<-time.After(pollGap)
	}
}
