package webhook

import (
	"crypto/tls"
	"errors"
	"net/url"
	"strings"

	"holdfast.dev/holdfast/internal/outbound"
)

// target is an IdP's Secret, read.
type target struct {
	url     *url.URL
	signers outbound.Signers
	tls     *tls.Config
}

// Validate judges the keys of a Secret: url, secret (one or two of whsec_...,
// separated by a space) and the optional ca (PEM). It names keys, never values.
func Validate(data map[string][]byte) error {
	_, err := parse(data)
	return err
}

func parse(data map[string][]byte) (target, error) {
	var t target
	var problem string
	var problems []string
	refuse := func(key string) {
		if problem != "" {
			problems = append(problems, "key "+key+" "+problem)
		}
	}
	t.url, problem = outbound.Endpoint(strings.TrimSpace(string(data["url"])))
	refuse("url")
	t.signers, problem = outbound.NewSigners(string(data["secret"]))
	refuse("secret")
	t.tls, problem = outbound.TLS(data["ca"])
	refuse("ca")
	if len(problems) > 0 {
		return target{}, errors.New("identity Secret: " + strings.Join(problems, "; "))
	}
	return t, nil
}
