package deliver

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"strings"

	"holdfast.dev/holdfast/internal/outbound"
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
	s := smtpSecret{
		host: valueOf(data, "host"), port: valueOf(data, "port"), mode: valueOf(data, "tls"),
		username: valueOf(data, "username"), password: strings.TrimRight(string(data["password"]), "\r\n"),
	}
	if s.mode == "" {
		s.mode = startTLS
	}
	problems := s.problems()
	config, problem := outbound.TLS(data["ca"])
	if problem != "" {
		problems = append(problems, "key ca "+problem)
	}
	s.tls = config
	s.tls.ServerName = cmp.Or(valueOf(data, "serverName"), s.host)
	if len(problems) > 0 {
		return smtpSecret{}, errors.New("SMTP provider Secret: " + strings.Join(problems, "; "))
	}
	return s, nil
}

// problems names the keys that are missing or wrong.
func (s smtpSecret) problems() (list []string) {
	for _, required := range []struct{ key, value string }{
		{"host", s.host}, {"port", s.port}, {"username", s.username}, {"password", s.password},
	} {
		if required.value == "" {
			list = append(list, "key "+required.key+" is missing")
		}
	}
	if strings.ContainsAny(s.host, "/@ \t\r\n*") {
		list = append(list, "key host must be a host name or an IP address")
	}
	if n, err := strconv.ParseUint(s.port, 10, 16); s.port != "" && (err != nil || n == 0) {
		list = append(list, "key port must be a number from 1 to 65535")
	}
	switch {
	case s.mode == noTLS && !outbound.Loopback(s.host):
		list = append(list, "key tls may be none only where host is loopback")
	case s.mode != startTLS && s.mode != implicitTLS && s.mode != noTLS:
		list = append(list, "key tls must be starttls, implicit or none")
	}
	return list
}

// valueOf is a one-line value without the white space that files end with.
func valueOf(data map[string][]byte, key string) string { return strings.TrimSpace(string(data[key])) }
