package main

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestTrustedProxiesAreNetworks(t *testing.T) {
	o := options{tenants: []string{"demo=id.example"}, store: "sqlite:x.db", publicScheme: "https"}
	o.trustedProxies = []string{"10.1.2.3/8", "fd00::/8"}
	s, err := o.read()
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	if err != nil || !slices.Equal(s.proxies, want) {
		t.Errorf("proxies %v, %v; want %v", s.proxies, err, want)
	}
	for _, bad := range []string{"10.0.0.1", "ingress", ""} {
		o.trustedProxies = []string{bad}
		if _, err := o.read(); err == nil || !strings.Contains(err.Error(), "--trusted-proxies") {
			t.Errorf("%q: err = %v", bad, err)
		}
	}
}
