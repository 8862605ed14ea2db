package outbound

import (
	"net/http"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// tolerance is how far the timestamp of a signed call may lie from now, as Standard
// Webhooks says.
const tolerance = 5 * time.Minute

// Verified reports whether one of the secrets has signed the call, whose headers are read
// one by one, not long before or after now. The comparison takes constant time.
func (s Signers) Verified(read func(name string) string, now time.Time, body []byte) bool {
	header := http.Header{}
	for _, name := range []string{standardwebhooks.HeaderWebhookID, standardwebhooks.HeaderWebhookTimestamp, standardwebhooks.HeaderWebhookSignature} {
		header.Set(name, read(name))
	}
	seconds, err := strconv.ParseInt(header.Get(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	if err != nil || time.Unix(seconds, 0).Sub(now).Abs() > tolerance {
		return false
	}
	for _, signer := range s {
		// The library's own look at the timestamp would ask the wall clock.
		if signer.VerifyIgnoringTimestamp(body, header) == nil {
			return true
		}
	}
	return false
}
