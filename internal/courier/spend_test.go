package courier

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// holding is the notice of a hold on a channel.
func holding(id string, channel contact.Channel, address string) message.Message {
	return message.Message{
		ID: id, Tenant: "shop", Account: "u-1", Kind: message.Notice, Notice: change.NoticeHeld, Channel: channel, Address: address,
		Language: "en", About: message.About{Until: start.Add(720 * time.Hour), Restricted: change.SignIn},
		Created: start, NotBefore: start, Expires: start.Add(72 * time.Hour),
	}
}

// T6: a notice by text counts in the caps of its policy and country, once it has cost
// something; mail costs nothing, and a code was counted when it was asked for.
func TestNoticesCountInTheSpendCap(t *testing.T) {
	f := newFixture(t, func(_ context.Context, _ string, p policy.Provider, _ message.Rendered) error {
		if p.Name == "texts" {
			return fail(message.Unreachable)
		}
		return nil
	})
	p := f.Policies.(policies)
	p.Name = "everyone"
	p.Limits.SpendCountries = map[string]limit.Rate{"DE": limit.Cap(9, time.Hour)}
	p.Testing.Numbers = []string{"+4900000"}
	f.Policies = p
	code := codeMessage("code")
	code.Channel, code.Challenge.Channel, code.Address = contact.SMS, contact.SMS, "+491511"
	f.outbox.put(holding("mail", contact.Email, "ada@example.com"), code, holding("test", contact.SMS, "+4900000"))
	f.run(t)
	for range 3 {
		<-f.outbox.events
	}
	f.outbox.put(holding("text", contact.SMS, "+491512"))
	f.expect(t, "sent text")
	f.outbox.put(holding("elsewhere", contact.SMS, "+33612"))
	f.expect(t, "sent elsewhere")
	want := []string{"shop spend-country everyone/DE", "shop spend everyone", "shop spend everyone"}
	if diff := cmp.Diff(want, f.outbox.spent); diff != "" {
		t.Errorf("charged (-want +got):\n%s", diff)
	}
}

// law 8: a cap that is used up keeps no notice of a hold, by text or by mail; that it went
// over the cap shows.
func TestNoticesGoOverTheSpendCap(t *testing.T) {
	f := newFixture(t, func(context.Context, string, policy.Provider, message.Rendered) error { return nil })
	f.outbox.full = true
	f.outbox.put(holding("text", contact.SMS, "+491511"))
	f.run(t)
	f.expect(t, "sent text")
	f.outbox.put(holding("mail", contact.Email, "ada@example.com"))
	f.expect(t, "sent mail")
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	over := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "holdfast_notices_over_cap_total" {
				over[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	if diff := cmp.Diff(map[string]float64{"SMS": 1}, over); diff != "" {
		t.Error(diff)
	}
}

// What may have been sent counts too, and is not sent again for it; what was refused costs
// nothing. A count that is not written is logged without the address.
func TestWhatMayHaveCostSomethingCounts(t *testing.T) {
	f := newFixture(t, func(_ context.Context, _ string, _ policy.Provider, m message.Rendered) error {
		if m.To == "+491511" {
			return fail(message.Unknown)
		}
		return fail(message.Rejected)
	})
	f.outbox.put(holding("unknown", contact.SMS, "+491511"), holding("rejected", contact.SMS, "+491512"))
	f.run(t)
	for range 2 {
		<-f.outbox.events
	}
	if got := len(f.outbox.spent); got != 1 {
		t.Errorf("%d charges, want 1", got)
	}
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(f.log.String(), "+4915") {
		t.Errorf("the log has the address: %s", f.log)
	}
}
