package courier_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/courier"
	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/phone"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/store"
)

// gateway is a webhook's receiver that may be down.
type gateway struct {
	*httptest.Server
	mu sync.Mutex
	// down is the status that it answers then, 0 while it works.
	down  int
	calls int
	taken map[string]int
}

func startGateway(t *testing.T, down int) *gateway {
	t.Helper()
	g := &gateway{down: down, taken: map[string]int{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

// ServeHTTP takes a message by its ID.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct{ Data struct{ ID string } }
	err := json.NewDecoder(r.Body).Decode(&call)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls++
	switch {
	case g.down == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "3600")
		fallthrough
	case g.down != 0:
		w.WriteHeader(g.down)
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	default:
		g.taken[call.Data.ID]++
		w.WriteHeader(http.StatusAccepted)
	}
}

// seen is how often it was called, and how many messages it has.
func (g *gateway) seen() (calls, distinct int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls, len(g.taken)
}

// fail has it answer a status from now on; 0 is that it works.
func (g *gateway) fail(down int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = down
}

// way is a provider with its Secret.
type way struct {
	kind string
	data map[string]string
}

func (g *gateway) way() way {
	return way{"Webhook", map[string]string{"url": g.URL, "secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}}
}

func mailWay(port string) way {
	return way{"SMTP", map[string]string{"host": "127.0.0.1", "port": port, "tls": "none", "username": "shop", "password": "secret"}}
}

// twilioWay is Twilio's API as this gateway plays it.
func (g *gateway) twilioWay() way {
	return way{"Twilio", map[string]string{
		"accountSid": "AC0123456789abcdef0123456789abcdef", "authToken": "secret", "from": "+15005550006", "endpoint": g.URL,
	}}
}

// ways are the policy's providers in their order; the Secrets bear their numbers.
type ways []way

func (w ways) For(string, string) policy.Policy {
	p := policies{}.For("", "")
	p.Providers = nil
	for i, one := range w {
		p.Providers = append(p.Providers, policy.Provider{
			Name: fmt.Sprint(i), Type: one.kind, Secret: fmt.Sprint(i),
			Channels: []contact.Channel{contact.Email, contact.SMS}, Countries: []string{"DE"},
		})
	}
	return p
}

func (w ways) Secret(_, name string) (map[string][]byte, error) {
	var i int
	if _, err := fmt.Sscan(name, &i); err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	for key, value := range w[i].data {
		data[key] = []byte(value)
	}
	return data, nil
}

// send lets a courier send over these ways until the test ends.
func (w ways) send(t *testing.T, s *store.Store) *deliver.Dispatcher {
	t.Helper()
	return sendBy(t, s, w)
}

// routes is a policy with its Secrets.
type routes interface {
	courier.Policies
	deliver.Secrets
}

// timeout bounds one sending: long for a busy machine, short for who waits for one that
// hangs.
const timeout = 3 * time.Second

func sendBy(t *testing.T, s *store.Store, w routes) *deliver.Dispatcher {
	t.Helper()
	allow, err := deliver.ParsePatterns([]string{"127.0.0.1:*", "nowhere.invalid:443"})
	if err != nil {
		t.Fatal(err)
	}
	dispatcher := deliver.New(w, allow, deliver.Options{Now: clock.Wall, Timeout: timeout})
	c := &courier.Courier{
		Outbox: s, Policies: w, Coder: coder{}, Sender: dispatcher, Numbers: phone.Numbers{},
		Now: clock.Wall, After: clock.WallTimer, Random: rand.Reader,
		Metrics: courier.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done; dispatcher.Close() })
	return dispatcher
}

// openStore opens a store on disk for one test.
func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := place(t.TempDir()).open(t.Context(), clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// queue puts one notice for each of some people into the outbox, by mail or by text.
func queue(t *testing.T, s *store.Store, channel contact.Channel, from, to int) {
	t.Helper()
	now := clock.Wall()
	for i := from; i < to; i++ {
		address := fmt.Sprintf("person-%d@post.example", i)
		if channel == contact.SMS {
			address = fmt.Sprintf("+49151123%05d", i)
		}
		err := s.ImportContacts(t.Context(), tenant, id(i), nil, []message.Message{{
			ID: id(i), Tenant: tenant, Account: id(i), Kind: message.Notice, Notice: message.NoticeReleased,
			Channel: channel, Address: address, Language: "en",
			Created: now, NotBefore: now, Expires: now.Add(10 * time.Minute),
		}}, now)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// unused is a port of this machine at which nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !reached(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// Of three providers one answers 429 and one is gone: every message arrives once by the
// third, and the one that asked for an hour's peace gets it.
func TestTwoProvidersDownOfThree(t *testing.T) {
	busy := startGateway(t, http.StatusTooManyRequests)
	mail := startMail(t, mathrand.New(mathrand.NewPCG(1, 2)))
	s := openStore(t)
	ways{busy.way(), mailWay(unused(t)), mailWay(mail.port)}.send(t, s)
	queue(t, s, contact.Email, 0, 1)
	await(t, "the first message", func() bool { _, n := mail.arrivals(); return n == 1 })
	before, _ := busy.seen()
	const people = 40
	queue(t, s, contact.Email, 1, people)
	await(t, "all messages", func() bool { _, n := mail.arrivals(); return n == people })
	if total, _ := mail.arrivals(); total != people {
		t.Errorf("%d mails, want %d", total, people)
	}
	if calls, _ := busy.seen(); before != 1 || calls != 1 {
		t.Errorf("the busy provider was called %d times, then %d times, want once", before, calls)
	}
}

// While all providers are down nothing is lost and nobody is pestered; all is sent when
// one of them returns.
func TestAllProvidersDown(t *testing.T) {
	broken := startGateway(t, http.StatusInternalServerError)
	refusing := startGateway(t, http.StatusForbidden)
	s := openStore(t)
	const people = 40
	queue(t, s, contact.Email, 0, people)
	ways{broken.way(), mailWay(unused(t)), refusing.way()}.send(t, s)
	await(t, "some tries", func() bool { calls, _ := refusing.seen(); return calls >= 5 })
	await(t, "a first trial", func() bool { calls, _ := broken.seen(); return calls >= 6 })
	broken.fail(0)
	await(t, "all messages", func() bool { _, n := broken.seen(); return n == people })
	for name, n := range broken.taken {
		if n != 1 {
			t.Errorf("%s arrived %d times", name, n)
		}
	}
	// Each message tried twice would be 80 calls before it came back, and as many at
	// the one that never did.
	if calls, _ := refusing.seen(); calls >= 2*people {
		t.Errorf("%d calls to a provider that is known to be down", calls)
	}
}

// Texts whose first two providers, Twilio among them, answer errors arrive by a third.
func TestTextsGoByAnotherProvider(t *testing.T) {
	twilio, broken := startGateway(t, http.StatusInternalServerError), startGateway(t, http.StatusUnauthorized)
	works := startGateway(t, 0)
	s := openStore(t)
	const people = 100
	queue(t, s, contact.SMS, 0, people)
	ways{twilio.twilioWay(), broken.way(), works.way()}.send(t, s)
	await(t, "all texts", func() bool { _, n := works.seen(); return n == people })
	calls, _ := works.seen()
	atTwilio, _ := twilio.seen()
	atBroken, _ := broken.seen()
	if calls != people || atTwilio < 5 || atTwilio >= people || atBroken < 5 || atBroken >= people {
		t.Errorf("%d, %d and %d calls for %d texts", atTwilio, atBroken, calls, people)
	}
}
