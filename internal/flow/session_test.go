package flow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// pass is the ticket to an account's security info.
func (d *desk) pass(account string) string {
	d.t.Helper()
	out := d.decide(account, decision.ChangeSecurityInfo)
	if out.Verdict != decision.Allow || out.Ticket == "" {
		d.t.Fatalf("ChangeSecurityInfo of %s is answered %+v, want it allowed with a ticket", account, out)
	}
	return out.Ticket
}

// enter opens a session with a ticket in a browser.
func (d *desk) enter(account string) flow.Visit {
	d.t.Helper()
	return d.enterBy(d.pass(account), false)
}

func (d *desk) enterBy(sealed string, bearer bool) flow.Visit {
	d.t.Helper()
	v := flow.Visit{Host: host, Network: network}
	credential, err := d.OpenSession(d.t.Context(), v, sealed, bearer)
	is(d.t, err, nil)
	v.Credential = credential
	return v
}

func (d *desk) info(v flow.Visit) flow.SecurityInfo {
	d.t.Helper()
	info, err := d.SecurityInfo(d.t.Context(), v)
	is(d.t, err, nil)
	return info
}

// stepUp proves a contact in a session and goes on with the new credential.
func (d *desk) stepUp(v flow.Visit, to flow.Target) flow.Visit {
	d.t.Helper()
	view, err := d.RequestStepUp(d.t.Context(), v, to)
	is(d.t, err, nil)
	done, err := d.SubmitStepUp(d.t.Context(), v, view.ID, d.code(view.ID))
	v.Credential = done.Credential
	is(d.t, err, nil)
	v.Ticket = ""
	return v
}

// shut tries every deed of a session; each must fail with the same error.
func (d *desk) shut(v flow.Visit, challengeID string, want error) {
	d.t.Helper()
	ctx := d.t.Context()
	is(d.t, second(d.SecurityInfo(ctx, v)), want)
	is(d.t, second(d.RequestStepUp(ctx, v, toMail)), want)
	is(d.t, second(d.ResendStepUp(ctx, v, challengeID, flow.Target{})), want)
	is(d.t, second(d.SubmitStepUp(ctx, v, challengeID, "000000")), want)
}

// Only ChangeSecurityInfo that is not denied leads to the security info, and only where
// there are pages.
func TestWhichDecisionLeadsToSecurityInfo(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	for _, action := range []decision.Action{decision.Attempt, decision.SignIn, decision.SendCode, decision.Payment, "Download"} {
		if out := d.decide(anna, action); out.Ticket != "" || len(out.Links) != 0 {
			t.Errorf("%s is answered %+v", action, out)
		}
	}
	out := d.decide(anna, decision.ChangeSecurityInfo)
	link := "https://" + host + "/security-info?ticket=" + out.Ticket
	if diff := cmp.Diff(map[string]string{"securityInfo": link, "help": "https://kiosk.example/help"}, out.Links); out.Ticket == "" || diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	d.block("b1")
	if out := d.decide(anna, decision.ChangeSecurityInfo); out.Verdict != decision.Deny || out.Ticket != "" {
		t.Errorf("a blocked account is answered %+v", out)
	}
	d.policies[shop].Mode = policy.Shadow
	if out := d.decide(anna, decision.ChangeSecurityInfo); out.Verdict != decision.Allow || out.Ticket == "" || len(out.Reasons) == 0 {
		t.Errorf("in mode Shadow the answer is %+v", out)
	}
	d.policies[shop].Hosts = nil
	if out := d.decide(anna, decision.ChangeSecurityInfo); out.Ticket != "" {
		t.Error("a tenant without pages hands out a ticket")
	}
}

// law 7: looking at a ticket changes nothing; using it opens one session of 15 minutes.
func TestATicketOpensOneSession(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	sealed := d.pass(anna)
	for range 3 {
		shown, err := d.PeekSession(t.Context(), host, sealed)
		is(t, err, nil)
		if diff := cmp.Diff(flow.Welcome{Account: "an•••", ProductName: "Kiosk", Help: shown.Help}, shown); diff != "" {
			t.Error(diff)
		}
	}
	v := d.enterBy(sealed, false)
	_, err := d.OpenSession(t.Context(), v, sealed, false)
	is(t, err, rules.ErrTicketUsed)
	if info := d.info(v); info.Assurance != session.Password || !info.Ends.Equal(start.Add(15*time.Minute)) {
		t.Errorf("the session is %+v", info)
	}
	d.clock.step(15*time.Minute - time.Millisecond)
	d.info(v)
	d.clock.step(time.Millisecond)
	d.shut(v, "x", rules.ErrNoFlow)
	unused := d.pass(anna)
	d.clock.step(5 * time.Minute)
	_, err = d.OpenSession(t.Context(), v, unused, false)
	is(t, err, ticket.ErrInvalid)
}

// A session serves one purpose, and so does a ticket.
func TestASessionServesOnePurpose(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	pass, v := d.pass(anna), d.enter(anna)
	d.refused(v, "x", rules.ErrNoFlow)
	_, err := d.Overview(t.Context(), v)
	is(t, err, rules.ErrNoFlow)
	is(t, second(d.Peek(t.Context(), host, pass)), ticket.ErrInvalid)
	is(t, second(d.Open(t.Context(), host, pass, true)), ticket.ErrInvalid)

	d.block("b1")
	release, unblocking := d.ticket(anna), d.open(anna)
	is(t, second(d.PeekSession(t.Context(), host, release)), ticket.ErrInvalid)
	is(t, second(d.OpenSession(t.Context(), v, release, true)), ticket.ErrInvalid)
	view := d.request(unblocking, toMail)
	d.shut(unblocking, view.ID, rules.ErrNoFlow)
	for _, other := range []string{wwwHost, "help.bank.example", ""} {
		elsewhere := v
		elsewhere.Host = other
		d.shut(elsewhere, "x", rules.ErrNoFlow)
		is(t, second(d.PeekSession(t.Context(), other, pass)), ticket.ErrInvalid)
	}
}

// seed 22: the list is masked, and says of each contact what its owner needs.
func TestTheListIsMasked(t *testing.T) {
	d := newDesk(t)
	proven := mail
	proven.Added, proven.Proven = start.Add(-48*time.Hour), start.Add(-time.Hour)
	junior := contact.Contact{ID: "new", Channel: contact.Email, Address: "thief@post.example", Standing: contact.Junior, Language: "en", Added: start}
	d.has(anna, proven, cell, junior)
	info := d.info(d.enter(anna))
	want := []flow.SecurityContact{
		{ID: "mail", Channel: contact.Email, Hint: "an•••@•••", Standing: contact.Full, Language: "pl", Added: proven.Added, Proven: proven.Proven},
		{ID: "cell", Channel: contact.SMS, Hint: "•••• 78", Standing: contact.Full, Language: "pl"},
		{ID: "new", Channel: contact.Email, Hint: "th•••@•••", Standing: contact.Junior, Language: "en", Added: start},
	}
	if diff := cmp.Diff(want, info.Contacts); diff != "" || !info.Recorded {
		t.Errorf("recorded %t, contacts (-want +got):\n%s", info.Recorded, diff)
	}
	for _, to := range info.Destinations {
		if to.ContactID == "new" {
			t.Error("a junior contact is offered for a step-up")
		}
	}
	d.has("carl")
	if info := d.info(d.enter("carl")); !info.Recorded || len(info.Contacts) != 0 || len(info.Destinations) != 0 {
		t.Errorf("an account with none shows %+v", info)
	}
	if info := d.info(d.enter("nobody-knows")); info.Recorded {
		t.Error("what was never written passes for absence (law 13)")
	}
}

// Fixation: a step-up changes the session's credential and its assurance.
func TestAStepUpChangesTheSession(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	before := d.enter(anna)
	view, err := d.RequestStepUp(t.Context(), before, toMail)
	is(t, err, nil)
	is(t, second(d.SubmitStepUp(t.Context(), before, view.ID, d.wrong(view.ID))), rules.ErrWrongCode)
	if got := d.info(before); got.Assurance != session.Password || got.Challenge == nil || got.Challenge.AttemptsLeft != 4 {
		t.Errorf("after a wrong code: %+v", got)
	}
	after := before
	done, err := d.SubmitStepUp(t.Context(), before, view.ID, d.code(view.ID))
	after.Credential = done.Credential
	is(t, err, nil)
	d.shut(before, view.ID, rules.ErrNoFlow)
	info := d.info(after)
	if info.Assurance != session.StepUp || info.Challenge != nil || !info.Contacts[0].Proven.Equal(start) {
		t.Errorf("after the step-up: %+v", info)
	}
	is(t, second(d.SubmitStepUp(t.Context(), after, view.ID, d.code(view.ID))), rules.ErrGone)
	d.info(d.stepUp(after, toCell)) // the next code has room and attempts of its own
}

// Only a full contact of the account itself steps up: no junior, no disabled one, no
// number that somebody enters, no other account's, even where the account has none.
func TestWhatStepsUp(t *testing.T) {
	d := newDesk(t)
	junior, off := mail, cell
	junior.Standing, off.Standing = contact.Junior, contact.Disabled
	d.has(anna, junior, off)
	d.has("bert", contact.Contact{ID: "his", Channel: contact.Email, Address: "bert@post.example", Standing: contact.Full})
	d.has("carl")
	for _, account := range []string{anna, "carl", "nobody-knows"} {
		v := d.enter(account)
		for _, to := range []flow.Target{toMail, toCell, {ContactID: "his"}, toNumber, {Channel: contact.SMS}, {}} {
			is(t, second(d.RequestStepUp(t.Context(), v, to)), rules.ErrDestination)
		}
	}
	his := d.enter("bert")
	view, err := d.RequestStepUp(t.Context(), his, flow.Target{ContactID: "his"})
	is(t, err, nil)
	for deed, err := range map[string]error{
		"submit": second(d.SubmitStepUp(t.Context(), d.enter(anna), view.ID, d.code(view.ID))),
		"resend": second(d.ResendStepUp(t.Context(), d.enter(anna), view.ID, flow.Target{})),
	} {
		if !errors.Is(err, rules.ErrNotFound) {
			t.Errorf("%s of another's code: %v", deed, err)
		}
	}
}

// A client without cookies goes on with its ticket until the step-up.
func TestABearerTicketServesUntilTheStepUp(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	sealed := d.pass(anna)
	d.enterBy(sealed, true)
	bearer := flow.Visit{Host: host, Ticket: sealed, Network: network}
	d.info(bearer)
	after := d.stepUp(bearer, toMail)
	d.shut(bearer, "x", rules.ErrNoFlow)
	is(t, second(d.SecurityInfo(t.Context(), flow.Visit{Host: host, Ticket: after.Credential})), nil)

	browser := d.pass(anna)
	d.enterBy(browser, false)
	d.shut(flow.Visit{Host: host, Ticket: browser}, "x", rules.ErrNoFlow)
}

// law 4: a block that comes during a session binds in it at once; a device that the IdP
// knows passes what it passed before (O1).
func TestABlockBindsAnOpenSession(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	out, err := d.Decide(shop, flow.Request{Account: anna, Action: decision.ChangeSecurityInfo, Network: network, Device: "laptop"})
	is(t, err, nil)
	known, v, unused := d.enterBy(out.Ticket, false), d.enter(anna), d.pass(anna)
	own := block.Key{Tenant: shop, Name: block.OwnPrefix + "x"}
	record := block.NewRecord(own, "uid", d.spec())
	record.Spared = []block.Device{block.DeviceOf(shop, anna, "laptop")}
	d.index.see(record)
	d.info(known)
	d.shut(v, "x", rules.ErrBlocked)
	_, err = d.OpenSession(t.Context(), v, unused, false)
	var blocked *flow.BlockedError
	if !errors.As(err, &blocked) || !strings.HasPrefix(blocked.Unblock, "https://"+host+"/unblock?ticket=") {
		t.Fatalf("opening is answered %v, want the way to the release", err)
	}
	_, sealed, _ := strings.Cut(blocked.Unblock, "ticket=")
	is(t, second(d.Open(t.Context(), host, sealed, false)), nil)
	d.block("applied")
	d.shut(known, "x", rules.ErrBlocked)
	d.policies[shop].Mode = policy.Shadow
	d.info(v)
}

// A session ends at Done, for every deed.
func TestASessionEnds(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	v := d.enter(anna)
	view, err := d.RequestStepUp(t.Context(), v, toMail)
	is(t, err, nil)
	is(t, d.EndSession(t.Context(), v), nil)
	is(t, d.EndSession(t.Context(), v), nil)
	d.shut(v, view.ID, rules.ErrNoFlow)
	is(t, second(d.SubmitStepUp(t.Context(), v, view.ID, d.code(view.ID))), rules.ErrNoFlow)
}
