package e2e

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// tab is a person's browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func browse(t *testing.T) *tab {
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
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return &tab{t, ctx}
}

// open goes to a page and expects its status and heading.
func (b *tab) open(url string, status int64, heading string) {
	b.t.Helper()
	b.follow("open "+url, status, heading, chromedp.Navigate(url))
}

// press clicks and expects the page that follows.
func (b *tab) press(selector string, status int64, heading string) {
	b.t.Helper()
	b.follow("press "+selector, status, heading, chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) follow(what string, status int64, heading string, step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	response, err := chromedp.RunResponse(b.ctx, step)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	if got := b.text("h1"); response.Status != status || got != heading {
		b.t.Fatalf("%s: status %d, heading %q; want %d, %q. The page says:\n%s", what, response.Status, got, status, heading, b.text("main"))
	}
}

// click clicks on what leads to no other page.
func (b *tab) click(selector string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		b.t.Fatalf("click on %s: %v", selector, err)
	}
}

func (b *tab) fill(selector, value string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.SendKeys(chromedp.CSS(selector), value)); err != nil {
		b.t.Fatalf("type into %s: %v", selector, err)
	}
}

func (b *tab) text(selector string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		b.t.Fatalf("read %s: %v", selector, err)
	}
	return text
}

func navigate(url string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(url) }
