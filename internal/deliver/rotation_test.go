package deliver

import (
	"context"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// clinging is a provider that does not let go of its connections.
type clinging struct{ closing, let chan struct{} }

func (c clinging) Send(context.Context, message.Rendered) error { return nil }
func (c clinging) Check(context.Context) error                  { return nil }
func (c clinging) Close()                                       { close(c.closing); <-c.let }

// versions answers one Secret after another.
type versions map[string]string

func (v versions) Secret(tenant, _ string) (map[string][]byte, error) {
	return map[string][]byte{"version": []byte(v[tenant])}, nil
}

// A tenant that rotates its Secret while its server is slow to say goodbye holds up
// no other tenant.
func TestRotationHoldsUpNobodyElse(t *testing.T) {
	closing, let := make(chan struct{}), make(chan struct{})
	kinds["Clinging"] = kind{open: func(map[string][]byte, Endpoints, Options) (Sender, error) {
		return clinging{closing, let}, nil
	}}
	defer delete(kinds, "Clinging")
	secrets := versions{"slow": "1", "other": "1"}
	d := New(secrets, Patterns{}, Options{Now: func() time.Time { return time.Unix(0, 0) }})
	p := policy.Provider{Name: "p", Type: "Clinging", Secret: "s"}
	if err := d.Send(t.Context(), "slow", p, message.Rendered{}); err != nil {
		t.Fatal(err)
	}
	secrets["slow"] = "2"
	rotated, sent := make(chan error, 1), make(chan error, 1)
	go func() { rotated <- d.Send(t.Context(), "slow", p, message.Rendered{}) }()
	<-closing
	go func() { sent <- d.Send(t.Context(), "other", p, message.Rendered{}) }()
	select {
	case err := <-sent:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("another tenant's message waits")
	}
	close(let)
	if err := <-rotated; err != nil {
		t.Error(err)
	}
}
