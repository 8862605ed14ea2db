package deliver

import (
	"context"

	"holdfast.dev/holdfast/internal/rules/message"
)

// smtpSender sends email over pooled, authenticated and encrypted connections.
type smtpSender struct {
	allow   Endpoints
	address string
	pool    *smtpPool
	options Options
}

func openSMTP(data map[string][]byte, allow Endpoints, options Options) (Sender, error) {
	secret, err := parseSMTP(data)
	if err != nil {
		return nil, failure(message.Misconfigured, "secret")
	}
	return &smtpSender{
		allow:   allow,
		address: secret.address(),
		pool:    newSMTPPool(smtpDialer{secret: secret, hostname: options.Hostname}, options),
		options: options,
	}, nil
}

// Send submits the message. A server's 4xx is Temporary, its 5xx about the
// recipient or the content Rejected.
func (s *smtpSender) Send(ctx context.Context, m message.Rendered) error {
	mail, err := compose(m, s.options.Now())
	if err != nil {
		return err
	}
	if !s.allow.Allows(s.address) {
		return failure(message.Misconfigured, "endpoint")
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	session, err := s.pool.take(ctx)
	if err != nil {
		return err
	}
	err = session.submit(ctx, mail)
	s.pool.give(session)
	return err
}

// Check greets, encrypts and authenticates on a connection of its own.
func (s *smtpSender) Check(ctx context.Context) error {
	if !s.allow.Allows(s.address) {
		return failure(message.Misconfigured, "endpoint")
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	session, err := s.pool.dialer.dial(ctx)
	if err != nil {
		return err
	}
	session.quit()
	return nil
}

// Close ends idle connections.
func (s *smtpSender) Close() { s.pool.close() }
