package storetest

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

var reclaimTests = map[string]func(*testing.T, Backend){
	"reclaimed/seed 34: a link's code leaves a block that is to be released": reclaimedByLink,
	"reclaimed/seed 34: who is signed in finishes it by a new password":      reclaimedInSession,
	"reclaimed/what waited for its codes leaves none":                        notReclaimed,
	"reclaimed/O1: it spares no device that is known by now":                 reclaimedSparesNone,
	"reclaimed/a second cancellation within the hour joins the first":        reclaimedTwice,
}

// reclaim cancels a change of the owner by a code to a, as the pages do, and returns the
// flow that did and the block that follows.
func (o *owner) reclaim(name string, firstFactor bool, now time.Time) (flowID string, key block.Key) {
	o.t.Helper()
	return o.cancelBy(name, "a", firstFactor, now)
}

func (o *owner) cancelBy(name, contactID string, firstFactor bool, now time.Time) (flowID string, key block.Key) {
	o.t.Helper()
	p := policy.Default()
	p.Identity.Adapter = "webhook"
	spec := escalation.Reclaim(p, o.account, now)
	id := o.code(code.Cancel, name, contactID, Address, now)
	_, err := o.CancelChange(o.t.Context(), change.Cancelling{
		Key: o.key(name), Account: o.account, ChallengeID: id, FirstFactor: firstFactor, Now: now,
	}, spec)
	must(o.t, err)
	must(o.t, o.DB.QueryRowContext(o.t.Context(), `SELECT flow FROM challenges WHERE id = $1`, id).Scan(&flowID))
	return flowID, block.Key{Tenant: tenant, Name: block.OwnName(spec)}
}

func reclaimedByLink(t *testing.T, b Backend) {
	o := held(t, b)
	_, key := o.reclaim("c", false, Start.Add(time.Minute))
	r := mustGet[block.Record](t)(b.Block(t.Context(), key))
	equal(t, "state", r.State(Start.Add(time.Minute)), block.Active)
	equal(t, "steps", r.Spec.Steps, []block.Step{block.VerifyCode, block.ChangePassword})
	equal(t, "until", r.Expires, Start.Add(time.Minute+24*time.Hour))
	equal(t, "audited", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'BlockReclaimed' AND object = $1`, key.Name), 1)
}

func reclaimedInSession(t *testing.T, b Backend) {
	o := held(t, b)
	at := Start.Add(time.Minute)
	flowID, key := o.reclaim("c", true, at)
	f := session.Flow{ID: flowID, Tenant: tenant, Account: account}
	proved := mustGet[[]block.Record](t)(b.BlocksProvedIn(t.Context(), f))
	if len(proved) != 1 || proved[0].Key != key {
		t.Fatalf("proved in the flow: %v", proved)
	}
	another := session.Flow{ID: "another", Tenant: tenant, Account: account}
	equal(t, "proved in another", len(mustGet[[]block.Record](t)(b.BlocksProvedIn(t.Context(), another))), 0)
	_, err := b.ReleaseBlock(t.Context(), block.Release{Key: key, FlowID: "another", Now: at})
	wantErr(t, err, rules.ErrNoFlow)
	r := mustGet[block.Record](t)(b.ReleaseBlock(t.Context(), block.Release{Key: key, FlowID: flowID, Now: at}))
	equal(t, "end", r.End.State, block.Released)
	equal(t, "proved and open", len(mustGet[[]block.Record](t)(b.BlocksProvedIn(t.Context(), f))), 0)
}

func notReclaimed(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("c", change.Add, Start))
	_, key := o.reclaim("c", false, Start)
	_, err := b.Block(t.Context(), key)
	wantErr(t, err, rules.ErrNotFound)
}

func reclaimedSparesNone(t *testing.T, b Backend) {
	o := held(t, b)
	device := block.DeviceOf(tenant, account, "the thief's")
	must(t, b.Welcome(t.Context(), nil, escalation.Welcome{Tenant: tenant, Account: account, Device: device, Now: Start}))
	_, key := o.reclaim("c", false, Start.Add(time.Minute))
	equal(t, "spared", len(mustGet[block.Record](t)(b.Block(t.Context(), key)).Spared), 0)
}

func reclaimedTwice(t *testing.T, b Backend) {
	o := held(t, b)
	_, key := o.reclaim("c", false, Start.Add(time.Minute))
	o.freeze(o.sight("d", change.Replace, Start.Add(2*time.Minute)))
	o.must(o.provenNew("d", Start.Add(2*time.Minute)))
	later := Start.Add(3 * time.Minute)
	flowID, again := o.reclaim("d", true, later)
	equal(t, "the same block", again, key)
	r := mustGet[block.Record](t)(b.Block(t.Context(), key))
	equal(t, "state", r.State(later), block.Releasing)
	equal(t, "the flow that may finish it", r.Proof.Flow, flowID)
	equal(t, "as long as the first", r.Expires, Start.Add(time.Minute+24*time.Hour))
	// A link that cancels a third one takes the proof from nobody.
	o.freeze(o.sight("e", change.Replace, later))
	o.must(o.provenNew("e", later))
	o.cancelBy("e", "b", false, later)
	equal(t, "still its flow", mustGet[block.Record](t)(b.Block(t.Context(), key)).Proof.Flow, flowID)
}
