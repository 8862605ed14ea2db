package oidc_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"holdfast.dev/holdfast/internal/identity/oidc"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

func redeem(p *provider, client *oidc.Issuers) (session.Assertion, error) {
	return client.Redeem(p.Context(), "shop", p.at(), leaving, "code", "")
}

// wants an error of a kind that names what is wrong and shows nothing of the answer.
func wants(t *testing.T, err, kind error, words string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), words) {
		t.Fatalf("err = %v, want %v with %q", err, kind, words)
	}
	for _, hidden := range []string{"hunter2", "s3cret", "eyJ", "anna", leaving.Verifier} {
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("the error shows %q: %v", hidden, err)
		}
	}
}

// The browser is sent with state, nonce and the challenge of PKCE, never its verifier,
// and the issuer is asked for a fresh sign-in.
func TestAuthURL(t *testing.T) {
	p := serve(t)
	to, err := p.client().AuthURL(t.Context(), "shop", p.at(), leaving)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"client_id": "holdfast", "redirect_uri": leaving.Redirect, "response_type": "code", "scope": "openid", "state": "state",
		"nonce": "nonce", "max_age": "300", "code_challenge_method": "S256",
	} {
		if got := q.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(to, p.URL+"/auth?") || len(q.Get("code_challenge")) != 43 || strings.Contains(to, leaving.Verifier) || strings.Contains(to, "s3cret") {
		t.Errorf("sent to %s", to)
	}
}

// A code becomes the issuer's word, with PKCE and the client's secret shown once.
func TestRedeem(t *testing.T) {
	p := serve(t)
	word, err := redeem(p, p.client())
	if err != nil || word != (session.Assertion{Subject: "anna", Nonce: "nonce", SignedIn: start}) {
		t.Fatalf("%+v, %v", word, err)
	}
	if len(p.forms) != 1 {
		t.Fatalf("the code was shown %d times", len(p.forms))
	}
	f := p.forms[0]
	if f.Get("code_verifier") != leaving.Verifier || f.Get("redirect_uri") != leaving.Redirect || f.Get("basic") != "holdfast:s3cret" || f.Has("client_secret") {
		t.Errorf("form %v", f)
	}
	p.description["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
	if _, err := redeem(p, p.client()); err != nil || p.forms[1].Get("client_secret") != "s3cret" || p.forms[1].Get("basic") != ":" {
		t.Errorf("by post: %v, %v", p.forms[1], err)
	}
	public := p.at()
	public.Secret, public.Key = "", ""
	if _, err := p.client().Redeem(t.Context(), "shop", public, leaving, "code", ""); err != nil || p.forms[2].Get("client_id") != "holdfast" || p.forms[2].Has("client_secret") {
		t.Errorf("a public client: %v, %v", p.forms[2], err)
	}
}

// Tokens that somebody else made, for somebody else or of another time are refused.
func TestTokensThatAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*provider){
		"signed by another key":           func(p *provider) { p.key = keyTwo() },
		"signed by a key of no name":      func(p *provider) { p.key, p.keyID = keyTwo(), "" },
		"signed with the client's secret": func(p *provider) { p.algorithm, p.key = jose.HS256, []byte(strings.Repeat("s3cret", 6)) },
		"another issuer":                  func(p *provider) { p.claims["iss"] = "https://evil.example" },
		"another audience":                func(p *provider) { p.claims["aud"] = "shop" },
		"many audiences and no party":     func(p *provider) { p.claims["aud"] = []string{"holdfast", "shop"} },
		"another party":                   func(p *provider) { p.claims["azp"] = "shop" },
		"an empty party":                  func(p *provider) { p.claims["azp"] = "" },
		"expired":                         func(p *provider) { p.claims["exp"] = start.Add(-time.Second).Unix() },
		"not valid yet":                   func(p *provider) { p.claims["nbf"] = start.Add(time.Hour).Unix() },
		"its time is no number":           func(p *provider) { p.claims["auth_time"] = map[string]any{} },
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t)
			spoil(p)
			_, err := redeem(p, p.client())
			wants(t, err, session.ErrAssertion, "")
		})
	}
	t.Run("unsigned", func(t *testing.T) {
		p := serve(t)
		p.token = func(w http.ResponseWriter, _ *http.Request) {
			p.write(w, map[string]any{"access_token": "hunter2", "token_type": "Bearer",
				"id_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0."})
		}
		_, err := redeem(p, p.client())
		wants(t, err, session.ErrAssertion, "")
	})
	t.Run("for many, to us", func(t *testing.T) {
		p := serve(t)
		p.claims["aud"], p.claims["azp"] = []string{"holdfast", "shop"}, "holdfast"
		if _, err := redeem(p, p.client()); err != nil {
			t.Error(err)
		}
	})
	t.Run("without auth_time", func(t *testing.T) {
		p := serve(t)
		p.claims["auth_time"] = nil
		if word, err := redeem(p, p.client()); err != nil || !word.SignedIn.IsZero() {
			t.Errorf("%+v, %v", word, err)
		}
	})
}

// Mix-up (RFC 9207): an answer that names another issuer, or none where the issuer
// promises to, is not redeemed.
func TestAnAnswerOfAnotherIssuer(t *testing.T) {
	p := serve(t)
	client := p.client()
	_, err := client.Redeem(t.Context(), "shop", p.at(), leaving, "code", "https://evil.example")
	wants(t, err, session.ErrAssertion, "another issuer")
	if _, err := client.Redeem(t.Context(), "shop", p.at(), leaving, "code", p.URL); err != nil {
		t.Error(err)
	}
	p.description["authorization_response_iss_parameter_supported"] = true
	_, err = redeem(p, p.client())
	wants(t, err, session.ErrAssertion, "another issuer")
	if n := p.count("/token"); n != 1 {
		t.Errorf("%d codes were shown to the issuer", n)
	}
}

// What the token endpoint answers is told apart, and none of its words are.
func TestWhatTheTokenEndpointAnswers(t *testing.T) {
	say := func(status int, body string) func(*provider) {
		return func(p *provider) {
			p.token = func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(*provider)
		kind  error
		words string
	}{
		"the code is no good":   {say(400, `{"error":"invalid_grant","error_description":"hunter2"}`), session.ErrAssertion, "was used"},
		"the client is unknown": {say(401, `{"error":"invalid_client"}`), rules.ErrIssuer, "own clientID or secret"},
		"it is broken":          {say(500, "hunter2"), rules.ErrIssuer, "answered 500"},
		"it redirects": {func(p *provider) {
			p.token = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			}
		}, rules.ErrIssuer, ""},
		"it answers no JSON":      {say(200, "<html>hunter2"), rules.ErrIssuer, "cannot be read"},
		"it gives no id_token":    {say(200, `{"access_token":"hunter2","token_type":"Bearer"}`), rules.ErrIssuer, "no id_token"},
		"it answers without end":  {say(200, `{"access_token":"`+strings.Repeat("hunter2", 60_000)), rules.ErrIssuer, "cannot be read"},
		"its keys cannot be read": {func(p *provider) { p.broken["/keys"] = true }, rules.ErrIssuer, "its keys cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t)
			c.spoil(p)
			_, err := redeem(p, p.client())
			wants(t, err, c.kind, c.words)
			if p.count("/elsewhere") != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

// An issuer that describes itself wrongly, or leads elsewhere, is not used.
func TestDescriptionsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*provider)
		words string
	}{
		"another name":                  {func(p *provider) { p.description["issuer"] = p.URL + "/" }, "by another name"},
		"no token endpoint":             {func(p *provider) { p.description["token_endpoint"] = "" }, "token_endpoint is missing"},
		"plain HTTP":                    {func(p *provider) { p.description["authorization_endpoint"] = "http://id.example/auth" }, "loopback"},
		"no URL":                        {func(p *provider) { p.description["authorization_endpoint"] = "javascript:alert(1)" }, "https://"},
		"it does not answer":            {func(p *provider) { p.broken["/.well-known/openid-configuration"] = true }, "cannot be read"},
		"keys of no allowed server":     {func(p *provider) { p.description["jwks_uri"] = "https://keys.example/" }, "--provider-endpoints"},
		"tokens from no allowed server": {func(p *provider) { p.description["token_endpoint"] = "https://tokens.example/" }, "--provider-endpoints"},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t)
			c.spoil(p)
			_, err := redeem(p, p.client())
			wants(t, err, rules.ErrIssuer, c.words)
		})
	}
	t.Run("the issuer itself is not allowed", func(t *testing.T) {
		p := serve(t)
		_, err := p.clientAt("id.example:443").AuthURL(t.Context(), "shop", p.at(), leaving)
		wants(t, err, rules.ErrIssuer, "--provider-endpoints")
		if n := p.count("/.well-known/openid-configuration"); n != 0 {
			t.Errorf("it was asked %d times all the same", n)
		}
	})
	for name, at := range map[string]policy.OIDC{
		"a Secret that is not there":  {Secret: "gone", Key: "clientSecret"},
		"a Secret that lacks its key": {Secret: "idp", Key: "other"},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t)
			at.Issuer, at.ClientID = p.URL, "holdfast"
			_, err := p.client().AuthURL(t.Context(), "shop", at, leaving)
			wants(t, err, rules.ErrIssuer, "clientSecretRef")
		})
	}
}

// Description and keys are read once an hour, serve on while the issuer is away, and a
// new key is found at once.
func TestWhatIsKnownIsKept(t *testing.T) {
	p := serve(t)
	client := p.client()
	ask := func() {
		t.Helper()
		if _, err := redeem(p, client); err != nil {
			t.Fatal(err)
		}
	}
	counts := func(descriptions, keys int) {
		t.Helper()
		if d, k := p.count("/.well-known/openid-configuration"), p.count("/keys"); d != descriptions || k != keys {
			t.Fatalf("%d descriptions and %d key sets were read, want %d and %d", d, k, descriptions, keys)
		}
	}
	for range 3 {
		ask()
	}
	counts(1, 1)
	p.change(func() { p.key, p.keyID, p.public["two"] = keyTwo(), "two", &keyTwo().PublicKey })
	ask()
	counts(1, 2)
	p.change(func() { p.now, p.broken["/.well-known/openid-configuration"] = start.Add(time.Hour), true })
	ask()
	ask() // it has just not answered, and is not asked again at once
	counts(2, 2)
	p.change(func() { p.now, p.broken["/.well-known/openid-configuration"] = p.now.Add(2*time.Second), false })
	ask()
	counts(3, 3)
}

// An issuer that was away is asked again after a pause, not by everybody at once.
func TestAnIssuerThatWasAway(t *testing.T) {
	p := serve(t)
	p.broken["/.well-known/openid-configuration"] = true
	client := p.client()
	for range 5 {
		_, err := client.AuthURL(t.Context(), "shop", p.at(), leaving)
		wants(t, err, rules.ErrIssuer, "cannot be read")
	}
	if n := p.count("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	p.change(func() { p.now, p.broken["/.well-known/openid-configuration"] = start.Add(2*time.Second), false })
	if _, err := client.AuthURL(t.Context(), "shop", p.at(), leaving); err != nil {
		t.Error(err)
	}
}
