package delivertest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// Telling is a Provider that tells what became of its messages.
type Telling interface {
	Provider
	// Asked is where it was asked to tell of its last message; empty for nowhere.
	Asked() string
	// Tell signs, with its Secret as it is now, a call to url that tells of a message.
	// Without an outcome the message is under way.
	Tell(url, message string, outcome receipt.Outcome) receipt.Call
}

var receiptTests = map[string]func(*testing.T, *suite, Telling){
	"it is asked to tell where the message says":            askedToTell,
	"a signed receipt is read":                              receiptRead,
	"a message under way has no outcome":                    underWay,
	"a receipt that another Secret signed is unproven":      foreignReceipt,
	"a receipt that was changed is unproven":                changedReceipt,
	"a receipt without a signature is unproven":             unsignedReceipt,
	"another tenant's receipt is unproven":                  otherTenantsReceipt,
	"receipts of unknown providers are unproven":            unknownProvider,
	"a rotated Secret takes effect with the next receipt":   rotatedReceipt,
	"a receipt signs no other message than the one it says": otherMessage,
}

const (
	receiptURL = "https://help.shop.example/v1/receipts/all/main?message=m-1"
	told       = "m-1"
)

// RunReceipts runs the contract of receipts; start starts a fresh server each time.
func RunReceipts(t *testing.T, channel contact.Channel, start func(t *testing.T) Telling) {
	for name, test := range receiptTests {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			s := &suite{provider: p, channel: channel, secrets: &Secrets{}}
			s.policy = policy.Provider{Name: "main", Type: p.Type(), Secret: "provider", Channels: []contact.Channel{channel}}
			s.secrets.Put("provider", p.Data())
			s.allow(t, p.Endpoint())
			test(t, s, p)
		})
	}
}

func (s *suite) read(call receipt.Call) (receipt.Receipt, error) {
	return s.dispatcher.ReadReceipt(Tenant, s.policy, call)
}

func wantUnproven(t *testing.T, r receipt.Receipt, err error) {
	t.Helper()
	if !errors.Is(err, receipt.ErrUnproven) {
		t.Errorf("got %+v, %v; want it unproven", r, err)
	}
}

func askedToTell(t *testing.T, s *suite, p Telling) {
	expect(t, s.send(s.good()), "")
	if got := p.Asked(); got != "" {
		t.Errorf("asked to tell at %s", got)
	}
	m := Message(s.channel, s.good())
	m.ReceiptURL = receiptURL
	expect(t, s.dispatcher.Send(t.Context(), Tenant, s.policy, m), "")
	if got := p.Asked(); got != receiptURL {
		t.Errorf("asked to tell at %q", got)
	}
}

func receiptRead(t *testing.T, s *suite, p Telling) {
	for _, outcome := range []receipt.Outcome{receipt.Delivered, receipt.Unreachable, receipt.Failed} {
		got, err := s.read(p.Tell(receiptURL, told, outcome))
		want := receipt.Receipt{Tenant: Tenant, Message: told, Outcome: outcome, At: Now()}
		if err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

func underWay(t *testing.T, s *suite, p Telling) {
	if got, err := s.read(p.Tell(receiptURL, told, "")); err != nil || got.Outcome != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func foreignReceipt(t *testing.T, s *suite, p Telling) {
	call := p.Tell(receiptURL, told, receipt.Delivered)
	s.secrets.Put("provider", p.WrongCredentials())
	got, err := s.read(call)
	wantUnproven(t, got, err)
}

func changedReceipt(t *testing.T, s *suite, p Telling) {
	call := p.Tell(receiptURL, told, receipt.Failed)
	for from, to := range map[string]string{"ailed": "elivered", "{": "{ ", "&": "&a=b&"} {
		changed := call
		changed.Body = bytes.Replace(call.Body, []byte(from), []byte(to), 1)
		if bytes.Equal(changed.Body, call.Body) {
			continue
		}
		got, err := s.read(changed)
		wantUnproven(t, got, err)
	}
}

func unsignedReceipt(t *testing.T, s *suite, p Telling) {
	call := p.Tell(receiptURL, told, receipt.Delivered)
	for name, header := range map[string]func(string) string{
		"no headers": func(string) string { return "" },
		"no signature": func(name string) string {
			if strings.Contains(strings.ToLower(name), "signature") {
				return ""
			}
			return call.Header(name)
		},
		"a wrong one": func(name string) string { return "v1," + call.Header(name) + "A" },
	} {
		t.Run(name, func(t *testing.T) {
			unsigned := call
			unsigned.Header = header
			got, err := s.read(unsigned)
			wantUnproven(t, got, err)
		})
	}
}

func otherTenantsReceipt(t *testing.T, s *suite, p Telling) {
	got, err := s.dispatcher.ReadReceipt("bank", s.policy, p.Tell(receiptURL, told, receipt.Delivered))
	wantUnproven(t, got, err)
}

func unknownProvider(t *testing.T, s *suite, p Telling) {
	call := p.Tell(receiptURL, told, receipt.Delivered)
	for _, unknown := range []policy.Provider{
		{}, {Name: "main", Type: "SMTP", Secret: "provider"}, {Name: "main", Type: "Pigeon", Secret: "provider"},
		{Name: "main", Type: p.Type(), Secret: "other"},
	} {
		got, err := s.dispatcher.ReadReceipt(Tenant, unknown, call)
		wantUnproven(t, got, err)
	}
	s.secrets.Put("provider", map[string][]byte{})
	got, err := s.read(call)
	wantUnproven(t, got, err)
}

func rotatedReceipt(t *testing.T, s *suite, p Telling) {
	old := p.Tell(receiptURL, told, receipt.Delivered)
	s.secrets.Put("provider", p.Rotate())
	got, err := s.read(old)
	wantUnproven(t, got, err)
	if got, err := s.read(p.Tell(receiptURL, told, receipt.Delivered)); err != nil || got.Outcome != receipt.Delivered {
		t.Errorf("after the rotation: %+v, %v", got, err)
	}
}

// A receipt names its message where the signature covers it: in the URL or in the body.
func otherMessage(t *testing.T, s *suite, p Telling) {
	call := p.Tell(receiptURL, told, receipt.Delivered)
	call.URL, call.Message = strings.Replace(call.URL, told, "m-2", 1), "m-2"
	got, err := s.read(call)
	if err == nil && got.Message == "m-2" {
		t.Errorf("got %+v", got)
	}
}
