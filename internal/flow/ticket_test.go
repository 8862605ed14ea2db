package flow_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/ticket"
	"holdfast.dev/holdfast/internal/seal"
)

// blocked is a desk with anna's block and contact, where ticket attacks begin.
func blocked(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	d.has(anna, mail, cell)
	d.block("b1")
	return d
}

// Theft after the first use: the ticket in a history or a log opens nothing.
func TestAUsedTicketOpensNothing(t *testing.T) {
	d := blocked(t)
	stolen := d.ticket(anna)
	_, err := d.Open(t.Context(), host, stolen, false)
	is(t, err, nil)
	for _, bearer := range []bool{false, true} {
		credential, err := d.Open(t.Context(), host, stolen, bearer)
		is(t, err, rules.ErrTicketUsed)
		_, err = d.Overview(t.Context(), flow.Visit{Host: host, Credential: credential})
		is(t, err, rules.ErrNoFlow)
	}
}

// Two who race with one ticket: one wins.
func TestOneOfManyOpensWins(t *testing.T) {
	d := blocked(t)
	sealed := d.ticket(anna)
	var won, used atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			switch _, err := d.Open(t.Context(), host, sealed, false); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, rules.ErrTicketUsed):
				used.Add(1)
			default:
				t.Errorf("Open: %v", err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || used.Load() != 15 {
		t.Errorf("%d opened a flow and %d were refused, want 1 and 15", won.Load(), used.Load())
	}
}

// Fixation: every opening makes a credential of its own, and one that somebody
// knew before the proof is worth nothing after it.
func TestNoCredentialIsAdopted(t *testing.T) {
	d := blocked(t)
	planted := flow.Visit{Host: host, Credential: "chosen-by-the-attacker"}
	_, err := d.Overview(t.Context(), planted)
	is(t, err, rules.ErrNoFlow)
	before := d.open(anna)
	if before.Credential == d.open(anna).Credential || before.Credential == planted.Credential {
		t.Fatal("two flows share a credential")
	}
	_, err = d.Overview(t.Context(), planted)
	is(t, err, rules.ErrNoFlow)

	view := d.request(before, toMail)
	after := before
	_, after.Credential, err = d.SubmitCode(t.Context(), before, view.ID, d.code(view.ID))
	is(t, err, nil)
	d.refused(before, view.ID, rules.ErrNoFlow)
	_, err = d.Overview(t.Context(), before)
	is(t, err, rules.ErrNoFlow)
	is(t, d.SetPassword(t.Context(), after, strong), nil)
}

// A ticket is for one issuer, tenant, block, purpose, host and epoch.
func TestATicketServesNowhereElse(t *testing.T) {
	d := blocked(t)
	good := ticket.Claims{
		ID: "t", Issuer: d.Issuer, Tenant: shop, Account: anna, Block: "b1", Purpose: code.Unblock,
		Host: host, Epoch: 1, Expires: start.Add(ticket.Life).UnixMilli(),
	}
	for _, c := range []struct {
		name string
		at   string
		edit func(*ticket.Claims)
	}{
		{"another host of the tenant", wwwHost, func(*ticket.Claims) {}},
		{"a host of another tenant", "help.bank.example", func(*ticket.Claims) {}},
		{"an unknown host", "evil.example", func(*ticket.Claims) {}},
		{"no host", "", func(*ticket.Claims) {}},
		{"a ticket of another tenant", host, func(c *ticket.Claims) { c.Tenant = bank }},
		{"a ticket for another host", host, func(c *ticket.Claims) { c.Host = wwwHost }},
		{"another issuer", host, func(c *ticket.Claims) { c.Issuer = "https://staging.example" }},
		{"another purpose", host, func(c *ticket.Claims) { c.Purpose = code.Cancel }},
		{"an older epoch", host, func(c *ticket.Claims) { c.Epoch = 0 }},
		{"expired", host, func(c *ticket.Claims) { c.Expires = start.UnixMilli() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			claims := good
			c.edit(&claims)
			sealed, err := d.keys.SealTicket(claims)
			is(t, err, nil)
			_, err = d.Peek(t.Context(), c.at, sealed)
			is(t, err, ticket.ErrInvalid)
			_, err = d.Open(t.Context(), c.at, sealed, true)
			is(t, err, ticket.ErrInvalid)
			_, err = d.Overview(t.Context(), flow.Visit{Host: c.at, Ticket: sealed})
			is(t, err, rules.ErrNoFlow)
		})
	}
	sealed, err := d.keys.SealTicket(good)
	is(t, err, nil)
	_, err = d.Open(t.Context(), host, sealed, false)
	is(t, err, nil) // none of the attempts has spent it
}

// A ticket that other keys sealed, or with any one character changed, is refused.
func TestForgedTickets(t *testing.T) {
	d := blocked(t)
	sealed := d.ticket(anna)
	others, err := seal.Generate()
	is(t, err, nil)
	claims, err := d.keys.OpenTicket(sealed)
	is(t, err, nil)
	foreign, err := others.SealTicket(claims)
	is(t, err, nil)
	forged := []string{foreign, "", "x", sealed + "A", sealed[:len(sealed)-1], sealed + "\n", " " + sealed}
	for i := range sealed {
		flipped := []byte(sealed)
		flipped[i] = map[bool]byte{true: 'B', false: 'A'}[sealed[i] == 'A']
		forged = append(forged, string(flipped))
	}
	for _, f := range forged {
		if _, err := d.Peek(t.Context(), host, f); !errors.Is(err, ticket.ErrInvalid) {
			t.Fatalf("Peek of %q: %v", f, err)
		}
		if _, err := d.Open(t.Context(), host, f, false); !errors.Is(err, ticket.ErrInvalid) {
			t.Fatalf("Open of %q: %v", f, err)
		}
	}
	_, err = d.Open(t.Context(), host, sealed, false)
	is(t, err, nil)
}

// An unused ticket is dead after 5 minutes, to the millisecond.
func TestATicketExpires(t *testing.T) {
	d := blocked(t)
	first, second := d.ticket(anna), d.ticket(anna)
	d.clock.step(5*time.Minute - time.Millisecond)
	_, err := d.Open(t.Context(), host, first, false)
	is(t, err, nil)
	d.clock.step(time.Millisecond)
	_, err = d.Peek(t.Context(), host, second)
	is(t, err, ticket.ErrInvalid)
	_, err = d.Open(t.Context(), host, second, false)
	is(t, err, ticket.ErrInvalid)
}

// What one block's ticket proves releases no other block.
func TestATicketServesItsBlockOnly(t *testing.T) {
	d := blocked(t)
	one := d.open(anna)
	view := d.request(one, toMail)
	other := d.block("a-second", func(s *block.Spec) { s.Reason = block.HighRequestVolume })
	two := d.open(anna) // led to the first by name
	if got := d.overview(two).Reason; got != block.HighRequestVolume {
		t.Fatalf("the second ticket is for a block of %s", got)
	}
	twin := d.request(two, toMail)
	is(t, d.submit(two, view.ID, d.code(view.ID)), rules.ErrNotFound)
	is(t, d.submit(two, twin.ID, d.code(view.ID)), rules.ErrWrongCode)
	_, credential, err := d.SubmitCode(t.Context(), one, view.ID, d.code(view.ID))
	is(t, err, nil)
	is(t, d.SetPassword(t.Context(), two, strong), rules.ErrOrder)
	one.Credential = credential
	is(t, d.SetPassword(t.Context(), one, strong), nil)
	if d.state(theKey) != block.Released || d.state(other) != block.Active {
		t.Errorf("b1 is %s and the other %s", d.state(theKey), d.state(other))
	}
}

// A ticket stolen from the link of a browser's flow is no credential for it.
func TestTheTicketOfABrowserIsNoBearer(t *testing.T) {
	d := blocked(t)
	stolen := d.ticket(anna)
	thief := flow.Visit{Host: host, Ticket: stolen, Network: network}
	d.refused(thief, "x", rules.ErrNoFlow) // not opened yet
	credential, err := d.Open(t.Context(), host, stolen, false)
	is(t, err, nil)
	v := flow.Visit{Host: host, Credential: credential, Network: network}
	view := d.request(v, toMail)
	d.refused(thief, view.ID, rules.ErrNoFlow)
	_, err = d.Overview(t.Context(), thief)
	is(t, err, rules.ErrNoFlow)
	is(t, d.submit(v, view.ID, d.code(view.ID)), nil) // untouched
}

// A client without cookies goes on with its ticket until the first proof.
func TestABearerTicketServesUntilTheFirstProof(t *testing.T) {
	d := blocked(t)
	sealed := d.ticket(anna)
	_, err := d.Open(t.Context(), host, sealed, true)
	is(t, err, nil)
	v := flow.Visit{Host: host, Ticket: sealed, Network: network}
	d.clock.step(6 * time.Minute) // a used ticket lives as long as its flow
	elsewhere := v
	elsewhere.Host = wwwHost
	_, err = d.Overview(t.Context(), elsewhere)
	is(t, err, rules.ErrNoFlow)
	view := d.request(v, toMail)
	_, credential, err := d.SubmitCode(t.Context(), v, view.ID, d.code(view.ID))
	is(t, err, nil)
	d.refused(v, view.ID, rules.ErrNoFlow)
	_, err = d.Overview(t.Context(), v)
	is(t, err, rules.ErrNoFlow)
	v.Ticket = credential
	is(t, d.SetPassword(t.Context(), v, strong), nil)
}

// A credential serves on its own host only.
func TestACredentialServesItsHostOnly(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	for _, other := range []string{wwwHost, "help.bank.example", ""} {
		v.Host = other
		d.refused(v, "x", rules.ErrNoFlow)
	}
}

// A flow is dead 15 minutes after its opening, to the millisecond.
func TestAFlowExpires(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	d.clock.step(15*time.Minute - time.Millisecond)
	view := d.request(v, toMail)
	d.clock.step(time.Millisecond)
	d.refused(v, view.ID, rules.ErrNoFlow)
	_, err := d.Overview(t.Context(), v)
	is(t, err, rules.ErrNoFlow)
}

// A flow ends at Done; a later block of the same name is none of its business.
func TestAFlowIsDeadAfterDone(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	view := d.request(v, toMail)
	var err error
	_, v.Credential, err = d.SubmitCode(t.Context(), v, view.ID, d.code(view.ID))
	is(t, err, nil)
	is(t, d.SetPassword(t.Context(), v, strong), nil)
	calls := len(d.idp.calls)
	d.refused(v, view.ID, rules.ErrOver)

	d.revoke(theKey) // the object is deleted and made anew
	d.index.see(block.NewRecord(theKey, "uid-of-another", d.spec()))
	for _, err := range []error{
		d.SetPassword(t.Context(), v, strong),
		second(d.RequestCode(t.Context(), v, toMail)),
	} {
		is(t, err, rules.ErrOrder)
	}
	if d.state(theKey) != block.Active || len(d.idp.calls) != calls {
		t.Errorf("the new block is %s and the IdP was called %d times more", d.state(theKey), len(d.idp.calls)-calls)
	}
}

func second[T any](_ T, err error) error { return err }

// A block that has ended opens no flow.
func TestNoFlowForABlockThatHasEnded(t *testing.T) {
	d := blocked(t)
	sealed := d.ticket(anna)
	d.revoke(theKey)
	_, err := d.Open(t.Context(), host, sealed, false)
	is(t, err, rules.ErrOver)
	shown, err := d.Peek(t.Context(), host, sealed)
	if err != nil || shown.State != block.Revoked {
		t.Errorf("Peek shows %s, %v", shown.State, err)
	}
}

// law 3: the name of a block that is gone may stand for another account's block;
// no ticket, code or proof of the first serves it.
func TestAReusedNameServesItsNewAccountOnly(t *testing.T) {
	for stage, act := range map[string]func(*desk, string, flow.Visit, string) error{
		"ticket": func(d *desk, sealed string, _ flow.Visit, _ string) error {
			return second(d.Open(t.Context(), host, sealed, false))
		},
		"page": func(d *desk, sealed string, _ flow.Visit, _ string) error {
			return second(d.Peek(t.Context(), host, sealed))
		},
		"flow": func(d *desk, _ string, v flow.Visit, _ string) error {
			return second(d.RequestCode(t.Context(), v, toCell))
		},
		"code": func(d *desk, _ string, v flow.Visit, id string) error { return d.submit(v, id, d.code(id)) },
	} {
		t.Run(stage, func(t *testing.T) {
			d := blocked(t)
			sealed, v := d.ticket(anna), d.open(anna)
			id := d.request(v, toMail).ID
			d.collect()
			d.revoke(theKey)
			spec := d.spec()
			spec.Account, spec.Steps = "bert", []block.Step{block.VerifyCode}
			d.index.see(block.NewRecord(theKey, "uid-of-another", spec))
			is(t, act(d, sealed, v, id), rules.ErrOver)
			if r := d.record(theKey); d.state(theKey) != block.Active || r.Spec.Account != "bert" {
				t.Errorf("the block of %s is %s", r.Spec.Account, d.state(theKey))
			}
		})
	}
}
