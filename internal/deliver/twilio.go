package deliver

import (
	"context"
	"net/http"
	"net/url"

	"github.com/twilio/twilio-go/client"
	twilio "github.com/twilio/twilio-go/rest/api/v2010"

	"holdfast.dev/holdfast/internal/outbound"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

const (
	// ringing is how long a phone rings, in seconds, before a call is given up.
	ringing = 30
	// longestCall bounds a call, in seconds: a mailbox may listen for minutes.
	longestCall = 180
)

// twilioSender sends SMS and calls through Twilio's own client library.
type twilioSender struct {
	allow     Endpoints
	secret    twilioSecret
	transport *http.Transport
	options   Options
}

func openTwilio(data map[string][]byte, allow Endpoints, options Options) (Sender, error) {
	secret, err := parseTwilio(data)
	if err != nil {
		return nil, failure(message.Misconfigured, "secret")
	}
	return &twilioSender{
		allow: allow, secret: secret, options: options,
		transport: outbound.Transport(secret.tls, options.MaxConnections),
	}, nil
}

// Send creates a Message or a Call. Twilio has taken it when it answers; what becomes of
// it later comes as a receipt.
func (s *twilioSender) Send(ctx context.Context, m message.Rendered) error {
	if !numberShape.MatchString(m.To) {
		return failure(message.Rejected, "address")
	}
	var create func(*twilio.ApiService) (code *int, err error)
	switch {
	case m.Channel == contact.SMS:
		create = s.text(m)
	case m.Channel == contact.Voice && numberShape.MatchString(s.secret.from):
		create = s.call(m)
	case m.Channel == contact.Voice:
		return failure(message.Misconfigured, "sender") // no name and no short code can call
	default:
		return failure(message.Misconfigured, "channel")
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	return s.ask(sendingOf(ctx, s.base(), m), create)
}

// Check lists one of the account's numbers, which proves the credentials and shows
// nobody's messages.
func (s *twilioSender) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	return s.ask(&exchange{ctx: ctx, base: s.base()}, func(api *twilio.ApiService) (*int, error) {
		_, err := api.PageIncomingPhoneNumber(new(twilio.ListIncomingPhoneNumberParams).SetPageSize(1), "", "")
		return nil, err
	})
}

// Close ends idle connections.
func (s *twilioSender) Close() { s.transport.CloseIdleConnections() }

func (s *twilioSender) text(m message.Rendered) func(*twilio.ApiService) (*int, error) {
	params := new(twilio.CreateMessageParams).SetTo(m.To).SetBody(m.Text)
	if s.secret.service != "" {
		params.SetMessagingServiceSid(s.secret.service)
	} else {
		params.SetFrom(s.secret.from)
	}
	if s.tells(m) {
		params.SetStatusCallback(m.ReceiptURL)
	}
	return func(api *twilio.ApiService) (*int, error) {
		created, err := api.CreateMessage(params)
		if err != nil {
			return nil, err
		}
		return created.ErrorCode, nil
	}
}

func (s *twilioSender) call(m message.Rendered) func(*twilio.ApiService) (*int, error) {
	params := new(twilio.CreateCallParams).SetTo(m.To).SetFrom(s.secret.from).
		SetTwiml(say(m.Text, m.Language)).SetTimeout(ringing).SetTimeLimit(longestCall)
	if s.tells(m) {
		params.SetStatusCallback(m.ReceiptURL).SetStatusCallbackMethod(http.MethodPost)
	}
	return func(api *twilio.ApiService) (*int, error) {
		_, err := api.CreateCall(params)
		return nil, err
	}
}

// tells reports whether Twilio is asked to tell what becomes of a message: only where the
// Secret can prove that it is Twilio who tells.
func (s *twilioSender) tells(m message.Rendered) bool { return m.ReceiptURL != "" && s.secret.proves }

// ask makes one call of the API. The client library knows no contexts, so each call has
// a client of its own over the shared connections.
func (s *twilioSender) ask(e *exchange, call func(*twilio.ApiService) (code *int, err error)) error {
	if !s.allow.Allows(outbound.Address(s.secret.endpoint)) {
		return failure(message.Misconfigured, "endpoint")
	}
	code, err := call(twilio.NewApiService(s.handler(e)))
	return e.twilio(code, err)
}

// handler calls Twilio through an exchange. The library's own constructor would read
// region and edge from the environment.
func (s *twilioSender) handler(e *exchange) *client.RequestHandler {
	caller := &client.Client{
		Credentials: client.NewCredentials(s.secret.username, s.secret.password), HTTPClient: outbound.Client(e),
	}
	caller.SetAccountSid(s.secret.account)
	return &client.RequestHandler{Client: caller}
}

func (s *twilioSender) base() http.RoundTripper { return endpoint{s.transport, s.secret.endpoint} }

// endpoint sends calls to where the Secret says that Twilio's API is.
type endpoint struct {
	base http.RoundTripper
	url  *url.URL
}

// RoundTrip is given a request that is its own to change.
func (e endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Scheme, r.URL.Host, r.Host = e.url.Scheme, e.url.Host, e.url.Host
	return e.base.RoundTrip(r)
}
