package deliver

import (
	"errors"
	"net/http"

	"github.com/twilio/twilio-go/client"

	"holdfast.dev/holdfast/internal/rules/message"
)

// twilioCodes are Twilio's error codes that say something about the number or the
// moment (https://www.twilio.com/docs/api/errors). Any other is about the account, its
// senders or its permissions, such as 20003 (credentials), 21215 and 21408 (a region
// that is not enabled) or 30002 (suspended): only the operator can mend it.
var twilioCodes = map[int]message.ErrorClass{
	21211: message.Rejected, // no valid number
	21214: message.Rejected, // the number cannot be reached
	21216: message.Rejected, // calls to it are blocked
	21217: message.Rejected, // no valid number
	21265: message.Rejected, // a short code
	21401: message.Rejected, // no valid number
	21407: message.Rejected, // a kind of phone that takes no SMS or no call
	21421: message.Rejected, // no valid number
	21610: message.Rejected, // its owner has answered STOP
	21612: message.Rejected, // not reachable by SMS from this sender
	21614: message.Rejected, // no mobile number
	21635: message.Rejected, // a landline
	30004: message.Rejected, // blocked by its owner or carrier
	30005: message.Rejected, // unknown to its carrier
	30006: message.Rejected, // a landline, or a carrier that cannot be reached

	10004: message.Temporary, // too many calls at once
	14107: message.Temporary, // over the rate of messages
	20429: message.Temporary, // over the rate of requests
	21611: message.Temporary, // the sender's queue is full
	30001: message.Temporary, // the queue is full
	30003: message.Temporary, // the phone is off or away
	30008: message.Temporary, // nobody knows why
	30022: message.Temporary, // over the rate of the carrier
}

// twilio classifies what the client library returned; code is the error code within an
// answer that is none.
func (e *exchange) twilio(code *int, err error) error {
	var refused *client.TwilioRestError
	coded := errors.As(err, &refused) && refused.Code != 0
	switch status := e.status; {
	case status == 0:
		return e.unanswered(err)
	case (status == http.StatusOK || status == http.StatusCreated) && code != nil && *code != 0:
		return twilioFailure(*code)
	case status == http.StatusOK || status == http.StatusCreated:
		return nil // also where the rest of the answer was lost
	case status/100 == 2:
		return failure(message.Misconfigured, "send") // not Twilio's API
	case coded && status < 500 && status != http.StatusTooManyRequests:
		return twilioFailure(refused.Code)
	default:
		return e.answered(message.Misconfigured)
	}
}

func twilioFailure(code int) *message.Error {
	if class, ok := twilioCodes[code]; ok {
		return failure(class, "send")
	}
	if code/1000 == 20 {
		return failure(message.Misconfigured, "auth")
	}
	return failure(message.Misconfigured, "send")
}
