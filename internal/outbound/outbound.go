// Package outbound is how Holdfast calls the HTTP servers of others: which URLs a
// Secret may name, what is trusted, what is read of an answer, how a call is signed.
package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// MaxAnswer is how much of an answer is read, in bytes.
	MaxAnswer = 16 << 10
	// idle is how long an unused connection is kept.
	idle = 30 * time.Second
	// connecting bounds a dial and a TLS handshake, which may outlive their call.
	connecting = 10 * time.Second
)

// Endpoint reads the URL of a server. problem says what is wrong with it, without
// showing it; empty where nothing is.
func Endpoint(s string) (endpoint *url.URL, problem string) {
	if s == "" {
		return nil, "is missing"
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return nil, "must be a URL that begins with https://"
	case u.Scheme == "http" && !Loopback(u.Hostname()):
		return nil, "may begin with http:// only where the host is loopback"
	case u.User != nil || u.Fragment != "":
		return nil, "must hold neither user nor fragment"
	}
	return u, ""
}

// Address is an endpoint's host:port.
func Address(endpoint *url.URL) string {
	port := endpoint.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[endpoint.Scheme]
	}
	return net.JoinHostPort(endpoint.Hostname(), port)
}

// Loopback reports a host that is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// TLS trusts the PEM certificates of ca and nothing else, or the system's authorities
// where ca is empty.
func TLS(ca []byte) (config *tls.Config, problem string) {
	config = &tls.Config{MinVersion: tls.VersionTLS12}
	if len(ca) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return config, "holds no PEM certificate"
		}
	}
	return config, ""
}

// Transport makes at most so many connections to one server, through no proxy.
func Transport(config *tls.Config, connections int) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: connecting}).DialContext,
		TLSHandshakeTimeout:    connecting,
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        connections,
		MaxIdleConnsPerHost:    connections,
		IdleConnTimeout:        idle,
		MaxResponseHeaderBytes: MaxAnswer,
	}
}

// Client follows no redirect: what is secret goes to the named endpoint only.
func Client(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RetryAfter reads the seconds or the HTTP date of a Retry-After; 0 where there is
// neither.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
