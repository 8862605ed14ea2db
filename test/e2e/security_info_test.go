package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/api/v1alpha1"
)

const (
	linusPassword = "crimson-bond-meadow-58"
	linusReturns  = "velvet-canyon-brass-kettle-4"
	linusAddress  = "linus@example.test"
	linusPhone    = "+12025550104"
	// linusSecond is added at the pages, linusThird shall replace everything, and
	// linusByYAML is written into a Secret.
	linusSecond = "linus@second.example.test"
	linusThird  = "linus@third.example.test"
	linusByYAML = "+12025550105"

	adaAddress = "ada@example.test"
	// adaThief is where somebody wants ada's codes.
	adaThief    = "mallory@elsewhere.example.test"
	adaPassword = "walnut-ferry-prism-octave-9"
)

// shopNames are the headings of people's homes.
var shopNames = map[string]string{
	"linus": "Welcome, Linus Pauling", "ada": "Welcome, Ada Lovelace", "grace": "Welcome, Grace Hopper",
}

const addByYAML = `apiVersion: holdfast.dev/v1alpha1
kind: SecurityInfoChange
metadata: {name: linus-by-yaml, namespace: demo}
spec:
  account: linus
  action: Add
  contacts:
  - secretKeyRef: {name: linus-phone, key: phone}
    channel: SMS
`

// securityInfo is what Linus lives through with his contacts: he adds one, his company
// adds one by YAML, somebody replaces them all, and he takes it back.
func securityInfo(d *demo, t *testing.T) {
	d.policyLike("roomy", func(*v1alpha1.VerificationPolicySpec) {}, "linus", "grace")
	d.await(patience, "the shop to let linus in", func() bool { return d.signIn("linus", linusPassword).SignedIn })
	b := browse(t)
	d.openSecurityInfo(b, "linus", linusPassword)
	d.addContact(b)
	d.addByYAML(b)
	held := d.replaceAll(b)
	d.restricted(b, held)
	d.cancelByNotice(held)
}

// openSecurityInfo signs in at the shop and follows its link, whose ticket opens a session
// at Holdfast.
func (d *demo) openSecurityInfo(b *tab, account, password string) {
	d.t.Helper()
	b.open(d.env["HOLDFAST_SHOP_URL"], 200, "Sign in")
	b.fill("input[name=account]", account)
	b.fill("input[name=password]", password)
	b.press("form[action='/signin'] button", 200, shopNames[account])
	b.press("a[href='/security-info']", 200, "Your security info")
	b.press("form[action='/security-info'] button", 200, "Your security info")
}

// addContact lists a second address after a code to it and one to the first (seed 51).
func (d *demo) addContact(b *tab) {
	d.t.Helper()
	b.press("a[href='/security-info/add']", 200, "Add a contact")
	d.submitContact(b, "/security-info/add", linusSecond)
	seen := d.changeOf(v1alpha1.ActionAdd, v1alpha1.ChangeAwaitingCode)
	b.fill("#code", d.code(linusSecond, 0))
	b.press("form[action$='/code'] button", 200, "Show that it is you")
	before := len(d.inbox(linusAddress))
	b.press("form[action$='/send'] button[type=submit]", 200, "Enter your security code")
	b.fill("#code", d.code(linusAddress, before))
	b.press("form[action$='/code'] button", 200, "Your security info was changed")

	if done := d.changeOf(v1alpha1.ActionAdd, v1alpha1.ChangeApplied); done.Name != seen.Name {
		d.t.Errorf("the object %s became %s", seen.Name, done.Name)
	}
}

// submitContact enters a new address, to which a code goes at once.
func (d *demo) submitContact(b *tab, form, address string) {
	d.t.Helper()
	b.click("label[for=by-Email]")
	b.fill("#email", address)
	b.press("form[action='"+form+"'] button[type=submit]", 200, "Enter your security code")
}

// changeOf waits for the one object of an action in a state, of linus.
func (d *demo) changeOf(action v1alpha1.ChangeAction, state v1alpha1.ChangeState) v1alpha1.SecurityInfoChange {
	d.t.Helper()
	return d.changeFor("linus", action, state)
}

// changeFor is changeOf for any account, among what else kubectl is told to look for.
func (d *demo) changeFor(account string, action v1alpha1.ChangeAction, state v1alpha1.ChangeState, among ...string) v1alpha1.SecurityInfoChange {
	d.t.Helper()
	var list v1alpha1.SecurityInfoChangeList
	d.await(patience, "a SecurityInfoChange "+string(action)+" that is "+string(state), func() bool {
		out := d.mustKubectl("", append([]string{"get", "sic", "-n", "demo", "-o", "json",
			"--field-selector", "spec.account=" + account + ",spec.action=" + string(action) + ",status.state=" + string(state)}, among...)...)
		list = v1alpha1.SecurityInfoChangeList{}
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			d.t.Fatal(err)
		}
		return len(list.Items) > 0
	})
	if len(list.Items) != 1 {
		d.t.Fatalf("%d changes %s are %s, want one", len(list.Items), action, state)
	}
	return list.Items[0]
}

// addByYAML names a number by a Secret, which proves nothing: the person's codes are
// waited for.
func (d *demo) addByYAML(b *tab) {
	d.t.Helper()
	d.mustKubectl("", "create", "secret", "generic", "linus-phone", "-n", "demo",
		"--type=holdfast.dev/contact", "--from-literal=phone="+linusByYAML)
	d.mustKubectl(addByYAML, "apply", "-f", "-")
	change := d.changeOf(v1alpha1.ActionAdd, v1alpha1.ChangeAwaitingCode)
	want := []v1alpha1.RequiredProof{v1alpha1.ProofNewContactCode, v1alpha1.ProofFullContactCode}
	if change.Name != "linus-by-yaml" || !slices.Equal(change.Status.RemainingProofs, want) {
		d.t.Errorf("%s waits for %v, want %v", change.Name, change.Status.RemainingProofs, want)
	}
	if got := len(d.inbox(linusByYAML)); got > 0 {
		d.t.Errorf("YAML alone sent %d messages to a stranger", got)
	}
	b.open(d.env["HOLDFAST_PUBLIC_URL"]+"/security-info", 200, "Your security info")
	if said := b.text("main"); !strings.Contains(said, "Not finished yet") || !strings.Contains(said, "05, by text") || strings.Contains(said, linusByYAML) {
		d.t.Errorf("the list says %q, want what was asked for, masked", said)
	}
}

// replaceAll replaces all contacts by one that is proven, which waits for 30 days (seed 33).
func (d *demo) replaceAll(b *tab) v1alpha1.SecurityInfoChange {
	d.t.Helper()
	b.open(d.env["HOLDFAST_PUBLIC_URL"]+"/security-info/replace", 200, "Replace all of your contacts")
	d.submitContact(b, "/security-info/replace", linusThird)
	b.fill("#code", d.code(linusThird, 0))
	b.press("form[action$='/code'] button", 200, "This change is on hold")

	held := d.changeOf(v1alpha1.ActionReplace, v1alpha1.ChangeOnHold)
	start, until := held.Status.HoldStartTime, held.Status.HoldUntilTime
	if start == nil || until == nil || time.Since(start.Time) > time.Minute {
		d.t.Fatalf("on hold from %v until %v, want 30 days from now", start, until)
	}
	// The end is rounded up to a second, the start down: a hold is never shorter.
	if length := until.Sub(start.Time); length < 720*time.Hour || length > 720*time.Hour+time.Second {
		d.t.Errorf("on hold for %s", length)
	}
	table := d.mustKubectl("", "get", "sic", "-n", "demo")
	d.t.Logf("$ kubectl get sic\n%s", table)
	row := regexp.MustCompile(`(?m)^\S+ +linus +Replace +OnHold +OnHold +` + until.UTC().Format(time.RFC3339) + ` +\d+s$`)
	if !row.MatchString(table) {
		d.t.Errorf("no row reads %s", row)
	}
	return held
}

// restricted is what the hold does to the account, and how the person sees it.
func (d *demo) restricted(b *tab, held v1alpha1.SecurityInfoChange) {
	d.t.Helper()
	until := held.Status.HoldUntilTime.Time
	for action, want := range map[string]string{"Payment": "Deny", "SignIn": "Deny", "ChangeSecurityInfo": "Challenge", "Read": "Allow"} {
		got := d.decide(map[string]string{"account": "linus", "action": action})
		if got.Decision != want {
			d.t.Errorf("%s: %s, want %s", action, got.Decision, want)
		}
		if want == "Allow" {
			continue
		}
		if !slices.Equal(got.Reasons, []string{"SecurityInfoHold"}) || got.Until == nil || got.Until.Sub(until).Abs() > time.Second || got.Links["securityInfo"] == "" {
			d.t.Errorf("%s: %+v, want a SecurityInfoHold until %s, with a link", action, got, until)
		}
	}
	b.open(d.env["HOLDFAST_PUBLIC_URL"]+"/security-info", 200, "Your security info")
	if said := b.text(".hold"); !strings.Contains(said, "This wasn’t me, cancel") {
		d.t.Errorf("the banner says %q", said)
	}
	b.open(d.env["HOLDFAST_SHOP_URL"], 200, shopNames["linus"])
	if said := b.text(".banner h2"); said != "Your security info is about to change" {
		d.t.Errorf("the shop's banner says %q", said)
	}
	b.press("form[action='/pay'] button", 403, "You cannot pay now")
	if said := b.text("main"); !strings.Contains(said, "change how we reach") || !strings.Contains(said, until.Local().Format("2 January 2006")) {
		d.t.Errorf("the refusal says %q", said)
	}
}

// cancelByNotice takes the link of a notice in a browser that nobody is signed in with.
func (d *demo) cancelByNotice(held v1alpha1.SecurityInfoChange) {
	d.t.Helper()
	link := d.noticeLink(linusAddress)
	for _, address := range []string{linusSecond, linusPhone} {
		if other := d.noticeLink(address); other == link {
			d.t.Errorf("%s has got the same link", address)
		}
	}
	d.opensOnly("linus", link)

	b := browse(d.t)
	b.open(link, 200, "Was this you?")
	if state := d.changeOf(v1alpha1.ActionReplace, v1alpha1.ChangeOnHold); state.UID != held.UID {
		d.t.Errorf("opening the link left %s", state.Name)
	}
	b.press("form[action^='/c/'] button", 200, "Cancel this change")
	before := len(d.inbox(linusAddress))
	b.press("form[action$='/send'] button[type=submit]", 200, "Enter your security code")
	b.fill("#code", d.code(linusAddress, before))
	b.press("form[action$='/code'] button", 200, "This change was cancelled")

	d.changeOf(v1alpha1.ActionReplace, v1alpha1.ChangeCancelled)
	d.comesBackIn("linus", linusPassword, linusAddress, linusReturns)
	b.open(link, 200, "This change was cancelled")
}

// ownerCancels is Ada, whose contacts somebody wants to replace. She is signed in, takes it
// back there and chooses a new password at once: whoever knew the old one is out.
func ownerCancels(d *demo, t *testing.T) {
	b := browse(t)
	d.openSecurityInfo(b, "ada", phonePassword)
	b.open(d.env["HOLDFAST_PUBLIC_URL"]+"/security-info/replace", 200, "Replace all of your contacts")
	d.submitContact(b, "/security-info/replace", adaThief)
	b.fill("#code", d.code(adaThief, 0))
	b.press("form[action$='/code'] button", 200, "This change is on hold")
	if in := d.signIn("ada", phonePassword); !in.Blocked || !slices.Equal(in.Reasons, []string{"SecurityInfoHold"}) || in.SecurityInfoURL == "" {
		t.Errorf("on hold a new sign-in gets %+v (seed 33)", in)
	}

	b.press("a[href^='/security-info/cancel']", 200, "Cancel this change")
	before := len(d.inbox(adaAddress))
	b.press("form[action$='/send'] button[type=submit]", 200, "Enter your security code")
	b.fill("#code", d.code(adaAddress, before))
	b.press("form[action$='/code'] button", 200, "This change was cancelled")
	b.fill("#password", adaPassword)
	b.press("form[action$='/password'] button[type=submit]", 200, "Your new password is saved")

	b.open(d.env["HOLDFAST_SHOP_URL"], 200, "Sign in")
	if in := d.signIn("ada", phonePassword); in.Status != http.StatusUnauthorized {
		t.Errorf("the old password still signs in: %+v", in)
	}
	if in := d.signIn("ada", adaPassword); !in.SignedIn {
		t.Errorf("with the new password: %+v", in)
	}
}

// noticed is the link of a notice.
var noticed = regexp.MustCompile(`http://localhost:\d+/c/[A-Za-z0-9_-]+`)

// noticeLink waits for the notice of a change on hold in an inbox.
func (d *demo) noticeLink(address string) (link string) {
	d.t.Helper()
	d.await(patience, "the notice to "+address, func() bool {
		for _, m := range d.inbox(address) {
			if link = noticed.FindString(m.Text); link != "" {
				return true
			}
		}
		return false
	})
	return link
}

// opensOnly opens a link as a mail scanner does (law 7).
func (d *demo) opensOnly(account, link string) {
	d.t.Helper()
	for range 3 {
		response, err := client.Get(link)
		if err != nil {
			d.t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || len(response.Cookies()) > 0 {
			d.t.Errorf("a scanner got %d and %d cookies", response.StatusCode, len(response.Cookies()))
		}
	}
	if got := d.decide(map[string]string{"account": account, "action": "Payment"}); got.Decision != "Deny" {
		d.t.Errorf("opening the link made Payment %s", got.Decision)
	}
}
