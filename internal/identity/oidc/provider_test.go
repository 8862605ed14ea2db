package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/identity/oidc"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

var (
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	keyOne  = sync.OnceValue(newKey)
	keyTwo  = sync.OnceValue(newKey)
	leaving = session.SignIn{Redirect: "https://help.shop.example/security-info/callback", State: "state", Nonce: "nonce", Verifier: strings.Repeat("v", 43)}
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// provider is an issuer that says what a test wants.
type provider struct {
	*httptest.Server
	*testing.T
	// description is merged into the discovery document, claims into the ID token.
	description, claims map[string]any
	// sign makes the token of claims; algorithm and key are its.
	algorithm jose.SignatureAlgorithm
	key       any
	keyID     string
	// public are the keys that it publishes.
	public map[string]any
	// token answers the token endpoint in place of the usual; broken are paths that
	// answer 500 with a body that must stay where it is.
	token  http.HandlerFunc
	broken map[string]bool

	mu    sync.Mutex
	calls map[string]int
	forms []url.Values
	now   time.Time
}

func serve(t *testing.T) *provider {
	t.Helper()
	p := &provider{
		T: t, algorithm: jose.RS256, key: keyOne(), keyID: "one", public: map[string]any{"one": &keyOne().PublicKey},
		claims: map[string]any{}, description: map[string]any{}, broken: map[string]bool{}, calls: map[string]int{}, now: start,
	}
	p.Server = httptest.NewServer(http.HandlerFunc(p.answer))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) answer(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[r.URL.Path]++
	if p.broken[r.URL.Path] {
		http.Error(w, "hunter2 is secret", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		d := map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		}
		maps.Copy(d, p.description)
		p.write(w, d)
	case "/keys":
		var set jose.JSONWebKeySet
		for id, key := range p.public {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, KeyID: id, Use: "sig"})
		}
		p.write(w, set)
	case "/token":
		_ = r.ParseForm()
		user, secret, _ := r.BasicAuth()
		r.PostForm.Set("basic", user+":"+secret)
		p.forms = append(p.forms, r.PostForm)
		if p.token != nil {
			p.token(w, r)
			return
		}
		p.write(w, map[string]any{"access_token": "hunter2", "token_type": "Bearer", "id_token": p.idToken()})
	default:
		http.NotFound(w, r)
	}
}

func (p *provider) write(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.Error(err)
	}
}

func (p *provider) idToken() string {
	claims := map[string]any{
		"iss": p.URL, "sub": "anna", "aud": "holdfast", "nonce": "nonce",
		"iat": p.now.Unix(), "exp": p.now.Add(time.Hour).Unix(), "auth_time": p.now.Unix(),
	}
	maps.Copy(claims, p.claims)
	payload, err := json.Marshal(claims)
	if err != nil {
		p.Error(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: p.algorithm, Key: jose.JSONWebKey{Key: p.key, KeyID: p.keyID}}, nil)
	if err != nil {
		p.Error(err)
		return ""
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		p.Error(err)
		return ""
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		p.Error(err)
	}
	return compact
}

// change changes the provider between requests.
func (p *provider) change(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *provider) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[path]
}

func (p *provider) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// at is Holdfast's registration at the provider.
func (p *provider) at() policy.OIDC {
	return policy.OIDC{Issuer: p.URL, ClientID: "holdfast", Secret: "idp", Key: "clientSecret"}
}

type secrets map[string][]byte

func (s secrets) Secret(_, name string) (map[string][]byte, error) {
	if name != "idp" {
		return nil, rules.ErrNotFound
	}
	return maps.Clone(s), nil
}

// client is Holdfast's side.
func (p *provider) client() *oidc.Issuers {
	p.Helper()
	return p.clientAt("127.0.0.1:*")
}

func (p *provider) clientAt(allowed string) *oidc.Issuers {
	p.Helper()
	endpoints, err := deliver.ParsePatterns([]string{allowed})
	if err != nil {
		p.Fatal(err)
	}
	return oidc.New(secrets{"clientSecret": []byte("s3cret\n")}, endpoints, oidc.Options{Now: p.clock})
}
