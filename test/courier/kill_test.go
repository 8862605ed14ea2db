package courier_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/store"
)

const (
	messages = 1000
	// contacts share the messages, so that order counts.
	contacts = 100
	kills    = 100
)

// A courier that is killed with -9 at 100 random moments while it sends 1,000 messages
// loses none, sends none more than twice and keeps their order for each contact.
func TestKilledCourier(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	server := startMail(t, rand.New(rand.NewPCG(seed, 2)))
	dir := t.TempDir()
	fill(t, dir)
	for range kills {
		p := launch(t, dir, server.port)
		awaitMoment(t, server, random)
		if _, distinct := server.arrivals(); distinct == messages {
			t.Fatal("everything was sent before the last kill: the server is too quick for this test")
		}
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err == nil || p.ProcessState.Exited() {
			t.Fatalf("the courier ended by itself: %v", p.ProcessState)
		}
	}
	last := launch(t, dir, server.port)
	if err := last.Wait(); err != nil {
		t.Fatalf("the last courier: %v", err)
	}
	check(t, dir, server)
}

// fill puts the messages into the outbox of a new store.
func fill(t *testing.T, dir string) {
	t.Helper()
	s := mustOpen(t, dir)
	now := clock.Wall().Add(-time.Minute)
	for i := range messages {
		at := now.Add(time.Duration(i) * time.Millisecond)
		err := s.ImportContacts(t.Context(), tenant, id(i), nil, []message.Message{{
			ID: id(i), Tenant: tenant, Account: id(i), Kind: message.Notice, Notice: message.NoticeReleased,
			Channel: contact.Email, Address: fmt.Sprintf("contact-%d@post.example", i%contacts), Language: "en",
			Created: at, NotBefore: at, Expires: at.Add(72 * time.Hour),
		}}, at)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func id(i int) string { return fmt.Sprintf("message-%04d", i) }

func mustOpen(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// launch starts this program as the courier's process.
func launch(t *testing.T, dir, port string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	p := exec.CommandContext(ctx, self)
	p.Env = append(os.Environ(), dirVariable+"="+dir, portVariable+"="+port)
	p.Stderr = t.Output()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = p.Wait() })
	return p
}

// awaitMoment waits for a random moment: of the start, or in the midst of sending.
func awaitMoment(t *testing.T, server *mailServer, random *rand.Rand) {
	t.Helper()
	if random.IntN(4) == 0 {
		<-time.After(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
		return
	}
	before, _ := server.arrivals()
	deadline := time.Now().Add(20 * time.Second)
	for more := random.IntN(12); more > 0; <-time.After(time.Millisecond) {
		if total, _ := server.arrivals(); total >= before+more {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the courier sends nothing after a kill")
		}
	}
	<-time.After(time.Duration(random.Int64N(int64(50 * time.Millisecond))))
}

func check(t *testing.T, dir string, server *mailServer) {
	t.Helper()
	twice := 0
	for i := range messages {
		switch n := server.taken[id(i)]; {
		case n == 0:
			t.Errorf("%s was lost", id(i))
		case n > 2:
			t.Errorf("%s arrived %d times", id(i), n)
		case n == 2:
			twice++
		}
	}
	newest := map[int]int{}
	for _, arrived := range server.first {
		var i int
		if _, err := fmt.Sscanf(arrived, "message-%d", &i); err != nil {
			t.Fatal(err)
		}
		if i < newest[i%contacts] {
			t.Errorf("%s arrived after message-%04d to the same contact", arrived, newest[i%contacts])
		}
		newest[i%contacts] = i
	}
	s := mustOpen(t, dir)
	defer func() { _ = s.Close() }()
	dead, err := s.DeadLetters(t.Context(), tenant, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dead {
		if d.Class != message.Unknown {
			t.Errorf("%d messages were given up as %s", d.Count, d.Class)
		}
	}
	t.Logf("%d of %d messages arrived twice; given up without an answer: %+v", twice, messages, dead)
}
