package outbound

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// minSecret is the least length of a signing secret in bytes, as Standard
	// Webhooks asks.
	minSecret = 24
	// maxSecrets is one in use and one that replaces or is replaced by it.
	maxSecrets = 2
)

// Signers sign by Standard Webhooks with every secret in use, so that a rotation
// misses no call.
type Signers []*standardwebhooks.Webhook

// NewSigners reads one or two secrets (whsec_ and base64), separated by white space.
// problem says what is wrong without showing them.
func NewSigners(secrets string) (signers Signers, problem string) {
	list := strings.Fields(secrets)
	if len(list) == 0 {
		return nil, "is missing"
	}
	if len(list) > maxSecrets {
		return nil, "may hold two secrets at most"
	}
	for _, s := range list {
		encoded, ok := strings.CutPrefix(s, "whsec_")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(raw) < minSecret {
			return nil, "must be whsec_ and at least 24 bytes in base64"
		}
		signer, err := standardwebhooks.NewWebhookRaw(raw)
		if err != nil {
			return nil, "cannot be used to sign"
		}
		signers = append(signers, signer)
	}
	return signers, ""
}

// Sign writes the headers of a signed JSON call; id is the same in every try.
func (s Signers) Sign(header http.Header, id string, now time.Time, body []byte) error {
	signatures := make([]string, 0, len(s))
	for _, signer := range s {
		signature, err := signer.Sign(id, now, body)
		if err != nil {
			return fmt.Errorf("sign a call: %w", err)
		}
		signatures = append(signatures, signature)
	}
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", "holdfast")
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}
