package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	twilioclient "github.com/twilio/twilio-go/client"
	twilio "github.com/twilio/twilio-go/rest/api/v2010"
	"github.com/wneessen/go-mail"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/rules/contact"
)

// providerTime is what a near provider takes for one message.
const providerTime = 100 * time.Millisecond

const (
	username, password = "shop", "secret"
	twilioAccount      = "AC0123456789abcdef0123456789abcdef"
	twilioSender       = "+15005550006"
	webhookSecret      = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

	sender     = "accounts@shop.example"
	subject    = "Shop: your account was unblocked"
	paragraph  = "Your account was unblocked with a security code. If this was not you, sign in and change your password. "
	htmlLength = 2500 // of the mail that Holdfast writes, in bytes
)

// body is the HTML of the loops' mails.
var body = "<!doctype html><p>" + strings.Repeat(paragraph, htmlLength/len(paragraph)) + "</p>"

// providers are servers that take every message, each after the same delay.
type providers struct {
	mail  *smtp.Server
	port  int
	http  *httptest.Server
	delay atomic.Int64
}

func startProviders() (*providers, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &providers{}
	if address, ok := listener.Addr().(*net.TCPAddr); ok {
		p.port = address.Port
	}
	p.mail = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{p}, nil }))
	p.mail.Domain, p.mail.AllowInsecureAuth, p.mail.ErrorLog = "mail.example", true, log.New(io.Discard, "", 0)
	go func() { _ = p.mail.Serve(listener) }() // until stop
	p.http = httptest.NewServer(p)
	return p, nil
}

func (p *providers) stop() {
	p.http.Close()
	_ = p.mail.Close()
}

func (p *providers) wait() {
	if d := time.Duration(p.delay.Load()); d > 0 {
		<-time.After(d)
	}
}

// ServeHTTP answers as Twilio does, which says yes to a webhook too.
func (p *providers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	p.wait()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"sid": "SM0123456789abcdef0123456789abcdef", "status": "queued", "error_code": null}`)
}

// mailSession is one connection of the mail server.
type mailSession struct{ *providers }

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(string, string, string) error { return nil }), nil
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(string, *smtp.RcptOptions) error { return nil }

func (s *mailSession) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	s.wait()
	return err
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

// smtp is beside go-mail over kept connections.
func (p *providers) smtp() way {
	return way{
		name: "mails by SMTP", kind: "SMTP", channel: contact.Email,
		secret: secretOf("host", "127.0.0.1", "port", strconv.Itoa(p.port), "tls", "none", "username", username, "password", password),
		open: func(ctx context.Context) (loop, error) {
			var pool []*mail.Client
			l := loop{
				send: func(_ context.Context, connection, i int) error { return sendMail(pool[connection], i) },
				shut: func() {
					for _, c := range pool {
						_ = c.Close() // the server is ours
					}
				},
			}
			for range inFlight {
				c, err := mail.NewClient("127.0.0.1", mail.WithPort(p.port), mail.WithTLSPolicy(mail.NoTLS),
					mail.WithSMTPAuth(mail.SMTPAuthPlainNoEnc), mail.WithUsername(username), mail.WithPassword(password))
				if err == nil {
					err = c.DialWithContext(ctx)
				}
				if err != nil {
					l.shut()
					return loop{}, err
				}
				pool = append(pool, c)
			}
			return l, nil
		},
	}
}

func sendMail(over *mail.Client, i int) error {
	m := mail.NewMsg()
	if err := errors.Join(m.FromFormat("Shop", sender), m.To(destination(contact.Email, i))); err != nil {
		return err
	}
	m.Subject(subject)
	m.SetDateWithValue(clock.Wall())
	m.SetMessageIDWithValue(fmt.Sprintf("message-%d@shop.example", i))
	m.SetBodyString(mail.TypeTextPlain, paragraph)
	m.AddAlternativeString(mail.TypeTextHTML, body)
	return over.Send(m)
}

// webhook is beside net/http with the signature of Standard Webhooks.
func (p *providers) webhook() way {
	return way{
		name: "mails by webhook", kind: "Webhook", channel: contact.Email, secret: secretOf("url", p.http.URL, "secret", webhookSecret),
		open: func(context.Context) (loop, error) {
			client := pooledClient()
			signer, err := standardwebhooks.NewWebhook(webhookSecret)
			return loop{
				send: func(ctx context.Context, _, i int) error { return p.postSigned(ctx, client, signer, i) },
				shut: client.CloseIdleConnections,
			}, err
		},
	}
}

func (p *providers) postSigned(ctx context.Context, client *http.Client, signer *standardwebhooks.Webhook, i int) error {
	id, now := fmt.Sprintf("message-%d", i), clock.Wall()
	call, err := json.Marshal(map[string]any{"type": "message.send", "timestamp": now, "data": map[string]string{
		"id": id, "channel": "Email", "to": destination(contact.Email, i), "from": sender, "fromName": "Shop",
		"subject": subject, "text": paragraph, "html": body, "language": "en",
	}})
	if err != nil {
		return err
	}
	signature, err := signer.Sign(id, now, call)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.http.URL, bytes.NewReader(call))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the webhook answered %s", answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// twilio is beside Twilio's own client library.
func (p *providers) twilio() way {
	return way{
		name: "texts by Twilio", kind: "Twilio", channel: contact.SMS,
		secret: secretOf("accountSid", twilioAccount, "authToken", password, "from", twilioSender, "endpoint", p.http.URL),
		open: func(context.Context) (loop, error) {
			client := pooledClient()
			client.Transport = toHost{p.http.Listener.Addr().String(), client.Transport}
			caller := &twilioclient.Client{Credentials: twilioclient.NewCredentials(twilioAccount, password), HTTPClient: client}
			caller.SetAccountSid(twilioAccount)
			api := twilio.NewApiService(&twilioclient.RequestHandler{Client: caller})
			return loop{
				send: func(_ context.Context, _, i int) error {
					_, err := api.CreateMessage(new(twilio.CreateMessageParams).
						SetTo(destination(contact.SMS, i)).SetFrom(twilioSender).SetBody(paragraph))
					return err
				},
				shut: client.CloseIdleConnections,
			}, nil
		},
	}
}

// toHost sends every call there instead of to Twilio.
type toHost struct {
	host string
	http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t toHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", t.host
	return t.RoundTripper.RoundTrip(r)
}

func pooledClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: inFlight, MaxConnsPerHost: inFlight}, Timeout: 20 * time.Second}
}

func secretOf(pairs ...string) map[string][]byte {
	data := map[string][]byte{}
	for i := 0; i < len(pairs); i += 2 {
		data[pairs[i]] = []byte(pairs[i+1])
	}
	return data
}
