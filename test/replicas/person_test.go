package replicas_test

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

const newPassword = "plum-lantern-gravel-sonata-7"

// person is a client of the public API with its one cookie, whom any replica may serve.
type person struct {
	w         *world
	account   string
	cookie    string
	challenge string
	code      string
}

func (p *person) send(ctx context.Context, r *replica, path string, in any) (answer, error) {
	header := map[string]string{}
	if p.cookie != "" {
		header["Cookie"] = p.cookie
	}
	return call(ctx, http.MethodPost, "http://"+r.public+path, header, in)
}

// post expects a status and keeps the cookie.
func (p *person) post(r *replica, path string, want int, in any) answer {
	p.w.t.Helper()
	got, err := p.send(p.w.t.Context(), r, path, in)
	p.w.must(err)
	if got.status != want {
		p.w.t.Fatalf("%s at %s: POST %s: status %d: %s; want %d", p.account, r.name, path, got.status, got.body, want)
	}
	for _, cookie := range (&http.Response{Header: got.header}).Cookies() {
		p.cookie = cookie.Name + "=" + cookie.Value
	}
	return got
}

// requestCode begins the unblock of an account with a ticket.
func (w *world) requestCode(r *replica, account, ticket string) *person {
	w.t.Helper()
	p := &person{w: w, account: account}
	got := p.post(r, "/v1/challenges", http.StatusAccepted, map[string]string{"ticket": ticket, "purpose": "Unblock"})
	var challenge struct{ ID string }
	w.must(json.Unmarshal(got.body, &challenge))
	p.challenge = challenge.ID
	w.expected[addressOf(account)]++
	return p
}

// readMail waits for the code.
func (p *person) readMail() {
	p.w.t.Helper()
	p.w.await(patience, "a code for "+p.account, func() bool {
		codes := p.w.codes(addressOf(p.account))
		if len(codes) > 0 {
			p.code = codes[0]
		}
		return len(codes) > 0
	})
}

func (p *person) codePath() string { return "/v1/challenges/" + p.challenge + "/code" }

// release takes a person through an unblock: the ticket and the code come from one
// replica, the rest is done at the other. It returns how long the release took from
// there to the decisions of the first.
func (w *world) release(first, second *replica, account string, within time.Duration) time.Duration {
	w.t.Helper()
	p := w.requestCode(first, account, w.decide(first, account).Ticket)
	p.readMail()
	p.post(second, p.codePath(), http.StatusOK, map[string]string{"code": p.code})
	p.post(second, "/v1/password", http.StatusOK, map[string]string{"password": newPassword})
	w.expected[addressOf(account)]++ // the notice
	return w.awaitDecision(within, first, account, "Allow")
}
