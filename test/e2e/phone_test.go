package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	gracePhone = "+12025550103"
	// adaPhone is a landline.
	adaPhone = "+12025550102"
	// twilioSender is the number that the demo's Twilio sends from.
	twilioSender = "+15005550006"
)

// texted lifts a block by a code that came as a text.
func texted(d *demo, t *testing.T) {
	d.block("grace-text", "account: grace", "reason: UnusualActivity")
	m := d.unblockByPhone("grace", "cobalt-moth-orchard-77", gracePhone, "text message")
	if m.Channel != "SMS" || m.From != twilioSender || !strings.HasSuffix(m.Text, "\n@localhost #"+m.code()) {
		t.Errorf("not a text of the phones' provider that ends for browsers (M1): %+v", m)
	}
	d.await(patience, "the state Released in the mirror", func() bool { return d.state("grace-text") == "Released" })
}

// calledInstead lifts a block by a code that came as a call, while the first provider
// refuses its credentials: the second takes over, and the policy tells.
func calledInstead(d *demo, t *testing.T) {
	token := d.mustKubectl("", "get", "secret", "twilio", "-n", "demo", "-o", "jsonpath={.data.authToken}")
	rotate := func(encoded string) {
		d.mustKubectl("", "patch", "secret", "twilio", "-n", "demo", "--type=merge", "-p", fmt.Sprintf(`{"data":{"authToken":%q}}`, encoded))
	}
	condition := func() string {
		return d.mustKubectl("", "get", "vp", "default", "-n", "demo", "-o",
			`jsonpath={range .status.conditions[?(@.type=="ProvidersReady")]}{.status} {.message}{end}`)
	}
	ready := func() bool { return strings.HasPrefix(condition(), "True") }
	d.await(patience, "the policy to be ready", ready)
	rotate(base64.StdEncoding.EncodeToString([]byte("revoked")))
	d.await(patience, "the policy to tell whose credentials are refused", func() bool {
		return strings.HasPrefix(condition(), "False") && strings.Contains(condition(), "phones")
	})
	t.Log(condition())

	d.block("ada-call", "account: ada", "reason: UnusualActivity")
	m := d.unblockByPhone("ada", newPassword, adaPhone, "automated call")
	if m.Channel != "Voice" || m.From == twilioSender {
		t.Errorf("not a call of the second provider: %+v", m)
	}
	rotate(token)
	d.await(patience, "the policy to be ready again", ready)
}

// unblockByPhone takes a blocked person through the pages with a code that goes to their
// phone, and returns the message with the code.
func (d *demo) unblockByPhone(account, password, phone, way string) mail {
	d.t.Helper()
	var denied signIn
	d.await(5*time.Second, "the block to bind", func() bool {
		denied = d.signIn(account, password)
		return denied.Blocked
	})
	before := len(d.inbox(phone))
	b := browse(d.t)
	b.open(denied.UnblockURL, 200, "Your account is blocked")
	b.press("form[action='/unblock'] button", 200, "Where shall we send your code?")
	const second = "#contact .choice:nth-of-type(2) label"
	if said := b.text(second); !strings.Contains(strings.ToLower(said), way) || strings.Contains(said, phone) {
		d.t.Errorf("the second choice reads %q, want a masked number and %q", said, way)
	}
	b.click(second)
	b.press("form[action='/unblock/contact'] button[type=submit]", 200, "Enter your security code")
	code := d.code(phone, before)
	b.fill("#code", code)
	b.press("form[action='/unblock/code'] button[type=submit]", 200, "Choose a new password")
	b.fill("#password", phonePassword)
	b.press("form[action='/unblock/password'] button[type=submit]", 200, "Your account is open again")
	if in := d.signIn(account, phonePassword); !in.SignedIn {
		d.t.Errorf("after the release: %+v", in)
	}
	for _, m := range d.inbox(phone) {
		if m.code() == code {
			return m
		}
	}
	d.t.Fatalf("the message with the code is gone")
	return mail{}
}
