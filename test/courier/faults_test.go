package courier_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// fault is a provider that fails in its way, as the first of two.
type fault struct {
	way func(t *testing.T) way
	// class is what a check of the provider says, which the policy's status shows.
	class message.ErrorClass
	// silent providers may have taken what they were given: such a message goes to
	// nobody else at once, and to no third.
	silent bool
}

var faults = map[string]fault{
	"500":                               {webhook(answer(http.StatusInternalServerError)), message.Temporary, false},
	"429 with Retry-After":              {webhook(answer(http.StatusTooManyRequests, "Retry-After", "3600")), message.Temporary, false},
	"wrong credentials of a webhook":    {webhook(answer(http.StatusUnauthorized)), message.Misconfigured, false},
	"wrong credentials of SMTP":         {refusingMail, message.Misconfigured, false},
	"closed within the answer's body":   {webhook(cut), message.Temporary, false},
	"expired certificate":               {expired, message.Misconfigured, false},
	"no such host":                      {secretOf("Webhook", "url", "https://nowhere.invalid/"), message.Misconfigured, false},
	"nobody listens":                    {func(t *testing.T) way { return mailWay(unused(t)) }, message.Unreachable, false},
	"hanging before the greeting":       {hangingMail, message.Unreachable, false},
	"hanging once it has the message":   {webhook(hang), message.Unreachable, true},
	"closed once it has the message":    {webhook(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), message.Unreachable, true},
	"a Secret that lacks what it needs": {secretOf("Webhook", "url", "", "secret", ""), message.Misconfigured, false},
}

// Whatever the first of two providers does, every message arrives by the second, and a
// check tells what is wrong with the first.
func TestMessagesArriveInSpiteOf(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f.test(t)
		})
	}
}

func (f fault) test(t *testing.T) {
	const people = 12
	works, s := startGateway(t, 0), openStore(t)
	providers := ways{f.way(t), works.way()}
	queue(t, s, contact.Email, 0, people)
	dispatcher := providers.send(t, s)
	given := func() (up int) {
		dead, err := s.DeadLetters(t.Context(), tenant, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dead {
			if up += d.Count; d.Class != message.Unknown {
				t.Errorf("%d messages were given up as %s", d.Count, d.Class)
			}
		}
		return up
	}
	await(t, "all messages", func() bool { _, n := works.seen(); return n+given() >= people })
	calls, distinct := works.seen()
	if calls != distinct || (distinct != people && !f.silent) || distinct == 0 {
		t.Errorf("%d messages for %d people arrived in %d calls, and %d were given up", distinct, people, calls, given())
	}
	p := providers.For("", "")
	var e *message.Error
	if err := dispatcher.Check(t.Context(), tenant, p.Providers[0]); !errors.As(err, &e) || e.Class != f.class {
		t.Errorf("a check says %v, want %s", err, f.class)
	}
}

func webhook(handle http.HandlerFunc) func(*testing.T) way {
	return func(t *testing.T) way {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			handle(w, r)
		}))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.Start()
		t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
		return (&gateway{Server: server}).way()
	}
}

func answer(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}

// cut breaks off within the body of an answer.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(w, "half an ans")
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// hang answers nobody who still waits.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// secretOf is a webhook's Secret with other values.
func secretOf(kind string, pairs ...string) func(*testing.T) way {
	return func(*testing.T) way {
		w := (&gateway{Server: &httptest.Server{}}).way()
		w.kind = kind
		for i := 0; i < len(pairs); i += 2 {
			w.data[pairs[i]] = pairs[i+1]
		}
		return w
	}
}

// refusingMail takes no password.
func refusingMail(t *testing.T) way {
	server := startMail(t, nil)
	server.refuses = true
	return mailWay(server.port)
}

// hangingMail takes connections and says nothing.
func hangingMail(t *testing.T) way {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return mailWay(port)
}

// expired is a webhook whose certificate was good until 2020.
func expired(t *testing.T) way {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(answer(http.StatusNoContent))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	w := (&gateway{Server: server}).way()
	w.data["ca"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return w
}

// rotating is one provider whose Secret changes while messages are in flight.
type rotating struct {
	mu      sync.Mutex
	current way
}

func (r *rotating) For(string, string) policy.Policy { return ways{r.current}.For("", "") }

func (r *rotating) Secret(string, string) (map[string][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return ways{r.current}.Secret("", "0")
}

func (r *rotating) rotate(to way) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = to
}

// A provider whose old Secret is refused from one moment to the next, the new one
// following a moment later, loses no message and sends none twice.
func TestASecretIsRotatedInFlight(t *testing.T) {
	old, renewed := startGateway(t, 0), startGateway(t, 0)
	s, r := openStore(t), &rotating{current: old.way()}
	const people = 300
	queue(t, s, contact.Email, 0, people)
	sendBy(t, s, r)
	await(t, "some messages", func() bool { _, n := old.seen(); return n >= people/10 })
	old.fail(http.StatusUnauthorized)
	before, _ := old.seen()
	await(t, "refusals", func() bool { calls, _ := old.seen(); return calls > before })
	r.rotate(renewed.way())
	await(t, "all messages", func() bool {
		_, early := old.seen()
		_, late := renewed.seen()
		return early+late >= people
	})
	for _, g := range []*gateway{old, renewed} {
		g.mu.Lock()
		for id, n := range g.taken {
			if n != 1 || (g == renewed && old.taken[id] > 0) {
				t.Errorf("%s arrived %d times", id, n)
			}
		}
		g.mu.Unlock()
	}
	if _, late := renewed.seen(); late == 0 {
		t.Error("nothing was left for the new Secret: nothing is tried here")
	}
}
