package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"golang.org/x/net/html"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/web"
	"holdfast.dev/holdfast/internal/web/webtest"
	"holdfast.dev/holdfast/internal/web/words/wordstest"
)

const host = "shop.example"

// The desk of the use cases is the one that the pages are made for.
var _ web.Desk = (*flow.Desk)(nil)

var noon = time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)

// visitor is a client of the real handler over a desk in memory. It keeps no
// cookies by itself: tests say what they send.
type visitor struct {
	t       *testing.T
	handler http.Handler
	desk    *webtest.Desk
	now     time.Time
	log     *bytes.Buffer
	cookie  string
}

func visit(t *testing.T, change ...func(*web.Config)) *visitor {
	v := &visitor{t: t, now: noon, log: &bytes.Buffer{}}
	clock := func() time.Time { return v.now }
	v.desk = webtest.New(clock)
	var mu sync.Mutex
	config := web.Config{
		Desk: v.desk, Now: clock, Scheme: "https",
		Tenant:     func(h string) (string, bool) { return "shop", h == host },
		ClientAddr: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") },
		Languages:  []string{"en", "ar", "de", "pt-BR", "zh-Hans", "zh-Hant"},
		Words:      wordstest.English(t), // the other languages have tests of their own
		Countries:  []web.Country{{ISO: "DE", Name: "Germany", CallingCode: 49}, {ISO: "FR", Name: "France", CallingCode: 33}},
		Log: funcr.New(func(prefix, args string) {
			mu.Lock()
			defer mu.Unlock()
			v.log.WriteString(prefix + " " + args + "\n")
		}, funcr.Options{Verbosity: 1}),
	}
	for _, c := range change {
		c(&config)
	}
	v.handler = web.New(config)
	return v
}

// do sends a request; headers come in pairs.
func (v *visitor) do(method, target, body string, headers ...string) *http.Response {
	v.t.Helper()
	r := httptest.NewRequest(method, "https://"+host+target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	if v.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "__Host-holdfast", Value: v.cookie})
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	v.handler.ServeHTTP(recorder, r)
	return recorder.Result()
}

func (v *visitor) get(target string) *http.Response { v.t.Helper(); return v.do("GET", target, "") }

// post sends a form given in pairs.
func (v *visitor) post(target string, pairs ...string) *http.Response {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return v.do("POST", target, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func (v *visitor) json(method, target, body string, headers ...string) *http.Response {
	v.t.Helper()
	return v.do(method, target, body, append([]string{"Content-Type", "application/json"}, headers...)...)
}

// opened is a visitor whose flow is open; proved one whose code was accepted.
func opened(t *testing.T, change ...func(*web.Config)) *visitor {
	t.Helper()
	v := visit(t, change...)
	v.adopt(expect(t, v.post("/unblock", "ticket", v.desk.Ticket()), http.StatusSeeOther))
	return v
}

func proved(t *testing.T) *visitor {
	t.Helper()
	v := opened(t)
	expect(t, v.post("/unblock/contact", "contact", "c1"), http.StatusSeeOther)
	v.adopt(expect(t, v.post("/unblock/code", "id", v.challenge(), "code", webtest.Code), http.StatusSeeOther))
	return v
}

// challenge is the ID in the form of the code's page.
func (v *visitor) challenge() string {
	v.t.Helper()
	id := attribute(v.t, text(v.t, v.get("/unblock/code")), "input", "name", "id", "value")
	if id == "" {
		v.t.Fatal("the page of the code has no field id")
	}
	return id
}

// adopt keeps the cookie of an answer, as a browser does.
func (v *visitor) adopt(r *http.Response) *http.Cookie {
	v.t.Helper()
	for _, c := range r.Cookies() {
		if c.Name == "__Host-holdfast" {
			v.cookie = c.Value
			return c
		}
	}
	v.t.Fatalf("%d sets no cookie", r.StatusCode)
	return nil
}

func expect(t *testing.T, r *http.Response, status int) *http.Response {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", r.StatusCode, status, text(t, r))
	}
	return r
}

func redirected(t *testing.T, r *http.Response, to string) {
	t.Helper()
	if got := expect(t, r, http.StatusSeeOther).Header.Get("Location"); got != to {
		t.Fatalf("sent to %q, want %q", got, to)
	}
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func contains(t *testing.T, body string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(body, w) {
			t.Errorf("the answer lacks %q:\n%s", w, body)
		}
	}
}

func lacks(t *testing.T, body string, unwanted ...string) {
	t.Helper()
	for _, u := range unwanted {
		if strings.Contains(body, u) {
			t.Errorf("the answer holds %q:\n%s", u, body)
		}
	}
}

// decode reads a JSON answer.
func decode[T any](t *testing.T, r *http.Response) T {
	t.Helper()
	var v T
	if body := text(t, r); json.Unmarshal([]byte(body), &v) != nil {
		t.Fatalf("not JSON: %s", body)
	}
	return v
}

type fault struct {
	Type, Title, Detail string
	Status              int
	Errors              []struct{ Location, Message string }
	Reasons             []string
	Suggestions         []string
}

// problem reads a problem and checks that it is one.
func problemOf(t *testing.T, r *http.Response, status int, name string) fault {
	t.Helper()
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q, want application/problem+json", got)
	}
	p := decode[fault](t, expect(t, r, status))
	if want := "https://holdfast.dev/problems/" + name; p.Type != want || p.Status != status {
		t.Errorf("problem %q with status %d, want %q with %d", p.Type, p.Status, want, status)
	}
	return p
}

// attribute finds an element by one attribute and returns another.
func attribute(t *testing.T, page, element, key, value, wanted string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != element {
			continue
		}
		attributes := map[string]string{}
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
		}
		if attributes[key] == value {
			return attributes[wanted]
		}
	}
	return ""
}

// heading is the text of the page's h1.
func heading(t *testing.T, page string) string {
	t.Helper()
	_, after, _ := strings.Cut(page, "<h1>")
	title, _, found := strings.Cut(after, "</h1>")
	if !found || strings.Count(page, "<h1") != 1 {
		t.Fatalf("the page needs exactly one h1:\n%s", page)
	}
	return html.UnescapeString(title)
}

// stream sends a body of unknown length.
func (v *visitor) stream(path, contentType string, body io.Reader) *http.Response {
	v.t.Helper()
	r := httptest.NewRequest("POST", "https://"+host+path, io.MultiReader(body))
	r.Header.Set("Content-Type", contentType)
	r.AddCookie(&http.Cookie{Name: "__Host-holdfast", Value: v.cookie})
	recorder := httptest.NewRecorder()
	v.handler.ServeHTTP(recorder, r)
	return recorder.Result()
}
