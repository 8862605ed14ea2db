package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net"
	"net/url"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// minSecret is the least length of a signing secret in bytes, as Standard
	// Webhooks asks.
	minSecret = 24
	// maxSecrets is one in use and one that replaces or is replaced by it.
	maxSecrets = 2
)

// target is an IdP's Secret, read.
type target struct {
	url *url.URL
	// signers sign with every secret in use, so that a rotation misses no call.
	signers []*standardwebhooks.Webhook
	tls     *tls.Config
}

// address is the endpoint's host:port.
func (t target) address() string {
	port := t.url.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[t.url.Scheme]
	}
	return net.JoinHostPort(t.url.Hostname(), port)
}

// Validate judges the keys of a Secret: url, secret (one or two of whsec_...,
// separated by a space) and the optional ca (PEM). It names keys, never values.
func Validate(data map[string][]byte) error {
	_, err := parse(data)
	return err
}

func parse(data map[string][]byte) (target, error) {
	t := target{tls: &tls.Config{MinVersion: tls.VersionTLS12}}
	var problems []string
	refuse := func(key, problem string) { problems = append(problems, "key "+key+" "+problem) }
	if problem := t.readURL(strings.TrimSpace(string(data["url"]))); problem != "" {
		refuse("url", problem)
	}
	if problem := t.readSecrets(strings.Fields(string(data["secret"]))); problem != "" {
		refuse("secret", problem)
	}
	if ca := data["ca"]; len(ca) > 0 {
		t.tls.RootCAs = x509.NewCertPool()
		if !t.tls.RootCAs.AppendCertsFromPEM(ca) {
			refuse("ca", "holds no PEM certificate")
		}
	}
	if len(problems) > 0 {
		return target{}, errors.New("identity Secret: " + strings.Join(problems, "; "))
	}
	return t, nil
}

func (t *target) readURL(s string) (problem string) {
	if s == "" {
		return "is missing"
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return "must be a URL that begins with https://"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "may begin with http:// only where the host is loopback"
	case u.User != nil || u.Fragment != "":
		return "must hold neither user nor fragment"
	}
	t.url = u
	return ""
}

func (t *target) readSecrets(list []string) (problem string) {
	if len(list) == 0 {
		return "is missing"
	}
	if len(list) > maxSecrets {
		return "may hold two secrets at most"
	}
	for _, s := range list {
		encoded, ok := strings.CutPrefix(s, "whsec_")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(raw) < minSecret {
			return "must be whsec_ and at least 24 bytes in base64"
		}
		signer, err := standardwebhooks.NewWebhookRaw(raw)
		if err != nil {
			return "cannot be used to sign"
		}
		t.signers = append(t.signers, signer)
	}
	return ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
