package deliver_test

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/rules/message"
)

func TestConnectionsAreReused(t *testing.T) {
	server := startMail(t, "starttls")
	c := newClient(t, server.Data(), deliver.Options{})
	for range 3 {
		c.expect(c.send(), "", "")
	}
	c.expect(c.send(func(m *message.Rendered) { m.To = "x@refused.example" }), message.Rejected, "send")
	c.expect(c.send(), "", "")
	if n := server.Connections(); n != 1 {
		t.Errorf("%d connections for five messages, want 1", n)
	}
	server.listener.hangUp()
	c.expect(c.send(), "", "")
	if n := server.Connections(); n != 2 || len(server.taken()) != 5 {
		t.Errorf("%d connections and %d mails after the server hung up, want 2 and 5", n, len(server.taken()))
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	server := startMail(t, "starttls")
	c := newClient(t, server.Data(), deliver.Options{IdleTimeout: time.Nanosecond})
	c.expect(c.send(), "", "")
	c.expect(c.send(), "", "")
	if n := server.Connections(); n != 2 {
		t.Errorf("%d connections, want a new one after the idle timeout", n)
	}
}

func TestBrokenConnectionIsNotReused(t *testing.T) {
	server := startMail(t, "starttls", func(m *mailServer) { m.data = hangUp })
	c := newClient(t, server.Data(), deliver.Options{})
	c.expect(c.send(), message.Unknown, "send")
	c.expect(c.send(), message.Unknown, "send")
	if n := server.Connections(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}
