package deliver_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/deliver/delivertest"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// gateway is the receiver of a webhook, as a team would write it.
type gateway struct{ *httpServer }

func whsec(letter string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 32)))
}

func startGateway(t *testing.T, config *tls.Config, ca []byte) *gateway {
	t.Helper()
	g := &gateway{}
	g.httpServer = startHTTP(t, config, nil)
	g.answer = g.receive
	g.data = map[string][]byte{"url": []byte(g.URL + "/send?tenant=shop"), "secret": []byte(whsec("a"))}
	if ca != nil {
		g.data["ca"] = ca
	}
	return g
}

func (g *gateway) Type() string { return "Webhook" }

func (g *gateway) WrongCredentials() map[string][]byte { return g.with("secret", whsec("z")) }

func (g *gateway) Rotate() map[string][]byte {
	g.put("secret", whsec("b"))
	return g.Data()
}

// receive verifies the signature, and answers by the destination.
func (g *gateway) receive(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	theirs, err := standardwebhooks.NewWebhook(g.secret("secret"))
	if err != nil || theirs.VerifyIgnoringTimestamp(body, r.Header) != nil {
		http.Error(w, "the provider says: wrong signature", http.StatusUnauthorized)
		return
	}
	var call struct {
		Type string
		Data struct{ To, FromName, Subject, Text string }
	}
	switch err := json.Unmarshal(body, &call); {
	case err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "tenant=shop":
		http.Error(w, "the provider says: bad call", http.StatusNotFound)
	case call.Type == "provider.check":
		w.WriteHeader(http.StatusNoContent)
	case call.Data.To == refusedNumber:
		http.Error(w, "the provider says: no such number "+call.Data.To, http.StatusUnprocessableEntity)
	case call.Data.To == deferredNumber:
		http.Error(w, "the provider says: later", http.StatusServiceUnavailable)
	default:
		g.take(delivertest.Received{To: call.Data.To, Visible: call.Data.FromName + call.Data.Subject, Body: call.Data.Text})
		w.WriteHeader(http.StatusAccepted)
	}
}

func TestWebhookKeepsTheContract(t *testing.T) {
	for _, protocol := range []string{"http", "https", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			delivertest.Run(t, contact.SMS, func(t *testing.T) delivertest.Provider {
				config, ca := certificate(t)
				switch protocol {
				case "http":
					config, ca = nil, nil
				case "h2":
					config.NextProtos = []string{"h2"}
				}
				return startGateway(t, config, ca)
			})
		})
	}
}

var gatewayProvider = policy.Provider{Name: "mail", Type: "Webhook", Secret: "provider"}

// silences are the cases whose server says nothing more: they take their whole timeout.
var silences = []string{"hanging", "nobody_shakes_hands", "a_body_without_an_end"}

// outcome sends one message and compares class and step.
func outcome(t *testing.T, p policy.Provider, data map[string][]byte, class message.ErrorClass, step string) {
	t.Helper()
	timeout := 20 * time.Second
	for _, name := range silences {
		if strings.HasSuffix(t.Name(), "/"+name) {
			timeout = time.Second
		}
	}
	c := newClient(t, data, deliver.Options{Timeout: timeout})
	c.expect(c.Send(context.Background(), delivertest.Tenant, p, delivertest.Message(contact.SMS, goodNumber)), class, step)
}

func TestWebhookAnswersHaveTheirClass(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		class  message.ErrorClass
		step   string
	}{
		"200":                         {answers(200, "{}"), "", ""},
		"204":                         {answers(204, ""), "", ""},
		"200, closed within the body": {cut(200), "", ""},
		"429 with Retry-After":        {answers(429, "the provider says", "Retry-After", "120"), message.Temporary, "send"},
		"503 with Retry-After":        {answers(503, "the provider says", "Retry-After", "120"), message.Temporary, "send"},
		"500":                         {answers(500, "the provider says"), message.Temporary, "send"},
		"500, closed within the body": {cut(500), message.Temporary, "send"},
		"504: nobody knows":           {answers(504, ""), message.Unknown, "send"},
		"400":                         {answers(400, "the provider says"), message.Rejected, "send"},
		"422":                         {answers(422, "the provider says"), message.Rejected, "send"},
		"401":                         {answers(401, ""), message.Misconfigured, "auth"},
		"403":                         {answers(403, ""), message.Misconfigured, "auth"},
		"404":                         {answers(404, ""), message.Misconfigured, "send"},
		"410: Standard Webhooks' end": {answers(410, ""), message.Misconfigured, "send"},
		"a redirect is not followed":  {answers(307, "", "Location", "/elsewhere"), message.Misconfigured, "send"},
		"closed without an answer":    {hangsUp, message.Unknown, "send"},
		"hanging":                     {hangs, message.Unknown, "send"},
		"a body without an end": {func(w http.ResponseWriter, r *http.Request) {
			answers(200, "x")(w, r)
			w.(http.Flusher).Flush()
			hangs(w, r)
		}, "", ""},
		"an answer that is much too big": {answers(200, strings.Repeat("x", 1<<20)), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, nil, nil)
			g.answer = test.answer
			outcome(t, gatewayProvider, g.Data(), test.class, test.step)
			if n := g.count(); n != 1 {
				t.Errorf("%d requests, want one", n)
			}
		})
	}
}

func TestWebhookConnectionsHaveTheirClass(t *testing.T) {
	config, ca := certificate(t)
	g := startGateway(t, config, ca)
	plain := startGateway(t, nil, nil)
	expired, expiredCA := expiredCertificate(t)
	old := startGateway(t, expired, expiredCA)
	silence := listen(t)
	for name, test := range map[string]struct {
		data  map[string][]byte
		class message.ErrorClass
		step  string
	}{
		"as it should be":         {g.Data(), "", ""},
		"unknown authority":       {g.with("ca", ""), message.Misconfigured, "tls"},
		"expired certificate":     {old.Data(), message.Misconfigured, "tls"},
		"no TLS where it must be": {g.with("url", strings.Replace(plain.URL, "http:", "https:", 1)), message.Misconfigured, "tls"},
		"DNS gone":                {g.with("url", "https://nowhere.invalid/"), message.Misconfigured, "dial"},
		"nobody listens":          {g.with("url", "https://127.0.0.1:1/"), message.Unreachable, "dial"},
		"nobody shakes hands":     {g.with("url", "https://"+silence.Addr().String()), message.Unreachable, "dial"},
		"no Secret's keys":        {map[string][]byte{}, message.Misconfigured, "secret"},
	} {
		t.Run(name, func(t *testing.T) { outcome(t, gatewayProvider, test.data, test.class, test.step) })
	}
}

// The receiver needs no more than this to send: it is our side of the promise.
func TestWebhookCallIsAsDocumented(t *testing.T) {
	g := startGateway(t, nil, nil)
	c := newClient(t, g.Data(), deliver.Options{})
	m := delivertest.Message(contact.Email, goodNumber)
	if err := c.Send(context.Background(), delivertest.Tenant, gatewayProvider, m); err != nil {
		t.Fatal(err)
	}
	r := g.last(t)
	if r.Header.Get("webhook-id") != m.ID || !strings.HasPrefix(r.Header.Get("webhook-signature"), "v1,") ||
		r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", r.Header)
	}
	var got any
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "message.send", "timestamp": "2026-03-14T15:09:26Z",
		"data": map[string]any{
			"id": m.ID, "channel": "Email", "to": m.To, "from": m.From, "fromName": m.FromName,
			"subject": m.Subject, "text": m.Text, "html": m.HTML, "language": "en",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	m = delivertest.Message(contact.SMS, goodNumber)
	if err := c.Send(context.Background(), delivertest.Tenant, gatewayProvider, m); err != nil {
		t.Fatal(err)
	}
	if r := g.last(t); strings.Contains(r.body, `"from"`) {
		t.Errorf("a text has a mail's sender: %s", r.body)
	}
}

// A receiver that drops copies by webhook-id drops every copy: each try has the same.
func TestWebhookTriesShareTheirID(t *testing.T) {
	g := startGateway(t, nil, nil)
	g.answer = answers(500, "")
	outcome(t, gatewayProvider, g.Data(), message.Temporary, "send")
	first := g.last(t).Header.Get("webhook-id")
	outcome(t, gatewayProvider, g.Data(), message.Temporary, "send")
	if second := g.last(t).Header.Get("webhook-id"); first == "" || second != first {
		t.Errorf("%q, then %q", first, second)
	}
}

func TestWebhookSecretsThatAreRefused(t *testing.T) {
	good := map[string][]byte{"url": []byte("https://gateway.example/"), "secret": []byte(whsec("a"))}
	if err := deliver.Validate("Webhook", good); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ key, value, want string }{
		"plain HTTP":    {"url", "http://gateway.example/hunter2", "key url may begin with http:// only"},
		"a password":    {"url", "https://u:hunter2@gateway.example/", "key url must hold neither"},
		"a poor secret": {"secret", "hunter2", "key secret must be whsec_"},
		"no PEM":        {"ca", "hunter2", "key ca holds no PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			data := map[string][]byte{"url": good["url"], "secret": good["secret"], test.key: []byte(test.value)}
			err := deliver.Validate("Webhook", data)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
