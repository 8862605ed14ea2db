package flow_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// tokens are the Twilio accounts' of the tenants.
type tokens map[string]string

func (s tokens) Secret(tenant, _ string) (map[string][]byte, error) {
	if token, ok := s[tenant]; ok {
		return map[string][]byte{"authToken": []byte(token)}, nil
	}
	return nil, rules.ErrNotFound
}

// telling is a desk whose tenants have a provider that tells what becomes of messages.
func telling(t *testing.T) (*desk, *frugal) {
	t.Helper()
	d := newDesk(t)
	for _, p := range d.policies {
		p.Providers = append(p.Providers, policy.Provider{Name: "texts", Type: "Twilio", Secret: "twilio", Channels: []contact.Channel{contact.SMS, contact.Voice}, Countries: []string{"DE"}})
	}
	d.Receipts = deliver.New(tokens{shop: "shops", bank: "banks"}, deliver.Patterns{}, deliver.Options{Now: d.clock.Now})
	memory := &frugal{Store: d.Store}
	d.Store = memory
	return d, memory
}

// frugal counts what receipts cost the memory.
type frugal struct {
	flow.Store
	saved int
}

func (f *frugal) SaveReceipt(ctx context.Context, r receipt.Receipt) error {
	f.saved++
	return f.Store.SaveReceipt(ctx, r)
}

// callback is a status callback to an address that a provider was given, signed with a token.
func callback(token, address string, pairs ...string) (host, policyName, provider string, call receipt.Call) {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	sum := hmac.New(sha1.New, []byte(token))
	sum.Write([]byte(address))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		sum.Write([]byte(name + form.Get(name)))
	}
	header := http.Header{"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(sum.Sum(nil))}}
	parts := strings.Split(u.Path, "/")
	return u.Host, parts[3], parts[4], receipt.Call{Message: u.Query().Get("message"), Header: header.Get, Body: []byte(form.Encode())}
}

// waiting is anna waiting for a text, and where its provider tells of it.
func (d *desk) waiting(to flow.Target) (v flow.Visit, address string) {
	d.t.Helper()
	d.has(anna, mail, cell)
	d.block("b1")
	v = d.open(anna)
	m := d.letter(d.request(v, to).ID)
	p := *d.policies[shop]
	return v, d.ReceiptURL(p, p.Providers[1], m.ID)
}

func (d *desk) tell(token, address string, pairs ...string) error {
	host, policyName, provider, call := callback(token, address, pairs...)
	return d.TakeReceipt(d.t.Context(), host, policyName, provider, call)
}

func (d *desk) advised(v flow.Visit, want receipt.Advice) {
	d.t.Helper()
	if got := d.overview(v).Challenge.Advice; got != want {
		d.t.Errorf("the advice is %q, want %q", got, want)
	}
}

// seed 17, 19: what the phone did with the text reaches the person, out of order, twice
// and replayed alike, and that it arrived is never taken back.
func TestReceiptsBecomeAdvice(t *testing.T) {
	d, _ := telling(t)
	v, address := d.waiting(toCell)
	d.advised(v, receipt.None)
	for _, step := range []struct {
		status, code string
		want         receipt.Advice
	}{
		{"sent", "", receipt.None},
		{"undelivered", "30003", receipt.FreeInbox},
		{"undelivered", "30003", receipt.FreeInbox},
		{"undelivered", "30006", receipt.TakeCall},
		{"undelivered", "30005", receipt.CheckDestination},
		{"undelivered", "30004", receipt.AllowSender},
		{"failed", "30008", receipt.AnotherWay},
		{"delivered", "", receipt.LookAgain},
		{"undelivered", "30003", receipt.LookAgain},
		{"sent", "", receipt.LookAgain},
	} {
		is(t, d.tell("shops", address, "MessageStatus", step.status, "ErrorCode", step.code), nil)
		d.advised(v, step.want)
	}
}

// A receipt may come before the courier has written that the message was sent.
func TestReceiptsBeforeTheMessageCountsAsSent(t *testing.T) {
	d, _ := telling(t)
	d.has(anna, cell)
	d.block("b1")
	v := d.open(anna)
	d.request(v, toCell)
	leased, err := d.memory.Lease(t.Context(), 1, d.Now(), d.Now().Add(time.Minute))
	is(t, err, nil)
	p := *d.policies[shop]
	is(t, d.tell("shops", d.ReceiptURL(p, p.Providers[1], leased[0].ID), "MessageStatus", "delivered"), nil)
	is(t, d.memory.MarkSent(t.Context(), leased[0].ID, d.Now()), nil)
	d.advised(v, receipt.LookAgain)
}

// Law 6: what is forged, foreign or about nothing known is refused alike, before the
// memory is asked: a flood costs it nothing.
func TestUnprovenReceiptsCostTheMemoryNothing(t *testing.T) {
	d, memory := telling(t)
	v, address := d.waiting(toCell)
	message := address[strings.Index(address, "?"):]
	at := func(path string) string { return "https://" + host + "/v1/receipts/" + path + message }
	for name, c := range map[string]struct{ token, address string }{
		"another token":             {"wrong", address},
		"an empty token":            {"", address},
		"another tenant's token":    {"banks", address},
		"another policy":            {"shops", at("nobody/texts")},
		"another provider":          {"shops", at("everyone/none")},
		"a provider that signs not": {"shops", at("everyone/all")},
		"an unknown host":           {"shops", "https://elsewhere.example/v1/receipts/everyone/texts" + message},
	} {
		for range 100 {
			if err := d.tell(c.token, c.address, "MessageStatus", "delivered"); err != receipt.ErrUnproven { //nolint:errorlint // not wrapped: nothing is told
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	hostOf, policyName, provider, call := callback("shops", address, "MessageStatus", "delivered")
	call.Message = "another"
	is(t, d.TakeReceipt(t.Context(), hostOf, policyName, provider, call), receipt.ErrUnproven)
	if memory.saved != 0 {
		t.Errorf("the memory was asked %d times", memory.saved)
	}
	d.advised(v, receipt.None)
}

// Another tenant's provider, properly signed at its own host, tells nothing of this
// tenant's message; nor does any of a message that is pruned.
func TestReceiptsOfForeignAndPrunedMessages(t *testing.T) {
	d, _ := telling(t)
	v, address := d.waiting(toCell)
	foreign := strings.Replace(address, host, "help.bank.example", 1)
	is(t, d.tell("banks", foreign, "MessageStatus", "failed"), nil)
	d.advised(v, receipt.None)
	year := d.Now().Add(8760 * time.Hour)
	_, err := d.memory.Prune(t.Context(), year, year)
	is(t, err, nil)
	is(t, d.tell("shops", address, "MessageStatus", "failed"), nil)
	told, err := d.memory.Receipt(t.Context(), "any")
	is(t, err, nil)
	if told != (receipt.Receipt{}) {
		t.Errorf("there is %+v", told)
	}
}

// Section 7: a receipt is advice: the code still works or not, whatever was told.
func TestReceiptsProveAndSpendNothing(t *testing.T) {
	for _, status := range []string{"failed", "delivered"} {
		t.Run(status, func(t *testing.T) {
			d, _ := telling(t)
			v, address := d.waiting(toCell)
			before := d.overview(v)
			is(t, d.tell("shops", address, "MessageStatus", status), nil)
			after := d.overview(v)
			after.Challenge.Advice = before.Challenge.Advice
			if after.Challenge.AttemptsLeft != before.Challenge.AttemptsLeft || !after.Challenge.ResendAt.Equal(before.Challenge.ResendAt) || after.Stage != before.Stage {
				t.Errorf("the receipt changed the flow: %+v, was %+v", after.Challenge, before.Challenge)
			}
			if d.state(theKey) != block.Active {
				t.Error("the receipt changed the block")
			}
			is(t, d.submit(v, before.Challenge.ID, d.wrong(before.Challenge.ID)), rules.ErrWrongCode)
			is(t, d.submit(v, before.Challenge.ID, d.code(before.Challenge.ID)), nil)
		})
	}
}

// The memory's absence takes the advice, not the page; a provider is asked to come again.
func TestReceiptsWhileTheMemoryIsAway(t *testing.T) {
	d, memory := telling(t)
	v, address := d.waiting(toCell)
	memory.Store = &forgetful{memory.Store}
	d.advised(v, receipt.None)
	is(t, d.tell("shops", address, "MessageStatus", "delivered"), rules.ErrUnavailable)
}

// forgetful is a store that cannot speak of receipts now.
type forgetful struct{ flow.Store }

func (forgetful) SaveReceipt(context.Context, receipt.Receipt) error { return rules.ErrUnavailable }
func (forgetful) Receipt(context.Context, string) (receipt.Receipt, error) {
	return receipt.Receipt{}, rules.ErrUnavailable
}

// Nobody is asked to tell where no page could take it.
func TestNoReceiptURLWithoutAHost(t *testing.T) {
	d, _ := telling(t)
	if got := d.ReceiptURL(policy.Default(), policy.Provider{Name: "texts"}, "m-1"); got != "" {
		t.Errorf("got %s", got)
	}
	p := *d.policies[shop]
	if got := d.ReceiptURL(p, p.Providers[1], "m-1"); got != "https://help.shop.example/v1/receipts/everyone/texts?message=m-1" {
		t.Errorf("got %s", got)
	}
}
