package kube

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Tenants says which hosts the installation grants to which namespace. A namespace
// that is not in it has no pages, and no Secret of it is read.
type Tenants map[string][]string

// ParseTenants reads NAMESPACE=HOST[,HOST] for each tenant. A namespace alone is a
// tenant without pages. A host is granted to one namespace only, since the host
// chooses the tenant.
func ParseTenants(values []string) (Tenants, error) {
	if len(values) == 0 {
		return nil, errors.New("no tenant is granted: name at least one as NAMESPACE=HOST[,HOST]")
	}
	tenants, owner := Tenants{}, map[string]string{}
	for _, value := range values {
		namespace, list, _ := strings.Cut(value, "=")
		if namespace == "" {
			return nil, fmt.Errorf("tenant %q names no namespace: write NAMESPACE=HOST[,HOST]", value)
		}
		var hosts []string
		for host := range strings.FieldsFuncSeq(strings.ToLower(list), func(r rune) bool { return r == ',' || r == ' ' }) {
			if other, taken := owner[host]; taken && other != namespace {
				return nil, fmt.Errorf("host %s is granted to the namespaces %s and %s: a host chooses one tenant", host, other, namespace)
			}
			owner[host] = namespace
			hosts = append(hosts, host)
		}
		tenants[namespace] = append(tenants[namespace], hosts...)
	}
	return tenants, nil
}

// Granted reports whether the namespace may serve pages on the host.
func (t Tenants) Granted(namespace, host string) bool {
	return slices.Contains(t[namespace], strings.ToLower(host))
}

// Split parts hosts into those granted to the namespace, in small letters, and the
// others.
func (t Tenants) Split(namespace string, hosts []string) (granted, refused []string) {
	for _, host := range hosts {
		if host = strings.ToLower(host); t.Granted(namespace, host) {
			granted = append(granted, host)
		} else {
			refused = append(refused, host)
		}
	}
	return granted, refused
}
