package oidc

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestABrowserSignsIn walks the way of a person in Chromium: from our page to the
// provider's form and back to the list, then through a step-up.
func TestABrowserSignsIn(t *testing.T) {
	h := open(t)
	ctx := browser(t)
	b := tab{h, ctx}
	b.do("open the pages", chromedp.Navigate("http://"+h.host+"/security-info"))
	b.heading("Sign in to your security info")
	b.do("go to the provider", chromedp.Click(chromedp.CSS("main form .button")), chromedp.WaitVisible(chromedp.CSS("#username")))
	if at := b.location(); !strings.HasPrefix(at, h.issuer) {
		t.Fatalf("the browser is at %s", at)
	}
	b.do("sign in", chromedp.SendKeys(chromedp.CSS("#username"), username), chromedp.SendKeys(chromedp.CSS("#password"), password),
		chromedp.Click(chromedp.CSS("button[type=submit]")), chromedp.WaitVisible(chromedp.CSS(".contacts")))
	b.heading("Your security info")
	if at := b.location(); at != "http://"+h.host+"/security-info" {
		t.Errorf("the address is %s: the code must not stay in it", at)
	}
	b.do("ask for a code", chromedp.Click(chromedp.CSS("a[href='/security-info/verify']")), chromedp.WaitVisible(chromedp.CSS("#contact")),
		chromedp.Click(chromedp.CSS("main form .button")), chromedp.WaitVisible(chromedp.CSS("#code")))
	b.do("enter it", chromedp.SendKeys(chromedp.CSS("#code"), h.code()),
		chromedp.Click(chromedp.CSS("main form .button")), chromedp.WaitVisible(chromedp.CSS(".lead.good")))
	b.heading("Your security info")
	b.do("sign out", chromedp.Click(chromedp.CSS("form[action='/security-info/end'] .button")), chromedp.WaitVisible(chromedp.CSS("a[href='/security-info']")))
	b.heading("You are signed out here")
}

// tab is a person's browser.
type tab struct {
	*house
	ctx context.Context
}

func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-GB"))
	if path, err := exec.LookPath("chromium"); err == nil {
		options = append(options, chromedp.ExecPath(path))
	}
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v (hack/setup-chromium.sh installs one)", err)
	}
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func (b tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatalf("%s: %v at %s\n%s", what, err, b.location(), b.log)
	}
}

func (b tab) heading(want string) {
	b.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("h1")))
	if err != nil || got != want {
		b.Fatalf("heading %q, %v; want %q", got, err, want)
	}
}

func (b tab) location() string {
	at, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("location.href"))
	if err != nil {
		return err.Error()
	}
	return at
}
