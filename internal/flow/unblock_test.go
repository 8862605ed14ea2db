package flow_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/password"
	"holdfast.dev/holdfast/internal/rules/session"
)

// seed 1 to 6, law 7, 8, 10: from the denied sign-in to the one that is allowed.
func TestAPersonLiftsTheirBlock(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	d.has(anna, mail, cell)
	d.block("b1")

	denied := d.decide(anna, decision.SignIn)
	link, err := url.Parse(denied.Links["unblock"])
	is(t, err, nil)
	if link.Scheme != "https" || link.Host != host || link.Path != "/unblock" || link.Query().Get("ticket") != denied.Ticket {
		t.Fatalf("the link is %s, want one to https://%s/unblock with the ticket", link, host)
	}
	if diff := cmp.Diff([]decision.Reason{"UnusualActivity"}, denied.Reasons); diff != "" || !denied.Until.Equal(start.Add(24*time.Hour)) {
		t.Fatalf("reasons %v until %s", denied.Reasons, denied.Until)
	}

	shown, err := d.Peek(ctx, host, denied.Ticket)
	is(t, err, nil)
	if shown.Account != "an•••" || shown.ProductName != "Kiosk" || shown.State != block.Active || !shown.Releasable {
		t.Fatalf("the page shows %+v", shown)
	}
	credential, err := d.Open(ctx, host, denied.Ticket, false)
	is(t, err, nil)
	v := flow.Visit{Host: host, Credential: credential, Network: network}
	o := d.overview(v)
	want := []flow.Destination{{ContactID: "mail", Channel: contact.Email, Hint: mail.Mask()}, {ContactID: "cell", Channel: contact.SMS, Hint: cell.Mask()}, {ContactID: "cell", Channel: contact.Voice, Hint: cell.Mask()}}
	if diff := cmp.Diff(want, o.Destinations); diff != "" || o.EnterNumber || o.Challenge != nil || o.Stage != session.Opened {
		t.Fatalf("destinations (-want +got):\n%s%+v", diff, o)
	}

	view := d.request(v, toMail)
	if view.Hint != "an•••@•••" || view.Digits != 6 || view.AttemptsLeft != 5 || !view.ExpiresAt.Equal(start.Add(10*time.Minute)) {
		t.Fatalf("the challenge is %+v", view)
	}
	if diff := cmp.Diff(want[1:], view.Alternatives); diff != "" {
		t.Fatalf("alternatives (-want +got):\n%s", diff)
	}
	if m := d.letter(view.ID); m.Address != annaMail || m.Language != "pl" {
		t.Fatalf("the code goes to %s in %q", m.Address, m.Language)
	}
	is(t, d.submit(v, view.ID, d.wrong(view.ID)), rules.ErrWrongCode)
	if left := d.overview(v).Challenge.AttemptsLeft; left != 4 {
		t.Fatalf("%d attempts are left, want 4", left)
	}
	spaced := d.code(view.ID)[:3] + " " + d.code(view.ID)[3:]
	next, credential, err := d.SubmitCode(ctx, v, view.ID, spaced)
	is(t, err, nil)
	if next != block.ChangePassword || credential == v.Credential || d.state(theKey) != block.Releasing {
		t.Fatalf("next = %s, state = %s", next, d.state(theKey))
	}
	v.Credential = credential
	if o = d.overview(v); o.Stage != session.Proved || !cmp.Equal(o.Remaining, []block.Step{block.ChangePassword}) {
		t.Fatalf("after the code: %+v", o)
	}

	var weak *flow.WeakPasswordError
	if err := d.SetPassword(ctx, v, "Password1"); !errors.As(err, &weak) || len(weak.Strength.Reasons) == 0 || len(weak.Strength.Suggestions) == 0 {
		t.Fatalf("a weak password is answered %v", err)
	}
	d.idp.during = func() {
		r, err := d.memory.Block(ctx, theKey)
		if err != nil || r.State(d.Now()) != block.Releasing {
			t.Errorf("while the IdP is asked the block is %s (%v), want Releasing (law 10)", r.State(d.Now()), err)
		}
	}
	is(t, d.SetPassword(ctx, v, strong), nil)
	if len(d.idp.calls) != 1 || d.idp.calls[0].Account != anna || d.idp.calls[0].Password != strong {
		t.Fatalf("the IdP was called %d times; the weak password must not reach it, the strong one once", len(d.idp.calls))
	}
	if d.state(theKey) != block.Released {
		t.Fatalf("the block is %s", d.state(theKey))
	}
	d.told(message.NoticeReleased, annaMail, annaCell)
	if got := d.decide(anna, decision.SignIn); got.Verdict != decision.Allow || got.Ticket != "" {
		t.Fatalf("after the release SignIn is answered %+v", got)
	}
	if o = d.overview(v); o.State != block.Released || o.Stage != session.Done {
		t.Fatalf("the last page shows %s, %s", o.State, o.Stage)
	}
}

// told wants a notice to each address and to no other (law 8).
func (d *desk) told(notice string, addresses ...string) {
	d.t.Helper()
	d.collect()
	var got []string
	for _, m := range d.mail {
		if m.Kind == message.Notice && m.Notice == notice {
			got = append(got, m.Address)
		}
	}
	if diff := cmp.Diff(set(addresses), set(got)); diff != "" || len(got) != len(addresses) {
		d.t.Fatalf("told of %s: %d notices (-want +got):\n%s", notice, len(got), diff)
	}
}

func set(of []string) map[string]bool {
	out := map[string]bool{}
	for _, one := range of {
		out[one] = true
	}
	return out
}

// law 7: whatever a mail scanner does with a link, the person can still use it.
func TestPeekingAHundredTimesChangesNothing(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	d.block("b1")
	ticket := d.ticket(anna)
	first, err := d.Peek(t.Context(), host, ticket)
	is(t, err, nil)
	for range 100 {
		again, err := d.Peek(t.Context(), host, ticket)
		is(t, err, nil)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatalf("the page changed (-first +again):\n%s", diff)
		}
	}
	if _, err := d.memory.Block(t.Context(), theKey); !errors.Is(err, rules.ErrNotFound) {
		t.Fatalf("Peek wrote the block into the store: %v", err)
	}
	_, err = d.Open(t.Context(), host, ticket, false)
	is(t, err, nil)
}

// law 2, seed 22: the page before the first proof shows masks alone.
func TestPagesShowMasksAlone(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	d.block("b1")
	v := d.open(anna)
	view := d.request(v, toCell)
	o := d.overview(v)
	if view.Hint != "•••• 78" || o.Challenge.Hint != view.Hint {
		t.Errorf("the hint of a number is %q and %q, want its last two digits", view.Hint, o.Challenge.Hint)
	}
	for _, secret := range []string{annaMail, annaCell, anna, d.code(view.ID)} {
		if all := cmp.Diff(flow.Overview{}, o) + cmp.Diff(flow.ChallengeView{}, view); strings.Contains(all, secret) {
			t.Errorf("the page knows %q", secret)
		}
	}
}

// seed 4 narrowed by policy: where the code is the only step, it releases.
func TestTheCodeAloneReleases(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	d.block("b1", codeOnly)
	v := d.open(anna)
	view := d.request(v, toMail)
	next, credential, err := d.SubmitCode(t.Context(), v, view.ID, d.code(view.ID))
	is(t, err, nil)
	if next != "" || d.state(theKey) != block.Released || len(d.idp.calls) != 0 {
		t.Fatalf("next = %q, state = %s, %d calls to the IdP", next, d.state(theKey), len(d.idp.calls))
	}
	d.told(message.NoticeReleased, annaMail)
	v.Credential = credential
	if o := d.overview(v); o.Stage != session.Done {
		t.Fatalf("the flow is %s, want Done", o.Stage)
	}
}

// A block without steps ends by itself: its page says so and releases nothing.
func TestABlockWithoutStepsShowsItsPageOnly(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	d.block("b1", stepless)
	ticket := d.ticket(anna)
	shown, err := d.Peek(t.Context(), host, ticket)
	is(t, err, nil)
	if shown.Releasable || shown.State != block.Active || !shown.Until.Equal(start.Add(24*time.Hour)) {
		t.Fatalf("the page shows %+v", shown)
	}
	v := d.open(anna)
	if o := d.overview(v); o.Releasable || len(o.Destinations) > 0 || o.EnterNumber {
		t.Fatalf("the page offers codes: %+v", o)
	}
	_, err = d.RequestCode(t.Context(), v, toMail)
	is(t, err, rules.ErrOrder)
	is(t, d.SetPassword(t.Context(), v, strong), rules.ErrOrder)
	if d.state(theKey) != block.Active || len(d.idp.calls)+len(d.collect()) != 0 {
		t.Fatal("the block was touched")
	}
}

// seed 5: the checker answers anyone, and in a flow with the words of its person.
func TestPasswordCheck(t *testing.T) {
	d := newDesk(t)
	d.policies[shop].Password.Blocklist = []string{"lantern"}
	d.has(anna, mail)
	d.block("b1", of("wilhelmina.oosterhout"))
	v := d.open("wilhelmina.oosterhout")
	for _, c := range []struct {
		name, candidate string
		visit           flow.Visit
		want            []password.Reason
	}{
		{"strong, anyone", strong, flow.Visit{Host: host}, nil},
		{"short, anyone", "a1!", flow.Visit{Host: host}, []password.Reason{password.TooShort, password.TooWeak}},
		{"blocklist of the tenant (seed 5)", stronger, flow.Visit{Host: host}, []password.Reason{password.Blocked}},
		{"a code is no password (seed 58)", "48151623", flow.Visit{Host: host}, []password.Reason{password.LooksCode}},
		{"the account's own name", "wilhelmina.oosterhout", v, []password.Reason{password.Personal}},
	} {
		got, err := d.CheckPassword(t.Context(), c.visit, c.candidate)
		is(t, err, nil)
		if got.Acceptable != (c.want == nil) || !set(texts(got.Reasons))[first(texts(c.want))] && c.want != nil {
			t.Errorf("%s: %+v, want %v", c.name, got, c.want)
		}
	}
	_, err := d.CheckPassword(t.Context(), flow.Visit{Host: "elsewhere.example"}, strong)
	is(t, err, rules.ErrNotFound)
}

func texts(reasons []password.Reason) []string {
	var out []string
	for _, r := range reasons {
		out = append(out, string(r))
	}
	return out
}

func first(of []string) string {
	if len(of) == 0 {
		return ""
	}
	return of[0]
}
