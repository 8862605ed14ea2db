package deliver_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/deliver/delivertest"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

func TestSMTPKeepsTheContract(t *testing.T) {
	for _, mode := range []string{"starttls", "implicit", "none"} {
		t.Run(mode, func(t *testing.T) {
			delivertest.Run(t, contact.Email, func(t *testing.T) delivertest.Provider { return startMail(t, mode) })
		})
	}
}

// client is a Dispatcher over one Secret.
type client struct {
	t       *testing.T
	secrets delivertest.Secrets
	*deliver.Dispatcher
}

func newClient(t *testing.T, data map[string][]byte, options deliver.Options) *client {
	t.Helper()
	c := &client{t: t}
	c.secrets.Put("provider", data)
	allow, err := deliver.ParsePatterns([]string{"*"})
	if err != nil {
		t.Fatal(err)
	}
	options.Now = delivertest.Now
	c.Dispatcher = deliver.New(&c.secrets, allow, options)
	t.Cleanup(c.Close)
	return c
}

var smtpProvider = policy.Provider{Name: "mail", Type: "SMTP", Secret: "provider"}

func (c *client) send(change ...func(*message.Rendered)) error {
	m := delivertest.Message(contact.Email, "ada@good.example")
	for _, f := range change {
		f(&m)
	}
	return c.Send(context.Background(), delivertest.Tenant, smtpProvider, m)
}

// expect compares class and step; "" means no error.
func (c *client) expect(err error, class message.ErrorClass, step string) {
	c.t.Helper()
	var e *message.Error
	if errors.As(err, &e); e == nil {
		e = &message.Error{}
	}
	if e.Class != class || e.Step != step || (err == nil) != (class == "") {
		c.t.Errorf("got %v, want %s at %s", err, class, step)
	}
	if err != nil && e.Provider != smtpProvider.Name {
		c.t.Errorf("error %v does not name its provider", err)
	}
}

func TestSMTPFailuresHaveTheirClass(t *testing.T) {
	reply := func(code int) error { return &smtp.SMTPError{Code: code, Message: "the provider says no"} }
	serve := func(mode string, change ...func(*mailServer)) func(*testing.T) map[string][]byte {
		return func(t *testing.T) map[string][]byte { return startMail(t, mode, change...).Data() }
	}
	rcpt := func(code int) func(*mailServer) {
		return func(m *mailServer) { m.rcpt = func(string) error { return reply(code) } }
	}
	alter := func(mode string, keys ...string) func(*testing.T) map[string][]byte {
		return func(t *testing.T) map[string][]byte { return startMail(t, mode).with(keys...) }
	}
	cases := map[string]struct {
		data  func(*testing.T) map[string][]byte
		class message.ErrorClass
		step  string
	}{
		"451 for the recipient":   {serve("starttls", rcpt(451)), message.Temporary, "send"},
		"421 for the recipient":   {serve("starttls", rcpt(421)), message.Temporary, "send"},
		"550 for the recipient":   {serve("starttls", rcpt(550)), message.Rejected, "send"},
		"530 for the recipient":   {serve("starttls", rcpt(530)), message.Misconfigured, "auth"},
		"sender refused":          {serve("starttls", func(m *mailServer) { m.from = func(string) error { return reply(553) } }), message.Misconfigured, "send"},
		"554 for the content":     {serve("starttls", func(m *mailServer) { m.data = func(*smtp.Conn, io.Reader) error { return reply(554) } }), message.Rejected, "send"},
		"452 for the content":     {serve("starttls", func(m *mailServer) { m.data = func(*smtp.Conn, io.Reader) error { return reply(452) } }), message.Temporary, "send"},
		"closed within the data":  {serve("starttls", func(m *mailServer) { m.data = hangUp }), message.Unknown, "send"},
		"wrong password":          {alter("starttls", "password", "wrong"), message.Misconfigured, "auth"},
		"unknown authority":       {alter("starttls", "ca", ""), message.Misconfigured, "tls"},
		"another server's name":   {alter("implicit", "serverName", "other.test"), message.Misconfigured, "tls"},
		"the right server's name": {alter("implicit", "serverName", "mail.test"), "", ""},
		"no STARTTLS offered":     {alter("none", "tls", "starttls"), message.Misconfigured, "tls"},
		"no TLS where implicit":   {alter("none", "tls", "implicit"), message.Misconfigured, "tls"},
		"unknown host":            {alter("starttls", "host", "nowhere.invalid"), message.Misconfigured, "dial"},
		"nobody listens":          {alter("starttls", "port", "1"), message.Unreachable, "dial"},
		"not SMTP":                {scripted("+OK POP3 ready\r\n"), message.Misconfigured, "greeting"},
		"busy greeting":           {scripted("421 too many connections\r\n"), message.Temporary, "greeting"},
		"refusing greeting":       {scripted("554 no SMTP here\r\n"), message.Misconfigured, "greeting"},
		"hanging":                 {scripted(""), message.Unreachable, "greeting"},
		"secret without a key":    {func(*testing.T) map[string][]byte { return map[string][]byte{} }, message.Misconfigured, "secret"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			timeout := 10 * time.Second
			if name == "hanging" {
				timeout = 100 * time.Millisecond
			}
			c := newClient(t, test.data(t), deliver.Options{Timeout: timeout})
			c.expect(c.send(), test.class, test.step)
		})
	}
}

// hangUp closes the connection after a first byte of content.
func hangUp(c *smtp.Conn, r io.Reader) error {
	_, _ = r.Read(make([]byte, 1))
	_ = c.Conn().Close()
	return io.ErrUnexpectedEOF
}

// scripted is a server that says one thing and then nothing.
func scripted(greeting string) func(*testing.T) map[string][]byte {
	return func(t *testing.T) map[string][]byte {
		l := listen(t)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, greeting)
			}
		}()
		t.Cleanup(l.hangUp)
		host, port, _ := net.SplitHostPort(l.Addr().String())
		return map[string][]byte{
			"host": []byte(host), "port": []byte(port), "username": []byte("u"), "password": []byte("p"),
		}
	}
}

func TestCancelledSendingEndsAtOnce(t *testing.T) {
	c := newClient(t, scripted("")(t), deliver.Options{Timeout: time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- c.Send(ctx, delivertest.Tenant, smtpProvider, delivertest.Message(contact.Email, "ada@good.example"))
	}()
	cancel()
	if err := <-done; delivertest.Class(t, err) != message.Unreachable {
		t.Errorf("got %v, want Unreachable", err)
	}
}

func TestUnsupportedTypeSaysSo(t *testing.T) {
	c := newClient(t, nil, deliver.Options{})
	p := policy.Provider{Name: "texts", Type: "Pigeon", Secret: "provider"}
	for _, err := range []error{
		c.Send(context.Background(), delivertest.Tenant, p, message.Rendered{}),
		c.Check(context.Background(), delivertest.Tenant, p),
	} {
		if delivertest.Class(t, err) != message.Misconfigured ||
			!strings.Contains(err.Error(), "provider type Pigeon is not supported by this version") {
			t.Errorf("got %v", err)
		}
	}
	if err := deliver.Validate("Pigeon", nil); err == nil {
		t.Error("Validate takes a type that no sender serves")
	}
}
