package oidc

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"holdfast.dev/holdfast/internal/outbound"
	"holdfast.dev/holdfast/internal/rules/policy"
)

type key struct {
	tenant string
	at     policy.OIDC
}

// issuer is what is known of an issuer for one version of its Secret.
type issuer struct {
	// turn is held by the one who asks it to describe itself.
	turn chan struct{}

	data     map[string][]byte
	answers  answers
	read     time.Time
	failed   time.Time
	lastFail error
}

// answers is an issuer's description and how it is called.
type answers struct {
	client            *http.Client
	secret            string
	authURL, tokenURL string
	style             oauth2.AuthStyle
	keys              oidc.KeySet
	algorithms        []string
	// namesItself says that its answers carry iss (RFC 9207).
	namesItself bool
}

// find returns what is known of an issuer; what is old is read anew, and serves on while
// the issuer does not answer.
func (i *Issuers) find(ctx context.Context, tenant string, at policy.OIDC) (answers, error) {
	data, err := i.secret(tenant, at)
	if err != nil {
		return answers{}, err
	}
	known := i.entry(key{tenant, at})
	select {
	case known.turn <- struct{}{}:
		defer func() { <-known.turn }()
	case <-ctx.Done():
		return answers{}, broken("others wait for its description")
	}
	now := i.options.Now()
	if !maps.EqualFunc(known.data, data, bytes.Equal) {
		if known.answers.client != nil {
			known.answers.client.CloseIdleConnections()
		}
		known.data, known.answers, known.read, known.failed = data, answers{}, time.Time{}, time.Time{}
	}
	switch {
	case known.answers.client != nil && now.Sub(known.read) < i.options.Fresh:
		return known.answers, nil
	case known.lastFail == nil || now.Sub(known.failed) >= i.options.Pause:
		i.discover(ctx, at, known)
	}
	if known.answers.client == nil {
		return answers{}, known.lastFail
	}
	return known.answers, nil
}

func (i *Issuers) entry(k key) *issuer {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known[k] == nil {
		i.known[k] = &issuer{turn: make(chan struct{}, 1)}
	}
	return i.known[k]
}

// secret is the Secret of the client's secret; a public client has none.
func (i *Issuers) secret(tenant string, at policy.OIDC) (map[string][]byte, error) {
	if at.Secret == "" {
		return map[string][]byte{}, nil
	}
	data, err := i.secrets.Secret(tenant, at.Secret)
	switch {
	case err != nil:
		return nil, broken("the Secret " + at.Secret + " (clientSecretRef) cannot be read")
	case len(bytes.TrimSpace(data[at.Key])) == 0:
		return nil, broken("the Secret " + at.Secret + " (clientSecretRef) has no key " + at.Key)
	}
	return data, nil
}

// discover has the issuer describe itself, and remembers that it did not.
func (i *Issuers) discover(ctx context.Context, at policy.OIDC, known *issuer) {
	found, err := i.describe(context.WithoutCancel(ctx), at, known.data) // others wait for it too
	if err != nil {
		known.failed, known.lastFail = i.options.Now(), err
		return
	}
	if known.answers.client != nil {
		known.answers.client.CloseIdleConnections()
	}
	known.answers, known.read, known.lastFail = found, i.options.Now(), nil
}

// description is what is read of a discovery document besides what go-oidc reads.
type description struct {
	Keys        string   `json:"jwks_uri"`
	Methods     []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	NamesItself bool     `json:"authorization_response_iss_parameter_supported"`
}

func (i *Issuers) describe(ctx context.Context, at policy.OIDC, data map[string][]byte) (answers, error) {
	tls, problem := outbound.TLS(data["ca"])
	if problem != "" {
		return answers{}, broken("key ca of the Secret " + at.Secret + " " + problem)
	}
	client := outbound.Client(&gate{next: outbound.Transport(tls, maxConnections), allow: i.allow})
	client.Timeout = i.options.Timeout
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, client), at.Issuer)
	var mismatch *oidc.IssuerMismatchError
	switch {
	case errors.As(err, &mismatch):
		return answers{}, broken("it calls itself by another name: spec.identity.oidc.issuer must be the same to the last character")
	case err != nil:
		return answers{}, unreachable("its description (/.well-known/openid-configuration)", err)
	}
	var d description
	if err := provider.Claims(&d); err != nil {
		return answers{}, broken("its description cannot be read")
	}
	endpoint := provider.Endpoint()
	for what, url := range map[string]string{"authorization_endpoint": endpoint.AuthURL, "token_endpoint": endpoint.TokenURL, "jwks_uri": d.Keys} {
		if _, problem := outbound.Endpoint(url); problem != "" {
			return answers{}, broken("its " + what + " " + problem)
		}
	}
	// The set outlives this request; its calls are bounded by the client.
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), client), d.Keys)
	return answers{
		client: client, secret: strings.TrimSpace(string(data[at.Key])), authURL: endpoint.AuthURL, tokenURL: endpoint.TokenURL,
		style: style(at, d.Methods), keys: keys, algorithms: asymmetric(d.Algorithms), namesItself: d.NamesItself,
	}, nil
}

// style is how the client shows its secret. It is not tried out: a code works once.
func style(at policy.OIDC, methods []string) oauth2.AuthStyle {
	basic := len(methods) == 0 || slices.Contains(methods, "client_secret_basic")
	if at.Secret != "" && basic {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// asymmetric leaves the algorithms whose keys the issuer alone has; without any it is the
// one that every issuer must support.
func asymmetric(algorithms []string) []string {
	var list []string
	for _, a := range algorithms {
		if slices.Contains([]string{
			oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
		}, a) {
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return []string{oidc.RS256}
	}
	return list
}
