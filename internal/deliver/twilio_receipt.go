package deliver

import (
	"net/url"
	"strconv"
	"time"

	"github.com/twilio/twilio-go/client"

	"holdfast.dev/holdfast/internal/rules/receipt"
)

// readTwilio reads a status callback of a message or a call. Its signature covers the
// URL, and thereby the message's ID, and the form. It bears no time: what a replay tells
// was told before.
func readTwilio(data map[string][]byte, call receipt.Call, _ time.Time) (receipt.Receipt, error) {
	token := valueOf(data, "authToken")
	if token == "" { // anybody could sign with nothing
		return receipt.Receipt{}, receipt.ErrUnproven
	}
	validator := client.NewRequestValidator(token)
	if !validator.ValidateBody(call.URL, call.Body, call.Header("X-Twilio-Signature")) {
		return receipt.Receipt{}, receipt.ErrUnproven
	}
	form, err := url.ParseQuery(string(call.Body))
	if err != nil {
		return receipt.Receipt{}, receipt.ErrUnproven
	}
	told := twilioEnd(form)
	told.Message = call.Message
	return told, nil
}

// twilioEnd is how a message or a call ended; no outcome while it is under way.
func twilioEnd(form url.Values) receipt.Receipt {
	switch form.Get("MessageStatus") {
	case "delivered", "read":
		return receipt.Receipt{Outcome: receipt.Delivered}
	case "undelivered", "failed":
		code, _ := strconv.Atoi(form.Get("ErrorCode")) // 0 is none
		if told, ok := twilioEnds[code]; ok {
			return told
		}
		return receipt.Receipt{Outcome: receipt.Failed}
	}
	switch form.Get("CallStatus") {
	case "completed":
		return receipt.Receipt{Outcome: receipt.Delivered}
	case "busy", "no-answer":
		return receipt.Receipt{Outcome: receipt.Unreachable}
	case "failed", "canceled":
		return receipt.Receipt{Outcome: receipt.Failed}
	default:
		return receipt.Receipt{}
	}
}

// twilioEnds are the error codes by which a carrier says why a text did not arrive.
var twilioEnds = map[int]receipt.Receipt{
	21610: {Outcome: receipt.Rejected, Reason: receipt.Blocked},  // its owner has answered STOP
	21614: {Outcome: receipt.Rejected, Reason: receipt.Landline}, // no mobile number
	21635: {Outcome: receipt.Rejected, Reason: receipt.Landline},
	30003: {Outcome: receipt.Unreachable}, // the phone is off, away or full
	30004: {Outcome: receipt.Rejected, Reason: receipt.Blocked},
	30005: {Outcome: receipt.Rejected, Reason: receipt.UnknownSubscriber},
	30006: {Outcome: receipt.Rejected, Reason: receipt.Landline},
	30017: {Outcome: receipt.Unreachable}, // the carrier's network is congested
}
