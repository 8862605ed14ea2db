package deliver_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/deliver/delivertest"
	"holdfast.dev/holdfast/internal/rules/message"
)

// The allow-list is asked for the host that region and edge make, whatever the
// environment says.
func TestTwilioEndpointIsAllowedByName(t *testing.T) {
	t.Setenv("TWILIO_REGION", "au1")
	for name, test := range map[string]struct {
		keys    []string
		address string
	}{
		"Twilio's own":    {nil, "api.twilio.com:443"},
		"region and edge": {[]string{"region", "ie1", "edge", "dublin"}, "api.dublin.ie1.twilio.com:443"},
		"region":          {[]string{"region", "ie1"}, "api.ie1.twilio.com:443"},
		"another":         {[]string{"endpoint", "https://twilio.internal:8443"}, "twilio.internal:8443"},
	} {
		t.Run(name, func(t *testing.T) {
			data := map[string][]byte{"accountSid": []byte(twilioAccount), "authToken": []byte("t"), "from": []byte("SHOP")}
			for i := 0; i < len(test.keys); i += 2 {
				data[test.keys[i]] = []byte(test.keys[i+1])
			}
			asked := &asking{}
			var secrets delivertest.Secrets
			secrets.Put("provider", data)
			d := deliver.New(&secrets, asked, deliver.Options{Now: delivertest.Now, Timeout: time.Second})
			err := d.Check(context.Background(), delivertest.Tenant, carrierProvider)
			if delivertest.Class(t, err) != message.Misconfigured || cmp.Diff([]string{test.address}, asked.addresses) != "" {
				t.Errorf("%v, asked %q, want %s", err, asked.addresses, test.address)
			}
		})
	}
}

// asking allows nothing and keeps what it was asked.
type asking struct{ addresses []string }

func (a *asking) Allows(address string) bool {
	a.addresses = append(a.addresses, address)
	return false
}

func TestTwilioSecretsThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ keys, want string }{
		"nothing":          {`{}`, "key accountSid is missing; key authToken is missing, or apiKey and apiSecret; key from is missing, or messagingServiceSid"},
		"account":          {`{"accountSid": "hunter2", "authToken": "t", "from": "SHOP"}`, "key accountSid must be AC"},
		"token":            {`{"accountSid": "` + twilioAccount + `", "authToken": "hunter2!", "from": "SHOP"}`, "key authToken must be"},
		"token, half key":  {`{"accountSid": "` + twilioAccount + `", "authToken": "t", "apiKey": "` + twilioKey + `", "from": "SHOP"}`, "key apiSecret is missing"},
		"key alone":        {`{"accountSid": "` + twilioAccount + `", "apiKey": "` + twilioKey + `", "from": "SHOP"}`, "apiSecret"},
		"sender":           {`{"accountSid": "` + twilioAccount + `", "authToken": "t", "from": "hunter2: the shop"}`, "key from must be"},
		"region":           {`{"accountSid": "` + twilioAccount + `", "authToken": "t", "from": "SHOP", "region": "hunter2.evil"}`, "key region must be"},
		"endpoint, region": {`{"accountSid": "` + twilioAccount + `", "authToken": "t", "from": "SHOP", "region": "ie1", "endpoint": "https://t.example"}`, "key endpoint excludes"},
		"endpoint's path":  {`{"accountSid": "` + twilioAccount + `", "authToken": "t", "from": "SHOP", "endpoint": "https://t.example/hunter2"}`, "neither path nor query"},
		"plain HTTP":       {`{"accountSid": "` + twilioAccount + `", "authToken": "t", "from": "SHOP", "endpoint": "http://t.example"}`, "key endpoint may begin with http://"},
		"no PEM":           {`{"accountSid": "` + twilioAccount + `", "authToken": "t", "from": "SHOP", "ca": "hunter2"}`, "key ca holds no PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			var keys map[string]string
			if err := json.Unmarshal([]byte(test.keys), &keys); err != nil {
				t.Fatal(err)
			}
			data := map[string][]byte{}
			for k, v := range keys {
				data[k] = []byte(v)
			}
			err := deliver.Validate("Twilio", data)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
