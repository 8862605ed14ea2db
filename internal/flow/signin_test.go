package flow_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

var (
	customers = policy.OIDC{Issuer: "https://id.example", ClientID: "holdfast"}
	staff     = policy.OIDC{Issuer: "https://work.example/realms/staff", ClientID: "holdfast"}
)

// Issuers lists that of the host's policy.
func (p policies) Issuers(host string) []policy.OIDC {
	tenant, ok := p.Tenant(host)
	if !ok || p[tenant].Identity.OIDC.Issuer == "" {
		return nil
	}
	return []policy.OIDC{p[tenant].Identity.OIDC}
}

// issuer stands for OpenID Connect: its codes are promises of a word.
type issuer struct {
	now func() time.Time
	// spoil changes what it says.
	spoil func(*session.Assertion)
	// asked are the sign-ins for which a code was redeemed.
	asked []session.SignIn
	err   error
}

func (i *issuer) AuthURL(_ context.Context, _ string, at policy.OIDC, s session.SignIn) (string, error) {
	return at.Issuer + "/auth?" + url.Values{"state": {s.State}, "nonce": {s.Nonce}, "redirect_uri": {s.Redirect}}.Encode(), i.err
}

// Redeem takes the code "SUBJECT NONCE", as an issuer ties a code to its request.
func (i *issuer) Redeem(_ context.Context, _ string, _ policy.OIDC, s session.SignIn, code, _ string) (session.Assertion, error) {
	i.asked = append(i.asked, s)
	subject, nonce, _ := strings.Cut(code, " ")
	word := session.Assertion{Subject: subject, Nonce: nonce, SignedIn: i.now()}
	if i.spoil != nil {
		i.spoil(&word)
	}
	return word, i.err
}

// signIns is a desk whose shop names an issuer.
func signIns(t *testing.T) (*desk, *issuer) {
	t.Helper()
	d := newDesk(t)
	d.has(anna, mail)
	d.policies[shop].Identity.OIDC = customers
	at := &issuer{now: d.Now}
	d.SignIns = at
	return d, at
}

// trip is a browser on its way to the issuer and back.
type trip struct {
	browser  string
	visit    flow.Visit
	returned flow.Returned
}

// depart starts a sign-in, and has the issuer send anna back.
func (d *desk) depart() trip {
	d.t.Helper()
	ways := d.SignInWays(host)
	if len(ways) != 1 || ways[0].Host != "id.example" {
		d.t.Fatalf("the ways are %+v", ways)
	}
	to, browser, err := d.StartSignIn(d.t.Context(), host, ways[0].ID)
	is(d.t, err, nil)
	u, err := url.Parse(to)
	is(d.t, err, nil)
	if got := u.Query().Get("redirect_uri"); u.Host != "id.example" || got != "https://"+host+"/security-info/callback" {
		d.t.Fatalf("sent to %s, to come back to %s", u.Host, got)
	}
	return trip{
		browser: browser, visit: flow.Visit{Host: host, Network: network, Credential: "planted"},
		returned: flow.Returned{State: u.Query().Get("state"), Code: anna + " " + u.Query().Get("nonce")},
	}
}

func (d *desk) arrive(t trip) (string, error) {
	return d.FinishSignIn(d.t.Context(), t.visit, t.browser, t.returned)
}

// Signed in at the issuer, a person has a session under a credential of its own.
func TestSignInAtTheIssuer(t *testing.T) {
	d, at := signIns(t)
	gone := d.depart()
	d.clock.step(3 * time.Minute)
	credential, err := d.arrive(gone)
	is(t, err, nil)
	v := gone.visit
	v.Credential = credential
	if info := d.info(v); info.Account != "an•••" || info.Assurance != session.Password || !info.Ends.Equal(d.Now().Add(session.Life)) {
		t.Errorf("the session is %+v", info)
	}
	d.shut(gone.visit, "x", rules.ErrNoFlow) // fixation: a credential from before is worth nothing
	d.shut(flow.Visit{Host: host, Ticket: gone.returned.State}, "x", rules.ErrNoFlow)
	other := d.depart()
	if used := at.asked[0]; used.Verifier == used.Nonce || strings.Contains(gone.returned.State, used.Verifier) || other.browser == gone.browser {
		t.Error("the secrets of a sign-in are not secret")
	}
}

// Login CSRF, replay, forgery and confusion: what comes back opens nothing but for the
// browser that left, once, on the same host, in time.
func TestSignInsThatAreRefused(t *testing.T) {
	forge := func(d *desk, g *trip, edit func(*ticket.Claims)) {
		claims, err := d.keys.OpenTicket(g.returned.State)
		is(d.t, err, nil)
		edit(&claims)
		g.returned.State, err = d.keys.SealTicket(claims)
		is(d.t, err, nil)
	}
	for name, attack := range map[string]func(*desk, *issuer, *trip){
		"a browser that did not start":       func(_ *desk, _ *issuer, g *trip) { g.browser = "" },
		"another browser":                    func(d *desk, _ *issuer, g *trip) { g.browser = d.depart().browser },
		"another start's state":              func(d *desk, _ *issuer, g *trip) { g.returned.State = d.depart().returned.State },
		"another start's code":               func(d *desk, _ *issuer, g *trip) { g.returned.Code = d.depart().returned.Code },
		"no state":                           func(_ *desk, _ *issuer, g *trip) { g.returned.State = "" },
		"a forged state":                     func(_ *desk, _ *issuer, g *trip) { g.returned.State += "A" },
		"a ticket in place of the state":     func(d *desk, _ *issuer, g *trip) { g.returned.State = d.pass(anna) },
		"too late":                           func(d *desk, _ *issuer, _ *trip) { d.clock.step(session.SignInLife) },
		"another host of the tenant":         func(_ *desk, _ *issuer, g *trip) { g.visit.Host = wwwHost },
		"another tenant's host":              func(_ *desk, _ *issuer, g *trip) { g.visit.Host = "help.bank.example" },
		"a state of another tenant":          func(d *desk, _ *issuer, g *trip) { forge(d, g, func(c *ticket.Claims) { c.Tenant = bank }) },
		"a state of another installation":    func(d *desk, _ *issuer, g *trip) { forge(d, g, func(c *ticket.Claims) { c.Issuer = "staging" }) },
		"a state from before a restore":      func(d *desk, _ *issuer, g *trip) { forge(d, g, func(c *ticket.Claims) { c.Epoch = 0 }) },
		"a state of another purpose":         func(d *desk, _ *issuer, g *trip) { forge(d, g, func(c *ticket.Claims) { c.Purpose = code.Unblock }) },
		"an issuer that the policy has left": func(d *desk, _ *issuer, _ *trip) { d.policies[shop].Identity.OIDC = staff },
		"a client that the policy has left":  func(d *desk, _ *issuer, _ *trip) { d.policies[shop].Identity.OIDC.ClientID = "new" },
		"the issuer says no":                 func(_ *desk, _ *issuer, g *trip) { g.returned.Refused = true },
		"no code":                            func(_ *desk, _ *issuer, g *trip) { g.returned.Code = "" },
		"a word that is not good":            func(_ *desk, i *issuer, _ *trip) { i.err = session.ErrAssertion },
		"no nonce":                           func(_ *desk, i *issuer, _ *trip) { i.spoil = func(a *session.Assertion) { a.Nonce = "" } },
		"no auth_time":                       func(_ *desk, i *issuer, _ *trip) { i.spoil = func(a *session.Assertion) { a.SignedIn = time.Time{} } },
		"a sign-in of this morning": func(_ *desk, i *issuer, _ *trip) {
			i.spoil = func(a *session.Assertion) { a.SignedIn = start.Add(-time.Hour) }
		},
		"no subject":                         func(_ *desk, i *issuer, _ *trip) { i.spoil = func(a *session.Assertion) { a.Subject = "" } },
		"the installation knows no sign-ins": func(d *desk, _ *issuer, _ *trip) { d.SignIns = nil },
	} {
		t.Run(name, func(t *testing.T) {
			d, at := signIns(t)
			gone := d.depart()
			secrets := []string{anna, gone.returned.Code, gone.browser}
			attack(d, at, &gone)
			credential, err := d.arrive(gone)
			is(t, err, rules.ErrSignIn)
			hides(t, err, secrets...)
			if credential != "" {
				t.Error("a credential was made all the same")
			}
		})
	}
}

// Replay: one start opens one session, even if the issuer took its code twice.
func TestASignInOpensOneSession(t *testing.T) {
	d, _ := signIns(t)
	gone := d.depart()
	is(t, second(d.arrive(gone)), nil)
	credential, err := d.arrive(gone)
	is(t, err, rules.ErrTicketUsed)
	d.shut(flow.Visit{Host: host, Credential: credential}, "x", rules.ErrNoFlow)
}

// Mix-up: the word of one issuer counts for no account whose policy names another one.
func TestAnIssuerSpeaksForItsOwnAccountsOnly(t *testing.T) {
	d, _ := signIns(t)
	other := *d.policies[shop]
	other.Identity.OIDC = staff
	both := byAccount{d.policies, map[string]policy.Policy{"boss": other}}
	d.Policies = both
	gone := d.depart()
	_, nonce, _ := strings.Cut(gone.returned.Code, " ")
	gone.returned.Code = "boss " + nonce
	is(t, second(d.arrive(gone)), rules.ErrSignIn)
	other.Identity.OIDC, other.Hosts = customers, []string{wwwHost} // nor on a host that its policy does not name
	both.others["boss"] = other
	is(t, second(d.arrive(gone)), rules.ErrSignIn)
	other.Hosts = []string{host}
	both.others["boss"] = other
	is(t, second(d.arrive(gone)), nil)
}

// byAccount has policies of some accounts' own.
type byAccount struct {
	policies
	others map[string]policy.Policy
}

func (b byAccount) For(tenant, account string) policy.Policy {
	if one, ok := b.others[account]; ok {
		return one
	}
	return b.policies.For(tenant, account)
}

// A blocked person who has signed in is led to the release, and gets no session.
func TestABlockedPersonSignsIn(t *testing.T) {
	d, _ := signIns(t)
	d.block("b1")
	_, err := d.arrive(d.depart())
	var blocked *flow.BlockedError
	if !errors.As(err, &blocked) {
		t.Fatalf("err = %v, want a BlockedError", err)
	}
	_, sealed, _ := strings.Cut(blocked.Unblock, "ticket=")
	is(t, second(d.Peek(t.Context(), host, sealed)), nil)
}

// An issuer that is away is no refusal; decisions and blocks do not ask it (law 4).
func TestWithoutTheIssuer(t *testing.T) {
	d, at := signIns(t)
	gone := d.depart()
	at.err = rules.ErrIssuer
	_, err := d.arrive(gone)
	is(t, err, rules.ErrIssuer)
	_, _, err = d.StartSignIn(t.Context(), host, d.SignInWays(host)[0].ID)
	is(t, err, rules.ErrIssuer)
	d.block("b1")
	if got := d.decide(anna, decision.SignIn); got.Verdict != decision.Deny || got.Ticket == "" {
		t.Errorf("SignIn is answered %+v", got)
	}
	d.revoke(theKey)
	at.err = nil
	is(t, second(d.arrive(gone)), nil) // nothing was used up
}

// A way that no policy of the host names leads nowhere (open redirect).
func TestOnlyTheHostsOwnWays(t *testing.T) {
	d, _ := signIns(t)
	for _, way := range []string{"", "https://evil.example", d.SignInWays(host)[0].ID + "x"} {
		_, _, err := d.StartSignIn(t.Context(), host, way)
		is(t, err, rules.ErrSignIn)
	}
	for _, other := range []string{"help.bank.example", "evil.example", ""} {
		if got := d.SignInWays(other); len(got) != 0 {
			t.Errorf("%q offers %+v", other, got)
		}
		_, _, err := d.StartSignIn(t.Context(), other, d.SignInWays(host)[0].ID)
		is(t, err, rules.ErrSignIn)
	}
}

// law 2: what signing in leaves in the store is no token, code, state or secret.
func TestSignInsLeaveNothingSecret(t *testing.T) {
	d, at := signIns(t)
	gone := d.depart()
	credential, err := d.arrive(gone)
	is(t, err, nil)
	f, err := d.memory.FlowBySecret(t.Context(), sha256.Sum256([]byte(credential)))
	is(t, err, nil)
	for what, secret := range map[string]string{
		"the browser's secret": gone.browser, "the state": gone.returned.State, "the code": gone.returned.Code,
		"the credential": credential, "the nonce": at.asked[0].Nonce, "the verifier": at.asked[0].Verifier,
	} {
		if strings.Contains(f.ID+f.Ticket+f.Object, secret) {
			t.Errorf("the flow holds %s", what)
		}
	}
}
