package deliver

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Patterns is the process's list of endpoints that providers may name. An empty
// list allows nothing.
type Patterns struct {
	all      bool
	patterns []pattern
}

// pattern is host and port; a host "*.example.com" means every name below it, a
// port "*" every port.
type pattern struct{ host, port string }

// ParsePatterns reads patterns such as "smtp.example.com:587",
// "*.example.com:587", "localhost:*", "[::1]:25" and a bare "*" for everything.
func ParsePatterns(list []string) (Patterns, error) {
	var p Patterns
	for _, s := range list {
		if s == "*" {
			p.all = true
			continue
		}
		host, port, err := net.SplitHostPort(s)
		if err != nil || host == "" || strings.Contains(strings.TrimPrefix(host, "*."), "*") {
			return Patterns{}, fmt.Errorf("endpoint pattern %q: want host:port, *.domain:port, host:* or *", s)
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil && port != "*" {
			return Patterns{}, fmt.Errorf("endpoint pattern %q: the port must be a number or *", s)
		}
		p.patterns = append(p.patterns, pattern{canonicalHost(host), port})
	}
	return p, nil
}

// Allows reports whether host:port is among the patterns.
func (p Patterns) Allows(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if p.all {
		return true
	}
	for _, pattern := range p.patterns {
		if pattern.matches(canonicalHost(host), port) {
			return true
		}
	}
	return false
}

func (p pattern) matches(host, port string) bool {
	if p.port != "*" && p.port != port {
		return false
	}
	if domain, ok := strings.CutPrefix(p.host, "*"); ok {
		return strings.HasSuffix(host, domain) && len(host) > len(domain)
	}
	return p.host == host
}

func canonicalHost(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
