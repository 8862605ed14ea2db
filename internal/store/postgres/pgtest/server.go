// Package pgtest starts a real PostgreSQL server for tests and benchmarks: its own
// directory, a Unix socket, gone with the process that started it.
package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// Options change how a server runs.
type Options struct {
	// Durable has every commit reach the disk, as in production; without it the server
	// is as fast as a test wants it.
	Durable bool
	// Settings are further settings of the server, each NAME=VALUE.
	Settings []string
	// Dir is where the server's directory is made; the default is os.TempDir.
	Dir string
}

// Server is a running PostgreSQL with one superuser, postgres, who needs no password;
// other roles need theirs.
type Server struct {
	dir string
	// program and its arguments run as who.
	program string
	args    []string
	who     *syscall.Credential

	process *os.Process
	exited  chan struct{}
}

// hba lets the superuser in and asks everybody else for a password.
const hba = "local all postgres trust\nlocal all all scram-sha-256\n"

// Start makes a database cluster and serves it until Stop, or until this process dies,
// however it dies.
func Start(ctx context.Context, o Options) (*Server, error) {
	initdb, err := find("initdb")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "holdfast-pg")
	if err != nil {
		return nil, fmt.Errorf("make a directory for PostgreSQL: %w", err)
	}
	s := &Server{dir: dir, program: filepath.Join(filepath.Dir(initdb), "postgres")}
	s.args = s.arguments(o)
	if s.who, err = unprivileged(dir); err == nil {
		err = s.initialize(ctx, initdb, o)
	}
	if err == nil {
		err = s.serve(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) initialize(ctx context.Context, initdb string, o Options) error {
	args := []string{"-D", s.data(), "-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust"}
	if !o.Durable {
		args = append(args, "--no-sync")
	}
	if out, err := s.command(ctx, initdb, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return fmt.Errorf("say who may connect: %w", err)
	}
	return nil
}

func (s *Server) arguments(o Options) []string {
	settings := []string{"listen_addresses=", "unix_socket_directories=" + s.dir, "max_connections=300", "log_min_messages=log"}
	if !o.Durable {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
	}
	args := []string{"-D", s.data()}
	for _, setting := range append(settings, o.Settings...) {
		args = append(args, "-c", setting)
	}
	return args
}

// serve starts the server and returns once it takes connections.
func (s *Server) serve(ctx context.Context) error {
	cmd := s.command(context.WithoutCancel(ctx), s.program, s.args...)
	// SIGQUIT ends PostgreSQL and its children at once.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	log, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := s.start(cmd); err != nil {
		return err
	}
	said, ready := s.listen(log)
	select {
	case <-ready:
		return nil
	case <-s.exited:
		return fmt.Errorf("PostgreSQL ended at its start:\n%s", <-said)
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("wait for PostgreSQL: %w", ctx.Err()), s.quit())
	}
}

// start keeps the thread that starts the server until the server is gone: the kernel
// takes the end of that thread for the end of the process.
func (s *Server) start(cmd *exec.Cmd) error {
	started, exited := make(chan error), make(chan struct{})
	s.exited = exited
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // Stop has asked for it, or serve tells what the log says
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.process = cmd.Process
	return nil
}

// listen reads the log to its end, which it sends whole; ready is closed once the
// server takes connections.
func (s *Server) listen(log io.Reader) (said <-chan string, ready <-chan struct{}) {
	whole, up := make(chan string, 1), make(chan struct{})
	go func() {
		var text strings.Builder
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if strings.HasSuffix(lines.Text(), "database system is ready to accept connections") {
				close(up)
			}
			if text.Len() < 1<<16 {
				text.WriteString(lines.Text() + "\n")
			}
		}
		whole <- text.String()
	}()
	return whole, up
}

// Stop ends the server and removes its directory.
func (s *Server) Stop() error { return errors.Join(s.quit(), os.RemoveAll(s.dir)) }

// Halt ends the server at once, as its death would; what was written stays.
func (s *Server) Halt() error { return s.quit() }

// Resume serves a halted server's databases again, at the same URLs.
func (s *Server) Resume(ctx context.Context) error { return s.serve(ctx) }

func (s *Server) quit() error {
	if err := s.process.Signal(syscall.SIGQUIT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	<-s.exited
	return nil
}

// URL is where the superuser reaches a database.
func (s *Server) URL(database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.User("postgres"), Path: "/" + database,
		RawQuery: url.Values{"host": {s.dir}}.Encode(),
	}).String()
}

// Exec runs statements as the superuser, each in a transaction of its own.
func (s *Server) Exec(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	for _, statement := range statements {
		if _, err = conn.Exec(ctx, statement); err != nil {
			err = fmt.Errorf("%s: %w", statement, err)
			break
		}
	}
	return errors.Join(err, conn.Close(ctx))
}
