package deliver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"time"

	"holdfast.dev/holdfast/internal/outbound"
	"holdfast.dev/holdfast/internal/rules/message"
)

// exchange is one HTTP call to a provider: it notes the handing over once a connection
// stands and before the body leaves, and keeps what its outcome depends on.
type exchange struct {
	ctx  context.Context
	base http.RoundTripper
	// handOver is called before the message can no longer be taken back; nil for
	// nothing.
	handOver func() error
	// sending is false in a check, where nothing is handed over.
	sending bool

	// noted means that the message may have left; refused is why it may not.
	noted   bool
	refused error
	// status is that of the answer, 0 without one.
	status int
	// retryAfter is how long the answer asks to wait.
	retryAfter time.Duration
}

// sendingOf is the exchange that hands over a message.
func sendingOf(ctx context.Context, base http.RoundTripper, m message.Rendered) *exchange {
	return &exchange{ctx: ctx, base: base, handOver: m.HandOver, sending: true}
}

// RoundTrip makes the call and reads the answer as far as anybody looks at it.
func (e *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { e.note() }}
	r = r.Clone(httptrace.WithClientTrace(e.ctx, trace))
	if fresh := r.GetBody; fresh != nil {
		r.GetBody = func() (io.ReadCloser, error) {
			body, err := fresh()
			return &letter{e, body}, err
		}
		r.Body = &letter{e, r.Body}
	}
	response, err := e.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	e.status, e.retryAfter = response.StatusCode, retryAfter(response.Header)
	// Whether it is whole does not matter: the status has said it all.
	answer, _ := io.ReadAll(io.LimitReader(response.Body, outbound.MaxAnswer))
	response.Body = io.NopCloser(bytes.NewReader(answer))
	return response, nil
}

// note takes the note once, also where the call moves to another connection.
func (e *exchange) note() {
	if !e.sending || e.noted || e.refused != nil {
		return
	}
	if e.handOver != nil {
		e.refused = e.handOver()
	}
	e.noted = e.refused == nil
}

// letter is a body that leaves only where its handing over was noted. Headers wait
// for it in a buffer.
type letter struct {
	*exchange
	io.ReadCloser
}

func (l *letter) Read(p []byte) (int, error) {
	if l.refused != nil {
		return 0, l.refused
	}
	return l.ReadCloser.Read(p)
}

// unanswered classifies a call without an answer.
func (e *exchange) unanswered(err error) *message.Error {
	var op *net.OpError
	dialing := errors.As(err, &op) && op.Op == "dial"
	switch {
	case e.refused != nil:
		return failure(message.Temporary, "handover")
	case e.noted && !dialing:
		return failure(message.Unknown, "send")
	case dialing || silent(err):
		return classify("dial", err, message.Misconfigured)
	default:
		return classify("tls", err, message.Misconfigured)
	}
}

// answered classifies a status; refused is what the provider means by 400 and 422. A
// redirect is not followed. Nobody knows what became of a call that a gateway gave up
// (504).
func (e *exchange) answered(refused message.ErrorClass) error {
	switch status := e.status; {
	case status/100 == 2:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return failure(message.Misconfigured, "auth")
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity:
		return failure(refused, "send")
	case status == http.StatusGatewayTimeout && e.sending:
		return failure(message.Unknown, "send")
	case status >= 500 || status == http.StatusTooManyRequests ||
		status == http.StatusRequestTimeout || status == http.StatusTooEarly:
		return &message.Error{Class: message.Temporary, Step: "send", RetryAfter: e.retryAfter}
	default:
		return failure(message.Misconfigured, "send")
	}
}

// retryAfter reads Retry-After, seconds or an instant by the provider's own clock; 0
// where it is absent or cannot be read.
func retryAfter(h http.Header) time.Duration {
	given := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(given, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(given)
	if err != nil {
		return 0
	}
	sent, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(until.Sub(sent), 0)
}
