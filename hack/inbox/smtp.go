package inbox

import (
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	maxMessageBytes = 1 << 20
	smtpTimeout     = 30 * time.Second
)

// Credentials are what a sender must show: Username and Password after STARTTLS. A part
// that is empty takes nothing.
type Credentials struct {
	Username, Password string
	// WebhookSecret (whsec_...) signs webhooks.
	WebhookSecret string
	// TwilioAccount (AC...) and TwilioToken are those of Twilio's API.
	TwilioAccount, TwilioToken string
}

func (c Credentials) check(username, password string) error {
	if !same(c.Username, username) || !same(c.Password, password) {
		return smtp.ErrAuthFailed
	}
	return nil
}

// same compares what is shown with what is expected; nothing is never expected.
func same(expected, shown string) bool {
	return expected != "" && subtle.ConstantTimeCompare([]byte(expected), []byte(shown)) == 1
}

// newSMTP makes a server that takes mail only over TLS and after AUTH.
func newSMTP(box *Mailbox, credentials Credentials, certificate tls.Certificate, logger *log.Logger, now func() time.Time) *smtp.Server {
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{box: box, credentials: credentials, now: now}, nil
	}))
	server.Domain = "localhost"
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.MaxMessageBytes = maxMessageBytes
	server.MaxRecipients = 50
	server.ReadTimeout = smtpTimeout
	server.WriteTimeout = smtpTimeout
	server.EnableSMTPUTF8 = true
	server.ErrorLog = logger
	return server
}

// session is one conversation with a sender.
type session struct {
	box         *Mailbox
	credentials Credentials
	now         func() time.Time
	proven      bool
	to          []string
}

// AuthMechanisms lists what the server offers once TLS stands.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }

// Auth starts the chosen mechanism.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	check := func(username, password string) error {
		err := s.credentials.check(username, password)
		s.proven = err == nil
		return err
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, username, password string) error { return check(username, password) }), nil
	case sasl.Login:
		return &loginServer{check: check}, nil
	default:
		return nil, smtp.ErrAuthUnknownMechanism
	}
}

// Mail starts a message.
func (s *session) Mail(string, *smtp.MailOptions) error {
	if !s.proven {
		return smtp.ErrAuthRequired
	}
	return nil
}

// Rcpt adds a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data keeps the message once for every recipient.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	message, err := Parse(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
	}
	message.ReceivedAt = s.now().UTC()
	for _, to := range s.to {
		message.To = to
		if err := s.box.Add(message); err != nil {
			return fmt.Errorf("keep message: %w", err)
		}
	}
	return nil
}

// Reset forgets the message at hand.
func (s *session) Reset() { s.to = nil }

// Logout ends the conversation.
func (s *session) Logout() error { return nil }

// loginServer speaks AUTH LOGIN, which the library offers to clients only.
type loginServer struct {
	check    func(username, password string) error
	username *string
}

// Next asks for the name, then for the password.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil:
		return []byte("Username:"), false, nil
	case l.username == nil:
		username := string(response)
		l.username = &username
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check(*l.username, string(response))
	}
}
