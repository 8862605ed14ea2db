package deliver

import (
	"crypto/tls"
	"errors"
	"net/url"
	"strings"

	"holdfast.dev/holdfast/internal/outbound"
)

// webhookSecret is a provider Secret of type Webhook, read.
type webhookSecret struct {
	url     *url.URL
	signers outbound.Signers
	tls     *tls.Config
}

func validateWebhook(data map[string][]byte) error {
	_, err := parseWebhook(data)
	return err
}

// parseWebhook reads the keys url, secret (one or two of whsec_..., separated by a
// space) and the optional ca (PEM).
func parseWebhook(data map[string][]byte) (webhookSecret, error) {
	var s webhookSecret
	var problem string
	var problems []string
	refuse := func(key string) {
		if problem != "" {
			problems = append(problems, "key "+key+" "+problem)
		}
	}
	s.url, problem = outbound.Endpoint(valueOf(data, "url"))
	refuse("url")
	s.signers, problem = outbound.NewSigners(string(data["secret"]))
	refuse("secret")
	s.tls, problem = outbound.TLS(data["ca"])
	refuse("ca")
	if len(problems) > 0 {
		return webhookSecret{}, errors.New("Webhook provider Secret: " + strings.Join(problems, "; "))
	}
	return s, nil
}
