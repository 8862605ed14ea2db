package deliver_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/deliver/delivertest"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// A provider that has too much to do says for how long.
func TestRetryAfter(t *testing.T) {
	sent := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	early, late := sent.Format(http.TimeFormat), sent.Add(time.Minute).Format(http.TimeFormat)
	for name, c := range map[string]struct {
		status      int
		given, date string
		want        time.Duration
	}{
		"seconds":                       {429, "120", early, 2 * time.Minute},
		"of a server that is away":      {503, "7", early, 7 * time.Second},
		"an instant by their own clock": {429, late, early, time.Minute},
		"an instant that is past":       {429, early, late, 0},
		"an instant of no clock":        {429, late, "noon", 0},
		"none":                          {429, "", early, 0},
		"less than nothing":             {429, "-5", early, 0},
		"beyond reason":                 {429, "99999999999999999999", early, 0},
		"words":                         {429, "soon", early, 0},
	} {
		t.Run(name, func(t *testing.T) {
			gateway, carrier := startGateway(t, nil, nil), startCarrier(t, nil, nil)
			gateway.answer = answers(c.status, "{}", "Retry-After", c.given, "Date", c.date)
			carrier.answer = gateway.answer
			for _, s := range []struct {
				data     map[string][]byte
				provider policy.Provider
			}{{gateway.Data(), gatewayProvider}, {carrier.Data(), carrierProvider}} {
				err := newClient(t, s.data, deliver.Options{}).
					Send(context.Background(), delivertest.Tenant, s.provider, delivertest.Message(contact.SMS, goodNumber))
				var e *message.Error
				if !errors.As(err, &e) || e.Class != message.Temporary || e.RetryAfter != c.want {
					t.Errorf("%s: %+v, want Temporary and a wait of %s", s.provider.Type, e, c.want)
				}
			}
		})
	}
}
