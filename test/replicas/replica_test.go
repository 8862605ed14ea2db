package replicas_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// grace is how long a process may take to end.
const grace = 30 * time.Second

// replica is one process of Holdfast, and another one at its place after it died.
type replica struct {
	name string
	// public, service, probes and metrics are where it listens.
	public, service, probes, metrics string
	// log takes what all its processes say.
	log     string
	command func() *exec.Cmd
	cmd     *exec.Cmd
	exited  chan struct{}
	// exit is its end, once exited is closed.
	exit error
}

func (w *world) newReplica(name, binary, kubeconfig, storeFile string) *replica {
	w.t.Helper()
	r := &replica{name: name, log: filepath.Join(w.t.TempDir(), name+".log")}
	for _, address := range []*string{&r.public, &r.service, &r.probes, &r.metrics} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		w.must(err)
		defer func() { _ = listener.Close() }() // all at the end, so that no two are the same
		*address = listener.Addr().String()
	}
	r.command = func() *exec.Cmd {
		return exec.Command(binary, "serve",
			"--kubeconfig", kubeconfig, "--namespace", system, "--tenant", tenant+"="+host,
			"--store", "postgres:", "--store-file", storeFile,
			"--public-addr", r.public, "--service-addr", r.service, "--probes-addr", r.probes, "--metrics-addr", r.metrics,
			"--public-scheme", "http", "--provider-endpoints", "localhost:*,127.0.0.1:*")
	}
	w.t.Cleanup(func() { w.end(r) })
	return r
}

func (w *world) start(r *replica) {
	w.t.Helper()
	file, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	w.must(err)
	r.cmd = r.command()
	r.cmd.Stdout, r.cmd.Stderr = file, file
	w.must(r.cmd.Start())
	w.must(file.Close())
	exited, cmd := make(chan struct{}), r.cmd
	r.exited = exited
	go func() { r.exit = cmd.Wait(); close(exited) }()
}

func (w *world) awaitReady(r *replica) {
	w.t.Helper()
	w.await(2*patience, r.name+" to be ready", func() bool {
		select {
		case <-r.exited:
			w.t.Fatalf("%s ended: %v", r.name, r.exit)
		default:
		}
		return w.probe(r, "/readyz") == http.StatusOK
	})
}

// probe is the status of a probe; 0 where nobody answers.
func (w *world) probe(r *replica, path string) int {
	w.t.Helper()
	response, err := w.get("http://" + r.probes + path)
	if err != nil {
		return 0
	}
	return response.status
}

// kill ends the process as nothing else can: it does nothing more.
func (w *world) kill(r *replica) {
	w.t.Helper()
	w.must(r.cmd.Process.Kill())
	<-r.exited
	httpClient.CloseIdleConnections()
}

// end stops the process as the kubelet does, and shows its log if the test has failed.
func (w *world) end(r *replica) {
	if r.exited != nil {
		_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-r.exited:
			if r.exit != nil {
				w.t.Errorf("%s ended with %v", r.name, r.exit)
			}
		case <-time.After(grace):
			w.t.Errorf("%s did not end within %s", r.name, grace)
			_ = r.cmd.Process.Kill()
			<-r.exited
		}
	}
	if w.t.Failed() {
		said, err := os.ReadFile(r.log)
		w.t.Logf("%s said (%v):\n%s", r.name, err, said)
	}
}

// said is what a replica has logged so far.
func (w *world) said(r *replica) string {
	w.t.Helper()
	text, err := os.ReadFile(r.log)
	w.must(err)
	return string(text)
}

var scrapeClient = &http.Client{Timeout: patience, Transport: &http.Transport{
	TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the certificate is the process's own
}}

// metric sums the series of a metric whose labels hold all of the given ones, each
// NAME="VALUE".
func (w *world) metric(r *replica, name string, labels ...string) float64 {
	w.t.Helper()
	sum, err := scrape(w.t.Context(), r.metrics, w.scraper, name, labels)
	w.must(err)
	return sum
}

func scrape(ctx context.Context, address, token, name string, labels []string) (sum float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := scrapeClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("metrics of %s: status %d", address, response.StatusCode)
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if metric, rest, _ := strings.Cut(series, "{"); metric == name && holds(rest, labels) {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, fmt.Errorf("metric %s: %w", name, err)
			}
			sum += n
		}
	}
	return sum, lines.Err()
}

func holds(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// sent is how many messages a replica's courier has sent.
func (w *world) sent(r *replica) int {
	w.t.Helper()
	return int(w.metric(r, "holdfast_message_attempts_total", `outcome="Sent"`))
}

// leads reports whether a replica runs the controllers.
func (w *world) leads(r *replica) bool {
	w.t.Helper()
	return w.metric(r, "leader_election_master_status", `name="holdfast"`) == 1
}

// leader waits until one replica leads, and returns it and the other.
func (w *world) leader() (leader, other *replica) {
	w.t.Helper()
	leader, other = w.replicas[0], w.replicas[1]
	w.awaitMetrics()
	w.await(patience, "one leader", func() bool {
		if w.leads(other) {
			leader, other = other, leader
		}
		return w.leads(leader) && !w.leads(other)
	})
	return leader, other
}

// awaitMetrics waits for the metrics of both, which a replica serves a moment after it
// is ready.
func (w *world) awaitMetrics() {
	w.t.Helper()
	for _, r := range w.replicas {
		w.await(patience, "the metrics of "+r.name, func() bool {
			_, err := scrape(w.t.Context(), r.metrics, w.scraper, "", nil)
			return err == nil
		})
	}
}

// holder is who holds the Lease.
func (w *world) holder() string {
	w.t.Helper()
	var lease coordinationv1.Lease
	w.must(w.admin.Get(w.t.Context(), client.ObjectKey{Namespace: system, Name: "holdfast"}, &lease))
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
