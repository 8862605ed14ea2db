package flow_test

import (
	"context"
	"testing"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/fact"
)

// law 4: without the store the pages say that nothing was changed, and decisions
// go on from what the replica knows.
func TestWithoutTheStore(t *testing.T) {
	d := blocked(t)
	sealed, v := d.ticket(anna), d.open(anna)
	view := d.request(v, toMail)
	proved := d.prove(d.open(anna), toMail)
	is(t, d.memory.Close(), nil)

	bearer := flow.Visit{Host: host, Ticket: sealed}
	for name, deed := range map[string]func(context.Context) error{
		"Peek":        func(ctx context.Context) error { return second(d.Peek(ctx, host, sealed)) },
		"Open":        func(ctx context.Context) error { return second(d.Open(ctx, host, sealed, false)) },
		"Overview":    func(ctx context.Context) error { return second(d.Overview(ctx, v)) },
		"by ticket":   func(ctx context.Context) error { return second(d.Overview(ctx, bearer)) },
		"RequestCode": func(ctx context.Context) error { return second(d.RequestCode(ctx, v, toMail)) },
		"Resend":      func(ctx context.Context) error { return second(d.Resend(ctx, v, view.ID, flow.Target{})) },
		"SubmitCode":  func(context.Context) error { return d.submit(v, view.ID, "000000") },
		"SetPassword": func(ctx context.Context) error { return d.SetPassword(ctx, proved, strong) },
		"ImportContacts": func(ctx context.Context) error {
			return d.ImportContacts(ctx, flow.Import{Tenant: shop, Account: "new"})
		},
		"Report": func(ctx context.Context) error {
			return d.Report(ctx, fact.Signal{Tenant: shop, Account: anna, Type: fact.FailedSignIn, Method: "SMS"})
		},
	} {
		t.Run(name, func(t *testing.T) { is(t, deed(t.Context()), rules.ErrUnavailable) })
	}
	if len(d.idp.calls) != 0 {
		t.Error("the IdP was called")
	}
	if got := d.decide(anna, decision.SignIn); got.Verdict != decision.Deny || got.Ticket == "" {
		t.Errorf("SignIn is answered %+v", got)
	}
	if got := d.decide("bert", decision.SignIn); got.Verdict != decision.Allow {
		t.Errorf("SignIn of another account is answered %+v", got)
	}
	if got, err := d.CheckPassword(t.Context(), v, strong); err != nil || !got.Acceptable {
		t.Errorf("CheckPassword is answered %+v, %v", got, err)
	}
}

// A call that its client gave up is no wrong destination.
func TestAResendWithoutTheStore(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	view := d.request(v, toMail)
	d.Store = &failing{Store: d.memory, current: true}
	_, err := d.Resend(t.Context(), v, view.ID, flow.Target{})
	is(t, err, rules.ErrUnavailable)
}
