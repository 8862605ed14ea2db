package replicas_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast.dev/holdfast/api/v1alpha1"
)

// sharedWork: the controllers run where the Lease is held, everything else everywhere.
func sharedWork(w *world) {
	leader, other := w.leader()
	if w.holder() == "" {
		w.t.Error("nobody holds the Lease")
	}
	const people = 30
	for i := range people {
		w.register(w.replicas[i%2], fmt.Sprintf("reader-%02d", i))
	}
	w.await(patience, "a notice for everyone", func() bool { return len(w.inbox("")) == people })
	if a, b := w.sent(leader), w.sent(other); a == 0 || b == 0 || a+b != people {
		w.t.Errorf("the couriers sent %d and %d messages, want %d by both together", a, b, people)
	}

	w.register(leader, "ada")
	w.block("ada")
	for _, r := range w.replicas {
		w.t.Logf("%s denies after %s", r.name, w.awaitDecision(watchTime, r, "ada", "Deny"))
	}
	w.awaitState("ada", v1alpha1.BlockActive)
	w.t.Logf("released at one, allowed by the other after %s", w.release(other, leader, "ada", feedTime))
	w.awaitState("ada", v1alpha1.BlockReleased)

	const reconciles = "controller_runtime_reconcile_total"
	if a, b := w.metric(leader, reconciles), w.metric(other, reconciles); a == 0 || b != 0 {
		w.t.Errorf("the leader reconciled %v times, the other %v times; want the leader alone", a, b)
	}
}

// leaderKilled: the other decides on, and later reconciles what the dead one left.
func leaderKilled(w *world) {
	leader, other := w.leader()
	before := w.holder()
	w.blocked("grace")
	w.block("short", func(s *v1alpha1.AccountBlockSpec) { s.Duration = "8s" })
	w.awaitDecision(watchTime, other, "short", "Deny")
	stop := w.watch("grace", "Deny", other)
	w.kill(leader)

	w.register(other, "linus")
	w.block("linus")
	w.awaitDecision(watchTime, other, "linus", "Deny")
	w.awaitDecision(patience, other, "short", "Allow")
	if state := w.state("linus"); state != "" && !w.leads(other) {
		w.t.Errorf("the mirror says %q though nobody leads", state)
	}
	took := w.await(patience, "the other to lead", func() bool { return w.leads(other) })
	w.t.Logf("leads %s later", took)
	w.awaitState("linus", v1alpha1.BlockActive)
	w.awaitState("short", v1alpha1.BlockExpired)
	stop()
	if after := w.holder(); after == before {
		w.t.Errorf("the Lease is still held by %s", after)
	}

	w.start(leader)
	w.awaitReady(leader)
	w.awaitMetrics()
	w.awaitDecision(watchTime, leader, "grace", "Deny")
	w.awaitDecision(watchTime, leader, "short", "Allow")
	w.release(other, leader, "grace", feedTime)
	if w.leads(leader) || !w.leads(other) {
		w.t.Errorf("%s leads: %t, %s leads: %t; want the survivor to stay the leader", leader.name, w.leads(leader), other.name, w.leads(other))
	}
}

// apiserverAway: the store alone carries what happens from one to the other. It is away
// for as long as the leader needs to notice, or for awayVariable.
func apiserverAway(w *world) {
	away := w.awayFor()
	w.blocked("mary", "alan", "tony", "niklaus", "edsger")
	leader, _ := w.leader()
	stopped := func() int { return strings.Count(w.said(leader), "the controllers stopped") }
	before := stopped()
	pid, began := w.pidOf("kube-apiserver"), time.Now()
	w.must(syscall.Kill(pid, syscall.SIGSTOP))
	resume := sync.OnceFunc(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	defer resume()
	stop := w.watch("edsger", "Deny", w.replicas[:]...)
	w.await(patience, "the leader to lose its Lease", func() bool { return stopped() > before })
	releaseBoth := func(one, another string) {
		first, second := w.replicas[0], w.replicas[1]
		w.t.Logf("released at %s, allowed by %s after %s", second.name, first.name, w.release(first, second, one, feedTime))
		w.t.Logf("released at %s, allowed by %s after %s", first.name, second.name, w.release(second, first, another, feedTime))
	}
	releaseBoth("mary", "alan")
	<-time.After(away - time.Since(began)) // what is tried is that much time
	releaseBoth("tony", "niklaus")
	stop()
	w.t.Logf("the apiserver was away for %s (%s=10m: for that long)", time.Since(began).Round(time.Second), awayVariable)
	resume()
	for _, account := range []string{"mary", "alan", "tony", "niklaus"} {
		w.awaitState(account, v1alpha1.BlockReleased)
	}
	w.leader()
}

// awayVariable says for how long the apiserver is away, such as 10m with -timeout 30m.
// `make test` does not wait that long: what ends with time while it is away, a caller's
// remembered access, is tried with a stepped clock in internal/kube, and the binary
// takes no clock from outside.
const awayVariable = "HOLDFAST_TEST_APISERVER_AWAY"

func (w *world) awayFor() time.Duration {
	w.t.Helper()
	asked := os.Getenv(awayVariable)
	if asked == "" {
		return 0
	}
	away, err := time.ParseDuration(asked)
	w.must(err)
	return away
}

// codeToBoth: of two replicas that get the same code at the same moment, one accepts it.
func codeToBoth(w *world) {
	const flows = 50
	before := [2]int{w.sent(w.replicas[0]), w.sent(w.replicas[1])}
	account := func(i int) string { return fmt.Sprintf("twin-%02d", i) }
	for i := range flows {
		w.register(w.replicas[i%2], account(i))
		w.block(account(i), func(s *v1alpha1.AccountBlockSpec) {
			s.Release = &v1alpha1.ReleaseSpec{Steps: []v1alpha1.ReleaseStep{v1alpha1.StepVerifyCode}}
		})
	}
	people := make([]*person, flows)
	for i := range people {
		r := w.replicas[i%2]
		w.awaitDecision(watchTime, r, account(i), "Deny")
		people[i] = w.requestCode(r, account(i), w.decide(r, account(i)).Ticket)
	}
	for _, p := range people {
		p.readMail()
	}
	answers := make([][2]int, flows)
	var sending sync.WaitGroup
	begin := make(chan struct{})
	for i, p := range people {
		for j, r := range w.replicas {
			sending.Go(func() {
				<-begin
				got, err := p.send(w.t.Context(), r, p.codePath(), map[string]string{"code": p.code})
				if err != nil {
					w.t.Error(err)
				}
				answers[i][j] = got.status
			})
		}
	}
	close(begin)
	sending.Wait()
	var accepted [2]int
	for i, got := range answers {
		for j, status := range got {
			if status == http.StatusOK {
				accepted[j]++
			}
		}
		if (got[0] == http.StatusOK) == (got[1] == http.StatusOK) || got[0] >= 500 || got[1] >= 500 {
			w.t.Errorf("%s: the replicas answered %d and %d, want one of them to accept", account(i), got[0], got[1])
		}
		w.expected[addressOf(account(i))]++ // the notice
	}
	w.t.Logf("of %d codes %v were accepted by each replica", flows, accepted)
	for i := range people {
		for _, r := range w.replicas {
			w.awaitDecision(feedTime, r, account(i), "Allow")
		}
	}
	w.await(patience, "every message", func() bool { return len(w.inbox("")) == w.allExpected() })
	for i, r := range w.replicas {
		if w.sent(r) == before[i] {
			w.t.Errorf("the courier of %s sent nothing", r.name)
		}
	}
}

// databaseDown: decisions go on; what needs the memory says when to come again.
func databaseDown(w *world) {
	w.blocked("barbara", "ken", "dennis")
	var tickets [2]string
	for i, r := range w.replicas {
		tickets[i] = w.decide(r, "barbara").Ticket
	}
	stop := w.watch("dennis", "Deny", w.replicas[:]...)
	w.must(w.database.Halt())
	for i, r := range w.replicas {
		w.refusesFor(r, tickets[i])
	}
	w.block("grace-later", func(s *v1alpha1.AccountBlockSpec) { s.Account = "grace" })
	for _, r := range w.replicas {
		w.awaitDecision(watchTime, r, "grace", "Deny")
		for _, path := range []string{"/readyz", "/healthz"} {
			if status := w.probe(r, path); status != http.StatusOK {
				w.t.Errorf("%s of %s: %d: it would get no more decisions to answer", path, r.name, status)
			}
		}
	}
	w.must(w.database.Resume(w.t.Context()))
	stop()

	first, second := w.replicas[0], w.replicas[1]
	w.await(patience, "pages again", func() bool {
		got, err := w.get("http://" + first.public + "/unblock?ticket=" + tickets[0])
		w.must(err)
		return got.status == http.StatusOK
	})
	w.release(first, second, "barbara", patience)
	// A replica that does not listen again yet looks once a second.
	w.t.Logf("released at one, allowed by the other after %s", w.release(second, first, "ken", 2*feedTime))
	for _, account := range []string{"barbara", "ken"} {
		w.awaitState(account, v1alpha1.BlockReleased)
	}
	w.awaitState("grace-later", v1alpha1.BlockActive)
}

// refusesFor expects that a replica says to a person that it cannot answer now: as JSON
// and as a page, each with when to try again, and soon.
func (w *world) refusesFor(r *replica, ticket string) {
	w.t.Helper()
	began := time.Now()
	p := &person{w: w, account: "barbara"}
	got := p.post(r, "/v1/challenges", http.StatusServiceUnavailable, map[string]string{"ticket": ticket, "purpose": "Unblock"})
	if !strings.Contains(string(got.body), "https://holdfast.dev/problems/unavailable") || got.header.Get("Retry-After") == "" {
		w.t.Errorf("%s answers %s with %v", r.name, got.body, got.header)
	}
	page, err := w.get("http://" + r.public + "/unblock?ticket=" + ticket)
	w.must(err)
	if page.status != http.StatusServiceUnavailable || page.header.Get("Retry-After") == "" ||
		!strings.Contains(string(page.body), "We cannot answer right now") {
		w.t.Errorf("%s shows %d with %v:\n%s", r.name, page.status, page.header, page.body)
	}
	if took := time.Since(began); took > slowest {
		w.t.Errorf("%s took %s to say so", r.name, took)
	}
}
