package kube

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/block"
)

func TestIndexScopes(t *testing.T) {
	scoped := func(name, account string, scope v1alpha1.BlockScope, value string) *v1alpha1.AccountBlock {
		return object(name, spec(func(s *v1alpha1.AccountBlockSpec) {
			s.Account, s.Scope, s.Value = v1alpha1.AccountID(account), scope, value
		}))
	}
	x := newIndex()
	apply(t, x,
		scoped("method", "a-1", v1alpha1.ScopeMethod, "SMS"),
		scoped("net4", "", v1alpha1.ScopeNetwork, "192.0.2.0/24"),
		scoped("net4-wide", "", v1alpha1.ScopeNetwork, "192.0.0.0/16"),
		scoped("net6", "", v1alpha1.ScopeNetwork, "2001:db8::/32"),
		scoped("one", "", v1alpha1.ScopeNetwork, "198.51.100.7"),
		scoped("region", "", v1alpha1.ScopeRegion, "DE"))
	cases := []struct {
		name, account, method, network, country string
		want                                    []string
	}{
		{"nothing", "a-1", "", "", "", nil},
		{"the method (seed 28)", "a-1", "sms", "", "", []string{"method"}},
		{"another method", "a-1", "Email", "", "", nil},
		{"another account", "a-2", "SMS", "", "", nil},
		{"networks (seed 29)", "a-2", "", "192.0.2.9", "", []string{"net4-wide", "net4"}},
		{"the wider one alone", "", "", "192.0.3.1", "", []string{"net4-wide"}},
		{"IPv4 in IPv6", "", "", "::ffff:192.0.2.9", "", []string{"net4-wide", "net4"}},
		{"IPv6", "", "", "2001:db8:1::1", "", []string{"net6"}},
		{"one address", "", "", "198.51.100.7", "", []string{"one"}},
		{"its neighbour", "", "", "198.51.100.8", "", nil},
		{"region (seed 16)", "a-2", "", "", "de", []string{"region"}},
		{"another region", "", "", "", "FR", nil},
		{"all", "a-1", "SMS", "192.0.2.9", "DE", []string{"method", "net4-wide", "net4", "region"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var addr netip.Addr
			if c.network != "" {
				addr = netip.MustParseAddr(c.network)
			}
			var got []string
			for _, r := range x.Blocks("shop", c.account, c.method, addr, c.country) {
				got = append(got, r.Key.Name)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("blocks (-want +got):\n%s", diff)
			}
		})
	}
	if of := x.BlocksOf("shop", "a-1"); len(of) != 1 || of[0].Key.Name != "method" {
		t.Errorf("the account's own blocks are %v", of)
	}
	for _, name := range []string{"method", "net4", "net4-wide", "net6", "one", "region"} {
		x.Remove(block.Key{Tenant: "shop", Name: name})
	}
	if got := x.Blocks("shop", "a-1", "SMS", netip.MustParseAddr("192.0.2.9"), "DE"); got != nil {
		t.Errorf("removed blocks bind: %v", got)
	}
}

func TestIndexMissAllocatesNothing(t *testing.T) {
	x := newIndex()
	for i := range 1000 {
		apply(t, x,
			object(fmt.Sprint("a", i), spec(func(s *v1alpha1.AccountBlockSpec) { s.Account = v1alpha1.AccountID(fmt.Sprint("x-", i)) })),
			object(fmt.Sprint("n", i), spec(func(s *v1alpha1.AccountBlockSpec) {
				s.Account, s.Scope, s.Value = "", v1alpha1.ScopeNetwork, fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)
			})))
	}
	addr := netip.MustParseAddr("192.0.2.1")
	if n := testing.AllocsPerRun(100, func() { x.Blocks("shop", "a-1", "SMS", addr, "DE") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkIndexBlocks(b *testing.B) {
	x := newIndex()
	for i := range 10_000 {
		apply(b, x, object(fmt.Sprint("a", i), spec(func(s *v1alpha1.AccountBlockSpec) { s.Account = v1alpha1.AccountID(fmt.Sprint("x-", i)) })))
	}
	addr := netip.MustParseAddr("192.0.2.1")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			x.Blocks("shop", "x-77", "SMS", addr, "DE")
		}
	})
}
