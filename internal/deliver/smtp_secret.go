package deliver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"strings"
)

// How an SMTP connection is protected.
const (
	startTLS    = "starttls"
	implicitTLS = "implicit"
	noTLS       = "none"
)

// smtpSecret is a provider Secret of type SMTP, read.
type smtpSecret struct {
	host, port string
	mode       string
	username   string
	password   string
	tls        *tls.Config
}

func (s smtpSecret) address() string { return net.JoinHostPort(s.host, s.port) }

func validateSMTP(data map[string][]byte) error {
	_, err := parseSMTP(data)
	return err
}

// parseSMTP reads the keys host, port, tls (starttls, implicit, or none on
// loopback), username, password, and the optional ca (PEM) and serverName.
func parseSMTP(data map[string][]byte) (smtpSecret, error) {
	var problems []string
	refuse := func(key, problem string) { problems = append(problems, "key "+key+" "+problem) }
	for _, key := range []string{"host", "port", "username", "password"} {
		if line(data, key) == "" {
			refuse(key, "is missing")
		}
	}
	s := smtpSecret{
		host: line(data, "host"), port: line(data, "port"), mode: line(data, "tls"),
		username: line(data, "username"), password: strings.TrimRight(string(data["password"]), "\r\n"),
	}
	if strings.ContainsAny(s.host, "/@ \t\r\n*") {
		refuse("host", "must be a host name or an IP address")
	}
	if n, err := strconv.ParseUint(s.port, 10, 16); s.port != "" && (err != nil || n == 0) {
		refuse("port", "must be a number from 1 to 65535")
	}
	switch {
	case s.mode == "":
		s.mode = startTLS
	case s.mode == noTLS && !loopback(s.host):
		refuse("tls", "may be none only where host is loopback")
	case s.mode != startTLS && s.mode != implicitTLS && s.mode != noTLS:
		refuse("tls", "must be starttls, implicit or none")
	}
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.host}
	if name := line(data, "serverName"); name != "" {
		s.tls.ServerName = name
	}
	if ca := data["ca"]; len(ca) > 0 {
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(ca) {
			refuse("ca", "holds no PEM certificate")
		}
	}
	if len(problems) > 0 {
		return smtpSecret{}, errors.New("SMTP provider Secret: " + strings.Join(problems, "; "))
	}
	return s, nil
}

// line is a one-line value without the white space that files end with.
func line(data map[string][]byte, key string) string { return strings.TrimSpace(string(data[key])) }

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
