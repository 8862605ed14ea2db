package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"holdfast.dev/holdfast/internal/clock"
	"holdfast.dev/holdfast/internal/kube"
	"holdfast.dev/holdfast/internal/service"
)

const (
	// activeBlocks are in the index while decisions are asked; networkBlocks of them
	// block a network.
	activeBlocks  = 10_000
	networkBlocks = 100

	decisionsPath = "/v1/namespaces/" + tenant + "/decisions"
)

// bearer is as long as a ServiceAccount's token.
var bearer = strings.Repeat("x", 900)

// openDecisions serves decisions and, beside them, the bare answers.
func openDecisions(ctx context.Context, o options) (suite, error) {
	handler, err := decisionHandler()
	if err != nil {
		return suite{}, err
	}
	ours, err := serve(handler)
	if err != nil {
		return suite{}, err
	}
	bare, err := bareHandler(ctx, ours.url+decisionsPath)
	if err != nil {
		return suite{}, err
	}
	floor, err := serve(bare)
	if err != nil {
		return suite{}, err
	}
	legs := 10
	if o.quick {
		legs = 2
	}
	all := suite{floor: "bare", shut: func() { ours.Close(); floor.Close() }}
	for _, mix := range []struct {
		name   string
		denied int // of 10
		goal   goal
	}{
		{"decisions, 90% allowed and 10% denied with a ticket", 1, goal{bound: 0.7}},
		{"decisions, all allowed", 0, goal{}},
		{"decisions, all denied with a ticket", 10, goal{}},
	} {
		for _, clients := range []int{16, 64} {
			l := load{token: bearer, bodies: requests(mix.denied), clients: clients, warm: 100 * time.Millisecond, lasts: 500 * time.Millisecond}
			all.comparisons = append(all.comparisons, comparison{
				name: fmt.Sprintf("%s, %d clients", mix.name, clients), goal: mix.goal, legs: legs,
				ours: l.to(ours.url + decisionsPath), floor: l.to(floor.url),
			})
		}
	}
	return all, nil
}

func (l load) to(url string) side {
	l.url = url
	return l.run
}

// decisionHandler is the service listener's own, over an index of active blocks. Its
// apiserver answers from memory, but as rarely as a real one is asked.
func decisionHandler() (http.Handler, error) {
	s, err := newShop()
	if err != nil {
		return nil, err
	}
	for i := range activeBlocks - networkBlocks {
		if err := s.see(newBlock(tenant, i)); err != nil {
			return nil, err
		}
	}
	for i := range networkBlocks {
		if err := s.see(newNetworkBlock(tenant, i)); err != nil {
			return nil, err
		}
	}
	return service.New(service.Config{
		Desk: s.desk, Access: kube.NewAccess(reviewer(), clock.Wall), Synced: func() bool { return true }, Log: logr.Discard(),
	}), nil
}

// reviewer knows every token and allows everything.
func reviewer() *fake.Clientset {
	client := fake.NewClientset()
	client.PrependReactor("create", "tokenreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authenticationv1.TokenReview{Status: authenticationv1.TokenReviewStatus{
			Authenticated: true, Audiences: []string{kube.Audience},
			User: authenticationv1.UserInfo{Username: "system:serviceaccount:" + tenant + ":idp"},
		}}, nil
	})
	client.PrependReactor("create", "subjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	return client
}

// requests are sign-ins, of which so many in ten are denied.
func requests(denied int) [][]byte {
	bodies := make([][]byte, 1000)
	for i := range bodies {
		account := fmt.Sprintf("allowed-%05d", i)
		if i%10 < denied {
			account = blockedAccount(i * 9 % (activeBlocks - networkBlocks))
		}
		bodies[i] = signIn(account, i)
	}
	return bodies
}

// signIn comes from a network that is not blocked.
func signIn(account string, i int) []byte {
	return fmt.Appendf(nil, `{"account":%q,"action":"SignIn","method":"Password","network":"203.0.113.%d","country":"DE"}`, account, i%256)
}

// listening is a handler at a port of its own.
type listening struct {
	*http.Server
	url string
}

func serve(handler http.Handler) (listening, error) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return listening{}, err
	}
	// The timeouts of cmd/holdfast; each costs both sides a deadline a request.
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	go func() { _ = server.Serve(socket) }() // it ends with Close
	return listening{server, "http://" + socket.Addr().String()}, nil
}

// bareAnswer and bareRequest are the fields of a decision and of its question.
type (
	bareRequest struct {
		Account string `json:"account"`
		Action  string `json:"action"`
		Method  string `json:"method"`
		Network string `json:"network"`
		Country string `json:"country"`
	}
	bareAnswer struct {
		Decision string            `json:"decision"`
		Reasons  []string          `json:"reasons,omitempty"`
		Until    *time.Time        `json:"until,omitempty"`
		Ticket   string            `json:"ticket,omitempty"`
		Links    map[string]string `json:"links,omitempty"`
	}
)

// bareHandler reads a question and writes one of two constant answers, which are those
// that Holdfast at url gave once: nothing is looked up, checked or sealed.
func bareHandler(ctx context.Context, url string) (http.Handler, error) {
	allowed, err := answerOf(ctx, url, "allowed-00000", "Allow")
	if err != nil {
		return nil, err
	}
	denied, err := answerOf(ctx, url, blockedAccount(0), "Deny")
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in bareRequest
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out := allowed
		if strings.HasPrefix(in.Account, "blocked") {
			out = denied
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // the client has gone if this fails
	}), nil
}

// answerOf asks once and wants the verdict, a denial with a ticket.
func answerOf(ctx context.Context, url, account, verdict string) (bareAnswer, error) {
	response, err := load{url: url, token: bearer}.post(ctx, &http.Client{Timeout: 10 * time.Second}, signIn(account, 0))
	if err != nil {
		return bareAnswer{}, err
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return bareAnswer{}, err
	}
	var out bareAnswer
	if err := json.Unmarshal(body.Bytes(), &out); err != nil || out.Decision != verdict || (verdict == "Deny") != (out.Ticket != "") {
		return out, fmt.Errorf("the sign-in of %s got %s, want %s: %s", account, response.Status, verdict, body.String())
	}
	return out, nil
}
