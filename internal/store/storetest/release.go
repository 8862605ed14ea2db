package storetest

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/fact"
	"holdfast.dev/holdfast/internal/rules/session"
)

var releaseTests = map[string]func(*testing.T, Backend){
	"release/seed 4: after the proof, with notices":  released,
	"release/seed 4: not before the proof":           releaseNeedsProof,
	"release/only by the flow that proved":           releaseByAnother,
	"release/only within 15 minutes of the proof":    releaseLate,
	"release/a block that has ended":                 releaseOver,
	"release/once of 16 at once":                     releaseRace,
	"release/an entered number restricts payments":   releaseRestricts,
	"release/another block with the same flow":       releaseOfAnotherBlock,
	"release/law 3: another account's block by name": releaseOfAReusedName,
}

func released(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	must(t, p.right(p.mustIssue(p.issue(Start)), Start))
	at := Start.Add(5 * time.Minute)
	drain(b)
	r := mustGet[block.Record](t)(p.release(at, notice("n1")))
	equal(t, "end", r.End, block.End{State: block.Released, At: at})
	equal(t, "read", mustGet[block.Record](t)(b.Block(t.Context(), p.key)), r)
	f := mustGet[session.Flow](t)(b.FlowBySecret(t.Context(), secondSecret(p.flow.ID)))
	equal(t, "stage", f.Stage, session.Done)
	equal(t, "notices", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE kind = 'Notice' AND state = 'Waiting'`), 1)
	equal(t, "restrictions", count(t, b.DB, `SELECT COUNT(*) FROM restrictions`), 0)
	equal(t, "audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'BlockReleased'`), 1)
	select {
	case <-b.Wake():
	default:
		t.Fatal("the courier was not woken")
	}
}

func releaseNeedsProof(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	_, err := p.release(Start)
	wantErr(t, err, rules.ErrOrder)
	must(t, p.wrong(p.mustIssue(p.issue(Start)), Start))
	_, err = p.release(Start, notice("n1"))
	wantErr(t, err, rules.ErrOrder)
	equal(t, "notices", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE kind = 'Notice'`), 0)
}

func releaseByAnother(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	must(t, p.right(p.mustIssue(p.issue(Start)), Start))
	other := newFlow(p, "other", Start)
	_, err := other.release(Start)
	wantErr(t, err, rules.ErrOrder)
	must(t, other.right(other.mustIssue(other.issue(Start)), Start.Add(time.Minute)))
	_, err = p.release(Start.Add(2 * time.Minute))
	wantErr(t, err, rules.ErrOrder)
	_, err = other.release(Start.Add(2 * time.Minute))
	must(t, err)
}

func releaseLate(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	must(t, p.right(p.mustIssue(p.issue(Start)), Start))
	_, err := p.release(Start.Add(block.ReleaseWindow))
	wantErr(t, err, rules.ErrOrder)
	r := mustGet[block.Record](t)(b.Block(t.Context(), p.key))
	equal(t, "state", r.State(Start.Add(block.ReleaseWindow)), block.Active)
}

func releaseOver(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	must(t, p.right(p.mustIssue(p.issue(Start)), Start))
	_, err := p.release(Start.Add(time.Minute))
	must(t, err)
	_, err = p.release(Start.Add(time.Minute))
	wantErr(t, err, rules.ErrOver)
	_, err = p.ReleaseBlock(t.Context(), block.Release{Key: p.key, FlowID: "never-opened", Now: Start})
	wantErr(t, err, rules.ErrNoFlow)
}

func releaseRace(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	must(t, p.right(p.mustIssue(p.issue(Start)), Start))
	won := race(func(i int) bool {
		_, err := p.release(Start.Add(time.Minute), notice("n"+string(rune('a'+i))))
		return err == nil
	})
	equal(t, "releases", won, 1)
	equal(t, "notices", count(t, b.DB, `SELECT COUNT(*) FROM outbox WHERE kind = 'Notice'`), 1)
}

func releaseRestricts(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	must(t, p.right(p.mustIssue(p.entered(Start)), Start))
	r := mustGet[block.Record](t)(b.Block(t.Context(), p.key))
	equal(t, "proof", r.Proof, block.Proof{Flow: p.flow.ID, At: Start, EnteredNumber: true})
	at := Start.Add(time.Minute)
	r = mustGet[block.Record](t)(p.release(at))
	equal(t, "end", r.End, block.End{State: block.Released, At: at, EnteredNumber: true})

	follower := follow(t, b.Store, Start)
	want := &fact.Restriction{Tenant: tenant, Account: account, Until: at.Add(720 * time.Hour)}
	follower.wantReplay(t, fact.Fact{Block: &r}, fact.Fact{Restriction: want})
}

func releaseOfAnotherBlock(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	must(t, p.right(p.mustIssue(p.issue(Start)), Start))
	_, err := b.FreezeBlock(t.Context(), key, "uid", spec())
	must(t, err)
	p.key = key
	_, err = p.release(Start)
	wantErr(t, err, rules.ErrOrder)
}

// releaseOfAReusedName: the controller has seen the old block go and another
// account's come under its name, between the reading and the proof.
func releaseOfAReusedName(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	end := block.End{State: block.Revoked, At: Start}
	_, err := b.EndBlock(t.Context(), p.key, "uid", spec(), end, true)
	must(t, err)
	other := spec()
	other.Account = "user-2"
	_, err = b.FreezeBlock(t.Context(), p.key, "uid-2", other)
	must(t, err)
	wantErr(t, p.right(c, Start), rules.ErrOver)
	equal(t, "proof", mustGet[block.Record](t)(b.Block(t.Context(), p.key)).Proof, block.Proof{})
}
