package postgres

import (
	"context"
	"crypto/sha256"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/store/storetest"
)

// trips counts what is sent and waited for.
type trips struct{ atomic.Int64 }

func (n *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if d.SQL != notify { // nobody waits for it
		n.Add(1)
	}
	return ctx
}
func (*trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (n *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	n.Add(1)
	return ctx
}
func (*trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// A deed asks all that it needs at once, decides, and sends all that it writes with the
// commit: two round trips, whatever it counts (ADR 14).
func TestRoundTrips(t *testing.T) {
	at, o := emptied(t), options(t)
	n := &trips{}
	o.tracer = n
	s := mustOpen(t, at, o)
	start := storetest.Start
	if _, err := s.FreezeBlock(t.Context(), key, "uid", block.Spec{
		Account: "anna", Reason: block.UnusualActivity, Scope: block.Account, Start: start, Duration: 24 * time.Hour,
		Steps: []block.Step{block.VerifyCode}, CodeTo: block.SecurityInfo,
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.ImportContacts(t.Context(), key.Tenant, "anna", []contact.Contact{{
		ID: "c1", Channel: contact.Email, Address: storetest.Address, Standing: contact.Full, Language: "de", Added: start,
	}}, nil, start); err != nil {
		t.Fatal(err)
	}
	flow := session.Flow{
		ID: "f1", Tenant: key.Tenant, Account: "anna", Purpose: code.Unblock, Object: key.Name, Stage: session.Opened,
		Secret: sha256.Sum256([]byte("f1")), Opened: start, Expires: start.Add(session.Life),
	}
	rate := limit.Rate{Count: 10, Per: time.Hour, Burst: 10}
	issue := code.Issue{
		Challenge: code.Challenge{
			ID: "ch1", Tenant: key.Tenant, Account: "anna", Purpose: code.Unblock, Object: key.Name, Flow: "f1", ContactID: "c1",
			Channel: contact.Email, Destination: "hash", Language: "de", Nonce: [16]byte{1}, Digits: 6,
			Expires: start.Add(10 * time.Minute), MaxAttempts: 5,
		},
		Address: storetest.Address, MaxWrongPerDay: 10, ResendWaits: []time.Duration{time.Minute}, MessageID: "m1", Now: start,
		Limits: func(address string) []code.Limit {
			return []code.Limit{
				{Subject: "account", ID: "anna", Rate: rate}, {Subject: "contact", Secret: address, Rate: rate},
				{Subject: "network", ID: "192.0.2.0/24", Rate: rate}, {Subject: "country", ID: "DE", Rate: rate},
			}
		},
	}
	again := issue
	again.Challenge.ID, again.Challenge.Nonce, again.MessageID = "ch2", [16]byte{2}, "m2"
	again.Address, again.Now = "", start.Add(2*time.Minute)
	now := start.Add(3 * time.Minute)
	var c code.Challenge
	deeds := []struct {
		name string
		want int64
		do   func(context.Context) error
	}{
		{"open a flow", 2, func(ctx context.Context) error { return s.OpenFlow(ctx, flow) }},
		{"issue a code under four limits", 2, func(ctx context.Context) error {
			_, err := s.IssueChallenge(ctx, issue)
			return err
		}},
		{"repeat it", 3, func(ctx context.Context) (err error) { // the limits depend on the address, which it reads first
			c, err = s.IssueChallenge(ctx, again)
			return err
		}},
		{"lease two codes to one address", 5, func(ctx context.Context) error { // the former is void, and lets the other through
			_, err := s.Lease(ctx, 50, now, now.Add(time.Minute))
			return err
		}},
		{"count an attempt", 2, func(ctx context.Context) (err error) {
			_, err = s.CountAttempt(ctx, c.ID, "f1", code.Budget{PerDay: 10, InARow: 100}, now)
			return err
		}},
		{"accept the code", 2, func(ctx context.Context) error {
			return s.AcceptCode(ctx, code.Accept{Challenge: c, NewSecret: sha256.Sum256([]byte("2")), Now: now})
		}},
		{"release", 2, func(ctx context.Context) error {
			_, err := s.ReleaseBlock(ctx, block.Release{Key: key, FlowID: "f1", Now: now})
			return err
		}},
	}
	for _, d := range deeds {
		n.Store(0)
		if err := d.do(t.Context()); err != nil {
			t.Fatalf("%s: %v", d.name, err)
		}
		if got := n.Load(); got != d.want {
			t.Errorf("%s: %d round trips, want %d", d.name, got, d.want)
		}
	}
}
