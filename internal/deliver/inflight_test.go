package deliver_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/deliver/delivertest"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// A Secret that is rotated while a call waits for its answer breaks nothing: the call
// ends with the old one, the next begins with the new one.
func TestASecretIsRotatedInFlight(t *testing.T) {
	for name, start := range map[string]func() (*httpServer, delivertest.Provider, policy.Provider){
		"webhook": func() (*httpServer, delivertest.Provider, policy.Provider) {
			g := startGateway(t, nil, nil)
			return g.httpServer, g, gatewayProvider
		},
		"Twilio": func() (*httpServer, delivertest.Provider, policy.Provider) {
			c := startCarrier(t, nil, nil)
			return c.httpServer, c, carrierProvider
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, provider, p := start()
			proper := server.answer
			waiting, release := make(chan struct{}), make(chan struct{})
			var calls atomic.Int64
			server.answer = func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) == 1 {
					close(waiting)
					<-release
					answers(http.StatusCreated, "{}")(w, r)
					return
				}
				proper(w, r)
			}
			c := newClient(t, provider.Data(), deliver.Options{})
			send := func() error {
				return c.Send(context.Background(), delivertest.Tenant, p, delivertest.Message(contact.SMS, goodNumber))
			}
			first := make(chan error, 1)
			go func() { first <- send() }()
			<-waiting
			c.secrets.Put("provider", provider.Rotate())
			c.expect(send(), "", "")
			close(release)
			c.expect(<-first, "", "")
		})
	}
}
