// Package browser walks the public pages in a real Chromium and has axe-core judge
// each of them. HOLDFAST_SCREENSHOTS names a directory that keeps the pictures.
package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/go-logr/logr"

	"holdfast.dev/holdfast/internal/courier/words"
	"holdfast.dev/holdfast/internal/phone"
	"holdfast.dev/holdfast/internal/web"
	"holdfast.dev/holdfast/internal/web/webtest"
)

//go:embed axe/axe.min.js
var axe string

// judge runs every rule of WCAG 2.2 AA and the best practices, those included that
// axe-core leaves off by itself.
const judge = `axe.run(document, {
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
	rules: {"target-size": {enabled: true}},
}).then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html + " " + n.failureSummary)}))))`

// looks are the ways in which the pages are shown.
var looks = map[string]look{
	"light":     {width: 1280, height: 900, scheme: "light"},
	"dark":      {width: 1280, height: 900, scheme: "dark"},
	"phone":     {width: 390, height: 844, scheme: "light", phone: true},
	"no-script": {width: 390, height: 844, scheme: "dark", phone: true, bare: true},
}

type look struct {
	width, height int64
	scheme        string
	phone, bare   bool
}

// walker is one tab on pages over a desk in memory.
type walker struct {
	*testing.T
	look
	ctx  context.Context
	url  string
	desk *webtest.Desk
	// provider serves what else lives on the host of the pages.
	provider *http.ServeMux
	dir      string
	shot     int

	mu    sync.Mutex
	ahead time.Duration
}

// now is the clock of the pages; the test moves it ahead.
func (w *walker) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().UTC().Add(w.ahead)
}

func (w *walker) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

// browser starts a Chromium for all tabs.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-GB"), chromedp.Flag("accept-lang", "en-GB,en"))
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			options = append(options, chromedp.ExecPath(path))
			break
		}
	}
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v (hack/setup-chromium.sh installs one)", err)
	}
	return ctx
}

// walk opens a tab of its own, without the cookies of others.
func walk(parent context.Context, t *testing.T, name string, change ...func(*web.Config)) *walker {
	t.Helper()
	w := &walker{T: t, look: looks[name], dir: filepath.Join(screenshots(t), name)}
	if err := os.MkdirAll(w.dir, 0o750); err != nil {
		t.Fatal(err)
	}
	w.desk = webtest.New(w.now)
	w.url = serve(t, w, change...)
	tab, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, cancel := context.WithTimeout(tab, 4*time.Minute)
	t.Cleanup(cancel)
	w.ctx = ctx
	w.dress()
	w.watchConsole()
	return w
}

func screenshots(t *testing.T) string {
	if dir := os.Getenv("HOLDFAST_SCREENSHOTS"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// serve serves the real handler under http://localhost, where browsers take secure
// cookies.
func serve(t *testing.T, w *walker, change ...func(*web.Config)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	host := "localhost:" + port
	w.provider = http.NewServeMux()
	config := web.Config{
		Desk: w.desk, Now: w.now, Scheme: "http", Log: logr.Discard(),
		Tenant:    func(h string) (string, bool) { return "shop", h == host },
		Countries: countries(), Languages: words.Languages(),
	}
	for _, c := range change {
		c(&config)
	}
	w.provider.Handle("/", web.New(config))
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: w.provider}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + host
}

// countries are those of the real list.
func countries() []web.Country {
	var list []web.Country
	for _, c := range phone.Countries("en") {
		list = append(list, web.Country{ISO: c.ISO, Name: c.Name, CallingCode: c.CallingCode})
	}
	return list
}

// beside opens a second tab of the same browser, with the same cookies.
func (w *walker) beside(walk func(*walker)) {
	w.Helper()
	tab, cancel := chromedp.NewContext(w.ctx)
	defer cancel()
	walk(&walker{T: w.T, look: w.look, ctx: tab, url: w.url, desk: w.desk, dir: w.dir})
}

// dress sets size, colours and whether scripts run.
func (w *walker) dress() {
	w.Helper()
	size := []chromedp.EmulateViewportOption{}
	if w.phone {
		size = append(size, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	w.do("dress", chromedp.EmulateViewport(w.width, w.height, size...))
	_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: w.scheme}},
	})
	if err != nil {
		w.Fatal(err)
	}
	w.scripts(!w.bare)
}

// scripts says whether the scripts of a page run.
func (w *walker) scripts(run bool) {
	w.Helper()
	_, err := chromedp.Call(w.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
	if err != nil {
		w.Fatal(err)
	}
}

// watchConsole fails the test on script errors and on breaches of the policy.
func (w *walker) watchConsole() {
	messages := chromedp.Console(w.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return
			}
			if text := m.String(); m.IsException() || strings.Contains(text, "Content Security Policy") {
				w.Errorf("console: %s", text)
			}
		}
	}()
	w.Cleanup(func() { _ = chromedp.Cancel(w.ctx); <-done })
}

func (w *walker) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	w.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

// open goes to a page; press presses what a selector names. Both wait for the page
// that follows and expect its status.
func (w *walker) open(path string, status int64) {
	w.Helper()
	w.follow("open "+path, status, chromedp.Navigate(w.url+path))
}

func (w *walker) press(selector string, status int64) {
	w.Helper()
	w.follow("press "+selector, status, chromedp.Click(chromedp.CSS(selector)))
}

func (w *walker) follow(what string, status int64, step chromedp.Action[chromedp.Void]) {
	w.Helper()
	r, err := chromedp.RunResponse(w.ctx, step)
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
	if r.Status != status {
		w.Fatalf("%s: status %d, want %d", what, r.Status, status)
	}
}

func (w *walker) fill(selector, value string) {
	w.Helper()
	w.do("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), value))
}

func (w *walker) text(selector string) string {
	w.Helper()
	text, err := chromedp.Run(w.ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		w.Fatalf("read %s: %v", selector, err)
	}
	return text
}

// see checks the heading, keeps a picture and has axe-core judge the page.
func (w *walker) see(name, heading string) {
	w.Helper()
	if got := w.text("h1"); got != heading {
		w.Fatalf("%s: heading %q, want %q", name, got, heading)
	}
	w.shot++
	picture, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, fmt.Sprintf("%02d-%s.png", w.shot, name)), picture, 0o600); err != nil {
		w.Fatal(err)
	}
	width, err := chromedp.Run(w.ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
	if err != nil || width > w.width {
		w.Errorf("%s is %d px wide on a screen of %d px: %v", name, width, w.width, err)
	}
	w.judge(name)
}

func (w *walker) judge(name string) {
	w.Helper()
	if w.bare { // axe-core is a script as well; those of the page stay unread
		w.scripts(true)
		defer w.scripts(false)
	}
	w.do("inject axe-core", chromedp.Evaluate[chromedp.Void](axe))
	found, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](judge, chromedp.EvalAwaitPromise))
	if err != nil {
		w.Fatalf("axe-core on %s: %v", name, err)
	}
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		w.Fatal(err)
	}
	for _, v := range violations {
		w.Errorf("%s: axe-core %s: %s\n%s", name, v.ID, v.Help, strings.Join(v.Nodes, "\n"))
	}
}
