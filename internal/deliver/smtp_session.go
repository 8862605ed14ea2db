package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"holdfast.dev/holdfast/internal/rules/message"
)

// quitTimeout bounds the politeness of saying goodbye.
const quitTimeout = 2 * time.Second

// smtpDialer opens sessions with one version of a Secret.
type smtpDialer struct {
	secret   smtpSecret
	hostname string
}

// smtpSession is one authenticated connection. broken means that the protocol's
// state is unknown and the connection must not be used again.
type smtpSession struct {
	conn   net.Conn
	client *smtp.Client
	broken bool
}

// dial connects, greets, encrypts and authenticates.
func (d smtpDialer) dial(ctx context.Context) (*smtpSession, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.secret.address())
	if err != nil {
		return nil, classify("dial", err, message.Misconfigured)
	}
	s := &smtpSession{conn: conn}
	if err := s.within(ctx, func() error { return d.handshake(ctx, s) }); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if s.broken {
		_ = conn.Close()
		return nil, failure(message.Unreachable, "auth")
	}
	return s, nil
}

func (d smtpDialer) handshake(ctx context.Context, s *smtpSession) error {
	conn := s.conn
	if d.secret.mode == implicitTLS {
		encrypted := tls.Client(conn, d.secret.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return classify("tls", err, message.Misconfigured)
		}
		conn = encrypted
	}
	client, err := smtp.NewClient(conn, d.secret.host)
	if err != nil {
		return classify("greeting", err, message.Misconfigured)
	}
	s.client = client
	if err := client.Hello(d.hostname); err != nil {
		return classify("greeting", err, message.Misconfigured)
	}
	if d.secret.mode == startTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return failure(message.Misconfigured, "tls")
		}
		if err := client.StartTLS(d.secret.tls); err != nil {
			return classify("tls", err, message.Misconfigured)
		}
	}
	return d.authenticate(client)
}

// authenticate uses the first mechanism that both sides know. PLAIN leads: the
// connection is encrypted, and it is the one that every server gets right.
func (d smtpDialer) authenticate(client *smtp.Client) error {
	_, offered := client.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offered))
	username, password := d.secret.username, d.secret.password
	plaintext := d.secret.mode == noTLS // loopback only, see parseSMTP
	var auth smtp.Auth
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		auth = smtp.PlainAuth("", username, password, d.secret.host, plaintext)
	case slices.Contains(mechanisms, "LOGIN"):
		auth = smtp.LoginAuth(username, password, d.secret.host, plaintext)
	case slices.Contains(mechanisms, "SCRAM-SHA-256"):
		auth = smtp.ScramSHA256Auth(username, password)
	default:
		return failure(message.Misconfigured, "auth")
	}
	if err := client.Auth(auth); err != nil {
		return classify("auth", err, message.Misconfigured)
	}
	return nil
}

// submit runs one mail transaction.
func (s *smtpSession) submit(ctx context.Context, m composed) error {
	return s.within(ctx, func() error {
		s.client.SkipSMTPUTF8(!m.needsUTF8)
		if offered, _ := s.client.Extension("SMTPUTF8"); m.needsUTF8 && !offered {
			return failure(message.Rejected, "send")
		}
		if err := s.client.Mail(m.from); err != nil {
			return s.failed(err, message.Misconfigured) // the server does not take our sender
		}
		if err := s.client.Rcpt(m.to); err != nil {
			return s.failed(err, message.Rejected)
		}
		data, err := s.client.Data()
		if err != nil {
			return s.failed(err, message.Rejected)
		}
		if _, err := data.Write(m.content); err != nil {
			return s.failed(err, message.Rejected)
		}
		if m.handOver != nil {
			if err := m.handOver(); err != nil {
				s.broken = true // half a mail, which the server drops with the connection
				return failure(message.Temporary, "handover")
			}
		}
		if err := data.Close(); err != nil {
			return s.unanswered(s.failed(err, message.Rejected))
		}
		return nil
	})
}

// reset readies a used session and proves that the server still listens.
func (s *smtpSession) reset(ctx context.Context) error {
	return s.within(ctx, func() error {
		if err := s.client.Reset(); err != nil {
			s.broken = true
			return classify("send", err, message.Temporary)
		}
		return nil
	})
}

// quit says goodbye and closes the connection.
func (s *smtpSession) quit() {
	if !s.broken {
		ctx, cancel := context.WithTimeout(context.Background(), quitTimeout)
		defer cancel()
		_ = s.within(ctx, s.client.Quit)
	}
	_ = s.conn.Close()
}

// failed classifies an error of a transaction. After a reply other than 421 the
// session goes on; after anything else it is broken.
func (s *smtpSession) failed(err error, refused message.ErrorClass) *message.Error {
	var reply *textproto.Error
	if !errors.As(err, &reply) || reply.Code == 421 {
		s.broken = true
	}
	return classify("send", err, refused)
}

// unanswered tells the silence after a whole mail from every other silence: the
// server may have taken it.
func (s *smtpSession) unanswered(e *message.Error) *message.Error {
	if e.Class == message.Unreachable {
		return failure(message.Unknown, e.Step)
	}
	return e
}

// within runs a conversation that breaks off when ctx ends.
func (s *smtpSession) within(ctx context.Context, talk func() error) error {
	deadline, _ := ctx.Deadline()
	_ = s.conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	err := talk()
	if !stop() {
		s.broken = true // the deadline of the past may strike later
	}
	return err
}

// classify turns an error into its class; refused is what a permanent refusal
// means at this step.
func classify(step string, err error, refused message.ErrorClass) *message.Error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		switch {
		case reply.Code/100 == 4:
			return failure(message.Temporary, step)
		case reply.Code == 530, reply.Code == 535, reply.Code == 538:
			return failure(message.Misconfigured, "auth")
		default:
			return failure(refused, step)
		}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return failure(message.Misconfigured, step)
	}
	if step != "dial" && !silent(err) {
		return failure(message.Misconfigured, step) // a bad certificate, or no SMTP at all
	}
	return failure(message.Unreachable, step)
}

// silent reports an error of a peer that went away or never answered.
func silent(err error) bool {
	var timeout net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		(errors.As(err, &timeout) && timeout.Timeout())
}
