package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// options are what the command line and the environment say.
type options struct {
	// root is the folder of the project, with bin/ and config/.
	root string
	// runDir keeps all data; absolute.
	runDir string
	ports  ports
}

// ports are where everything listens, on 127.0.0.1.
type ports struct {
	Public, Service, Probes, Metrics, Inbox, SMTP, Shop, OIDC, APIServer, Etcd int
}

// port is one of them, as the command line knows it.
type port struct {
	name, purpose string
	standard      int
	number        *int
}

func (p *ports) all() []port {
	return []port{
		{"public", "Holdfast's pages for people", 8080, &p.Public},
		{"service", "Holdfast's decisions and signals", 8090, &p.Service},
		{"probes", "Holdfast's health", 8081, &p.Probes},
		{"metrics", "Holdfast's metrics", 8443, &p.Metrics},
		{"inbox", "the inbox page", 8025, &p.Inbox},
		{"smtp", "the inbox's SMTP server", 1025, &p.SMTP},
		{"shop", "the demo shop", 8088, &p.Shop},
		{"oidc", "the OpenID Connect provider", 9998, &p.OIDC},
		{"apiserver", "kube-apiserver", 6443, &p.APIServer},
		{"etcd", "etcd", 2379, &p.Etcd},
	}
}

func (p port) flag() string { return p.name + "-port" }

func (p port) env() string { return "HOLDFAST_" + strings.ToUpper(p.name) + "_PORT" }

func readOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", ".", "folder of the project, with bin/ and config/")
	flags.StringVar(&o.runDir, "run-dir", ".run", "folder that keeps all data between runs")
	choice := flags.String("ports", "standard", "standard, or auto for free ports where no flag names one")
	for _, p := range o.ports.all() {
		flags.IntVar(p.number, p.flag(), 0, fmt.Sprintf("port of %s (default %d; environment %s)", p.purpose, p.standard, p.env()))
	}
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if *choice != "standard" && *choice != "auto" {
		return options{}, fmt.Errorf("--ports is standard or auto, not %q", *choice)
	}
	var err error
	if o.root, err = filepath.Abs(o.root); err != nil {
		return options{}, err
	}
	if o.runDir, err = filepath.Abs(o.runDir); err != nil {
		return options{}, err
	}
	return o, o.ports.choose(*choice == "auto")
}

// choose fills what no flag set: from the environment, else a free port or the standard
// one. Free ports are held until all are chosen, so that no two are the same.
func (p *ports) choose(auto bool) error {
	for _, p := range p.all() {
		if value := os.Getenv(p.env()); *p.number == 0 && value != "" {
			number, err := strconv.Atoi(value)
			if err != nil {
				return fmt.Errorf("%s=%q is not a port", p.env(), value)
			}
			*p.number = number
		}
		if *p.number == 0 && !auto {
			*p.number = p.standard
		}
		if *p.number == 0 {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return fmt.Errorf("find a free port for %s: %w", p.purpose, err)
			}
			defer func() { _ = listener.Close() }()
			if address, ok := listener.Addr().(*net.TCPAddr); ok {
				*p.number = address.Port
			}
		}
		if *p.number < 1 || *p.number > 65535 {
			return fmt.Errorf("port %d of %s is not from 1 to 65535: set --%s", *p.number, p.purpose, p.flag())
		}
	}
	return nil
}

// check says which ports cannot be had, before anything is started.
func (p *ports) check() error {
	var taken []string
	users := map[int]string{}
	for _, p := range p.all() {
		if other := users[*p.number]; other != "" {
			taken = append(taken, fmt.Sprintf("  port %d is wanted by %s and by %s: set --%s", *p.number, other, p.purpose, p.flag()))
		} else if inUse(*p.number) {
			taken = append(taken, fmt.Sprintf("  port %d (%s) is already in use: stop what uses it, or set --%s or %s", *p.number, p.purpose, p.flag(), p.env()))
		}
		users[*p.number] = p.purpose
	}
	if len(taken) > 0 {
		return fmt.Errorf("nothing was started:\n%s", strings.Join(taken, "\n"))
	}
	return nil
}

// inUse asks twice: some systems let a second program listen on a narrower address, and
// people would then reach the first one.
func inUse(number int) bool {
	for _, host := range []string{"127.0.0.1", "::1"} {
		connection, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(number)), time.Second)
		if err == nil {
			_ = connection.Close()
			return true
		}
	}
	listener, err := net.Listen("tcp", local(number))
	if err != nil {
		return true
	}
	return listener.Close() != nil
}

// local is the address at which something listens.
func local(number int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(number)) }

// web is the address that a browser opens.
func web(number int) string { return "http://localhost:" + strconv.Itoa(number) }
