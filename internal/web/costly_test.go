package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/password"
	"holdfast.dev/holdfast/internal/web"
)

// A stranger's password checks have a rate for each network; those of others, and
// everything else, go on.
func TestPasswordChecksHaveARate(t *testing.T) {
	client := "192.0.2.7"
	v := visit(t, func(c *web.Config) {
		c.ClientAddr = func(*http.Request) netip.Addr { return netip.MustParseAddr(client) }
	})
	check := func() *http.Response { return v.json("POST", "/v1/password-checks", `{"password":"short"}`) }
	for range 20 {
		expect(t, check(), http.StatusOK)
	}
	r := check()
	if got := r.Header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q, want 1", got)
	}
	problemOf(t, r, http.StatusTooManyRequests, "too-many-requests")
	client = "192.0.2.99" // the same network
	expect(t, v.post("/password-check", "password", "short"), http.StatusTooManyRequests)
	expect(t, v.get("/password-check"), http.StatusOK)
	client = "198.51.100.7"
	expect(t, check(), http.StatusOK)
	client = "192.0.2.7"
	v.now = v.now.Add(time.Second)
	expect(t, check(), http.StatusOK)
}

// slowDesk judges passwords when it is let.
type slowDesk struct {
	web.Desk
	began, let chan struct{}
}

func (d slowDesk) CheckPassword(context.Context, flow.Visit, string) (password.Strength, error) {
	d.began <- struct{}{}
	<-d.let
	return password.Strength{}, nil
}

// A flood from many networks never takes all processors, and no queue without end.
func TestPasswordChecksAtOnceAreBounded(t *testing.T) {
	at := max(1, runtime.GOMAXPROCS(0)/2)
	slow := slowDesk{began: make(chan struct{}, 1000), let: make(chan struct{})}
	v := visit(t, func(c *web.Config) {
		c.Desk = slow
		c.ClientAddr = web.ClientAddr([]netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")})
	})
	var wait sync.WaitGroup
	answers := make(chan int, 1000)
	for i := range at * 20 {
		wait.Go(func() {
			r := httptest.NewRequest("POST", "https://"+host+"/v1/password-checks", strings.NewReader(`{"password":"x"}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Forwarded-For", netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i), 1}).String())
			recorder := httptest.NewRecorder()
			v.handler.ServeHTTP(recorder, r)
			answers <- recorder.Code
		})
	}
	for range at {
		<-slow.began
	}
	for range at * 3 { // 17 of 20 run or wait
		if code := <-answers; code != http.StatusTooManyRequests {
			t.Errorf("status %d while all places are taken, want 429", code)
		}
	}
	if n := len(slow.began); n > 0 {
		t.Errorf("%d more than %d run at once", n, at)
	}
	close(slow.let)
	wait.Wait()
}

// X-Forwarded-For is believed of trusted proxies alone, and from its end.
func TestClientAddr(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, connection, want string
		forwarded              []string
	}{
		{"no proxy", "192.0.2.7:1", "192.0.2.7", nil},
		{"a stranger's header", "192.0.2.7:1", "192.0.2.7", []string{"198.51.100.1"}},
		{"a proxy without a header", "10.0.0.1:1", "10.0.0.1", nil},
		{"a proxy", "10.0.0.1:1", "198.51.100.1", []string{"198.51.100.1"}},
		{"a forged beginning", "10.0.0.1:1", "198.51.100.1", []string{"203.0.113.5, 198.51.100.1"}},
		{"two headers", "10.0.0.1:1", "198.51.100.1", []string{"203.0.113.5", "198.51.100.1"}},
		{"two proxies", "[fd00::1]:1", "198.51.100.1", []string{"203.0.113.5, 198.51.100.1 , 10.9.9.9"}},
		{"with a port", "10.0.0.1:1", "2001:db8::1", []string{"[2001:db8::1]:443"}},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1", "198.51.100.1", []string{"::ffff:198.51.100.1"}},
		{"garbage", "10.0.0.1:1", "10.0.0.2", []string{"203.0.113.5, unknown, 10.0.0.2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = c.connection
			for _, f := range c.forwarded {
				r.Header.Add("X-Forwarded-For", f)
			}
			if got := web.ClientAddr(trusted)(r); got.String() != c.want {
				t.Errorf("the client is %s, want %s", got, c.want)
			}
		})
	}
}
