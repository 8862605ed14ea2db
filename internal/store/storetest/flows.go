package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/session"
)

var flowTests = map[string]func(*testing.T, Backend){
	"flow/found by credential and ticket":               flowFound,
	"flow/section 6: a new epoch voids open flows":      flowOfAnEpoch,
	"flow/a ticket opens one flow":                      ticketReplay,
	"flow/a ticket opens one flow of many at once":      ticketRace,
	"flow/law 1: a ticket stays spent after a restart":  ticketAfterRestart,
	"flow/a ticket of another tenant is another ticket": ticketOfTenant,
}

func flowFound(t *testing.T, b Backend) {
	f := flowOf(account, "f1", "block-1")
	_, err := b.FlowBySecret(t.Context(), f.Secret)
	wantErr(t, err, rules.ErrNoFlow)
	_, err = b.FlowByTicket(t.Context(), tenant, f.Ticket)
	wantErr(t, err, rules.ErrNoFlow)
	must(t, b.OpenFlow(t.Context(), f))
	equal(t, "by credential", mustGet[session.Flow](t)(b.FlowBySecret(t.Context(), f.Secret)), f)
	equal(t, "by ticket", mustGet[session.Flow](t)(b.FlowByTicket(t.Context(), tenant, f.Ticket)), f)
	_, err = b.FlowByTicket(t.Context(), "elsewhere", f.Ticket)
	wantErr(t, err, rules.ErrNoFlow)
}

func flowOfAnEpoch(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	must(t, p.right(p.mustIssue(p.issue(Start)), Start))
	_, err := b.DB.ExecContext(t.Context(), `UPDATE meta SET value = 2 WHERE name = 'epoch'`)
	must(t, err)
	_, err = b.FlowBySecret(t.Context(), secondSecret(p.flow.ID))
	wantErr(t, err, rules.ErrNoFlow)
	_, err = b.FlowByTicket(t.Context(), tenant, p.flow.Ticket)
	wantErr(t, err, rules.ErrNoFlow)
	_, err = p.release(Start)
	wantErr(t, err, rules.ErrNoFlow)
	again := flowOf(account, "again", p.key.Name)
	again.Ticket = p.flow.Ticket
	wantErr(t, b.OpenFlow(t.Context(), again), rules.ErrTicketUsed)
}

func ticketReplay(t *testing.T, b Backend) {
	first, second := flowOf(account, "f1", "block-1"), flowOf(account, "f2", "block-1")
	second.Ticket = first.Ticket
	must(t, b.OpenFlow(t.Context(), first))
	wantErr(t, b.OpenFlow(t.Context(), second), rules.ErrTicketUsed)
	_, err := b.FlowBySecret(t.Context(), second.Secret)
	wantErr(t, err, rules.ErrNoFlow)
	equal(t, "by ticket", mustGet[session.Flow](t)(b.FlowByTicket(t.Context(), tenant, first.Ticket)), first)
}

func ticketRace(t *testing.T, b Backend) {
	opened := race(func(i int) bool {
		f := flowOf(account, fmt.Sprint("f", i), "block-1")
		f.Ticket = "one ticket"
		err := b.OpenFlow(t.Context(), f)
		if err != nil && !errors.Is(err, rules.ErrTicketUsed) {
			t.Error(err)
		}
		return err == nil
	})
	equal(t, "flows opened", opened, 1)
}

func ticketAfterRestart(t *testing.T, b Backend) {
	first, second := flowOf(account, "f1", "block-1"), flowOf(account, "f2", "block-1")
	second.Ticket = first.Ticket
	must(t, b.OpenFlow(t.Context(), first))
	wantErr(t, b.Reopen(t).OpenFlow(t.Context(), second), rules.ErrTicketUsed)
}

func ticketOfTenant(t *testing.T, b Backend) {
	first, second := flowOf(account, "f1", "block-1"), flowOf(account, "f2", "block-1")
	second.Ticket, second.Tenant = first.Ticket, "elsewhere"
	must(t, b.OpenFlow(t.Context(), first))
	must(t, b.OpenFlow(t.Context(), second))
}

// race runs 16 tries at once and counts those that won.
func race(try func(i int) bool) int {
	var won atomic.Int64
	var all sync.WaitGroup
	gun := make(chan struct{})
	for i := range 16 {
		all.Go(func() {
			<-gun
			if try(i) {
				won.Add(1)
			}
		})
	}
	close(gun)
	all.Wait()
	return int(won.Load())
}
