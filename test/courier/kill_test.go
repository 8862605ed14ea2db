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
	"holdfast.dev/holdfast/internal/store/postgres/pgtest"
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
	killed{at: place(t.TempDir()), processes: 1, worn: watch{clock.Wall(), 1}}.test(t)
}

// The same of two couriers on one PostgreSQL, of which one or the other is killed: what
// the dead one has leased waits until its lease runs out, everything else goes on.
func TestKilledCouriersOnPostgreSQL(t *testing.T) {
	killed{at: place(pgtest.Fresh(t)), processes: 2, worn: watch{clock.Wall(), 30}}.test(t)
}

// killed are couriers on one store that are killed in turn.
type killed struct {
	at        place
	processes int
	worn      watch
	server    *mailServer
}

func (k killed) test(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	k.server = startMail(t, rand.New(rand.NewPCG(seed, 2)))
	k.fill(t)
	running := make([]*exec.Cmd, k.processes)
	for i := range running {
		running[i] = k.launch(t)
	}
	for range kills {
		k.awaitMoment(t, random)
		if _, distinct := k.server.arrivals(); distinct == messages {
			t.Fatal("everything was sent before the last kill: the server is too quick for this test")
		}
		next := random.IntN(k.processes)
		p := running[next]
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err == nil || p.ProcessState.Exited() {
			t.Fatalf("the courier ended by itself: %v", p.ProcessState)
		}
		running[next] = k.launch(t)
	}
	for _, p := range running {
		if err := p.Wait(); err != nil {
			t.Fatalf("a courier at the end: %v", err)
		}
	}
	k.check(t)
}

// fill puts the messages into the outbox of a new store.
func (k killed) fill(t *testing.T) {
	t.Helper()
	s := k.mustOpen(t)
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

func (k killed) mustOpen(t *testing.T) *store.Store {
	t.Helper()
	s, err := k.at.open(t.Context(), clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// launch starts this program as a courier's process.
func (k killed) launch(t *testing.T) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	p := exec.CommandContext(ctx, self)
	p.Env = append(os.Environ(), storeVariable+"="+string(k.at), portVariable+"="+k.server.port,
		fmt.Sprintf("%s=%d", epochVariable, k.worn.epoch.UnixNano()), fmt.Sprintf("%s=%d", paceVariable, k.worn.pace))
	p.Stderr = t.Output()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = p.Wait() })
	return p
}

// awaitMoment waits for a random moment: of the start, or in the midst of sending.
func (k killed) awaitMoment(t *testing.T, random *rand.Rand) {
	t.Helper()
	if random.IntN(4) == 0 {
		<-time.After(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
		return
	}
	before, _ := k.server.arrivals()
	deadline := time.Now().Add(20 * time.Second)
	for more := random.IntN(12); more > 0; <-time.After(time.Millisecond) {
		if total, _ := k.server.arrivals(); total >= before+more {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the courier sends nothing after a kill")
		}
	}
	<-time.After(time.Duration(random.Int64N(int64(50 * time.Millisecond))))
}

func (k killed) check(t *testing.T) {
	t.Helper()
	twice := 0
	for i := range messages {
		switch n := k.server.taken[id(i)]; {
		case n == 0:
			t.Errorf("%s was lost", id(i))
		case n > 2:
			t.Errorf("%s arrived %d times", id(i), n)
		case n == 2:
			twice++
		}
	}
	newest := map[int]int{}
	for _, arrived := range k.server.first {
		var i int
		if _, err := fmt.Sscanf(arrived, "message-%d", &i); err != nil {
			t.Fatal(err)
		}
		if i < newest[i%contacts] {
			t.Errorf("%s arrived after message-%04d to the same contact", arrived, newest[i%contacts])
		}
		newest[i%contacts] = i
	}
	s := k.mustOpen(t)
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
