package storetest

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
)

// after is a notice to the same destination, some seconds younger.
func after(id string, seconds int) message.Message {
	n := notice(id)
	n.Created = Start.Add(time.Duration(seconds) * time.Second)
	n.NotBefore = n.Created
	return n
}

func ordered(t *testing.T, b Backend) {
	at := Start.Add(time.Minute)
	send(t, b, after("third", 3), after("first", 1), after("second", 2), apart(notice("elsewhere"))[0])
	leased := lease(t, b, 10, at)
	equal(t, "the first of each destination", ids(leased), []string{"elsewhere", "first"})
	due, _, err := b.NextDue(t.Context(), at)
	must(t, err)
	equal(t, "nothing but the leases is due", due, at.Add(time.Minute))

	must(t, b.MarkRetry(t.Context(), leased[1], at.Add(5*time.Second), message.Temporary))
	equal(t, "while the first waits for its retry", len(lease(t, b, 10, at.Add(time.Second))), 0)
	leased = lease(t, b, 10, at.Add(5*time.Second))
	equal(t, "then", ids(leased), []string{"first"})
	must(t, b.MarkSent(t.Context(), "first", at.Add(5*time.Second)))
	equal(t, "next", ids(lease(t, b, 10, at.Add(5*time.Second))), []string{"second"})
	must(t, b.MarkSent(t.Context(), "second", at.Add(6*time.Second)))
	equal(t, "last", ids(lease(t, b, 10, at.Add(6*time.Second))), []string{"third"})
}

func codePassesRetry(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	send(t, b, notice("older"))
	issue := p.issue(Start.Add(time.Second))
	older := lease(t, b, 10, Start)[0]
	issue.Challenge.Destination = sealerLookup(t)
	c := p.mustIssue(issue)
	equal(t, "while the older one is sent", len(lease(t, b, 10, Start.Add(time.Second))), 0)
	must(t, b.MarkRetry(t.Context(), older, Start.Add(time.Minute), message.Unreachable))
	leased := lease(t, b, 10, Start.Add(time.Second))
	equal(t, "leased", len(leased), 1)
	equal(t, "challenge", leased[0].Challenge.ID, c.ID)
}

// sealerLookup is the destination of notices.
func sealerLookup(t *testing.T) string {
	t.Helper()
	sealer, err := NewSealer("test")
	must(t, err)
	return sealer.Lookup(tenant, Address)
}

func droppedLetsThrough(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	p.mustIssue(p.issue(Start))
	second := p.mustIssue(p.issue(Start.Add(time.Minute)))
	leased := lease(t, b, 10, Start.Add(time.Minute))
	equal(t, "leased", len(leased), 1)
	equal(t, "challenge", leased[0].Challenge.ID, second.ID)
}

func followerWakes(t *testing.T, b Backend) {
	send(t, b, after("first", 1), after("second", 2))
	at := Start.Add(time.Minute)
	lease(t, b, 10, at)
	drain(b)
	must(t, b.MarkSent(t.Context(), "first", at))
	select {
	case <-b.Wake():
	default:
		t.Fatal("nobody was woken for the second")
	}
	lease(t, b, 10, at)
	must(t, b.MarkSent(t.Context(), "second", at))
	select {
	case <-b.Wake():
		t.Fatal("woken though nothing waits")
	default:
	}
}

func fullLanes(t *testing.T, b Backend) {
	text := apart(notice("text"))[0]
	text.Channel = contact.SMS
	other := apart(notice("other"))[0]
	other.Tenant = "bank"
	send(t, b, append(apart(notice("mail")), text, other)...)
	full := []message.Lane{{Tenant: tenant, Channel: contact.Email}, {Tenant: "bank", Channel: contact.SMS}}
	leased := mustGet[[]message.Message](t)(b.Lease(t.Context(), 10, Start, Start.Add(time.Minute), full...))
	equal(t, "leased", ids(leased), []string{"other", "text"})
	due, waiting, err := b.NextDue(t.Context(), Start, append(full, message.Lane{Tenant: tenant, Channel: contact.SMS})...)
	must(t, err)
	equal(t, "waiting beside full lanes", waiting, true)
	equal(t, "due beside full lanes", due, Start.Add(time.Minute))
	_, waiting, err = b.NextDue(t.Context(), Start, message.Lane{Tenant: tenant}, message.Lane{Tenant: "bank"}, message.Lane{Tenant: "else"})
	must(t, err)
	equal(t, "waiting beside full tenants", waiting, false)
	equal(t, "the rest", ids(lease(t, b, 10, Start)), []string{"mail"})
}

func staleHolder(t *testing.T, b Backend) {
	send(t, b, apart(notice("n1"), notice("n2"))...)
	stale := lease(t, b, 10, Start)
	at := Start.Add(time.Minute)
	fresh := lease(t, b, 10, at)
	equal(t, "leased again", ids(fresh), []string{"n1", "n2"})
	wantErr(t, b.HandOver(t.Context(), stale[0]), rules.ErrGone)
	must(t, b.MarkRetry(t.Context(), stale[0], at, message.Temporary))
	must(t, b.MarkDead(t.Context(), stale[0], message.Rejected, at))
	equal(t, "waiting", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE state = 'Waiting' AND class = '' AND attempts = 0`), 2)
	equal(t, "leased by the holder", len(lease(t, b, 10, at)), 0)

	// What the stale holder has sent, the other one need not send again.
	must(t, b.MarkSent(t.Context(), "n2", at))
	wantErr(t, b.HandOver(t.Context(), fresh[1]), rules.ErrGone)
	must(t, b.MarkRetry(t.Context(), fresh[1], at, message.Temporary))
	equal(t, "sent", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE id = 'n2' AND state = 'Sent'`), 1)
	must(t, b.MarkRetry(t.Context(), fresh[0], at.Add(time.Second), message.Temporary))
	equal(t, "retried by its holder", ids(lease(t, b, 10, at.Add(time.Second))), []string{"n1"})
}

func handedOver(t *testing.T, b Backend) {
	send(t, b, notice("n1"))
	m := lease(t, b, 10, Start)[0]
	equal(t, "at first", m.Handed, 0)
	m.Handed = 1
	must(t, b.HandOver(t.Context(), m))
	must(t, b.HandOver(t.Context(), m)) // to the next provider: still one
	s := b.Reopen(t)
	at := Start.Add(time.Minute)
	again := mustGet[[]message.Message](t)(s.Lease(t.Context(), 1, at, at.Add(time.Minute)))
	equal(t, "after the crash", again[0].Handed, 1)

	again[0].Handed = 0 // the provider said no: it is known not to have been sent
	must(t, s.MarkRetry(t.Context(), again[0], at, message.Temporary))
	again = mustGet[[]message.Message](t)(s.Lease(t.Context(), 1, at, at.Add(time.Minute)))
	equal(t, "after a refusal", again[0].Handed, 0)
}

func releasedLeases(t *testing.T, b Backend) {
	send(t, b, apart(notice("leased"), notice("waits"))...)
	leased := lease(t, b, 10, Start)
	must(t, b.MarkRetry(t.Context(), leased[1], Start.Add(time.Hour), message.Temporary))
	must(t, b.ReleaseLeases(t.Context()))
	equal(t, "due", ids(lease(t, b, 10, Start)), []string{"leased"})
	wantErr(t, b.HandOver(t.Context(), leased[1]), rules.ErrGone)
}

func deadLetters(t *testing.T, b Backend) {
	other := apart(notice("n4"))[0]
	other.Tenant = "bank"
	send(t, b, append(apart(notice("n1"), notice("n2"), notice("n3"), notice("n5")), other)...)
	for i, m := range lease(t, b, 10, Start) {
		class := map[string]message.ErrorClass{"n1": message.Rejected, "n2": message.Unknown, "n3": message.Rejected, "n4": message.Unknown}[m.ID]
		must(t, b.MarkDead(t.Context(), m, class, Start.Add(time.Duration(i)*time.Second)))
	}
	counted := func(tenant string, since time.Time) []message.DeadLetters {
		return mustGet[[]message.DeadLetters](t)(b.DeadLetters(t.Context(), tenant, since))
	}
	equal(t, "of the tenant", counted(tenant, Start.Add(-time.Second)), []message.DeadLetters{
		{Class: message.Rejected, Count: 2, Last: Start.Add(2 * time.Second)}, {Class: message.Unknown, Count: 1, Last: Start.Add(time.Second)},
	})
	equal(t, "since", counted(tenant, Start.Add(time.Second)), []message.DeadLetters{{Class: message.Rejected, Count: 1, Last: Start.Add(2 * time.Second)}})
	equal(t, "of all", counted("", Start.Add(-time.Second))[1].Count, 2)
}
