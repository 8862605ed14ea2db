package deliver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"holdfast.dev/holdfast/internal/deliver/delivertest"
)

// mailServer is a real SMTP server on a real socket with a real certificate.
type mailServer struct {
	server   *smtp.Server
	listener *countingListener
	mode     string
	ca       []byte

	mu       sync.Mutex
	password string
	mails    []mail
	// rcpt answers a recipient; data reads a message's content. Either may be nil.
	rcpt func(to string) error
	data func(c *smtp.Conn, r io.Reader) error
	from func(from string) error
}

type mail struct {
	from, to, raw string
	utf8          bool
}

type countingListener struct {
	net.Listener
	n     atomic.Int64
	mu    sync.Mutex
	conns []net.Conn
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

// hangUp closes every connection and keeps listening.
func (l *countingListener) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func listen(t *testing.T) *countingListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &countingListener{Listener: l}
}

// startMail starts a server; mode is starttls, implicit or none. change may alter
// it before it serves.
func startMail(t *testing.T, mode string, change ...func(*mailServer)) *mailServer {
	t.Helper()
	m := &mailServer{mode: mode, password: "correct horse"}
	config, ca := certificate(t)
	m.ca = ca
	m.server = smtp.NewServer(m)
	m.server.Domain = "mail.test"
	m.server.EnableSMTPUTF8 = true
	m.server.ErrorLog = log.New(io.Discard, "", 0)
	m.listener = listen(t)
	if mode == "starttls" {
		m.server.TLSConfig = config
	}
	m.server.AllowInsecureAuth = mode == "none"
	for _, f := range change {
		f(m)
	}
	var l net.Listener = m.listener
	if mode == "implicit" {
		l = tls.NewListener(l, config)
	}
	go func() { _ = m.server.Serve(l) }()
	t.Cleanup(m.Stop)
	return m
}

func certificate(t *testing.T) (*tls.Config, []byte) {
	return certificateUntil(t, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
}

func expiredCertificate(t *testing.T) (*tls.Config, []byte) {
	return certificateUntil(t, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
}

func certificateUntil(t *testing.T, end time.Time) (*tls.Config, []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"},
		DNSNames: []string{"mail.test", "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Unix(0, 0), NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
	return config, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// NewSession implements smtp.Backend.
func (m *mailServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{server: m, conn: c}, nil
}

func (m *mailServer) Type() string { return "SMTP" }

func (m *mailServer) Data() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	host, port, _ := net.SplitHostPort(m.Endpoint())
	return map[string][]byte{
		"host": []byte(host), "port": []byte(port), "tls": []byte(m.mode), "ca": m.ca,
		"username": []byte("holdfast"), "password": []byte(m.password),
	}
}

func (m *mailServer) with(keys ...string) map[string][]byte {
	data := m.Data()
	for i := 0; i < len(keys); i += 2 {
		data[keys[i]] = []byte(keys[i+1])
	}
	return data
}

func (m *mailServer) WrongCredentials() map[string][]byte { return m.with("password", "wrong horse") }

func (m *mailServer) Rotate() map[string][]byte {
	m.mu.Lock()
	m.password = "new horse"
	m.mu.Unlock()
	return m.Data()
}

func (m *mailServer) Endpoint() string { return m.listener.Addr().String() }

func (m *mailServer) Addresses() (good, refused, deferred string) {
	return "ada@good.example", "nobody@refused.example", "full@deferred.example"
}

func (m *mailServer) Connections() int { return int(m.listener.n.Load()) }

func (m *mailServer) Stop() {
	_ = m.listener.Close() // Serve may not have taken it yet
	_ = m.server.Close()
	m.listener.hangUp()
}

func (m *mailServer) taken() []mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]mail(nil), m.mails...)
}

func (m *mailServer) Received() []delivertest.Received {
	var list []delivertest.Received
	for _, mail := range m.taken() {
		headers, body, _ := strings.Cut(mail.raw, "\r\n\r\n")
		list = append(list, delivertest.Received{To: mail.to, Visible: mail.from + headers, Body: body})
	}
	return list
}

type session struct {
	server   *mailServer
	conn     *smtp.Conn
	signedIn bool
	mail     mail
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		if username != "holdfast" || password != s.server.password {
			return &smtp.SMTPError{Code: 535, Message: "the provider says no to " + password}
		}
		s.signedIn = true
		return nil
	}), nil
}

func (s *session) Reset()        { s.mail = mail{} }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if !s.signedIn {
		return smtp.ErrAuthRequired
	}
	s.mail = mail{from: from, utf8: o != nil && o.UTF8}
	if s.server.from != nil {
		return s.server.from(from)
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = to
	switch {
	case s.server.rcpt != nil:
		return s.server.rcpt(to)
	case strings.HasSuffix(to, "@refused.example"):
		return &smtp.SMTPError{Code: 550, Message: "the provider says: no such user " + to}
	case strings.HasSuffix(to, "@deferred.example"):
		return &smtp.SMTPError{Code: 451, Message: "the provider says: try later " + to}
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	if s.server.data != nil {
		return s.server.data(s.conn, r)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.mail.raw = string(raw)
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}
