package escalation

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

const net24 = "203.0.113.0/24"

func crowd(refused, welcome int) Crowd {
	c := Crowd{}
	for i := range refused {
		c, _ = c.Refuse(Member(fmt.Sprint("refused-", i)), now.Add(-time.Hour))
	}
	for i := range welcome {
		c, _ = c.Greet(Member(fmt.Sprint("welcome-", i)))
	}
	return c
}

func pastNetwork(ago time.Duration, edits ...func(*block.Record)) Past {
	return Past{past(block.Network, net24, ago, append(edits, func(r *block.Record) { r.Spec.Account = "" })...)}
}

// Each sentence of the rules about networks is a row.
func TestNetwork(t *testing.T) {
	want := Verdict{Block: block.Spec{
		Reason: block.CompromisedTraffic, Scope: block.Network, Value: net24, Start: now, Duration: 24 * time.Hour, CodeTo: block.SecurityInfo,
	}}
	permanent := failure()
	permanent.Policy.Blocks[block.CompromisedTraffic] = policy.Block{Permanent: true, Steps: both}
	for _, c := range []struct {
		name  string
		f     Failure
		crowd Crowd
		past  Past
		want  Verdict
	}{
		{"19 refused accounts are none too many", failure(), crowd(19, 0), nil, Verdict{}},
		{"law 5, seed 29: 20 refused accounts block the network", failure(), crowd(20, 0), nil, want},
		{"O1: where as many sign in, the failures are its people's", failure(), crowd(20, 20), nil, Verdict{}},
		{"more are refused than sign in", failure(), crowd(21, 20), nil, want},
		{"a blocked network is not blocked again", failure(), crowd(20, 0), pastNetwork(time.Hour), Verdict{}},
		{"an applied block is one too", failure(), crowd(20, 0), pastNetwork(time.Hour, applied), Verdict{}},
		{"what lay before an end counts no more", failure(), crowd(20, 0), pastNetwork(24*time.Hour + time.Minute), Verdict{Forget: true}},
		{"seed 29: failures after the expiry block anew", failure(), crowd(20, 0), pastNetwork(26 * time.Hour), want},
		{"never within 24h of a release", failure(), crowd(20, 0), pastNetwork(30*time.Hour, ended(block.Revoked, 24*time.Hour-1)), Verdict{}},
		{"24h after the release it may be blocked anew", failure(), crowd(20, 0), pastNetwork(30*time.Hour, ended(block.Revoked, 24*time.Hour)), want},
		{"O20: it ends by itself, whatever the policy says of the reason", permanent, crowd(20, 0), nil, want},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.f.Network = net24
			if diff := cmp.Diff(c.want, Network(c.f, c.crowd, c.past)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// O1: who mistypes and then gets in is no stranger, nor is who is at home there.
func TestCrowd(t *testing.T) {
	c, changed := Crowd{}.Refuse(1, now)
	if !changed || !c.Since.Equal(now) {
		t.Fatalf("%+v, %v", c, changed)
	}
	if _, changed = c.Refuse(1, now.Add(time.Hour)); changed {
		t.Error("the same account counted twice")
	}
	c, changed = c.Greet(1)
	if !changed || c.Refused.Count() != 0 || c.Welcome.Count() != 1 {
		t.Errorf("after its sign-in: %+v", c)
	}
	if c, changed = c.Refuse(1, now); changed || c.Refused.Count() != 0 {
		t.Errorf("it mistypes again: %+v", c)
	}
	if _, changed = c.Greet(1); changed {
		t.Error("a second sign-in changed something")
	}
}

// law 5: memory is bounded, however many accounts are hit.
func TestSketchCountsInBoundedMemory(t *testing.T) {
	var s Sketch
	for i := range 100_000 {
		s, _ = s.Add(Member(fmt.Sprint("account-", i)))
		n := i + 1
		if n <= sketchSize-1 && s.Count() != n {
			t.Fatalf("%d counted as %d", n, s.Count())
		}
		if off := math.Abs(float64(s.Count()-n)) / float64(n); off > 0.25 {
			t.Fatalf("%d counted as %d", n, s.Count())
		}
	}
	if len(s.Bytes()) != 8*sketchSize {
		t.Errorf("%d bytes", len(s.Bytes()))
	}
	if diff := cmp.Diff(s, SketchOf(s.Bytes())); diff != "" {
		t.Error(diff)
	}
	least := s[0]
	if _, changed := s.Add(least); changed {
		t.Error("a member was added twice")
	}
	if s, _ = s.Remove(least); s.Has(least) || len(s) != sketchSize-1 {
		t.Error("a member stayed")
	}
}

// A proxy's address is everybody's: it is never blocked for what one of them does.
func TestPublic(t *testing.T) {
	for addr, want := range map[string]bool{
		"203.0.113.9": true, "2001:db8::1": true, "::ffff:203.0.113.9": true,
		"10.1.2.3": false, "192.168.0.4": false, "100.64.3.2": false, "127.0.0.1": false, "::1": false, "fe80::1": false, "fd00::1": false, "::ffff:10.0.0.1": false,
	} {
		if got := Public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address at all")
	}
}
