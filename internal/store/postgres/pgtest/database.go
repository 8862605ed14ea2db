package pgtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared is the one server of a test binary.
var shared struct {
	once      sync.Once
	server    *Server
	err       error
	databases int
	mu        sync.Mutex
}

// Tests are a binary's tests (*testing.M); wrapped, the shared server ends with them.
type Tests struct{ M interface{ Run() int } }

// Run runs the tests, then stops the server if any test has started it.
func (t Tests) Run() int {
	code := t.M.Run()
	if shared.server == nil {
		return code
	}
	if err := shared.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// Shared is the server of this test binary, which the first call starts. TestMain wraps
// its tests in Tests, so that the server ends with them.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = Start(context.Background(), Options{}) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// Database makes a database on the shared server, for as long as that lives, and
// returns its URL.
func Database(t testing.TB, name string) string {
	t.Helper()
	server := Shared(t)
	if err := server.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return server.URL(name)
}

// Fresh makes a database for one test on the shared server and returns its URL.
func Fresh(t testing.TB) string {
	t.Helper()
	shared.mu.Lock()
	shared.databases++
	name := fmt.Sprintf("test_%d", shared.databases)
	shared.mu.Unlock()
	url := Database(t, name)
	t.Cleanup(func() {
		if err := shared.server.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return url
}
