package deliver_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/deliver/delivertest"
	"holdfast.dev/holdfast/internal/outbound"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

const callback = "https://help.shop.example/v1/receipts/all/main?message=m-1"

// Asked implements delivertest.Telling.
func (c *carrier) Asked() string { return c.form().Get("StatusCallback") }

func (s *httpServer) form() url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	form, _ := url.ParseQuery(s.requests[len(s.requests)-1].body)
	return form
}

// Tell implements delivertest.Telling.
func (c *carrier) Tell(address, message string, outcome receipt.Outcome) receipt.Call {
	form := url.Values{"MessageSid": {"SM0"}, "To": {goodNumber}, "MessageStatus": {map[receipt.Outcome]string{
		"": "sent", receipt.Delivered: "delivered", receipt.Unreachable: "undelivered", receipt.Failed: "failed",
	}[outcome]}}
	if outcome == receipt.Unreachable {
		form.Set("ErrorCode", "30003")
	}
	return twilioCall(c.secret("authToken"), address, message, form)
}

// twilioCall signs a status callback as Twilio's reference says: HMAC-SHA1 over the URL
// and the sorted form.
func twilioCall(token, address, message string, form url.Values) receipt.Call {
	sum := hmac.New(sha1.New, []byte(token))
	sum.Write([]byte(address))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		sum.Write([]byte(name + form.Get(name)))
	}
	header := http.Header{"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(sum.Sum(nil))}}
	return receipt.Call{URL: address, Message: message, Header: header.Get, Body: []byte(form.Encode())}
}

// Asked implements delivertest.Telling.
func (g *gateway) Asked() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var call struct{ Data struct{ ReceiptURL string } }
	_ = json.Unmarshal([]byte(g.requests[len(g.requests)-1].body), &call)
	return call.Data.ReceiptURL
}

// Tell implements delivertest.Telling.
func (g *gateway) Tell(address, message string, outcome receipt.Outcome) receipt.Call {
	kind := "message.receipt"
	if outcome == "" {
		kind = "message.accepted" // a type of its own
	}
	body, _ := json.Marshal(map[string]any{"type": kind, "data": map[string]any{"id": message, "outcome": outcome}})
	return webhookCall(g.secret("secret"), address, message, body, delivertest.Now())
}

func webhookCall(secret, address, message string, body []byte, at time.Time) receipt.Call {
	signers, _ := outbound.NewSigners(secret)
	header := http.Header{}
	_ = signers.Sign(header, "r-1", at, body)
	return receipt.Call{URL: address, Message: message, Header: header.Get, Body: body}
}

func TestReceiptsKeepTheContract(t *testing.T) {
	delivertest.RunReceipts(t, contact.SMS, func(t *testing.T) delivertest.Telling { return startCarrier(t, nil, nil) })
	delivertest.RunReceipts(t, contact.Voice, func(t *testing.T) delivertest.Telling { return startCarrier(t, nil, nil) })
	delivertest.RunReceipts(t, contact.SMS, func(t *testing.T) delivertest.Telling { return startGateway(t, nil, nil) })
}

// reader reads receipts with the Secret of a test's provider.
func reader(data map[string][]byte) *deliver.Dispatcher {
	secrets := &delivertest.Secrets{}
	secrets.Put("provider", data)
	return deliver.New(secrets, deliver.Patterns{}, deliver.Options{Now: delivertest.Now})
}

// seed 7, 17, 19, 20, 55: what carriers say becomes an outcome and a reason.
func TestTwilioEnds(t *testing.T) {
	d := reader(map[string][]byte{"authToken": []byte("t0ken")})
	for form, want := range map[string]receipt.Receipt{
		"MessageStatus=queued":                      {},
		"MessageStatus=sent":                        {},
		"MessageStatus=delivered":                   {Outcome: receipt.Delivered},
		"MessageStatus=read":                        {Outcome: receipt.Delivered},
		"MessageStatus=undelivered&ErrorCode=30003": {Outcome: receipt.Unreachable},
		"MessageStatus=undelivered&ErrorCode=30004": {Outcome: receipt.Rejected, Reason: receipt.Blocked},
		"MessageStatus=undelivered&ErrorCode=30005": {Outcome: receipt.Rejected, Reason: receipt.UnknownSubscriber},
		"MessageStatus=undelivered&ErrorCode=30006": {Outcome: receipt.Rejected, Reason: receipt.Landline},
		"MessageStatus=undelivered&ErrorCode=30008": {Outcome: receipt.Failed},
		"MessageStatus=failed&ErrorCode=hunter2":    {Outcome: receipt.Failed},
		"MessageStatus=failed":                      {Outcome: receipt.Failed},
		"CallStatus=ringing":                        {},
		"CallStatus=completed":                      {Outcome: receipt.Delivered},
		"CallStatus=busy":                           {Outcome: receipt.Unreachable},
		"CallStatus=no-answer":                      {Outcome: receipt.Unreachable},
		"CallStatus=failed":                         {Outcome: receipt.Failed},
		"CallStatus=canceled":                       {Outcome: receipt.Failed},
		"MessageStatus=a-word-of-a-later-version":   {},
		"": {},
		"MessageStatus=failed&MessageStatus=delivered": {Outcome: receipt.Failed}, // only the first is signed
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.ReadReceipt(delivertest.Tenant, carrierProvider, twilioCall("t0ken", callback, "m-1", values))
		want.Tenant, want.Message, want.At = delivertest.Tenant, "m-1", delivertest.Now()
		if err != nil || got != want || (got.Outcome != "" && !got.Valid()) {
			t.Errorf("%s: got %+v, %v; want %+v", form, got, err, want)
		}
	}
}

// An empty token signs nothing: anybody could.
func TestTwilioReceiptsNeedAToken(t *testing.T) {
	call := twilioCall("", callback, "m-1", url.Values{"MessageStatus": {"delivered"}})
	for _, data := range []map[string][]byte{{}, {"authToken": {}}, {"authToken": []byte("\n")}, {"apiKey": []byte(twilioKey), "apiSecret": []byte("s")}} {
		if got, err := reader(data).ReadReceipt(delivertest.Tenant, carrierProvider, call); !errors.Is(err, receipt.ErrUnproven) {
			t.Errorf("%v: %+v, %v", data, got, err)
		}
	}
}

// Without the account's token nobody could check what Twilio tells: it is not asked.
func TestTwilioIsAskedToTellOnlyWhereItCanBeProved(t *testing.T) {
	key := []string{"apiKey", twilioKey, "apiSecret", "s3cret"}
	for name, test := range map[string]struct {
		keys []string
		want string
	}{
		"a key alone":            {append([]string{"authToken", ""}, key...), ""},
		"a key beside the token": {key, callback},
		"the token":              {nil, callback},
	} {
		for _, channel := range []contact.Channel{contact.SMS, contact.Voice} {
			c := startCarrier(t, nil, nil)
			c.answer = answers(201, "{}")
			d := newClient(t, c.with(test.keys...), deliver.Options{})
			m := delivertest.Message(channel, goodNumber)
			m.ReceiptURL = callback
			d.expect(d.Send(t.Context(), delivertest.Tenant, carrierProvider, m), "", "")
			if got := c.Asked(); got != test.want {
				t.Errorf("%s, %s: asked to tell at %q", name, channel, got)
			}
		}
	}
}

func TestWebhookReceipts(t *testing.T) {
	d := reader(map[string][]byte{"secret": []byte(whsec("a") + " " + whsec("b"))})
	for name, test := range map[string]struct {
		body string
		want receipt.Receipt
		err  error
	}{
		"landline":      {`{"type": "message.receipt", "data": {"id": "m-2", "outcome": "Rejected", "reason": "Landline"}}`, receipt.Receipt{Message: "m-2", Outcome: receipt.Rejected, Reason: receipt.Landline}, nil},
		"more keys":     {`{"type": "message.receipt", "more": 1, "data": {"id": "m-2", "outcome": "Delivered", "more": 1}}`, receipt.Receipt{Message: "m-2", Outcome: receipt.Delivered}, nil},
		"another type":  {`{"type": "message.send", "data": {"id": "m-2", "outcome": "Delivered"}}`, receipt.Receipt{}, nil},
		"no outcome":    {`{"type": "message.receipt", "data": {"id": "m-2"}}`, receipt.Receipt{}, receipt.ErrUnreadable},
		"another one":   {`{"type": "message.receipt", "data": {"id": "m-2", "outcome": "Read"}}`, receipt.Receipt{}, receipt.ErrUnreadable},
		"a wild reason": {`{"type": "message.receipt", "data": {"id": "m-2", "outcome": "Rejected", "reason": "hunter2"}}`, receipt.Receipt{}, receipt.ErrUnreadable},
		"no JSON":       {`outcome=Delivered`, receipt.Receipt{}, receipt.ErrUnreadable},
	} {
		for _, secret := range []string{whsec("a"), whsec("b")} {
			got, err := d.ReadReceipt(delivertest.Tenant, gatewayProvider, webhookCall(secret, callback, "m-1", []byte(test.body), delivertest.Now()))
			got.Tenant, got.At = "", time.Time{}
			if !errors.Is(err, test.err) || got != test.want {
				t.Errorf("%s: got %+v, %v", name, got, err)
			}
		}
	}
	old := webhookCall(whsec("a"), callback, "m-1", []byte(`{"type": "message.receipt", "data": {"id": "m-1", "outcome": "Failed"}}`), delivertest.Now().Add(-6*time.Minute))
	if got, err := d.ReadReceipt(delivertest.Tenant, gatewayProvider, old); !errors.Is(err, receipt.ErrUnproven) {
		t.Errorf("six minutes old: %+v, %v", got, err)
	}
}

// A call of ours to the gateway, sent back to us, is no receipt.
func TestOurOwnCallsAreNoReceipts(t *testing.T) {
	g := startGateway(t, nil, nil)
	d := newClient(t, g.Data(), deliver.Options{})
	d.expect(d.Send(t.Context(), delivertest.Tenant, gatewayProvider, delivertest.Message(contact.SMS, goodNumber)), "", "")
	sent := g.last(t)
	got, err := reader(g.Data()).ReadReceipt(delivertest.Tenant, gatewayProvider, receipt.Call{URL: callback, Message: "m-1", Header: sent.Header.Get, Body: []byte(sent.body)})
	if err != nil || got.Outcome != "" || strings.Contains(got.Message, "0198") {
		t.Errorf("got %+v, %v", got, err)
	}
}
