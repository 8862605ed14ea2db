package kube

import (
	"net/netip"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

// shelf is one tenant's part of the index.
type shelf struct {
	accounts map[string][]*entry
	regions  map[string][]*entry
	networks networks
	// payments are denied to an account until an instant.
	payments map[string]time.Time
	holds    holds
	// rounds are the rechecks that accounts are in.
	rounds map[string]recheck.Record
}

func newShelf() *shelf {
	return &shelf{
		accounts: map[string][]*entry{}, regions: map[string][]*entry{},
		networks: networks{prefixes: map[netip.Prefix][]*entry{}}, payments: map[string]time.Time{},
		holds: holds{}, rounds: map[string]recheck.Record{},
	}
}

func (s *shelf) empty() bool {
	return len(s.accounts)+len(s.regions)+len(s.networks.prefixes)+len(s.payments)+len(s.holds)+len(s.rounds) == 0
}

// list puts the entry where a request of its scope finds it.
func (s *shelf) list(e *entry) {
	e.listed = true
	switch spec := &e.record.Spec; spec.Scope {
	case block.Network:
		s.networks.add(spec.Value, e)
	case block.Region:
		country := strings.ToUpper(spec.Value)
		s.regions[country] = insert(s.regions[country], e)
	default:
		s.accounts[spec.Account] = insert(s.accounts[spec.Account], e)
	}
}

func (s *shelf) unlist(e *entry) {
	e.listed = false
	switch spec := &e.record.Spec; spec.Scope {
	case block.Network:
		s.networks.drop(spec.Value, e)
	case block.Region:
		dropFrom(s.regions, strings.ToUpper(spec.Value), e)
	default:
		dropFrom(s.accounts, spec.Account, e)
	}
}

// find lists what binds a request. Nothing is allocated where nothing matches.
func (s *shelf) find(account, method string, network netip.Addr, country string) []block.Record {
	var found []block.Record
	for _, e := range s.accounts[account] {
		if e.record.Spec.Matches(method, network, country) {
			found = append(found, e.record)
		}
	}
	found = s.networks.find(found, network)
	if country != "" {
		for _, e := range s.regions[strings.ToUpper(country)] {
			found = append(found, e.record)
		}
	}
	return found
}

// networks finds the prefixes around an address: one look-up for each length in use,
// however many networks are blocked.
type networks struct {
	prefixes map[netip.Prefix][]*entry
	// lengths counts the prefixes of each length, IPv4 and IPv6 apart.
	lengths [2][129]int
}

func (n *networks) add(value string, e *entry) {
	p, err := block.ParseNetwork(value)
	if err != nil {
		return
	}
	n.prefixes[p] = insert(n.prefixes[p], e)
	n.lengths[family(p.Addr())][p.Bits()]++
}

func (n *networks) drop(value string, e *entry) {
	p, err := block.ParseNetwork(value)
	if err != nil {
		return
	}
	dropFrom(n.prefixes, p, e)
	n.lengths[family(p.Addr())][p.Bits()]--
}

func (n *networks) find(found []block.Record, addr netip.Addr) []block.Record {
	addr = addr.Unmap()
	if !addr.IsValid() || len(n.prefixes) == 0 {
		return found
	}
	for bits := range addr.BitLen() + 1 {
		if n.lengths[family(addr)][bits] == 0 {
			continue
		}
		p, err := addr.Prefix(bits)
		if err != nil {
			continue
		}
		for _, e := range n.prefixes[p] {
			found = append(found, e.record)
		}
	}
	return found
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return 0
	}
	return 1
}

func dropFrom[K comparable](lists map[K][]*entry, key K, e *entry) {
	if rest := remove(lists[key], e); len(rest) > 0 {
		lists[key] = rest
	} else {
		delete(lists, key)
	}
}
