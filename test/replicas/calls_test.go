package replicas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/hack/inbox"
)

var httpClient = &http.Client{Timeout: patience}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// call sends in as JSON, if there is any, to the replicas' one host.
func call(ctx context.Context, method, url string, header map[string]string, in any) (answer, error) {
	var content []byte
	if in != nil {
		var err error
		if content, err = json.Marshal(in); err != nil {
			return answer{}, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(content))
	if err != nil {
		return answer{}, err
	}
	request.Host = host
	request.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, body}, err
}

// get reads a page as a browser does.
func (w *world) get(url string) (answer, error) {
	return call(w.t.Context(), http.MethodGet, url, nil, nil)
}

// decision is the service listener's answer.
type decision struct {
	Decision, Ticket string
	Links            map[string]string
}

func (w *world) ask(ctx context.Context, r *replica, account string) (d decision, err error) {
	got, err := call(ctx, http.MethodPost, "http://"+r.service+"/v1/namespaces/"+tenant+"/decisions",
		map[string]string{"Authorization": "Bearer " + w.caller}, map[string]string{"account": account, "action": "SignIn"})
	if err != nil {
		return d, err
	}
	if got.status != http.StatusOK {
		return d, fmt.Errorf("decision of %s on %s: status %d: %s", r.name, account, got.status, got.body)
	}
	return d, json.Unmarshal(got.body, &d)
}

func (w *world) decide(r *replica, account string) decision {
	w.t.Helper()
	d, err := w.ask(w.t.Context(), r, account)
	w.must(err)
	return d
}

// awaitDecision waits until a replica decides so and returns how long it took.
func (w *world) awaitDecision(within time.Duration, r *replica, account, want string) time.Duration {
	w.t.Helper()
	return w.await(within, fmt.Sprintf("%s to say %s for %s", r.name, want, account), func() bool {
		return w.decide(r, account).Decision == want
	})
}

// slowest is what an answer may take while something is away: a decision waits for
// nobody.
const slowest = 3 * time.Second

// watch asks replicas about an account again and again until the returned function is
// called, which complains about every answer that was not the right one at once.
func (w *world) watch(account, want string, replicas ...*replica) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var watching sync.WaitGroup
	t := w.t
	for _, r := range replicas {
		watching.Go(func() {
			asked, worst := 0, time.Duration(0)
			for tick := time.NewTicker(pollGap); ; asked++ {
				began := time.Now()
				d, err := w.ask(context.WithoutCancel(ctx), r, account)
				worst = max(worst, time.Since(began))
				if err != nil || d.Decision != want {
					t.Errorf("%s said %q (%v) for %s, want %s", r.name, d.Decision, err, account, want)
					return
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
					tick.Stop()
					t.Logf("%s decided %d times meanwhile, each within %s", r.name, asked+1, worst.Round(time.Millisecond))
					if worst > slowest {
						t.Errorf("%s took %s for a decision", r.name, worst)
					}
					return
				}
			}
		})
	}
	return func() { cancel(); watching.Wait() }
}

// register has a replica take the first address of an account.
func (w *world) register(r *replica, account string) {
	w.t.Helper()
	got, err := call(w.t.Context(), http.MethodPut,
		"http://"+r.service+"/v1/namespaces/"+tenant+"/accounts/"+account+"/security-info",
		map[string]string{"Authorization": "Bearer " + w.caller},
		map[string]any{"language": "en", "contacts": []map[string]string{{"channel": "Email", "address": addressOf(account)}}})
	w.must(err)
	if got.status != http.StatusNoContent {
		w.t.Fatalf("register %s at %s: status %d: %s", account, r.name, got.status, got.body)
	}
	w.expected[addressOf(account)]++ // the notice
}

func addressOf(account string) string { return account + "@people.example" }

// block applies a block of an account.
func (w *world) block(account string, change ...func(*v1alpha1.AccountBlockSpec)) {
	w.t.Helper()
	ab := &v1alpha1.AccountBlock{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: account},
		Spec:       v1alpha1.AccountBlockSpec{Account: v1alpha1.AccountID(account), Reason: v1alpha1.BlockReasonUnusualActivity},
	}
	for _, f := range change {
		f(&ab.Spec)
	}
	w.must(w.admin.Create(w.t.Context(), ab))
}

// state is what the mirror says of an account's block.
func (w *world) state(account string) v1alpha1.BlockState {
	w.t.Helper()
	var ab v1alpha1.AccountBlock
	w.must(w.admin.Get(w.t.Context(), client.ObjectKey{Namespace: tenant, Name: account}, &ab))
	return ab.Status.State
}

func (w *world) awaitState(account string, want v1alpha1.BlockState) {
	w.t.Helper()
	w.await(patience, fmt.Sprintf("the state %s of %s", want, account), func() bool { return w.state(account) == want })
}

// blocked registers accounts, blocks them and waits until both replicas and the mirror
// say so.
func (w *world) blocked(accounts ...string) {
	w.t.Helper()
	for i, account := range accounts {
		w.register(w.replicas[i%2], account)
		w.block(account)
	}
	for _, account := range accounts {
		for _, r := range w.replicas {
			w.awaitDecision(watchTime, r, account, "Deny")
		}
		w.awaitState(account, v1alpha1.BlockActive)
	}
}

// inbox lists the messages to an address, newest first; all where it is empty.
func (w *world) inbox(address string) (all []inbox.Message) {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	w.mail.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/api/messages?to="+url.QueryEscape(address), nil))
	w.must(json.Unmarshal(recorder.Body.Bytes(), &all))
	return all
}

var digits = regexp.MustCompile(`(?m)^\s*(\d{6})\s*$`)

// codes are all that were sent to an address, newest first; to all where it is empty.
func (w *world) codes(address string) (codes []string) {
	w.t.Helper()
	for _, m := range w.inbox(address) {
		if match := digits.FindStringSubmatch(m.Text); match != nil {
			codes = append(codes, match[1])
		}
	}
	return codes
}
