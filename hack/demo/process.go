package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	// grace is how long a process may take to stop before it is killed.
	grace = 20 * time.Second
	// patience is how long something may take to become ready on a busy machine.
	patience = 90 * time.Second
	pollGap  = 100 * time.Millisecond
)

// demo is everything that runs.
type demo struct {
	options
	cluster cluster
	// failed takes the first thing that stopped on its own.
	failed chan error
	stops  []func() error
}

// onStop remembers how to stop something that was started.
func (d *demo) onStop(stop func() error) { d.stops = append(d.stops, stop) }

// stopAll stops everything, last started first.
func (d *demo) stopAll() error {
	var errs []error
	for _, stop := range slices.Backward(d.stops) {
		errs = append(errs, stop())
	}
	d.stops = nil
	return errors.Join(errs...)
}

// fail reports that something stopped; only the first one counts.
func (d *demo) fail(err error) {
	select {
	case d.failed <- err:
	default:
	}
}

func (d *demo) path(elements ...string) string {
	return filepath.Join(append([]string{d.runDir}, elements...)...)
}

// logFile opens a new log for a part of the demo; it is closed when all is stopped.
func (d *demo) logFile(name string) (*os.File, error) {
	if err := os.MkdirAll(d.path("logs"), 0o700); err != nil {
		return nil, fmt.Errorf("make log folder: %w", err)
	}
	file, err := os.Create(d.path("logs", name+".log"))
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	d.onStop(file.Close)
	return file, nil
}

// startProcess runs a program in a process group of its own, so that Ctrl-C reaches only
// the demo, which stops things in order.
func (d *demo) startProcess(name string, command *exec.Cmd) error {
	logs, err := d.logFile(name)
	if err != nil {
		return err
	}
	command.Stdout, command.Stderr = logs, logs
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	exited, stopping := make(chan struct{}), make(chan struct{})
	go func() {
		err := command.Wait()
		close(exited)
		select {
		case <-stopping:
		default:
			d.fail(fmt.Errorf("%s stopped on its own (%s); its log is %s", name, exitReason(err), logs.Name()))
		}
	}()
	d.onStop(func() error {
		close(stopping)
		return stopGroup(name, command.Process.Pid, exited)
	})
	return nil
}

func exitReason(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// stopGroup asks the process to stop, and kills its whole group if it does not in time
// or leaves children behind.
func stopGroup(name string, pid int, exited <-chan struct{}) error {
	_ = syscall.Kill(pid, syscall.SIGTERM)
	var err error
	select {
	case <-exited:
	case <-time.After(grace):
		err = fmt.Errorf("%s did not stop within %s and was killed", name, grace)
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	<-exited
	return err
}

// serve answers HTTP until all is stopped.
func (d *demo) serve(name string, number int, handler http.Handler) error {
	listener, err := net.Listen("tcp", local(number))
	if err != nil {
		return fmt.Errorf("listen for %s: %w", name, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			d.fail(fmt.Errorf("%s stopped on its own: %w", name, err))
		}
	}()
	d.onStop(server.Close)
	return nil
}

// waitHTTP waits until the address answers 200.
func waitHTTP(ctx context.Context, name, address string) error {
	client := &http.Client{Timeout: 2 * time.Second}
	return poll(ctx, name, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", address, response.Status)
		}
		return nil
	})
}

// poll tries until it works.
func poll(ctx context.Context, name string, try func(context.Context) error) error {
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := try(limit)
		if err == nil {
			return nil
		}
		select {
		case <-limit.Done():
			return fmt.Errorf("%s is not ready: %w", name, err)
		case <-time.After(pollGap):
		}
	}
}
