package courier_test

import (
	"bytes"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a real SMTP server that is slow at every step, by chance.
type mailServer struct {
	port string

	// refuses every password.
	refuses bool

	mu     sync.Mutex
	random *rand.Rand
	// taken counts by message what it has taken; first lists the messages in the order
	// of their first arrivals.
	taken map[string]int
	first []string
	total int
}

func startMail(t *testing.T, random *rand.Rand) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{
		port: strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), random: random, taken: map[string]int{},
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{s}, nil }))
	server.Domain, server.AllowInsecureAuth = "mail.test", true
	server.ErrorLog = log.New(io.Discard, "", 0)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return s
}

// dawdle takes up to a duration.
func (s *mailServer) dawdle(longest time.Duration) {
	s.mu.Lock()
	d := time.Duration(s.random.Int64N(int64(longest)))
	s.mu.Unlock()
	<-time.After(d)
}

// arrivals is how many messages it has taken, copies included, and how many distinct.
func (s *mailServer) arrivals() (total, distinct int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total, len(s.taken)
}

type session struct{ *mailServer }

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(string, string, string) error {
		if s.refuses {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

func (s *session) Rcpt(string, *smtp.RcptOptions) error {
	s.dawdle(30 * time.Millisecond)
	return nil
}

// Data takes a message once it is whole, and answers later.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	letter, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	id, _, _ := strings.Cut(strings.Trim(letter.Header.Get("Message-Id"), "<>"), "@")
	s.mu.Lock()
	s.total++
	if s.taken[id]++; s.taken[id] == 1 {
		s.first = append(s.first, id)
	}
	s.mu.Unlock()
	s.dawdle(90 * time.Millisecond)
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
