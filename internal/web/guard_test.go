package web_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every answer, refusals included, carries the same protection (H5).
func TestHeaders(t *testing.T) {
	v := visit(t)
	for name, r := range map[string]*http.Response{
		"page": v.get("/"), "missing": v.get("/nothing"), "problem": v.get("/v1/account"), "method": v.do("DELETE", "/unblock", ""),
		"unknown host": v.do("GET", "/", "", "Host", "other.example"), "asset": v.get("/assets/holdfast.css"), "openapi": v.get("/openapi.json"),
	} {
		for header, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
				"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Strict-Transport-Security":  "max-age=63072000",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := r.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		if !strings.Contains(r.Header.Get("Permissions-Policy"), "otp-credentials=(self)") {
			t.Errorf("%s: WebOTP is not allowed (M3)", name)
		}
		if got := r.Header.Get("Cache-Control"); name != "asset" && got != "no-store" {
			t.Errorf("%s: Cache-Control %q, want no-store", name, got)
		}
	}
	plain := visit(t, func(c *web.Config) { c.Scheme = "http" })
	if got := plain.get("/").Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("HSTS %q over plain http", got)
	}
}

func TestNoInlineCodeOrStyle(t *testing.T) {
	v := opened(t)
	for _, path := range []string{"/", "/unblock?ticket=" + v.desk.Ticket(), "/unblock/contact", "/password-check", "/nothing"} {
		page := text(t, v.get(path))
		lacks(t, page, "<style", " style=", "onclick", "onsubmit", "javascript:", "<script>")
		contains(t, page, `lang="en"`, `href="#main"`)
		heading(t, page)
	}
}

func TestAssetsAreKeptForEver(t *testing.T) {
	v := visit(t)
	page := text(t, v.get("/"))
	_, after, _ := strings.Cut(page, `rel="stylesheet" href="`)
	address, _, _ := strings.Cut(after, `"`)
	r := expect(t, v.get(address), http.StatusOK)
	if got := r.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("%s: Cache-Control %q", address, got)
	}
	if got := r.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/css") {
		t.Errorf("%s: Content-Type %q", address, got)
	}
	expect(t, v.get("/assets/nothing.css"), http.StatusNotFound)
	expect(t, v.get("/assets/..%2fweb.go"), http.StatusNotFound)
	if got := v.get("/assets/holdfast.js").Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("without hash: Cache-Control %q, want no-cache", got)
	}
}

// Unknown hosts get 421 for pages and JSON alike; what a proxy adds is not believed.
func TestUnknownHost(t *testing.T) {
	v := visit(t)
	page := text(t, expect(t, v.do("GET", "/unblock?ticket=x", "", "Host", "other.example", "X-Forwarded-Host", host), 421))
	contains(t, page, "Nobody lives at this address")
	lacks(t, page, "other.example")
	problemOf(t, v.do("GET", "/v1/account", "", "Host", "other.example", "Forwarded", "host="+host), 421, "unknown-host")
	expect(t, v.do("GET", "/assets/holdfast.css", "", "Host", "other.example"), http.StatusOK)

	expect(t, v.do("GET", "/", "", "X-Forwarded-Host", "other.example"), http.StatusOK)
	for _, same := range []string{"shop.example:443", "SHOP.example"} {
		expect(t, v.do("GET", "/v1/account", "", "Host", same), http.StatusUnauthorized)
		if got := v.desk.Visits[len(v.desk.Visits)-1]; got.Host != host || got.Network != netip.MustParseAddr("192.0.2.7") {
			t.Errorf("visit %+v", got)
		}
	}
	expect(t, v.do("GET", "/", "", "Host", "shop.example:8443"), 421)
}

// Deeds that another site asks for are not done (H4).
func TestCrossSiteIsRefused(t *testing.T) {
	v := opened(t)
	made := len(v.desk.Calls)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		page := text(t, expect(t, v.do("POST", "/unblock/contact", "contact=c1", append(form, header...)...), http.StatusForbidden))
		contains(t, page, "We did not do this")
		problemOf(t, v.json("POST", "/v1/challenges", unblock, header...), http.StatusForbidden, "cross-origin")
	}
	if now := v.desk.Calls[made:]; len(now) > 0 {
		t.Errorf("another site did %v", now)
	}
	expect(t, v.do("POST", "/unblock/contact", "contact=c1", append(form, "Sec-Fetch-Site", "same-origin", "Origin", "https://"+host)...), http.StatusSeeOther)
}

func TestBoundsOfRequests(t *testing.T) {
	v := opened(t)
	made := len(v.desk.Calls)
	large := strings.Repeat("x", 64<<10+1)
	expect(t, v.post("/unblock/contact", "contact", large), http.StatusRequestEntityTooLarge)
	problemOf(t, v.json("POST", "/v1/challenges", large), http.StatusRequestEntityTooLarge, "too-large")
	expect(t, v.do("POST", "/unblock/contact", `{"contact":"c1"}`, "Content-Type", "application/json"), http.StatusUnsupportedMediaType)
	expect(t, v.do("POST", "/unblock/contact", "contact=c1", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType)
	expect(t, v.do("POST", "/unblock/contact", "contact=c1"), http.StatusUnsupportedMediaType)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", ""} {
		problemOf(t, v.do("POST", "/v1/challenges", unblock, "Content-Type", kind), http.StatusUnsupportedMediaType, "media-type")
	}
	r := v.do("PUT", "/unblock", "")
	if expect(t, r, http.StatusMethodNotAllowed); r.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow %q", r.Header.Get("Allow"))
	}
	problemOf(t, v.json("DELETE", "/v1/password", ""), http.StatusMethodNotAllowed, "method-not-allowed")
	problemOf(t, v.get("/v1/nothing"), http.StatusNotFound, "not-found")
	contains(t, text(t, expect(t, v.get("/nothing"), http.StatusNotFound)), "This page does not exist")
	// Deeds stand in the body alone, never in the query.
	expect(t, v.do("POST", "/unblock/contact?contact=c1", "x=y", "Content-Type", "application/x-www-form-urlencoded"), 422)
	if now := v.desk.Calls[made:]; len(now) > 0 {
		t.Errorf("refused requests did %v", now)
	}
}

// A body of unknown length is bounded as well.
func TestBoundsOfStreams(t *testing.T) {
	v := opened(t)
	for path, kind := range map[string]string{"/unblock/contact": "application/x-www-form-urlencoded", "/v1/challenges": "application/json"} {
		r := v.stream(path, kind, strings.NewReader("contact="+strings.Repeat("x", 80<<10)))
		expect(t, r, http.StatusRequestEntityTooLarge)
	}
}

// No redirect leaves the host.
func TestNoOpenRedirect(t *testing.T) {
	v := opened(t)
	for _, path := range []string{"//evil.example/unblock", "/%2f%2fevil.example", "/unblock/../..//evil.example", "/unblock/contact?next=https://evil.example", `/\evil.example`} {
		to := v.get(path).Header.Get("Location")
		if strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) || strings.Contains(to, "://") {
			t.Errorf("%s leads to %q", path, to)
		}
	}
}

// Logs name the route, never tickets, codes or passwords.
func TestLogsHoldNoSecrets(t *testing.T) {
	v := visit(t)
	ticket := v.desk.Ticket()
	v.get("/unblock?ticket=" + ticket)
	v.adopt(v.post("/unblock", "ticket", ticket))
	v.desk.Fail["RequestCode"] = rules.ErrUnavailable
	expect(t, v.post("/unblock/contact", "contact", "c1"), http.StatusServiceUnavailable)
	log := v.log.String()
	contains(t, log, `"route"="GET /unblock"`, `"status"=503`, `"method"="POST"`, rules.ErrUnavailable.Error())
	lacks(t, log, ticket, v.cookie, "ticket=")
}

// A panic of one request is its own 500.
func TestPanicBecomesA500(t *testing.T) {
	v := visit(t, func(c *web.Config) { c.ClientAddr = func(*http.Request) netip.Addr { panic("secret detail") } })
	problemOf(t, v.get("/v1/account"), http.StatusInternalServerError, "internal")
	page := text(t, expect(t, v.get("/unblock/contact"), http.StatusInternalServerError))
	contains(t, page, "Something went wrong on our side")
	lacks(t, page+v.log.String(), "secret detail")
}
