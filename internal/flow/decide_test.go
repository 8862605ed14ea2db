package flow_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// law 6: before the first factor a stranger learns nothing of an account.
func TestAttemptNeverSpeaksOfAccounts(t *testing.T) {
	d := newDesk(t)
	d.has("known", mail)
	d.block("b1")
	d.block("b2", of("banned"), permanent)
	d.block("b3", of("by-sms"), scoped(block.Method, "SMS"))
	attempts := func(network, country string) map[string]flow.Decision {
		out := map[string]flow.Decision{}
		for _, account := range []string{"unknown", "known", anna, "banned", "by-sms"} {
			var err error
			out[account], err = d.Decide(shop, flow.Request{Account: account, Action: decision.Attempt, Method: "SMS",
				Network: netip.MustParseAddr(network), Country: country})
			is(t, err, nil)
		}
		return out
	}
	alike := func(got map[string]flow.Decision, verdict decision.Verdict) {
		t.Helper()
		want := flow.Decision{Answer: decision.Answer{Verdict: verdict}}
		for account, answer := range got {
			if diff := cmp.Diff(want, answer); diff != "" {
				t.Errorf("Attempt of %s (-want +got):\n%s", account, diff)
			}
		}
	}
	alike(attempts("192.0.2.10", "DE"), decision.Allow)
	d.block("n1", scoped(block.Network, "198.51.100.0/24"))
	alike(attempts("198.51.100.9", "DE"), decision.Deny)
	alike(attempts("192.0.2.10", "DE"), decision.Allow)
	d.block("r1", scoped(block.Region, "FR"), permanent)
	alike(attempts("192.0.2.10", "FR"), decision.Deny)
}

// seed 16, 28, 29, 47: each scope binds what it names and nothing else.
func TestScopes(t *testing.T) {
	request := func(edit func(*flow.Request)) flow.Request {
		r := flow.Request{Account: anna, Action: decision.SignIn, Method: "Voice", Network: network, Country: "DE"}
		if edit != nil {
			edit(&r)
		}
		return r
	}
	usual := request(nil)
	for _, c := range []struct {
		name   string
		block  func(*block.Spec)
		edit   func(*flow.Request)
		denied bool
		ticket bool
	}{
		{"account", of(anna), nil, true, true},
		{"account: another one", of(anna), func(r *flow.Request) { r.Account = "bert" }, false, false},
		{"account: IDs are exact", of(anna), func(r *flow.Request) { r.Account = "Anna-4711" }, false, false},
		{"method: another one works", scoped(block.Method, "SMS"), nil, false, false},
		{"method", scoped(block.Method, "SMS"), func(r *flow.Request) { r.Method = "sms" }, true, true},
		{"network: another one works", scoped(block.Network, "198.51.100.0/24"), nil, false, false},
		{"network", scoped(block.Network, "192.0.2.0/24"), nil, true, false},
		{"network: IPv4 in IPv6", scoped(block.Network, "192.0.2.0/24"), func(r *flow.Request) { r.Network = netip.MustParseAddr("::ffff:192.0.2.7") }, true, false},
		{"network: a single address", scoped(block.Network, "192.0.2.11"), nil, false, false},
		{"region: another one works", scoped(block.Region, "FR"), nil, false, false},
		{"region", scoped(block.Region, "DE"), func(r *flow.Request) { r.Country = "de" }, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			d.block("b1", c.block)
			r := usual
			if c.edit != nil {
				c.edit(&r)
			}
			got, err := d.Decide(shop, r)
			is(t, err, nil)
			if (got.Verdict == decision.Deny) != c.denied || (got.Ticket != "") != c.ticket {
				t.Errorf("decided %+v, want denied %t with a ticket %t", got, c.denied, c.ticket)
			}
			if other, err := d.Decide(bank, r); err != nil || other.Verdict != decision.Allow {
				t.Errorf("the other tenant decided %s, %v", other.Verdict, err)
			}
		})
	}
}

// Only SignIn, asked after the first factor, hands out a ticket; an app's own
// action is denied like the known ones.
func TestOtherActionsAreDeniedWithoutATicket(t *testing.T) {
	d := newDesk(t)
	d.block("b1")
	for _, action := range []decision.Action{decision.SendCode, decision.ChangeSecurityInfo, decision.Payment, "DownloadInvoices"} {
		got := d.decide(anna, action)
		if got.Verdict != decision.Deny || !got.Until.Equal(start.Add(24*time.Hour)) || len(got.Reasons) != 1 {
			t.Errorf("%s: %+v, want a denial with reason and end", action, got)
		}
		if got.Ticket != "" || len(got.Links) != 0 {
			t.Errorf("%s carries a ticket or links: %+v", action, got)
		}
		if other := d.decide("bert", action); other.Verdict != decision.Allow {
			t.Errorf("%s of another account is %s", action, other.Verdict)
		}
	}
}

// law 4: a block ends at its instant although nothing runs but the clock.
func TestABlockIsOverAtItsInstant(t *testing.T) {
	d := newDesk(t)
	d.block("b1", func(s *block.Spec) { s.Start = start.Add(time.Hour) })
	is(t, d.memory.Close(), nil)
	for _, c := range []struct {
		at   time.Duration
		want decision.Verdict
	}{
		{time.Hour - time.Millisecond, decision.Allow},
		{time.Hour, decision.Deny},
		{25*time.Hour - time.Millisecond, decision.Deny},
		{25 * time.Hour, decision.Allow},
	} {
		d.clock.set(start.Add(c.at))
		if got := d.decide(anna, decision.SignIn); got.Verdict != c.want {
			t.Errorf("at start+%s: %s, want %s", c.at, got.Verdict, c.want)
		}
	}
}

// seed 15: a permanent block has no end to tell, whatever else holds the account.
func TestAPermanentBlockHasNoUntil(t *testing.T) {
	d := newDesk(t)
	d.block("b1")
	d.block("b2", permanent)
	if got := d.decide(anna, decision.SignIn); got.Verdict != decision.Deny || !got.Until.IsZero() {
		t.Fatalf("decided %+v", got)
	}
	d.clock.step(10 * 365 * 24 * time.Hour)
	if got := d.decide(anna, decision.SignIn); got.Verdict != decision.Deny {
		t.Fatal("a permanent block ended by itself")
	}
}

// The person is led to the block that they can release.
func TestTheTicketIsForABlockThatCanBeReleased(t *testing.T) {
	d := newDesk(t)
	d.block("a", stepless)
	d.block("b")
	d.block("n", scoped(block.Network, "192.0.2.0/24"))
	claims, err := d.keys.OpenTicket(d.ticket(anna))
	is(t, err, nil)
	if claims.Block != "b" {
		t.Errorf("the ticket is for block %s, want b", claims.Block)
	}
}

// Where there is nothing to release, or no page to do it on, there is no ticket.
func TestNoTicketWithoutAPageOrABlock(t *testing.T) {
	d := newDesk(t)
	d.block("n", scoped(block.Network, "192.0.2.0/24"))
	got := d.decide(anna, decision.SignIn)
	if got.Ticket != "" || !cmp.Equal(got.Links, map[string]string{"help": "https://kiosk.example/help"}) {
		t.Errorf("a Network block: ticket %t, links %v", got.Ticket != "", got.Links)
	}
	d.block("b1")
	d.policies[shop].Hosts, d.policies[shop].HelpURL = nil, ""
	if got = d.decide(anna, decision.SignIn); got.Verdict != decision.Deny || got.Ticket != "" || len(got.Links) != 0 {
		t.Errorf("no host: %+v", got)
	}
}

// Mode Shadow decides and enforces nothing: the reasons tell what would be denied.
func TestShadowEnforcesNothing(t *testing.T) {
	d := newDesk(t)
	d.policies[shop].Mode = policy.Shadow
	d.block("b1")
	d.block("n1", scoped(block.Network, "192.0.2.0/24"))
	if got := d.decide(anna, decision.Attempt); got.Verdict != decision.Allow || got.Reasons != nil {
		t.Errorf("Attempt: %+v", got)
	}
	got := d.decide(anna, decision.SignIn)
	if got.Verdict != decision.Allow || got.Ticket != "" || len(got.Links) != 0 || len(got.Reasons) != 1 {
		t.Errorf("SignIn: %+v, want Allow with the reason", got)
	}
}

// seed 3: a number that the person entered proves no owner, so that payments stay
// denied for 720 hours, to the millisecond.
func TestPaymentsWaitAfterAnEnteredNumber(t *testing.T) {
	d := newDesk(t)
	d.has(anna)
	d.block("b1")
	v := d.prove(d.open(anna), toNumber)
	if !d.overview(v).EnteredNumber {
		t.Error("the page does not tell of the restriction to come")
	}
	is(t, d.SetPassword(t.Context(), v, strong), nil)
	until := start.Add(720 * time.Hour)
	for _, c := range []struct {
		at   time.Time
		want decision.Verdict
	}{
		{start, decision.Deny}, {until.Add(-time.Millisecond), decision.Deny}, {until, decision.Allow},
	} {
		d.clock.set(c.at)
		got := d.decide(anna, decision.Payment)
		if got.Verdict != c.want {
			t.Errorf("Payment at %s: %s, want %s", c.at, got.Verdict, c.want)
		}
		if c.want == decision.Deny && (!got.Until.Equal(until) || got.Reasons[0] != decision.ReleasedByEnteredNumber) {
			t.Errorf("Payment at %s: %+v", c.at, got)
		}
		if got := d.decide(anna, decision.SignIn); got.Verdict != decision.Allow {
			t.Errorf("SignIn at %s: %s", c.at, got.Verdict)
		}
	}
}

// law 8: with contacts beside the entered number, the contacts are told so.
func TestContactsAreToldOfAnEnteredNumber(t *testing.T) {
	d := newDesk(t)
	off := cell
	off.Standing = contact.Disabled
	d.has(anna, mail, off)
	d.block("b1", toAnyNumber)
	v := d.prove(d.open(anna), toNumber)
	is(t, d.SetPassword(t.Context(), v, strong), nil)
	d.told(message.NoticeReleasedEntered, annaMail, annaCell)
	if d.decide(anna, decision.Payment).Verdict != decision.Deny {
		t.Error("payments are free after an entered number")
	}
}

// A release through a contact of the account restricts nothing.
func TestPaymentsAreFreeAfterOnesOwnContact(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	d.block("b1")
	is(t, d.SetPassword(t.Context(), d.prove(d.open(anna), toMail), strong), nil)
	if got := d.decide(anna, decision.Payment); got.Verdict != decision.Allow {
		t.Errorf("Payment: %+v", got)
	}
}
