package inbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/line"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// taking serves the place of receipts over a real socket, as Holdfast's listener does, and
// hands on what they prove to be.
func taking(t *testing.T, d *deliver.Dispatcher, p policy.Provider) (address string, taken chan receipt.Receipt) {
	t.Helper()
	taken = make(chan receipt.Receipt, 10)
	server := httptest.NewServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		told, err := d.ReadReceipt("shop", p, receipt.Call{
			URL: server.URL + r.URL.RequestURI(), Message: r.URL.Query().Get("message"), Header: r.Header.Get, Body: body,
		})
		if err != nil {
			t.Errorf("%v: %s", err, body)
		}
		told.At = time.Time{}
		taken <- told
	})
	t.Cleanup(server.Close)
	return server.URL + "/v1/receipts/all/p?message=m-1", taken
}

func next(t *testing.T, taken chan receipt.Receipt) receipt.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case r := <-taken:
		return r
	case <-ctx.Done():
		t.Fatal("nobody told anything")
		return receipt.Receipt{}
	}
}

// seed 7, 17, 19, 55: both providers tell what became of a message, signed, over real
// sockets, and Holdfast's own reader takes it.
func TestTellsWhatBecameOfMessages(t *testing.T) {
	tells := func(o receipt.Outcome, reason receipt.Reason) receipt.Receipt {
		return receipt.Receipt{Tenant: "shop", Message: "m-1", Outcome: o, Reason: reason}
	}
	for name, test := range map[string]struct {
		kind    string
		channel contact.Channel
		to      string
		want    receipt.Receipt
	}{
		"a text by Twilio":             {"Twilio", contact.SMS, "+12025550100", tells(receipt.Delivered, "")},
		"a phone that is off":          {"Twilio", contact.SMS, "+12025550151", tells(receipt.Unreachable, "")},
		"an unknown subscriber":        {"Twilio", contact.SMS, "+12025550152", tells(receipt.Rejected, receipt.UnknownSubscriber)},
		"a landline":                   {"Twilio", contact.SMS, "+12025550153", tells(receipt.Rejected, receipt.Landline)},
		"a sender that is blocked":     {"Twilio", contact.SMS, "+12025550154", tells(receipt.Rejected, receipt.Blocked)},
		"a text that is lost":          {"Twilio", contact.SMS, "+12025550155", tells(receipt.Failed, "")},
		"a call that is answered":      {"Twilio", contact.Voice, "+12025550100", tells(receipt.Delivered, "")},
		"a call that nobody answers":   {"Twilio", contact.Voice, "+12025550151", tells(receipt.Unreachable, "")},
		"a text by webhook":            {"Webhook", contact.SMS, "+12025550100", tells(receipt.Delivered, "")},
		"a phone that is off, webhook": {"Webhook", contact.SMS, "+12025550151", tells(receipt.Unreachable, "")},
		"a landline, webhook":          {"Webhook", contact.SMS, "+12025550153", tells(receipt.Rejected, receipt.Landline)},
		"a mail by webhook":            {"Webhook", contact.Email, "ada@example.test", tells(receipt.Delivered, "")},
	} {
		t.Run(name, func(t *testing.T) {
			inbox, _, pages := open(t, t.TempDir())
			inbox.now = time.Now
			d, p := dispatcher(t, pages.URL, test.kind)
			m := rendered(test.channel, test.to)
			var taken chan receipt.Receipt
			m.ReceiptURL, taken = taking(t, d, p)
			if err := d.Send(t.Context(), "shop", p, m); err != nil {
				t.Fatal(err)
			}
			got := next(t, taken)
			if test.kind == "Twilio" && test.channel == contact.SMS {
				if got.Outcome != "" { // first it is under way
					t.Errorf("first comes %+v", got)
				}
				got = next(t, taken)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A gateway that answers nobody's receipts still takes messages, and one that is asked to
// tell nothing tells nothing.
func TestTellsNothingUnasked(t *testing.T) {
	inbox, _, pages := open(t, t.TempDir())
	d, p := dispatcher(t, pages.URL, "Twilio")
	address, taken := taking(t, d, p)
	for _, m := range []struct{ to, address string }{{"+12025550100", ""}, {"+12025550156", address}, {"+12025550100", "http://127.0.0.1:1/"}} {
		message := rendered(contact.SMS, m.to)
		message.ReceiptURL = m.address
		if err := d.Send(t.Context(), "shop", p, message); err != nil {
			t.Error(err)
		}
	}
	inbox.telling.Wait()
	if len(taken) != 0 {
		t.Errorf("told %+v", <-taken)
	}
}

// T5: the inbox answers Twilio's Lookup as the real provider asks it.
func TestAnswersLookups(t *testing.T) {
	_, _, pages := open(t, t.TempDir())
	d, p := dispatcher(t, pages.URL, "Twilio", "lookup", "line-type")
	often := limit.Rate{Count: 100, Per: time.Hour, Burst: 100}
	for to, want := range map[string]line.Kind{
		"+12025550100": line.Mobile, "+12025550161": line.VoIP, "+12025550162": line.Premium, "+12025550163": line.TollFree,
		"+12025550164": line.SharedCost, "+12025550165": line.Pager, "+12025550166": line.Landline, "+12025550169": line.Unasked,
	} {
		kind, err := d.Line(t.Context(), line.Query{Tenant: "shop", Account: "ada", Number: to, Providers: []policy.Provider{p}, PerAccount: often, PerTenant: often})
		if kind != want || errors.Is(err, line.ErrOutage) != (want == line.Unasked) {
			t.Errorf("%s: %q, %v", to, kind, err)
		}
	}
	wrong, p := dispatcher(t, pages.URL, "Twilio", "lookup", "line-type", "authToken", "wronghorse")
	if _, err := wrong.Line(t.Context(), line.Query{Number: "+12025550100", Providers: []policy.Provider{p}, PerAccount: often, PerTenant: often}); !errors.Is(err, line.ErrOutage) {
		t.Errorf("a wrong token: %v", err)
	}
}
