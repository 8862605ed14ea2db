package storetest

import (
	"fmt"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/message"
)

var outboxTests = map[string]func(*testing.T, Backend){
	"outbox/a code is leased with its whole challenge":       leasedCode,
	"outbox/a notice is leased with its address":             leasedNotice,
	"outbox/a notice by itself":                              notified,
	"outbox/oldest first, at most n":                         leasedInOrder,
	"outbox/a leased message is handed out once":             leasedOnce,
	"outbox/a lease of 16 at once hands out once":            leaseRace,
	"outbox/a lease that ran out is leased again":            leaseExpires,
	"outbox/a crash between lease and sent loses nothing":    leaseSurvivesCrash,
	"outbox/a replaced, consumed or expired code is dropped": dropped,
	"outbox/a retry waits and counts":                        retried,
	"outbox/a finished message stays finished":               finished,
	"outbox/a sent address is forgotten":                     addressForgotten,
	"outbox/a row that does not open holds back no other":    brokenRow,
	"outbox/order is kept for each destination":              ordered,
	"outbox/a code does not wait for a notice's retry":       codePassesRetry,
	"outbox/a code that was replaced holds back none":        droppedLetsThrough,
	"outbox/whoever waits behind is woken for":               followerWakes,
	"outbox/full lanes are left alone":                       fullLanes,
	"outbox/a stale holder marks nothing but what it sent":   staleHolder,
	"outbox/a handing over outlives a crash":                 handedOver,
	"outbox/released leases are due at once":                 releasedLeases,
	"outbox/dead letters are counted by tenant and class":    deadLetters,
}

func lease(t *testing.T, s Store, n int, now time.Time) []message.Message {
	t.Helper()
	return mustGet[[]message.Message](t)(s.Lease(t.Context(), n, now, now.Add(time.Minute)))
}

// apart gives notices destinations of their own, so that none waits for another.
func apart(notices ...message.Message) []message.Message {
	for i := range notices {
		notices[i].Address = notices[i].ID + "@post.example"
	}
	return notices
}

// send puts notices into the outbox: an import of another account's absence.
func send(t *testing.T, b Backend, notices ...message.Message) {
	t.Helper()
	for _, n := range notices {
		must(t, b.ImportContacts(t.Context(), tenant, "recipient-of-"+n.ID, nil, []message.Message{n}, Start))
	}
}

func leasedCode(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	issue := p.issue(Start)
	c := p.mustIssue(issue)
	want := message.Message{
		ID: issue.MessageID, Tenant: tenant, Account: account, Kind: message.Code, Challenge: c, Channel: c.Channel,
		Address: Address, Language: "de", NotBefore: Start.Add(time.Minute), Expires: c.Expires, Created: Start,
	}
	equal(t, "leased", lease(t, b, 10, Start), []message.Message{want})
}

func notified(t *testing.T, b Backend) {
	drain(b)
	n := notice("n1")
	must(t, b.Notify(t.Context(), []message.Message{n}))
	select {
	case <-b.Wake():
	default:
		t.Error("the courier is not woken")
	}
	leased := mustGet[[]message.Message](t)(b.Lease(t.Context(), 10, Start, Start.Add(time.Minute)))
	n.NotBefore = Start.Add(time.Minute)
	equal(t, "leased", leased, []message.Message{n})
}

func leasedNotice(t *testing.T, b Backend) {
	send(t, b, notice("n1"))
	want := notice("n1")
	want.NotBefore = Start.Add(time.Minute)
	equal(t, "leased", lease(t, b, 10, Start), []message.Message{want})
}

func leasedInOrder(t *testing.T, b Backend) {
	for i, minutes := range []int{3, 1, 2, 9} {
		n := notice(fmt.Sprint("n", i))
		n.Created = Start.Add(time.Duration(minutes) * time.Minute)
		n.NotBefore = n.Created
		send(t, b, apart(n)...)
	}
	at := Start.Add(5 * time.Minute)
	equal(t, "first two", ids(lease(t, b, 2, at)), []string{"n1", "n2"})
	equal(t, "the rest that is due", ids(lease(t, b, 10, at)), []string{"n0"})
}

func ids(messages []message.Message) []string {
	var out []string
	for _, m := range messages {
		out = append(out, m.ID)
	}
	return out
}

func leasedOnce(t *testing.T, b Backend) {
	send(t, b, notice("n1"))
	equal(t, "first", len(lease(t, b, 10, Start)), 1)
	equal(t, "second", len(lease(t, b, 10, Start.Add(59*time.Second))), 0)
}

func leaseRace(t *testing.T, b Backend) {
	send(t, b, notice("n1"))
	won := race(func(int) bool {
		got, err := b.Lease(t.Context(), 10, Start, Start.Add(time.Minute))
		if err != nil {
			t.Error(err)
		}
		return len(got) == 1
	})
	equal(t, "leases", won, 1)
}

func leaseExpires(t *testing.T, b Backend) {
	send(t, b, notice("n1"))
	lease(t, b, 10, Start)
	due, waiting, err := b.NextDue(t.Context(), Start)
	must(t, err)
	equal(t, "waiting", waiting, true)
	equal(t, "due", due, Start.Add(time.Minute))
	equal(t, "again", ids(lease(t, b, 10, Start.Add(time.Minute))), []string{"n1"})
}

func leaseSurvivesCrash(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	lease(t, b, 10, Start)
	again := lease(t, b.Reopen(t), 10, Start.Add(time.Minute))
	equal(t, "messages", len(again), 1)
	equal(t, "the very same code", again[0].Challenge, c)
	equal(t, "address", again[0].Address, Address)
}

func dropped(t *testing.T, b Backend) {
	replaced, consumed, expired := newPerson(t, b, "replaced"), newPerson(t, b, "consumed"), newPerson(t, b, "expired")
	first := replaced.mustIssue(replaced.issue(Start))
	second := replaced.mustIssue(replaced.issue(Start.Add(time.Minute)))
	accepted := consumed.mustIssue(consumed.issue(Start))
	must(t, consumed.right(accepted, Start))
	late := expired.issue(Start)
	late.Challenge.Expires = Start.Add(time.Minute)
	expired.mustIssue(late)

	leased := lease(t, b, 1, Start.Add(time.Minute))
	equal(t, "leased, though only one was asked for", len(leased), 1)
	equal(t, "challenge", leased[0].Challenge.ID, second.ID)
	dead := message.Delivery{State: message.Dead}
	for _, c := range []code.Challenge{first, accepted} {
		_, delivery, err := b.Challenge(t.Context(), c.ID, c.Flow)
		must(t, err)
		equal(t, "delivery of "+c.ID, delivery, dead)
	}
	_, delivery, err := b.CurrentChallenge(t.Context(), expired.flow.ID)
	must(t, err)
	equal(t, "delivery of the expired", delivery, dead)
}

func retried(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	m := lease(t, b, 10, Start)[0]
	must(t, b.MarkRetry(t.Context(), m, Start.Add(10*time.Second), message.Unreachable))
	_, delivery, err := b.Challenge(t.Context(), c.ID, p.flow.ID)
	must(t, err)
	equal(t, "delivery", delivery, message.Delivery{State: message.Waiting, Class: message.Unreachable})
	due, _, err := b.NextDue(t.Context(), Start)
	must(t, err)
	equal(t, "due", due, Start.Add(10*time.Second))
	overdue, _, err := b.NextDue(t.Context(), Start.Add(time.Minute))
	must(t, err)
	equal(t, "overdue", overdue, Start.Add(time.Minute))
	equal(t, "too early", len(lease(t, b, 10, Start.Add(9*time.Second))), 0)
	equal(t, "attempts", lease(t, b, 10, Start.Add(10*time.Second))[0].Attempts, 1)
}

func finished(t *testing.T, b Backend) {
	send(t, b, apart(notice("n1"), notice("n2"))...)
	leased := lease(t, b, 10, Start)
	must(t, b.MarkSent(t.Context(), "n1", Start))
	must(t, b.MarkDead(t.Context(), leased[1], message.Rejected, Start))
	for _, m := range append(leased, message.Message{ID: "unknown"}) {
		must(t, b.MarkRetry(t.Context(), m, Start, message.Temporary))
		must(t, b.MarkDead(t.Context(), m, message.Temporary, Start))
		must(t, b.MarkSent(t.Context(), m.ID, Start))
		wantErr(t, b.HandOver(t.Context(), m), rules.ErrGone)
	}
	equal(t, "sent", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE id = 'n1' AND state = 'Sent' AND class = ''`), 1)
	equal(t, "dead", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE id = 'n2' AND state = 'Dead' AND class = 'Rejected'`), 1)
	equal(t, "leased", len(lease(t, b, 10, Start.Add(time.Hour))), 0)
	_, waiting, err := b.NextDue(t.Context(), Start)
	must(t, err)
	equal(t, "waiting", waiting, false)
	equal(t, "audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action IN ('MessageSent', 'MessageDead')`), 2)
}

func addressForgotten(t *testing.T, b Backend) {
	send(t, b, notice("n1"))
	equal(t, "sealed rows", mustGet[bool](t)(b.HasSealedRows(t.Context())), true)
	lease(t, b, 10, Start)
	must(t, b.MarkSent(t.Context(), "n1", Start))
	equal(t, "sealed rows", mustGet[bool](t)(b.HasSealedRows(t.Context())), false)
}

func brokenRow(t *testing.T, b Backend) {
	send(t, b, apart(notice("n1"), notice("n2"))...)
	_, err := b.DB.ExecContext(t.Context(), `UPDATE outbox SET address = (SELECT address FROM outbox WHERE id = 'n2') WHERE id = 'n1'`)
	must(t, err)
	equal(t, "leased", ids(lease(t, b, 10, Start)), []string{"n2"})
	equal(t, "dead", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE id = 'n1' AND state = 'Dead' AND class = 'Misconfigured'`), 1)
}
