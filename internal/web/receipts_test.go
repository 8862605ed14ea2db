package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

const (
	receipts = "/v1/receipts/all/main?message=m-1"
	asForm   = "application/x-www-form-urlencoded"
)

// What a provider sends reaches the desk as it came: a form of Twilio's, JSON of a gateway.
func TestReceiptsReachTheDesk(t *testing.T) {
	v := visit(t)
	none := text(t, expect(t, v.do("POST", receipts, "MessageStatus=delivered&To=%2B49", "Content-Type", asForm, "X-Twilio-Signature", "s1g"), http.StatusNoContent))
	expect(t, v.do("POST", receipts, `{"type":"message.receipt"}`, "Content-Type", "application/json"), http.StatusNoContent)
	want := []string{
		host + " all main m-1 s1g MessageStatus=delivered&To=%2B49",
		host + ` all main m-1  {"type":"message.receipt"}`,
	}
	if diff := cmp.Diff(want, v.desk.Receipts); diff != "" || none != "" {
		t.Errorf("%q %s", none, diff)
	}
}

// Law 6: whoever is not proved gets one answer, whatever they ask about.
func TestUnprovenReceiptsAreAnsweredAlike(t *testing.T) {
	v := visit(t)
	v.desk.Fail["TakeReceipt"] = fmt.Errorf("provider main: %w", receipt.ErrUnproven)
	var first string
	for _, target := range []string{receipts, "/v1/receipts/none/main?message=m-1", "/v1/receipts/all/none", "/v1/receipts/all/main?message="} {
		r := v.do("POST", target, "MessageStatus=delivered", "Content-Type", asForm, "X-Twilio-Signature", "s1g")
		body := text(t, expect(t, r, http.StatusForbidden))
		if first == "" {
			first = body
		}
		contains(t, body, "receipt-refused")
		lacks(t, body, "main", "all", "m-1")
		if body != first {
			t.Errorf("%s: %s\ninstead of %s", target, body, first)
		}
	}
}

func TestReceiptsThatFail(t *testing.T) {
	v := visit(t)
	v.desk.Fail["TakeReceipt"] = receipt.ErrUnreadable
	problemOf(t, v.do("POST", receipts, `{}`, "Content-Type", "application/json"), http.StatusUnprocessableEntity, "receipt-unreadable")
	v.desk.Fail["TakeReceipt"] = rules.ErrUnavailable
	problemOf(t, v.do("POST", receipts, `{}`, "Content-Type", "application/json"), http.StatusServiceUnavailable, "unavailable")
}

// A receipt is bounded and never reaches another host's providers.
func TestReceiptsAreBounded(t *testing.T) {
	v := visit(t)
	big := "MessageStatus=delivered&x=" + strings.Repeat("x", 20<<10)
	expect(t, v.do("POST", receipts, big, "Content-Type", asForm), http.StatusRequestEntityTooLarge)
	expect(t, v.stream(receipts, asForm, strings.NewReader(big)), http.StatusRequestEntityTooLarge)
	expect(t, v.do("POST", receipts, "a=b", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType)
	expect(t, v.do("POST", receipts, "a=b", "Content-Type", asForm, "Host", "elsewhere.example"), http.StatusMisdirectedRequest)
	expect(t, v.do("GET", receipts, ""), http.StatusMethodNotAllowed)
	// The form is taken here alone: no other call of the API takes one.
	expect(t, v.do("POST", "/v1/reports", "kind=NotMe", "Content-Type", asForm), http.StatusUnsupportedMediaType)
	if len(v.desk.Receipts) != 0 {
		t.Errorf("the desk was told %q", v.desk.Receipts)
	}
}
