package oidc

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// person is somebody with a client that keeps cookies and follows no redirect by itself.
type person struct {
	*testing.T
	*http.Client
	base string
}

func (h *house) person() *person {
	h.Helper()
	jar, err := cookiejar.New(nil)
	must(h.T, err)
	return &person{h.T, &http.Client{
		Jar: jar, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, "http://" + h.host}
}

// answer is a response that is read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (p *person) get(to string) answer {
	p.Helper()
	request, err := http.NewRequestWithContext(p.Context(), http.MethodGet, to, nil)
	must(p.T, err)
	return p.do(request)
}

func (p *person) post(to string, form url.Values) answer {
	p.Helper()
	request, err := http.NewRequestWithContext(p.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	must(p.T, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(request)
}

func (p *person) do(request *http.Request) answer {
	p.Helper()
	// The jar keeps secure cookies for https alone; browsers trust localhost too.
	for _, c := range p.kept() {
		if request.URL.Host == strings.TrimPrefix(p.base, "http://") {
			request.AddCookie(c)
		}
	}
	response, err := p.Do(request)
	must(p.T, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(p.T, err)
	if request.URL.Host == strings.TrimPrefix(p.base, "http://") {
		p.Jar.SetCookies(p.https(), response.Cookies())
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func (p *person) https() *url.URL {
	u, err := url.Parse(strings.Replace(p.base, "http:", "https:", 1))
	must(p.T, err)
	return u
}

func (p *person) kept() []*http.Cookie { return p.Jar.Cookies(p.https()) }

// cookie is the value of one that is kept, empty if it is not.
func (p *person) cookie(name string) string {
	for _, c := range p.kept() {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

var wayButton = regexp.MustCompile(`name="way" value="([^"]+)"`)

// start presses the button that leads to the issuer, and returns the answer.
func (p *person) start() answer {
	p.Helper()
	page := p.get(p.base + "/security-info")
	way := wayButton.FindStringSubmatch(page.body)
	if way == nil {
		p.Fatalf("status %d; no way to sign in is offered:\n%s", page.status, page.body)
	}
	return p.post(p.base+"/security-info/sign-in", url.Values{"way": {way[1]}})
}

// signIn goes to the issuer, signs in there and returns the address to which it sends the
// browser back.
func (p *person) signIn() (callback string) {
	p.Helper()
	started := p.start()
	to, found := strings.CutPrefix(started.header.Get("Refresh"), "0; url=")
	if !found {
		p.Fatalf("status %d; the page leads nowhere:\n%s", started.status, started.body)
	}
	return p.signInAt(to)
}

func (p *person) signInAt(to string) (callback string) {
	p.Helper()
	u, err := url.Parse(to)
	must(p.T, err)
	login, err := u.Parse(p.get(to).header.Get("Location"))
	must(p.T, err)
	form := url.Values{"id": {login.Query().Get("authRequestID")}, "username": {username}, "password": {password}}
	for at, next := login, p.post(u.Scheme+"://"+u.Host+"/login/username", form); ; {
		location, err := at.Parse(next.header.Get("Location"))
		must(p.T, err)
		switch {
		case next.header.Get("Location") == "":
			p.Fatalf("the issuer stops with %d:\n%s", next.status, next.body)
		case strings.HasPrefix(location.String(), p.base):
			return location.String()
		}
		at, next = location, p.get(location.String())
	}
}

func contains(t *testing.T, a answer, status int, wanted ...string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d:\n%s", a.status, status, a.body)
	}
	for _, w := range wanted {
		if !strings.Contains(a.body, w) {
			t.Errorf("the page lacks %q:\n%s", w, a.body)
		}
	}
}
