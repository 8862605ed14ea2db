package flow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/message"
)

var (
	newMail   = flow.NewContact{Channel: contact.Email, Address: "anna@elsewhere.example", Language: "de"}
	thiefMail = flow.NewContact{Channel: contact.Email, Address: "thief@post.example", Language: "en"}
	month     = 720 * time.Hour
)

// ask sends a code of a change or recheck and enters it; the visit goes on with the new
// credential.
func (d *desk) ask(v *flow.Visit, a flow.Ask) (flow.Proved, error) {
	d.t.Helper()
	view, err := d.RequestProof(d.t.Context(), *v, a)
	if err != nil {
		return flow.Proved{}, err
	}
	done, err := d.SubmitProof(d.t.Context(), *v, view.ID, d.code(view.ID))
	if done.Credential != "" {
		v.Credential, v.Ticket = done.Credential, ""
	}
	return done, err
}

func (d *desk) must(v *flow.Visit, a flow.Ask) flow.Change {
	d.t.Helper()
	done, err := d.ask(v, a)
	is(d.t, err, nil)
	return done.Change
}

// add begins an Add and proves the new contact.
func (d *desk) add(v *flow.Visit, c flow.NewContact) string {
	d.t.Helper()
	id, err := d.StartAdd(d.t.Context(), *v, c)
	is(d.t, err, nil)
	d.must(v, flow.Ask{Purpose: code.AddContact, Change: id})
	return id
}

// replaces begins a replacement and proves the new contact: it is on hold then.
func (d *desk) replaces(v *flow.Visit, c flow.NewContact) string {
	d.t.Helper()
	id, err := d.StartReplace(d.t.Context(), *v, c)
	is(d.t, err, nil)
	if got := d.must(v, flow.Ask{Purpose: code.AddContact, Change: id}); got.State != change.OnHold {
		d.t.Fatalf("a proven replacement is %+v", got)
	}
	return id
}

// removes begins a removal, steps up by a contact and confirms.
func (d *desk) removes(v *flow.Visit, by string, ids ...string) (flow.Change, error) {
	d.t.Helper()
	id, err := d.StartRemove(d.t.Context(), *v, ids)
	is(d.t, err, nil)
	if _, err := d.ask(v, flow.Ask{Purpose: code.StepUp, Change: id, To: flow.Target{ContactID: by}}); err != nil {
		return flow.Change{}, err
	}
	return d.Affirm(d.t.Context(), *v, id, change.Confirmation)
}

func (d *desk) changed(id string) change.Record {
	d.t.Helper()
	r, err := d.memory.Change(d.t.Context(), change.Key{Tenant: shop, Name: id})
	is(d.t, err, nil)
	return r
}

// runOut has the controller look at a change whose hold may be over.
func (d *desk) runOut(id string) (change.Record, error) {
	d.t.Helper()
	now := d.Now()
	return d.memory.ApplyChange(d.t.Context(), change.Key{Tenant: shop, Name: id}, change.Clocks{Process: now, APIServer: now, Database: now})
}

// masks are the account's contacts in the list.
func (d *desk) masks() string {
	d.t.Helper()
	book, err := d.memory.Book(d.t.Context(), shop, anna)
	is(d.t, err, nil)
	var all []string
	for _, c := range book.Contacts {
		all = append(all, c.Mask()+" "+string(c.Standing))
	}
	return strings.Join(all, ", ")
}

func (d *desk) lists(want string) {
	d.t.Helper()
	if got := d.masks(); got != want {
		d.t.Fatalf("the contacts are %q, want %q", got, want)
	}
}

// notice is the link's ID in the latest notice to an address.
func (d *desk) notice(address string) string {
	d.t.Helper()
	d.collect()
	for i := len(d.mail) - 1; i >= 0; i-- {
		if m := d.mail[i]; m.Kind == message.Notice && m.Address == address && strings.HasPrefix(m.Notice, "SecurityInfoChange") {
			return m.ID
		}
	}
	d.t.Fatalf("%s got no notice of a change", address)
	return ""
}

// seed 51, 40: a contact is listed once its own code and one to a full contact were
// entered, in the language of the page; before, nothing has changed.
func TestAddWithAFullContact(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	v := d.enter(anna)
	id := d.add(&v, newMail)
	d.lists("an•••@••• Full")
	step, err := d.ChangeStep(t.Context(), v, id)
	is(t, err, nil)
	if step.Next != change.FullContactCode || len(step.Destinations) != 1 || step.Destinations[0].ContactID != "mail" || !step.Change.Own {
		t.Fatalf("the next step is %+v", step)
	}
	if got := d.must(&v, flow.Ask{Purpose: code.StepUp, Change: id, To: toMail}); got.State != change.Applied {
		t.Fatalf("the change is %+v", got)
	}
	d.lists("an•••@••• Full, an•••@••• Full")
	book, _ := d.memory.Book(t.Context(), shop, anna)
	if c := book.Contacts[1]; c.Language != "de" || c.Address != newMail.Address {
		t.Errorf("the new contact is %+v", c)
	}
	if m := d.mail[0]; m.Address != newMail.Address || m.Language != "de" || m.Challenge.ContactID != "" {
		t.Errorf("the first code went to %+v", m)
	}
}

// A session that was stepped up vouches for what is added in it: no second code.
func TestAddInASteppedUpSession(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	v := d.stepUp(d.enter(anna), toMail)
	d.add(&v, newMail)
	d.lists("an•••@••• Full, an•••@••• Full")
}

// Without a code to a full contact the new one is junior for 720 h: it steps up, cancels
// and removes nothing meanwhile.
func TestAddWithoutAFullContact(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	v := d.enter(anna)
	id := d.add(&v, newMail)
	got, err := d.Affirm(t.Context(), v, id, change.WithoutFull)
	is(t, err, nil)
	if got.State != change.Applied || !got.WithoutFull {
		t.Fatalf("the change is %+v", got)
	}
	d.lists("an•••@••• Full, an•••@••• Junior")
	junior := d.changed(id).Spec.New[0].ID
	_, err = d.removes(&v, junior, "mail")
	is(t, err, rules.ErrDestination)
	d.clock.step(month)
	d.lists("an•••@••• Full, an•••@••• Full")
}

// seed 20, 55, T1: what gets no codes is refused with a reason and leaves nothing behind.
func TestContactsThatAreRefused(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	d.policies[shop].Changes.MaxContacts = 3
	v := d.enter(anna)
	for name, c := range map[string]struct {
		in   flow.NewContact
		want error
		says string
	}{
		"no address":         {flow.NewContact{Channel: contact.Email, Address: "anna at post"}, rules.ErrDestination, "no email address"},
		"too few digits":     {flow.NewContact{Channel: contact.SMS, Address: "0151", Country: "DE"}, rules.ErrDestination, "check the country and the digits"},
		"a premium number":   {flow.NewContact{Channel: contact.Voice, Address: "+499001234567"}, rules.ErrDestination, "premium"},
		"a landline by text": {flow.NewContact{Channel: contact.SMS, Address: "+493012345678"}, rules.ErrDestination, ""},
		"another country":    {flow.NewContact{Channel: contact.SMS, Address: "+33612345678"}, rules.ErrNoRoute, "one of a country in the list"},
		"an app":             {flow.NewContact{Channel: contact.App, Address: "x"}, rules.ErrDestination, ""},
		"a known contact":    {flow.NewContact{Channel: contact.Email, Address: " " + annaMail}, rules.ErrDestination, "already"},
	} {
		_, err := d.StartAdd(t.Context(), v, c.in)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), strings.TrimSpace(c.in.Address)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	open, err := d.memory.OpenChanges(t.Context(), shop, anna)
	if err != nil || len(open) != 0 {
		t.Fatalf("%d changes are open: %v", len(open), err)
	}
	id := d.add(&v, newMail)
	_, err = d.Affirm(t.Context(), v, id, change.WithoutFull)
	is(t, err, nil)
	_, err = d.StartAdd(t.Context(), v, thiefMail)
	if is(t, err, rules.ErrDestination); !strings.Contains(err.Error(), "3 contacts") {
		t.Errorf("the fourth contact: %v", err)
	}
}

// law 5, 10: one wish is one change however often its form is sent; a sign-in earns ten
// open ones at most; what was forgotten can be begun again.
func TestOneWishIsOneChange(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	v := d.enter(anna)
	first, err := d.StartAdd(t.Context(), v, newMail)
	is(t, err, nil)
	again, err := d.StartAdd(t.Context(), v, newMail)
	if is(t, err, nil); again != first || !strings.HasPrefix(first, change.OwnPrefix) {
		t.Fatalf("%s and then %s", first, again)
	}
	is(t, d.Forget(t.Context(), v, first), nil)
	is(t, second(d.ChangeStep(t.Context(), v, first)), rules.ErrNotFound)
	anew, err := d.StartAdd(t.Context(), v, newMail)
	if is(t, err, nil); anew == first {
		t.Fatal("a forgotten change came back")
	}
	for i := range 9 {
		_, err := d.StartAdd(t.Context(), v, flow.NewContact{Channel: contact.Email, Address: string(rune('a'+i)) + "@post.example"})
		is(t, err, nil)
	}
	_, err = d.StartAdd(t.Context(), v, thiefMail)
	is(t, err, rules.ErrOpenMatter)
	all, err := d.Changes(t.Context(), v)
	if is(t, err, nil); len(all.Open) != 10 || !all.Full {
		t.Errorf("%d are open, full %v", len(all.Open), all.Full)
	}
}

// seed 33: a hold whose account no object can name would never end, so nothing is begun.
func TestAnAccountThatNoObjectCanNameChangesNothing(t *testing.T) {
	const odd = "anna müller"
	d := newDesk(t)
	d.has(odd, mail)
	v := d.enter(odd)
	is(t, second(d.StartAdd(t.Context(), v, newMail)), rules.ErrSignIn)
	is(t, second(d.StartReplace(t.Context(), v, newMail)), rules.ErrSignIn)
	is(t, second(d.StartRemove(t.Context(), v, []string{"mail"})), rules.ErrSignIn)
	open, err := d.memory.OpenChanges(t.Context(), shop, odd)
	if is(t, err, nil); len(open) != 0 {
		t.Errorf("%d changes are open", len(open))
	}
}

// law 6: changes of another account are none, whatever is done with them.
func TestChangesOfOthers(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	d.has("bob", contact.Contact{ID: "bob", Channel: contact.Email, Address: "bob@post.example", Standing: contact.Full})
	v, bob := d.enter(anna), d.enter("bob")
	id := d.replaces(&v, newMail)
	ctx := t.Context()
	is(t, second(d.ChangeStep(ctx, bob, id)), rules.ErrNotFound)
	is(t, second(d.Cancelling(ctx, bob, id)), rules.ErrNotFound)
	is(t, second(d.Affirm(ctx, bob, id, change.Confirmation)), rules.ErrNotFound)
	is(t, d.Forget(ctx, bob, id), rules.ErrNotFound)
	is(t, second(d.RequestProof(ctx, bob, flow.Ask{Purpose: code.Cancel, Change: id})), rules.ErrNotFound)
	is(t, second(d.RequestProof(ctx, flow.Visit{Host: host, Credential: "x"}, flow.Ask{Purpose: code.Recheck})), rules.ErrNoFlow)
	is(t, second(d.StartRemove(ctx, bob, []string{"mail"})), rules.ErrNotFound)
	is(t, d.Forget(ctx, v, id), rules.ErrOrder) // what is on hold is cancelled, not forgotten
}

// seed 31, 52: one of several goes at once, after a code and a second yes; the code of a
// removal serves no other and steps no session up.
func TestRemoveOne(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	v := d.enter(anna)
	id, err := d.StartRemove(t.Context(), v, []string{"cell"})
	is(t, err, nil)
	_, err = d.Affirm(t.Context(), v, id, change.Confirmation)
	is(t, err, rules.ErrOrder)
	d.must(&v, flow.Ask{Purpose: code.StepUp, Change: id, To: toMail})
	d.lists("an•••@••• Full, •••• 78 Full")
	got, err := d.Affirm(t.Context(), v, id, change.Confirmation)
	if is(t, err, nil); got.State != change.Applied || len(got.Removed) != 1 {
		t.Fatalf("the change is %+v", got)
	}
	d.lists("an•••@••• Full")
	if info := d.info(v); info.Assurance != "Password" {
		t.Errorf("the session has the assurance %s", info.Assurance)
	}
}

// seed 32, 53: without the last contact the account waits 30 days; ordinary use goes on,
// payments do not.
func TestRemoveAll(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	v := d.enter(anna)
	got, err := d.removes(&v, "mail", "mail", "cell")
	if is(t, err, nil); got.State != change.OnHold || !got.HoldUntil.Equal(start.Add(month)) || got.Restricted != change.SensitiveActions {
		t.Fatalf("the change is %+v", got)
	}
	if out := d.decide(anna, decision.Payment); out.Verdict != decision.Deny {
		t.Errorf("payments: %+v", out)
	}
	if out := d.decide(anna, decision.SignIn); out.Verdict != decision.Allow {
		t.Errorf("signing in: %+v", out)
	}
	d.clock.step(month - time.Minute)
	_, err = d.runOut(got.ID)
	is(t, err, change.ErrEarly)
	d.clock.step(time.Minute)
	_, err = d.runOut(got.ID)
	is(t, err, nil)
	d.lists("")
	if out := d.decide(anna, decision.SignIn); out.Prompt != "RegisterSecurityInfo" {
		t.Errorf("after the hold the person is asked %q", out.Prompt)
	}
}

// seed 33: who has none of them waits 30 days to sign in; then the new contact is the one.
func TestReplace(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	v := d.enter(anna)
	id := d.replaces(&v, newMail)
	d.lists("an•••@••• Full, •••• 78 Full")
	if out := d.decide(anna, decision.SignIn); out.Verdict != decision.Deny || out.Links["securityInfo"] == "" {
		t.Errorf("signing in: %+v", out)
	}
	d.clock.step(month)
	_, err := d.runOut(id)
	is(t, err, nil)
	d.lists("an•••@••• Full")
}

// seed 34: whoever signs in with a code to old info ends the replacement.
func TestASignInWithOldInfoCancels(t *testing.T) {
	for name, signIn := range map[string]func(*desk){
		"at the pages": func(d *desk) { d.stepUp(d.enterHeld(anna), toCell) },
		"out of a block": func(d *desk) {
			d.block("b1")
			d.prove(d.open(anna), toCell)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.has(anna, mail, cell)
			v := d.enter(anna)
			id := d.replaces(&v, newMail)
			d.clock.step(29 * 24 * time.Hour)
			signIn(d)
			if r := d.changed(id); r.End.State != change.Cancelled || r.End.Reason != change.ByCode || r.End.By != "cell" {
				t.Errorf("the replacement ended %+v", r.End)
			}
		})
	}
}

// enterHeld opens a session of an account that is on hold.
func (d *desk) enterHeld(account string) flow.Visit {
	d.t.Helper()
	out := d.decide(account, decision.ChangeSecurityInfo)
	if out.Verdict != decision.Challenge || out.Ticket == "" {
		d.t.Fatalf("on hold, ChangeSecurityInfo is answered %+v", out)
	}
	return d.enterBy(out.Ticket, false)
}
