package flow_test

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	checker "holdfast.dev/holdfast/internal/password"
	"holdfast.dev/holdfast/internal/phone"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/seal"
	"holdfast.dev/holdfast/internal/store"
	"holdfast.dev/holdfast/internal/store/sqlite"
)

const (
	shop    = "shop"
	host    = "help.shop.example"
	wwwHost = "www.shop.example"
	bank    = "bank"
	anna    = "anna-4711"

	annaMail = "anna.kowalski@post.example"
	annaCell = "+4915112345678"
	number   = "+4915198765432"

	strong   = "Violet tractor under 7 bridges"
	stronger = "nine Lanterns over the quiet weir"
)

var (
	start    = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	network  = netip.MustParseAddr("192.0.2.10")
	mail     = contact.Contact{ID: "mail", Channel: contact.Email, Address: annaMail, Standing: contact.Full, Language: "pl"}
	cell     = contact.Contact{ID: "cell", Channel: contact.SMS, Address: annaCell, Standing: contact.Full, Language: "pl"}
	toMail   = flow.Target{ContactID: "mail"}
	toCell   = flow.Target{ContactID: "cell"}
	toNumber = flow.Target{Channel: contact.SMS, Number: number}
	theKey   = block.Key{Tenant: shop, Name: "b1"}

	passwords = sync.OnceValue(checker.New)
)

// desk is the whole house but HTTP, Kubernetes and the IdP.
type desk struct {
	*flow.Desk
	t        *testing.T
	memory   *store.Store
	keys     *seal.Keys
	clock    *clock
	index    *index
	policies policies
	idp      *idp
	// mail is everything that the courier has taken.
	mail []message.Message
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	keys, err := seal.Generate()
	is(t, err, nil)
	now := &clock{now: start}
	memory, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "holdfast.db"), sqlite.Options{Sealer: keys, Now: now.Now})
	is(t, err, nil)
	t.Cleanup(func() { is(t, memory.Close(), nil) })
	d := &desk{
		t: t, memory: memory, keys: keys, clock: now, index: newIndex(memory), idp: &idp{},
		policies: policies{shop: newPolicy(shop, host, wwwHost), bank: newPolicy(bank, "help.bank.example")},
	}
	d.Desk = &flow.Desk{
		Store: memory, Index: d.index, Policies: d.policies, Sealer: keys, Identity: d.idp,
		Passwords: passwords(), Numbers: phone.Numbers{},
		Now: now.Now, Random: newDice(), Issuer: "https://holdfast.example", Epoch: func() int64 { return 1 }, Scheme: "https",
	}
	return d
}

func newPolicy(tenant string, hosts ...string) *policy.Policy {
	p := policy.Default()
	p.Tenant, p.Name, p.Hosts = tenant, "everyone", hosts
	p.Messages.ProductName, p.HelpURL = "Kiosk", "https://kiosk.example/help"
	p.Providers = []policy.Provider{{Name: "all", Channels: []contact.Channel{contact.Email, contact.SMS, contact.Voice}, Countries: []string{"DE"}}}
	return &p
}

// spec is a block of anna for a day that she can release.
func (d *desk) spec() block.Spec {
	return block.Spec{
		Account: anna, Reason: block.UnusualActivity, Scope: block.Account, Start: d.Now(), Duration: 24 * time.Hour,
		Steps: []block.Step{block.VerifyCode, block.ChangePassword}, CodeTo: block.SecurityInfo,
	}
}

// block applies an AccountBlock to the tenant shop; no controller runs.
func (d *desk) block(name string, edits ...func(*block.Spec)) block.Key {
	spec := d.spec()
	for _, edit := range edits {
		edit(&spec)
	}
	key := block.Key{Tenant: shop, Name: name}
	d.index.see(block.NewRecord(key, "uid-of-"+name, spec))
	return key
}

// revoke writes what the controller writes when the object's deletion is seen.
func (d *desk) revoke(key block.Key) {
	d.t.Helper()
	r := d.record(key)
	_, err := d.memory.EndBlock(d.t.Context(), key, r.UID, r.Spec, block.End{State: block.Revoked, At: d.Now()}, true)
	is(d.t, err, nil)
}

func (d *desk) record(key block.Key) block.Record {
	d.t.Helper()
	r, ok := d.index.Block(key)
	if !ok {
		d.t.Fatalf("there is no block %s", key)
	}
	return r
}

func (d *desk) state(key block.Key) block.State {
	d.t.Helper()
	return d.record(key).State(d.Now())
}

// has writes security info as it stands after earlier changes; none records absence.
func (d *desk) has(account string, contacts ...contact.Contact) {
	d.t.Helper()
	is(d.t, d.memory.ImportContacts(d.t.Context(), shop, account, contacts, nil, d.Now()), nil)
}

func (d *desk) decide(account string, action decision.Action) flow.Decision {
	d.t.Helper()
	out, err := d.Decide(shop, flow.Request{Account: account, Action: action, Network: network})
	is(d.t, err, nil)
	return out
}

// ticket is what a denied sign-in hands to the person.
func (d *desk) ticket(account string) string {
	d.t.Helper()
	out := d.decide(account, decision.SignIn)
	if out.Verdict != decision.Deny || out.Ticket == "" {
		d.t.Fatalf("SignIn of %s is answered %+v, want a denial with a ticket", account, out)
	}
	return out.Ticket
}

// open signs in, is denied and opens a flow in a browser.
func (d *desk) open(account string) flow.Visit {
	d.t.Helper()
	credential, err := d.Open(d.t.Context(), host, d.ticket(account), false)
	is(d.t, err, nil)
	return flow.Visit{Host: host, Credential: credential, Network: network}
}

func (d *desk) request(v flow.Visit, to flow.Target) flow.ChallengeView {
	d.t.Helper()
	view, err := d.RequestCode(d.t.Context(), v, to)
	is(d.t, err, nil)
	return view
}

// collect lets the courier take and send everything that is due.
func (d *desk) collect() []message.Message {
	d.t.Helper()
	var taken []message.Message
	for {
		// Of those for one destination each waits for the one before.
		some, err := d.memory.Lease(d.t.Context(), 100, d.Now(), d.Now().Add(time.Minute))
		is(d.t, err, nil)
		if len(some) == 0 {
			d.mail = append(d.mail, taken...)
			return taken
		}
		for _, m := range some {
			is(d.t, d.memory.MarkSent(d.t.Context(), m.ID, d.Now()), nil)
		}
		taken = append(taken, some...)
	}
}

// letter is the message that carries the code of a challenge.
func (d *desk) letter(challengeID string) message.Message {
	d.t.Helper()
	d.collect()
	for _, m := range d.mail {
		if m.Kind == message.Code && m.Challenge.ID == challengeID {
			return m
		}
	}
	d.t.Fatal("no message carries the code of the challenge")
	return message.Message{}
}

// code is what the person reads in their message.
func (d *desk) code(challengeID string) string {
	d.t.Helper()
	return d.keys.Code(d.letter(challengeID).Challenge)
}

// wrong is a code that is not the challenge's.
func (d *desk) wrong(challengeID string) string {
	right := d.code(challengeID)
	last := '0' + (right[len(right)-1]-'0'+1)%10
	return right[:len(right)-1] + string(rune(last))
}

func (d *desk) submit(v flow.Visit, challengeID, submitted string) error {
	_, _, err := d.SubmitCode(d.t.Context(), v, challengeID, submitted)
	return err
}

// prove asks for a code, enters it and goes on with the new credential.
func (d *desk) prove(v flow.Visit, to flow.Target) flow.Visit {
	d.t.Helper()
	view := d.request(v, to)
	_, credential, err := d.SubmitCode(d.t.Context(), v, view.ID, d.code(view.ID))
	is(d.t, err, nil)
	v.Credential, v.Ticket = credential, ""
	return v
}

func (d *desk) overview(v flow.Visit) flow.Overview {
	d.t.Helper()
	o, err := d.Overview(d.t.Context(), v)
	is(d.t, err, nil)
	return o
}

// refused tries every deed of a flow; each must fail with the same error.
func (d *desk) refused(v flow.Visit, challengeID string, want error) {
	d.t.Helper()
	ctx := d.t.Context()
	_, err := d.RequestCode(ctx, v, toMail)
	is(d.t, err, want)
	_, err = d.Resend(ctx, v, challengeID, flow.Target{})
	is(d.t, err, want)
	is(d.t, d.submit(v, challengeID, "000000"), want)
	is(d.t, d.SetPassword(ctx, v, strong), want)
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("err = %v, want %v", err, want)
	}
}

// limited wants a refusal for volume and returns the wait.
func limited(t *testing.T, err error, subject string) time.Duration {
	t.Helper()
	var e *rules.LimitError
	if !errors.As(err, &e) || e.Subject != subject {
		t.Fatalf("err = %v, want a limit for %s", err, subject)
	}
	return e.RetryAfter
}

// hides wants an error that shows none of the secrets (law 2).
func hides(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error %q shows what is secret", err)
		}
	}
}

func permanent(s *block.Spec)   { s.Permanent, s.Duration = true, 0 }
func stepless(s *block.Spec)    { s.Steps = nil }
func codeOnly(s *block.Spec)    { s.Steps = []block.Step{block.VerifyCode} }
func toAnyNumber(s *block.Spec) { s.CodeTo = block.AnyNumber }
func of(account string) func(*block.Spec) {
	return func(s *block.Spec) { s.Account = account }
}
func lasting(d time.Duration) func(*block.Spec) {
	return func(s *block.Spec) { s.Duration = d }
}
func scoped(scope block.Scope, value string) func(*block.Spec) {
	return func(s *block.Spec) {
		s.Scope, s.Value = scope, value
		if scope == block.Network || scope == block.Region {
			s.Account = ""
		}
	}
}
