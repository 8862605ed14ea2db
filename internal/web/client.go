package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddr finds a request's address behind trusted proxies: the last one in
// X-Forwarded-For that is no trusted proxy's. Whoever connects directly from
// elsewhere is taken for themselves, whatever the header says.
func ClientAddr(trusted []netip.Prefix) func(*http.Request) netip.Addr {
	isProxy := func(addr netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
	}
	return func(r *http.Request) netip.Addr {
		client := connectionAddr(r)
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			if !isProxy(client) {
				break
			}
			before, ok := parseHop(hop)
			if !ok {
				break
			}
			client = before
		}
		return client
	}
}

// parseHop reads an address, which some proxies write with its port.
func parseHop(hop string) (netip.Addr, bool) {
	hop = strings.TrimSpace(hop)
	if at, err := netip.ParseAddrPort(hop); err == nil {
		return at.Addr().Unmap(), true
	}
	addr, err := netip.ParseAddr(hop)
	return addr.Unmap(), err == nil
}
