package inbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// tellTimeout bounds one call that tells of a message.
const tellTimeout = 5 * time.Second

// fate is what becomes of a message, or what a number is.
type fate struct {
	// outcome and reason are those of a receipt (docs/providers.md); no outcome tells nothing.
	outcome, reason string
	// code is Twilio's for it, 0 for none.
	code int
}

// fates go by the last two digits of a number; every other message arrives.
var fates = map[string]fate{
	"51": {"Unreachable", "", 30003},
	"52": {"Rejected", "UnknownSubscriber", 30005},
	"53": {"Rejected", "Landline", 30006},
	"54": {"Rejected", "Blocked", 30004},
	"55": {"Failed", "", 30008},
	"56": {},
}

// lineTypes are what Twilio's Lookup says of numbers, by their last two digits; every other
// is a mobile, and an empty one an outage.
var lineTypes = map[string]string{
	"61": "nonFixedVoip", "62": "premium", "63": "tollFree", "64": "sharedCost", "65": "pager", "66": "landline", "69": "",
}

func ending(to string) string { return to[max(0, len(to)-2):] }

func fateOf(to string) fate {
	if f, special := fates[ending(to)]; special {
		return f
	}
	return fate{outcome: "Delivered"}
}

// tellTwilio posts the status callbacks of a message or a call, as Twilio does after its
// answer.
func (i *Inbox) tellTwilio(callback, sid, to string, call bool) {
	f := fateOf(to)
	if callback == "" || f.outcome == "" {
		return
	}
	statuses := []url.Values{{"MessageStatus": {"sent"}}, {"MessageStatus": {"delivered"}}}
	switch {
	case call && f.outcome == "Delivered":
		statuses = []url.Values{{"CallStatus": {"completed"}}}
	case call:
		statuses = []url.Values{{"CallStatus": {"no-answer"}}}
	case f.outcome != "Delivered":
		statuses[1] = url.Values{"MessageStatus": {"undelivered"}, "ErrorCode": {strconv.Itoa(f.code)}}
	}
	i.tell(func(ctx context.Context) error {
		for _, form := range statuses {
			form.Set("AccountSid", i.credentials.TwilioAccount)
			form.Set("To", to)
			form.Set(map[bool]string{false: "MessageSid", true: "CallSid"}[call], sid)
			header := http.Header{
				"Content-Type":       {"application/x-www-form-urlencoded"},
				"X-Twilio-Signature": {twilioSignature(i.credentials.TwilioToken, callback, form)},
			}
			if err := post(ctx, callback, header, form.Encode()); err != nil {
				return err
			}
		}
		return nil
	})
}

// twilioSignature is HMAC-SHA1 over the URL and the sorted form, as Twilio's reference says.
func twilioSignature(token, callback string, form url.Values) string {
	sum := hmac.New(sha1.New, []byte(token))
	sum.Write([]byte(callback))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		sum.Write([]byte(name + form.Get(name)))
	}
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

// tellWebhook posts the receipt of a message, as a gateway does.
func (i *Inbox) tellWebhook(callback, id, to string) {
	f := fateOf(to)
	if callback == "" || f.outcome == "" {
		return
	}
	i.tell(func(ctx context.Context) error {
		now := i.now()
		body, err := json.Marshal(map[string]any{
			"type": "message.receipt", "timestamp": now.UTC(),
			"data": map[string]string{"id": id, "outcome": f.outcome, "reason": f.reason},
		})
		if err != nil {
			return fmt.Errorf("write the receipt: %w", err)
		}
		signer, err := standardwebhooks.NewWebhook(i.credentials.WebhookSecret)
		if err != nil {
			return fmt.Errorf("sign the receipt: %w", err)
		}
		signature, err := signer.Sign("receipt_"+id, now, body)
		if err != nil {
			return fmt.Errorf("sign the receipt: %w", err)
		}
		header := http.Header{"Content-Type": {"application/json"}}
		header.Set(standardwebhooks.HeaderWebhookID, "receipt_"+id)
		header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
		header.Set(standardwebhooks.HeaderWebhookSignature, signature)
		return post(ctx, callback, header, string(body))
	})
}

// tell calls back beside the answer; Close waits for it.
func (i *Inbox) tell(call func(context.Context) error) {
	i.telling.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), tellTimeout)
		defer cancel()
		if err := call(ctx); err != nil {
			i.log.Printf("receipt: %v", err)
		}
	})
}

func post(ctx context.Context, to string, header http.Header, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader([]byte(body)))
	if err != nil {
		return fmt.Errorf("read the address for receipts: %w", err)
	}
	request.Header = header
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		return fmt.Errorf("tell: %w", err)
	}
	_ = response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("tell: %s answered %s", request.URL.Host, response.Status)
	}
	return nil
}

// lookUp answers Twilio's Lookup v2.
func (i *Inbox) lookUp(w http.ResponseWriter, r *http.Request) {
	number := r.PathValue("number")
	kind, special := lineTypes[ending(number)]
	switch {
	case special && kind == "":
		twilioError(w, http.StatusServiceUnavailable, 20503, "Service unavailable")
		return
	case !special:
		kind = "mobile"
	}
	answer := map[string]any{"phone_number": number, "valid": phoneNumber.MatchString(number), "url": r.URL.Path}
	if strings.Contains(r.URL.Query().Get("Fields"), "line_type_intelligence") {
		answer["line_type_intelligence"] = map[string]any{"type": kind, "error_code": nil, "carrier_name": "Inbox"}
	}
	twilioAnswer(w, http.StatusOK, answer)
}
