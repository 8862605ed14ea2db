package deliver

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"holdfast.dev/holdfast/internal/outbound"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// The types of a webhook's calls.
const (
	webhookSend = "message.send"
	// webhookCheck asks for a 2xx where the signature is right; nothing is sent.
	webhookCheck = "provider.check"
)

// webhookCall is the body of a call, as Standard Webhooks shapes it.
type webhookCall struct {
	Type string `json:"type"`
	// Timestamp is when the call is made, in UTC.
	Timestamp time.Time       `json:"timestamp"`
	Data      *webhookMessage `json:"data,omitempty"`
}

type webhookMessage struct {
	// ID is that of the call's header webhook-id: the same in every try.
	ID      string          `json:"id"`
	Channel contact.Channel `json:"channel"`
	To      string          `json:"to"`
	// From is an address, and only mail has one.
	From     string `json:"from,omitempty"`
	FromName string `json:"fromName,omitempty"`
	Subject  string `json:"subject,omitempty"`
	Text     string `json:"text"`
	HTML     string `json:"html,omitempty"`
	// Language is in BCP 47 form.
	Language string `json:"language,omitempty"`
	// ReceiptURL takes what became of the message.
	ReceiptURL string `json:"receiptUrl,omitempty"`
}

// webhookSender posts signed messages to a gateway of any kind.
type webhookSender struct {
	allow     Endpoints
	secret    webhookSecret
	transport *http.Transport
	options   Options
}

func openWebhook(data map[string][]byte, allow Endpoints, options Options) (Sender, error) {
	secret, err := parseWebhook(data)
	if err != nil {
		return nil, failure(message.Misconfigured, "secret")
	}
	return &webhookSender{
		allow: allow, secret: secret, options: options,
		transport: outbound.Transport(secret.tls, options.MaxConnections),
	}, nil
}

// Send posts the message. Any 2xx means that the gateway has taken it.
func (s *webhookSender) Send(ctx context.Context, m message.Rendered) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	data := &webhookMessage{
		ID: m.ID, Channel: m.Channel, To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML,
		FromName: m.FromName, Language: m.Language, ReceiptURL: m.ReceiptURL,
	}
	if m.Channel == contact.Email {
		data.From = m.From
	}
	return s.post(sendingOf(ctx, s.transport, m), m.ID, webhookCall{Type: webhookSend, Data: data})
}

// Check posts a signed call that carries no message.
func (s *webhookSender) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	id := "check_" + strconv.FormatInt(s.options.Now().UnixNano(), 10)
	return s.post(&exchange{ctx: ctx, base: s.transport}, id, webhookCall{Type: webhookCheck})
}

// Close ends idle connections.
func (s *webhookSender) Close() { s.transport.CloseIdleConnections() }

func (s *webhookSender) post(e *exchange, id string, call webhookCall) error {
	if !s.allow.Allows(outbound.Address(s.secret.url)) {
		return failure(message.Misconfigured, "endpoint")
	}
	now := s.options.Now()
	call.Timestamp = now.UTC()
	body, err := json.Marshal(call)
	if err != nil {
		return failure(message.Misconfigured, "compose")
	}
	request, err := http.NewRequestWithContext(e.ctx, http.MethodPost, s.secret.url.String(), bytes.NewReader(body))
	if err != nil {
		return failure(message.Misconfigured, "compose")
	}
	if err := s.secret.signers.Sign(request.Header, id, now, body); err != nil {
		return failure(message.Misconfigured, "compose")
	}
	response, err := outbound.Client(e).Do(request)
	if err != nil {
		return e.unanswered(err)
	}
	_ = response.Body.Close()
	return e.answered(message.Rejected)
}
