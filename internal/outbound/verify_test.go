package outbound_test

import (
	"maps"
	"math"
	"net/http"
	"strconv"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/outbound"
)

func TestOnlyFreshCallsOfASecretAreVerified(t *testing.T) {
	signers, _ := outbound.NewSigners(secret("a") + " " + secret("b"))
	signed := func(by string, at time.Time) http.Header {
		theirs, _ := outbound.NewSigners(secret(by))
		header := http.Header{}
		if err := theirs.Sign(header, "id-1", at, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		return header
	}
	with := func(name, value string) http.Header {
		header := maps.Clone(signed("a", now))
		header.Set(name, value)
		return header
	}
	for name, test := range map[string]struct {
		header http.Header
		body   string
		want   bool
	}{
		"the one secret":               {signed("a", now), "{}", true},
		"the other, during a rotation": {signed("b", now), "{}", true},
		"five minutes old":             {signed("a", now.Add(-5*time.Minute)), "{}", true},
		"replayed later":               {signed("a", now.Add(-5*time.Minute-time.Second)), "{}", false},
		"of the future":                {signed("a", now.Add(5*time.Minute+time.Second)), "{}", false},
		"a foreign secret":             {signed("c", now), "{}", false},
		"another body":                 {signed("a", now), "{ }", false},
		"another ID":                   {with("webhook-id", "id-2"), "{}", false},
		"another time":                 {with("webhook-timestamp", strconv.FormatInt(now.Unix()+1, 10)), "{}", false},
		"no time":                      {with("webhook-timestamp", ""), "{}", false},
		"a time beyond all times":      {with("webhook-timestamp", strconv.FormatInt(math.MaxInt64, 10)), "{}", false},
		"no signature":                 {with("webhook-signature", ""), "{}", false},
		"nothing":                      {http.Header{}, "{}", false},
	} {
		if got := signers.Verified(test.header.Get, now, []byte(test.body)); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if (outbound.Signers{}).Verified(signed("a", now).Get, now, []byte("{}")) {
		t.Error("without a secret")
	}
}
