package storetest

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
)

var blockTests = map[string]func(*testing.T, Backend){
	"block/law 1: the first sight freezes the spec":                   frozenSpec,
	"block/law 1: earliest start and latest end win":                  earliestAndLatest,
	"block/law 1: a terminal fact beats an open one":                  terminalBeatsOpen,
	"block/law 1: the first terminal fact stands":                     firstTerminalStands,
	"block/law 1: an end is adopted where the store was lost":         adoptedEnd,
	"block/law 1: an object restored under another UID is adopted":    adoptedUID,
	"block/law 1: a new incarnation begins only after a deletion":     newIncarnation,
	"block/law 1: a stale expiry does not shorten a lengthened block": staleExpiry,
	"block/seed 30: attempts lengthen up to 168h":                     lengthened,
	"block/deletion of an open block revokes it":                      deletionRevokes,
	"block/permanent": permanent,
}

func frozenSpec(t *testing.T, b Backend) {
	_, err := b.Block(t.Context(), key)
	wantErr(t, err, rules.ErrNotFound)
	want := block.NewRecord(key, "uid", spec())
	equal(t, "first sight", mustGet[block.Record](t)(b.FreezeBlock(t.Context(), key, "uid", spec())), want)

	edited := spec()
	edited.Reason, edited.Account, edited.Steps = block.TermsOfService, "someone-else", nil
	equal(t, "after an edit", mustGet[block.Record](t)(b.FreezeBlock(t.Context(), key, "uid", edited)), want)
	equal(t, "read", mustGet[block.Record](t)(b.Block(t.Context(), key)), want)
	equal(t, "facts: an edit that changes nothing tells nothing", count(t, b.DB, `SELECT COUNT(*) FROM facts`), 1)
	equal(t, "audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'BlockFrozen' AND object = 'block-1'`), 1)
}

func earliestAndLatest(t *testing.T, b Backend) {
	get := mustGet[block.Record](t)
	get(b.FreezeBlock(t.Context(), key, "uid", spec()))
	earlier, longer := spec(), spec()
	earlier.Start = Start.Add(-time.Hour)
	longer.Duration = 48 * time.Hour
	get(b.FreezeBlock(t.Context(), key, "uid", longer))
	get(b.FreezeBlock(t.Context(), key, "uid", earlier))
	r := get(b.FreezeBlock(t.Context(), key, "uid", spec()))
	equal(t, "start", r.Spec.Start, Start.Add(-time.Hour))
	equal(t, "end", r.Expires, Start.Add(48*time.Hour))
	equal(t, "read", get(b.Block(t.Context(), key)), r)
}

func terminalBeatsOpen(t *testing.T, b Backend) {
	get := mustGet[block.Record](t)
	end := block.End{State: block.Revoked, At: Start.Add(time.Hour)}
	get(b.EndBlock(t.Context(), key, "uid", spec(), end, false))
	longer := spec()
	longer.Duration, longer.Permanent = 96*time.Hour, true
	r := get(b.FreezeBlock(t.Context(), key, "uid", longer))
	equal(t, "end", r.End, end)
	equal(t, "state", r.State(Start.Add(2*time.Hour)), block.Revoked)
	r = get(b.LengthenBlock(t.Context(), key, "uid", longer, Start.Add(2*time.Hour), block.MaxLength))
	equal(t, "extensions", r.Extensions, 0)
}

func firstTerminalStands(t *testing.T, b Backend) {
	get := mustGet[block.Record](t)
	first := block.End{State: block.Revoked, At: Start.Add(time.Hour)}
	get(b.EndBlock(t.Context(), key, "uid", spec(), first, false))
	r := get(b.EndBlock(t.Context(), key, "uid", spec(), block.End{State: block.Released, At: Start.Add(2 * time.Hour)}, false))
	equal(t, "end", r.End, first)

	other := block.Key{Tenant: tenant, Name: "block-2"}
	get(b.FreezeBlock(t.Context(), other, "uid", spec()))
	late := block.End{State: block.Revoked, At: Start.Add(25 * time.Hour)}
	r = get(b.EndBlock(t.Context(), other, "uid", spec(), late, false))
	equal(t, "end of a block that had expired", r.End, block.End{State: block.Expired, At: Start.Add(24 * time.Hour)})
}

func adoptedEnd(t *testing.T, b Backend) {
	longer := spec()
	longer.Duration = 96 * time.Hour
	end := block.End{State: block.Expired, At: Start.Add(24 * time.Hour)}
	r := mustGet[block.Record](t)(b.EndBlock(t.Context(), key, "uid", longer, end, false))
	equal(t, "end", r.End, end)
}

func adoptedUID(t *testing.T, b Backend) {
	get := mustGet[block.Record](t)
	get(b.LengthenBlock(t.Context(), key, "uid", spec(), Start.Add(12*time.Hour), block.MaxLength))
	restored := spec()
	restored.Start = Start.Add(30 * time.Minute)
	r := get(b.FreezeBlock(t.Context(), key, "other-uid", restored))
	equal(t, "start", r.Spec.Start, Start)
	equal(t, "end", r.Expires, Start.Add(36*time.Hour))
	equal(t, "extensions", r.Extensions, 1)
}

func newIncarnation(t *testing.T, b Backend) {
	get := mustGet[block.Record](t)
	end := block.End{State: block.Revoked, At: Start.Add(time.Hour)}
	get(b.FreezeBlock(t.Context(), key, "uid", spec()))
	get(b.EndBlock(t.Context(), key, "uid", spec(), end, false))
	later := spec()
	later.Start = Start.Add(3 * time.Hour)
	equal(t, "another UID without a deletion", get(b.FreezeBlock(t.Context(), key, "uid-2", later)).End, end)

	get(b.EndBlock(t.Context(), key, "uid-2", later, end, true))
	equal(t, "a late sight of the deleted object", get(b.FreezeBlock(t.Context(), key, "uid-2", later)).End, end)

	want := block.NewRecord(key, "uid-3", later)
	equal(t, "the next object", get(b.FreezeBlock(t.Context(), key, "uid-3", later)), want)
}

func staleExpiry(t *testing.T, b Backend) {
	get := mustGet[block.Record](t)
	get(b.LengthenBlock(t.Context(), key, "uid", spec(), Start.Add(12*time.Hour), block.MaxLength))
	r := get(b.EndBlock(t.Context(), key, "uid", spec(), block.End{State: block.Expired, At: Start.Add(24 * time.Hour)}, false))
	equal(t, "state", r.State(Start.Add(24*time.Hour)), block.Active)
	end := block.End{State: block.Expired, At: Start.Add(36 * time.Hour)}
	equal(t, "end", get(b.EndBlock(t.Context(), key, "uid", spec(), end, false)).End, end)
}

func lengthened(t *testing.T, b Backend) {
	get := mustGet[block.Record](t)
	r := get(b.LengthenBlock(t.Context(), key, "uid", spec(), Start.Add(90*time.Minute), block.MaxLength))
	equal(t, "rounded up to an hour", r.Expires, Start.Add(26*time.Hour))
	for at := 20 * time.Hour; at < 168*time.Hour; at += 20 * time.Hour {
		r = get(b.LengthenBlock(t.Context(), key, "uid", spec(), Start.Add(at), block.MaxLength))
	}
	equal(t, "never beyond 7 days from the start", r.Expires, Start.Add(168*time.Hour))
	facts := count(t, b.DB, `SELECT COUNT(*) FROM facts`)
	r = get(b.LengthenBlock(t.Context(), key, "uid", spec(), Start.Add(161*time.Hour), block.MaxLength))
	equal(t, "at the cap", r.Expires, Start.Add(168*time.Hour))
	equal(t, "facts", count(t, b.DB, `SELECT COUNT(*) FROM facts`), facts)
}

func deletionRevokes(t *testing.T, b Backend) {
	get := mustGet[block.Record](t)
	get(b.LengthenBlock(t.Context(), key, "uid", spec(), Start.Add(12*time.Hour), block.MaxLength))
	at := Start.Add(24 * time.Hour)
	r := get(b.EndBlock(t.Context(), key, "uid", spec(), block.End{State: block.Expired, At: at}, true))
	equal(t, "end", r.End, block.End{State: block.Revoked, At: at})
	equal(t, "deleted", r.Deleted, true)
	r = get(b.EndBlock(t.Context(), key, "uid", spec(), block.End{}, true))
	equal(t, "told again", r.End, block.End{State: block.Revoked, At: at})
}

func permanent(t *testing.T, b Backend) {
	forever := spec()
	forever.Permanent, forever.Steps = true, nil
	want := block.NewRecord(key, "uid", forever)
	get := mustGet[block.Record](t)
	equal(t, "frozen", get(b.FreezeBlock(t.Context(), key, "uid", forever)), want)
	equal(t, "read", get(b.Block(t.Context(), key)), want)
	equal(t, "state", want.State(Start.Add(10000*time.Hour)), block.Active)
}
