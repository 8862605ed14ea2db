package flow_test

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// yaml is what the controller does at the first sight of an object.
func (d *desk) yaml(name string, spec change.Spec, addresses map[string]string) {
	d.t.Helper()
	spec.Account, spec.RequestedBy = anna, "agent"
	_, err := d.memory.FreezeChange(d.t.Context(), change.Sight{
		Key: change.Key{Tenant: shop, Name: name}, UID: "uid-" + name, Spec: spec,
		Terms: d.policies[shop].Changes, Addresses: addresses, Created: d.Now(), Now: d.Now(),
	})
	is(d.t, err, nil)
}

// A change by YAML goes on at the pages with the person's own codes, to the same outcome;
// the agent who added his own phone by YAML gets nowhere without them.
func TestAChangeByYAMLGoesOnAtThePages(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	d.yaml("hers", change.Spec{Action: change.Add, New: []change.NewContact{{ID: "n1", Channel: contact.SMS, Hint: "•••• 32", Language: "pl"}}}, map[string]string{"n1": number})
	d.yaml("agents", change.Spec{Action: change.Add, New: []change.NewContact{{ID: "n2", Channel: contact.SMS, Hint: "•••• 11"}}}, map[string]string{"n2": "+4915198765411"})
	v := d.enter(anna)
	all, err := d.Changes(t.Context(), v)
	if is(t, err, nil); len(all.Open) != 2 || all.Open[0].Own {
		t.Fatalf("open are %+v", all.Open)
	}
	d.must(&v, flow.Ask{Purpose: code.AddContact, Change: "hers"})
	if got := d.must(&v, flow.Ask{Purpose: code.StepUp, Change: "hers", To: toMail}); got.State != change.Applied {
		t.Fatalf("her change is %+v", got)
	}
	d.lists("an•••@••• Full, •••• 32 Full")
	is(t, d.Forget(t.Context(), v, "agents"), rules.ErrOrder) // who applied it deletes it
	d.clock.step(change.ProveWithin)
	step, err := d.ChangeStep(t.Context(), d.enter(anna), "agents")
	if is(t, err, nil); step.Change.State != change.Expired || step.Next != "" {
		t.Errorf("the agent's change is %+v", step.Change)
	}
	d.lists("an•••@••• Full, •••• 32 Full")
}

// seed 45, 46: the person's own report of a loss stands for the second requester of a Clear,
// which then waits for its day.
func TestAReportedLoss(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	d.policies[shop].Changes.Requesters = 2
	d.yaml("clear", change.Spec{Action: change.Clear}, nil)
	v := d.enter(anna)
	if step, err := d.ChangeStep(t.Context(), v, "clear"); err != nil || step.Next != change.Requester {
		t.Fatalf("the Clear waits for %q: %v", step.Next, err)
	}
	is(t, d.ReportLoss(t.Context(), v), nil)
	if r := d.changed("clear"); r.State(d.Now()) != change.OnHold || !r.HoldUntil.Equal(start.Add(24*time.Hour)) {
		t.Errorf("the Clear is %+v", r.Memory())
	}
	is(t, d.ReportLoss(t.Context(), v), nil)
}

// The account's first contact is full while absence is proved, but junior for 720 h where
// a number that somebody entered has opened the account.
func TestTheFirstContact(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*desk)
		want   string
	}{
		"absence is proved":                 {func(*desk) {}, "an•••@••• Full"},
		"released by an entered number":     {func(d *desk) { d.block("b1"); d.releaseBy(toNumber) }, "an•••@••• Junior"},
		"released so more than 30 days ago": {func(d *desk) { d.block("b1"); d.releaseBy(toNumber); d.clock.step(month) }, "an•••@••• Full"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.has(anna)
			c.before(d)
			v := d.enter(anna)
			d.add(&v, newMail)
			d.lists(c.want)
		})
	}
}

// releaseBy releases anna's block by a code to a target.
func (d *desk) releaseBy(to flow.Target) {
	d.t.Helper()
	v := d.prove(d.open(anna), to)
	is(d.t, d.SetPassword(d.t.Context(), v, strong), nil)
}

// seed 24: an address of the account's own provider works, and the page warns.
func TestAnAddressOfTheOwnProvider(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	d.policies[shop].OwnDomains = []string{"Kiosk.example"}
	v := d.enter(anna)
	for address, want := range map[string]string{"anna@kiosk.example": "kiosk.example", "anna@kiosk.example.org": ""} {
		id, err := d.StartAdd(t.Context(), v, flow.NewContact{Channel: contact.Email, Address: address})
		is(t, err, nil)
		step, err := d.ChangeStep(t.Context(), v, id)
		if is(t, err, nil); step.OwnDomain != want {
			t.Errorf("%s: the page warns of %q, want %q", address, step.OwnDomain, want)
		}
	}
	if info := d.info(v); info.Assurance != session.Password {
		t.Errorf("the assurance is %s", info.Assurance)
	}
}
