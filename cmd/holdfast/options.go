package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/spf13/pflag"

	"holdfast.dev/holdfast/internal/deliver"
	"holdfast.dev/holdfast/internal/kube"
)

// options are what the installation decides; everything else is policy.
type options struct {
	kubeconfig     string
	namespace      string
	tenants        []string
	store          string
	storeFile      string
	keysSecret     string
	publicAddr     string
	serviceAddr    string
	serviceCert    string
	serviceKey     string
	probesAddr     string
	metricsAddr    string
	publicScheme   string
	trustedProxies []string
	endpoints      []string
	leaderElection bool
	issuer         string
}

func (o *options) bind(flags *pflag.FlagSet) {
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file; without it the pod's own ServiceAccount is used")
	flags.StringVar(&o.namespace, "namespace", "holdfast-system", "Holdfast's own namespace: keys and leader election live here")
	flags.StringArrayVar(&o.tenants, "tenant", nil, "grant a namespace its hosts: NAMESPACE=HOST[,HOST]; repeatable")
	flags.StringVar(&o.store, "store", "sqlite:/data/holdfast.db", "the memory: sqlite:PATH for one replica, or postgres: for any number, with the URL in --store-file or in HOLDFAST_STORE")
	flags.StringVar(&o.storeFile, "store-file", "", "file with the URL of --store postgres: (postgres://USER:PASSWORD@HOST/DATABASE); read at each new connection")
	flags.StringVar(&o.keysSecret, "keys-secret", "holdfast-keys", "Secret in --namespace with the sealing keys; made at the first start")
	flags.StringVar(&o.publicAddr, "public-addr", ":8080", "listen address of the people's pages")
	flags.StringVar(&o.serviceAddr, "service-addr", ":8090", "listen address for the IdP and the apps")
	flags.StringVar(&o.serviceCert, "service-tls-cert", "", "certificate file of the service listener; re-read when it changes")
	flags.StringVar(&o.serviceKey, "service-tls-key", "", "key file of the service listener")
	flags.StringVar(&o.probesAddr, "probes-addr", ":8081", "listen address of /healthz and /readyz")
	flags.StringVar(&o.metricsAddr, "metrics-addr", ":8443", "listen address of /metrics (HTTPS, for bearers who may get /metrics); 0 turns it off")
	flags.StringVar(&o.publicScheme, "public-scheme", "https", "scheme of the people's pages: https, or http on a developer's machine")
	flags.StringSliceVar(&o.trustedProxies, "trusted-proxies", nil, "networks of the proxies before the people's pages, as CIDRs: their X-Forwarded-For is believed. Without it all who come through one proxy share its limits")
	flags.StringSliceVar(&o.endpoints, "provider-endpoints", nil, "endpoints that provider Secrets may name: HOST:PORT with * as the first label or the port")
	flags.BoolVar(&o.leaderElection, "leader-election", true, "elect one replica to run the controllers")
	flags.StringVar(&o.issuer, "issuer", "holdfast", "name of this installation in tickets")
}

// settings are the options, read.
type settings struct {
	options
	tenants   kube.Tenants
	endpoints deliver.Patterns
	proxies   []netip.Prefix
	place
}

func (o options) read() (settings, error) {
	tenants, tenantsErr := kube.ParseTenants(o.tenants)
	endpoints, endpointsErr := deliver.ParsePatterns(o.endpoints)
	proxies, proxiesErr := parsePrefixes(o.trustedProxies)
	memory, memoryErr := readPlace(o.store, o.storeFile, os.Getenv)
	s := settings{options: o, tenants: tenants, endpoints: endpoints, proxies: proxies, place: memory}
	switch {
	case o.publicScheme != "https" && o.publicScheme != "http":
		return s, fmt.Errorf("--public-scheme %q: use https or http", o.publicScheme)
	case (o.serviceCert == "") != (o.serviceKey == ""):
		return s, errors.New("--service-tls-cert and --service-tls-key belong together: give both or none")
	}
	return s, errors.Join(tenantsErr, endpointsErr, proxiesErr, memoryErr)
}

func parsePrefixes(list []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range list {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxies %q: write a network such as 10.0.0.0/8", text)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}
