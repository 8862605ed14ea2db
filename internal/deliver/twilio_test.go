package deliver_test

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/deliver/delivertest"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

const (
	twilioAccount = "AC0123456789abcdef0123456789abcdef"
	twilioService = "MG0123456789abcdef0123456789abcdef"
	twilioKey     = "SK0123456789abcdef0123456789abcdef"
)

// carrier is Twilio's side of its API.
type carrier struct{ *httpServer }

func startCarrier(t *testing.T, config *tls.Config, ca []byte) *carrier {
	t.Helper()
	c := &carrier{}
	c.httpServer = startHTTP(t, config, nil)
	c.answer = c.receive
	c.data = map[string][]byte{
		"accountSid": []byte(twilioAccount), "authToken": []byte("correcthorse"), "from": []byte("+15005550006"),
		"endpoint": []byte(c.URL),
	}
	if ca != nil {
		c.data["ca"] = ca
	}
	return c
}

func (c *carrier) Type() string { return "Twilio" }

func (c *carrier) WrongCredentials() map[string][]byte { return c.with("authToken", "wronghorse") }

func (c *carrier) Rotate() map[string][]byte {
	c.put("authToken", "newhorse")
	return c.Data()
}

// refuse answers as Twilio does.
func refuse(status, code int) http.HandlerFunc {
	body := fmt.Sprintf(`{"code": %d, "message": "the provider says no to %s", "more_info": "https://www.twilio.com/docs/errors/%d", "status": %d}`,
		code, goodNumber, code, status)
	return answers(status, body, "Content-Type", "application/json")
}

func (c *carrier) receive(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != twilioAccount || password != c.secret("authToken") {
		refuse(401, 20003)(w, r)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/2010-04-01/Accounts/"+twilioAccount+"/")
	if err := r.ParseForm(); !ok || err != nil {
		refuse(404, 20404)(w, r)
		return
	}
	body := r.PostForm.Get("Body")
	switch to := r.PostForm.Get("To"); {
	case path == "IncomingPhoneNumbers.json" && r.Method == http.MethodGet:
		answers(200, `{"incoming_phone_numbers": []}`)(w, r)
		return
	case to == refusedNumber:
		refuse(400, 21614)(w, r)
		return
	case to == deferredNumber:
		refuse(429, 20429)(w, r)
		return
	case path == "Calls.json":
		var t struct{ Say string }
		if xml.Unmarshal([]byte(r.PostForm.Get("Twiml")), &t) != nil {
			refuse(400, 12100)(w, r)
			return
		}
		body = t.Say
	case path != "Messages.json":
		refuse(404, 20404)(w, r)
		return
	}
	c.take(delivertest.Received{To: r.PostForm.Get("To"), Visible: r.PostForm.Get("From"), Body: body})
	answers(201, `{"sid": "SM0", "status": "queued", "error_code": null}`)(w, r)
}

func TestTwilioKeepsTheContract(t *testing.T) {
	for name, channel := range map[string]contact.Channel{"texts": contact.SMS, "calls": contact.Voice} {
		for _, protocol := range []string{"http", "h2"} {
			t.Run(name+" by "+protocol, func(t *testing.T) {
				delivertest.Run(t, channel, func(t *testing.T) delivertest.Provider {
					if protocol == "http" {
						return startCarrier(t, nil, nil)
					}
					config, ca := certificate(t)
					config.NextProtos = []string{"h2"}
					return startCarrier(t, config, ca)
				})
			})
		}
	}
}

var carrierProvider = policy.Provider{Name: "mail", Type: "Twilio", Secret: "provider"}

func TestTwilioAnswersHaveTheirClass(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		class  message.ErrorClass
		step   string
	}{
		"queued":                         {answers(201, `{"status": "queued"}`), "", ""},
		"queued, closed within the body": {cut(201), "", ""},
		"failed at once":                 {answers(201, `{"status": "failed", "error_code": 30006}`), message.Rejected, "send"},
		"not Twilio":                     {answers(204, ""), message.Misconfigured, "send"},
		"a redirect is not followed":     {answers(302, "{}", "Location", "/elsewhere"), message.Misconfigured, "send"},
		"no valid number":                {refuse(400, 21211), message.Rejected, "send"},
		"no mobile number":               {refuse(400, 21614), message.Rejected, "send"},
		"answered STOP":                  {refuse(400, 21610), message.Rejected, "send"},
		"region is not enabled (SMS)":    {refuse(400, 21408), message.Misconfigured, "send"},
		"region is not enabled (voice)":  {refuse(403, 21215), message.Misconfigured, "send"},
		"sender is not the account's":    {refuse(400, 21606), message.Misconfigured, "send"},
		"phone is off":                   {refuse(400, 30003), message.Temporary, "send"},
		"queue is full":                  {refuse(400, 30001), message.Temporary, "send"},
		"a code nobody knows":            {refuse(400, 99999), message.Misconfigured, "send"},
		"wrong credentials":              {refuse(401, 20003), message.Misconfigured, "auth"},
		"401 without a body":             {answers(401, ""), message.Misconfigured, "auth"},
		"no such account":                {refuse(404, 20404), message.Misconfigured, "auth"},
		"429 with Retry-After":           {answers(429, `{"code": 20429}`, "Retry-After", "10"), message.Temporary, "send"},
		"503 with Retry-After":           {answers(503, "<html>the provider says", "Retry-After", "10"), message.Temporary, "send"},
		"500":                            {refuse(500, 20500), message.Temporary, "send"},
		"500, closed within the body":    {cut(500), message.Temporary, "send"},
		"504: nobody knows":              {answers(504, ""), message.Unknown, "send"},
		"closed without an answer":       {hangsUp, message.Unknown, "send"},
		"hanging":                        {hangs, message.Unknown, "send"},
	} {
		t.Run(name, func(t *testing.T) {
			c := startCarrier(t, nil, nil)
			c.answer = test.answer
			outcome(t, carrierProvider, c.Data(), test.class, test.step)
			if n := c.count(); n != 1 {
				t.Errorf("%d requests, want one", n)
			}
		})
	}
}

func TestTwilioConnectionsHaveTheirClass(t *testing.T) {
	config, ca := certificate(t)
	c := startCarrier(t, config, ca)
	expired, expiredCA := expiredCertificate(t)
	old := startCarrier(t, expired, expiredCA)
	silence := listen(t)
	for name, test := range map[string]struct {
		data  map[string][]byte
		class message.ErrorClass
		step  string
	}{
		"as it should be":     {c.Data(), "", ""},
		"unknown authority":   {c.with("ca", ""), message.Misconfigured, "tls"},
		"expired certificate": {old.Data(), message.Misconfigured, "tls"},
		"DNS gone":            {c.with("endpoint", "https://nowhere.invalid"), message.Misconfigured, "dial"},
		"nobody listens":      {c.with("endpoint", "https://127.0.0.1:1"), message.Unreachable, "dial"},
		"nobody shakes hands": {c.with("endpoint", "https://"+silence.Addr().String()), message.Unreachable, "dial"},
		"wrong credentials":   {c.WrongCredentials(), message.Misconfigured, "auth"},
	} {
		t.Run(name, func(t *testing.T) { outcome(t, carrierProvider, test.data, test.class, test.step) })
	}
}

// What the client library writes is what Twilio's reference asks for.
func TestTwilioCalls(t *testing.T) {
	german := delivertest.Message(contact.Voice, goodNumber)
	german.Language, german.Text = "de-AT", "4, 8 & <2>"
	for name, test := range map[string]struct {
		data []string
		m    message.Rendered
		path string
		want url.Values
	}{
		"a text from a number": {nil, delivertest.Message(contact.SMS, goodNumber), "Messages.json",
			url.Values{"To": {goodNumber}, "From": {"+15005550006"}, "Body": {"Your code:\n\n482913\n"}}},
		"a text from a service": {[]string{"messagingServiceSid", twilioService}, delivertest.Message(contact.SMS, goodNumber), "Messages.json",
			url.Values{"To": {goodNumber}, "MessagingServiceSid": {twilioService}, "Body": {"Your code:\n\n482913\n"}}},
		"a call": {[]string{"messagingServiceSid", twilioService}, german, "Calls.json",
			url.Values{"To": {goodNumber}, "From": {"+15005550006"}, "Timeout": {"30"}, "TimeLimit": {"180"},
				"Twiml": {`<Response><Say voice="Polly.Vicki" language="de-DE">4, 8 &amp; &lt;2&gt;</Say></Response>`}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := startCarrier(t, nil, nil)
			d := newClient(t, c.with(test.data...), deliver.Options{})
			d.expect(d.Send(context.Background(), delivertest.Tenant, carrierProvider, test.m), "", "")
			r := c.last(t)
			got, err := url.ParseQuery(r.body)
			if err != nil || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/"+test.path) {
				t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTwilioTakesAnAPIKey(t *testing.T) {
	c := startCarrier(t, nil, nil)
	c.answer = answers(201, "{}")
	outcome(t, carrierProvider, c.with("authToken", "", "apiKey", twilioKey, "apiSecret", "s3cret"), "", "")
	r := c.last(t)
	if user, password, _ := r.BasicAuth(); user != twilioKey || password != "s3cret" || !strings.Contains(r.URL.Path, twilioAccount) {
		t.Errorf("user %s, path %s", user, r.URL.Path)
	}
}

// seed 20: a number is no place for another protocol, which could cost anything.
func TestTwilioSendsToNumbersOnly(t *testing.T) {
	c := startCarrier(t, nil, nil)
	d := newClient(t, c.Data(), deliver.Options{})
	for _, to := range []string{"sip:a@b.example", "client:a", "whatsapp:" + goodNumber, "12345", "", "ada@good.example"} {
		for _, channel := range []contact.Channel{contact.SMS, contact.Voice} {
			d.expect(d.Send(context.Background(), delivertest.Tenant, carrierProvider, delivertest.Message(channel, to)), message.Rejected, "address")
		}
	}
	d.expect(d.Send(context.Background(), delivertest.Tenant, carrierProvider, delivertest.Message(contact.Email, goodNumber)), message.Misconfigured, "channel")
	d.secrets.Put("provider", c.with("from", "SHOP"))
	d.expect(d.Send(context.Background(), delivertest.Tenant, carrierProvider, delivertest.Message(contact.Voice, goodNumber)), message.Misconfigured, "sender")
	if n := c.Connections(); n != 0 {
		t.Errorf("%d connections, want none", n)
	}
}
