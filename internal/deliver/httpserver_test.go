package deliver_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/deliver/delivertest"
)

// httpServer is a provider's HTTP API on a real socket with a real certificate.
type httpServer struct {
	*httptest.Server
	listener *countingListener
	// answer is called for each request; it may hang up by panicking. The body is read.
	answer http.HandlerFunc

	mu       sync.Mutex
	requests []request
	received []delivertest.Received
	data     map[string][]byte
}

// request is a request with its body read.
type request struct {
	*http.Request
	body string
}

const (
	goodNumber, refusedNumber, deferredNumber = "+4915112345678", "+493012345678", "+4915112345679"
)

// startHTTP starts a server whose certificate config holds; nil means plain HTTP.
func startHTTP(t *testing.T, config *tls.Config, answer http.HandlerFunc) *httpServer {
	t.Helper()
	s := &httpServer{answer: answer, listener: listen(t)}
	s.Server = &httptest.Server{Listener: s.listener, Config: &http.Server{
		Handler: http.HandlerFunc(s.serve), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 10 * time.Second,
	}}
	if config == nil {
		s.Start()
	} else {
		s.TLS, s.EnableHTTP2 = config, slices.Contains(config.NextProtos, "h2")
		s.StartTLS()
	}
	t.Cleanup(s.Stop)
	return s
}

func (s *httpServer) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // a call that was broken off
	}
	s.mu.Lock()
	s.requests = append(s.requests, request{r, string(body)})
	s.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.answer(w, r)
}

func (s *httpServer) last(t *testing.T) request {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		t.Fatal("no request came")
	}
	return s.requests[len(s.requests)-1]
}

// count is how many requests came.
func (s *httpServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *httpServer) take(m delivertest.Received) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, m)
}

// Received implements delivertest.Provider.
func (s *httpServer) Received() []delivertest.Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

func (s *httpServer) Connections() int { return int(s.listener.n.Load()) }

func (s *httpServer) Endpoint() string { return s.listener.Addr().String() }

func (s *httpServer) Addresses() (good, refused, deferred string) {
	return goodNumber, refusedNumber, deferredNumber
}

// Stop implements delivertest.Provider.
func (s *httpServer) Stop() {
	s.listener.hangUp()
	s.Close()
}

// Data is the Secret with which calling works.
func (s *httpServer) Data() map[string][]byte { return s.with() }

// with is the good Secret with other values; an empty one removes its key.
func (s *httpServer) with(keys ...string) map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := maps.Clone(s.data)
	for i := 0; i < len(keys); i += 2 {
		data[keys[i]] = []byte(keys[i+1])
		if keys[i+1] == "" {
			delete(data, keys[i])
		}
	}
	return data
}

func (s *httpServer) secret(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.data[key])
}

func (s *httpServer) put(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data[key] = []byte(value)
}

// hangs never answers until its server stops listening to the call.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// hangsUp closes the connection without an answer.
func hangsUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// cut answers a status and closes the connection within the body.
func cut(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"the provider says`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// answers answers a status and a body; pairs are header names and values.
func answers(status int, body string, pairs ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(pairs); i += 2 {
			w.Header().Set(pairs[i], pairs[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.TrimSpace(body))
	}
}
