package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// leaderless takes the Lease away: the controllers stop, decisions and expiry go on
// (law 4, section 5).
func leaderless(d *demo, t *testing.T) {
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	d.mustKubectl("", "patch", "lease", "holdfast", "-n", "holdfast-system", "--type=merge", "-p",
		fmt.Sprintf(`{"spec":{"holderIdentity":"somebody-else","renewTime":%q,"acquireTime":%q,"leaseDurationSeconds":3600}}`, now, now))
	d.await(patience, "the controllers to stop", func() bool {
		return strings.Contains(d.file("logs/holdfast.log"), "the controllers stopped")
	})
	d.block("grace-leaderless", "account: grace", "reason: Administrative", "duration: 8s")
	ask := func() string { return d.decide(map[string]string{"account": "grace", "action": "SignIn"}).Decision }
	d.await(5*time.Second, "the block to bind without a leader", func() bool { return ask() == "Deny" })
	d.await(patience, "the block to end without a leader", func() bool { return ask() == "Allow" })
	if state := d.state("grace-leaderless"); state != "" {
		t.Errorf("the mirror says %q though nobody leads: the chapter proves nothing", state)
	}
	d.mustKubectl("", "delete", "lease", "holdfast", "-n", "holdfast-system")
	d.await(patience, "a leader to mirror the end", func() bool { return d.state("grace-leaderless") == "Expired" })
}

// mailDown sends the policy's provider to a closed port and back: the message waits,
// the page says so, and the rotated Secret takes effect without a restart.
func mailDown(d *demo, t *testing.T) {
	port := d.mustKubectl("", "get", "secret", "smtp", "-n", "demo", "-o", "jsonpath={.data.port}")
	rotate := func(encoded string) {
		d.mustKubectl("", "patch", "secret", "smtp", "-n", "demo", "--type=merge", "-p", fmt.Sprintf(`{"data":{"port":%q}}`, encoded))
	}
	ready := func(status string) func() bool {
		return func() bool {
			return status == d.mustKubectl("", "get", "vp", "default", "-n", "demo", "-o",
				`jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		}
	}
	d.await(patience, "the policy to be ready", ready("True"))
	rotate(base64.StdEncoding.EncodeToString([]byte("1")))
	d.await(patience, "the policy to tell that its provider is away", ready("False"))

	d.block("linus-mail", "account: linus", "reason: UnusualActivity")
	var denied signIn
	d.await(5*time.Second, "the block to bind", func() bool {
		denied = d.signIn("linus", "crimson-bond-meadow-58")
		return denied.Blocked
	})
	before := len(d.inbox("linus@example.test"))
	b := browse(t)
	b.open(denied.UnblockURL, 200, "Your account is blocked")
	b.press("form[action='/unblock'] button", 200, "Where shall we send your code?")
	b.press("form[action='/unblock/contact'] button[type=submit]", 200, "Enter your security code")
	d.await(patience, "the page to say that the message waits", func() bool {
		b.follow("reload", 200, "Enter your security code", navigate(d.env["HOLDFAST_PUBLIC_URL"]+"/unblock/code"))
		return strings.Contains(b.text("main"), "waiting")
	})

	rotate(port)
	d.await(patience, "the policy to be ready again", ready("True"))
	b.fill("#code", d.code("linus@example.test", before))
	b.press("form[action='/unblock/code'] button[type=submit]", 200, "Choose a new password")
	d.mustKubectl("", "delete", "ab", "linus-mail", "-n", "demo", "--timeout=30s")
	b.fill("#password", newPassword)
	b.press("form[action='/unblock/password'] button[type=submit]", 410, "Your account is open")
	if in := d.signIn("linus", "crimson-bond-meadow-58"); !in.SignedIn {
		t.Errorf("the block was deleted before the password was changed: the old one must still work, got %+v", in)
	}
}
