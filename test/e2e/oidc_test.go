package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	gracePassword = "cobalt-moth-orchard-77"
	graceAddress  = "grace@example.test"
)

// TestIssuer signs grace in to her security info at the OpenID Connect provider of
// `make run`, as a stranger finds it.
func TestIssuer(t *testing.T) {
	d := start(t, t.TempDir())
	t.Run("a person signs in at the issuer and sees their security info", d.chapter(signInAtIssuer))
	t.Run("a blocked person who signs in there is led to the release", d.chapter(blockedAtIssuer))
	t.Run("the summary says where, as whom and with what", d.chapter(summarized))
	d.stop()
	d.nothingRuns()
	if response, err := client.Get(d.env["HOLDFAST_OIDC_URL"]); err == nil {
		_ = response.Body.Close()
		t.Error("the issuer outlives the demo")
	}
}

func signInAtIssuer(d *demo, t *testing.T) {
	d.await(patience, "the shop to hand over grace's contacts", func() bool { return d.signIn("grace", gracePassword).SignedIn })
	home := d.env["HOLDFAST_PUBLIC_URL"] + "/security-info"
	b := browse(t)
	b.open(home, http.StatusOK, "Sign in to your security info")
	b.toIssuer()
	b.signInAt("grace", "not her password", http.StatusOK)
	if at := b.location(); !strings.HasPrefix(at, d.env["HOLDFAST_OIDC_URL"]) {
		t.Fatalf("a wrong password leads to %s, want %s", at, d.env["HOLDFAST_OIDC_URL"])
	}
	b.signInAt("grace", gracePassword, http.StatusOK)
	if at, title := b.location(), b.text("h1"); at != home || title != "Your security info" {
		t.Errorf("back at %s, %q: no code of the issuer may stay in the address", at, title)
	}
	said := b.text("main")
	for _, want := range []string{"gr•••@•••", "03"} {
		if !strings.Contains(said, want) {
			t.Errorf("the list lacks %q:\n%s", want, said)
		}
	}
	for _, whole := range []string{graceAddress, gracePhone} {
		if strings.Contains(said, whole) {
			t.Errorf("the list shows %s as a whole (law 2)", whole)
		}
	}

	before := len(d.inbox(graceAddress))
	b.press("a[href='/security-info/verify']", http.StatusOK, "Show that it is you")
	b.press("form[action='/security-info/verify'] button[type=submit]", http.StatusOK, "Enter your security code")
	b.fill("#code", d.code(graceAddress, before))
	b.press("form[action='/security-info/code'] button", http.StatusOK, "Your security info")
	if said := b.text(".lead.good"); !strings.Contains(said, "You have shown that it is you") {
		t.Errorf("after the code the list says %q", said)
	}
	b.press("form[action='/security-info/end'] button", http.StatusOK, "You are signed out here")
	b.open(home, http.StatusOK, "Sign in to your security info")
}

func blockedAtIssuer(d *demo, t *testing.T) {
	d.block("grace-at-issuer", "account: grace", "reason: UnusualActivity")
	d.await(patience, "the block to bind", func() bool { return d.signIn("grace", gracePassword).Blocked })
	b := browse(t)
	b.open(d.env["HOLDFAST_PUBLIC_URL"]+"/security-info", http.StatusOK, "Sign in to your security info")
	b.toIssuer()
	b.signInAt("grace", gracePassword, http.StatusForbidden)
	if title := b.text("h1"); title != "Your account is blocked" {
		t.Fatalf("heading %q. The page says:\n%s", title, b.text("main"))
	}
	b.press("main a.button", http.StatusOK, "Your account is blocked")
	if at, err := url.Parse(b.location()); err != nil || at.Path != "/unblock" {
		t.Errorf("the release is at %s, %v", at, err)
	}
}

// summarized holds the terminal to what the browser has just done.
func summarized(d *demo, t *testing.T) {
	lines := strings.Split(d.output.String(), "\n")
	for _, want := range [][]string{
		{d.env["HOLDFAST_PUBLIC_URL"] + "/security-info", "grace", gracePassword},
		{d.env["HOLDFAST_OIDC_URL"]},
	} {
		if !slices.ContainsFunc(lines, func(line string) bool {
			return !slices.ContainsFunc(want, func(word string) bool { return !strings.Contains(line, word) })
		}) {
			t.Errorf("no line of the summary says %q:\n%s", want, d.output)
		}
	}
	if d.file("logs/oidc-provider.log") == "" {
		t.Error("the issuer's log is empty")
	}
}

// toIssuer presses the button of the sign-in page, whose answer leads on by itself.
func (b *tab) toIssuer() {
	b.t.Helper()
	b.click("form[action='/security-info/sign-in'] .button")
	if err := chromedp.Do(b.ctx, chromedp.WaitVisible(chromedp.CSS("#username"))); err != nil {
		b.t.Fatalf("wait for the issuer's form at %s: %v", b.location(), err)
	}
}

// signInAt fills the issuer's form and expects the status of where it ends.
func (b *tab) signInAt(account, password string, status int64) {
	b.t.Helper()
	b.fill("#username", account)
	b.fill("#password", password)
	response, err := chromedp.RunResponse(b.ctx, chromedp.Click(chromedp.CSS("button[type=submit]")))
	if err != nil {
		b.t.Fatalf("sign %s in at the issuer: %v", account, err)
	}
	if response.Status != status {
		b.t.Fatalf("sign-in of %s ends with status %d at %s, want %d", account, response.Status, b.location(), status)
	}
}

func (b *tab) location() string {
	b.t.Helper()
	at, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("location.href"))
	if err != nil {
		b.t.Fatalf("read the address: %v", err)
	}
	return at
}
