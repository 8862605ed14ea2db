// Demo starts a real Kubernetes API, Holdfast under its own ServiceAccount, an inbox, a
// small shop and an OpenID Connect provider, and stops them all on Ctrl-C. Its data stays in .run for the next time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	o, err := readOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, o)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts everything and returns when the context ends (no error) or when something
// stops on its own. What was started is stopped before it returns.
func run(ctx context.Context, o options) (err error) {
	unlock, err := lock(o.runDir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := errors.Join(needBinaries(o.root), o.ports.check()); err != nil {
		return err
	}
	d := &demo{options: o, failed: make(chan error, 1)}
	inner, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case err := <-d.failed:
			cancel(err)
		case <-inner.Done():
		}
	}()
	defer func() {
		if ctx.Err() != nil {
			fmt.Println("\nstopping")
		}
		cancel(nil)
		err = errors.Join(err, d.stopAll())
	}()

	err = d.start(inner)
	if err == nil {
		<-inner.Done()
	}
	if ctx.Err() != nil {
		return nil
	}
	if inner.Err() != nil {
		// What died explains more than whatever was waiting for it.
		return context.Cause(inner)
	}
	return err
}

// lock makes the folder this run's alone. The lock dies with the process, even a killed
// one.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make run folder: %w", err)
	}
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		_ = file.Close()
		return nil, fmt.Errorf("another demo (process %s) uses %s: stop it, or set --run-dir", holder, dir)
	}
	if err := errors.Join(file.Truncate(0), write(file, os.Getpid())); err != nil {
		return nil, errors.Join(fmt.Errorf("write lock: %w", err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}

func write(w io.Writer, value any) error {
	_, err := fmt.Fprint(w, value)
	return err
}

func needBinaries(root string) error {
	var missing []error
	for _, name := range []string{"kube-apiserver", "etcd", "kubectl", "holdfast", "oidc-provider"} {
		if _, err := os.Stat(filepath.Join(root, "bin", name)); err != nil {
			missing = append(missing, fmt.Errorf("bin/%s is missing: start the demo with make run, or build it with make bin/%s", name, name))
		}
	}
	return errors.Join(missing...)
}
