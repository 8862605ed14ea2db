package oidc

import (
	"errors"
	"io"
	"net/http"

	"holdfast.dev/holdfast/internal/outbound"
)

const (
	// maxConnections bounds the connections to one server of an issuer.
	maxConnections = 16
	// maxAnswer is how much of an answer is read, in bytes: key sets carry certificates.
	maxAnswer = 256 << 10
)

// gate lets calls out to allowed endpoints only, whatever an issuer's description names,
// and reads no endless answer.
type gate struct {
	next  http.RoundTripper
	allow Endpoints
}

// barred is a call that was not made.
type barred struct{ why string }

func (b *barred) Error() string { return b.why }

// RoundTrip implements http.RoundTripper.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, problem := outbound.Endpoint(r.URL.String()); problem != "" {
		return nil, &barred{"has a URL that " + problem}
	}
	if !g.allow.Allows(outbound.Address(r.URL)) {
		return nil, &barred{"has an endpoint that this installation does not allow (--provider-endpoints)"}
	}
	response, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &bounded{ReadCloser: response.Body, left: maxAnswer}
	return response, nil
}

// CloseIdleConnections ends what waits for the next call.
func (g *gate) CloseIdleConnections() {
	if closer, ok := g.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

var errTooLarge = errors.New("the answer is too large")

// bounded fails where an answer goes on for too long, so that no part of one is taken for
// the whole.
type bounded struct {
	io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
