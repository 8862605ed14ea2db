package storetest

import (
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
)

var adoptTests = map[string]func(*testing.T, Backend){
	"adopt/law 1: an empty store takes what the mirror remembers":      adoptedByEmpty,
	"adopt/law 1: a store that is behind takes what the mirror knows":  adoptedByRestored,
	"adopt/law 1: a release by an entered number restricts again":      adoptedRestriction,
	"adopt/law 1: what the store knows better stays":                   adoptedNothing,
	"adopt/seed 30: attempts after an adoption lengthen by the policy": attemptAfterAdoption,
}

// outlasted is what a mirror remembers of a block that attempts have lengthened.
var outlasted = block.Memory{Start: Start, Expires: Start.Add(40 * time.Hour), Extensions: 3}

func adopt(t *testing.T, b Backend, spec block.Spec, m block.Memory) block.Record {
	t.Helper()
	r := mustGet[block.Record](t)(b.AdoptBlock(t.Context(), key, "uid", spec, m))
	equal(t, "as stored", mustGet[block.Record](t)(b.Block(t.Context(), key)), r)
	return r
}

func adoptedByEmpty(t *testing.T, b Backend) {
	recreated := spec() // the object came back an hour later, under a new creation
	recreated.Start = Start.Add(time.Hour)
	r := adopt(t, b, recreated, outlasted)
	equal(t, "start", r.Spec.Start, Start)
	equal(t, "end", r.Expires, outlasted.Expires)
	equal(t, "extensions", r.Extensions, 3)
	equal(t, "duration", r.Spec.Duration, 24*time.Hour)
	equal(t, "adopted again", adopt(t, b, recreated, outlasted), r)
	equal(t, "facts", count(t, b.DB, `SELECT COUNT(*) FROM facts`), 1)
}

func adoptedByRestored(t *testing.T, b Backend) {
	_, err := b.FreezeBlock(t.Context(), key, "uid", spec())
	must(t, err)
	released := outlasted
	released.End = block.End{State: block.Released, At: Start.Add(30 * time.Hour)} // after the end that the backup knew
	equal(t, "end", adopt(t, b, spec(), released).End, released.End)

	forever := block.Key{Tenant: tenant, Name: "forever"}
	_, err = b.FreezeBlock(t.Context(), forever, "uid", spec())
	must(t, err)
	r := mustGet[block.Record](t)(b.AdoptBlock(t.Context(), forever, "uid", spec(), block.Memory{Start: Start, Permanent: true}))
	equal(t, "permanent", r.Spec.Permanent, true)
	equal(t, "end of a permanent block", r.Expires, time.Time{})
}

func adoptedRestriction(t *testing.T, b Backend) {
	released := outlasted
	released.End = block.End{State: block.Released, At: Start.Add(time.Hour), EnteredNumber: true}
	for range 2 {
		adopt(t, b, spec(), released)
	}
	until := Start.Add(time.Hour + block.EnteredNumberRestriction).UnixMilli()
	equal(t, "restrictions", count(t, b.DB, `SELECT COUNT(*) FROM restrictions WHERE account = $1 AND until_at = $2`, account, until), 1)
	equal(t, "facts about it", count(t, b.DB, `SELECT COUNT(*) FROM facts WHERE restricted_until IS NOT NULL`), 1)
}

func adoptedNothing(t *testing.T, b Backend) {
	end := block.End{State: block.Released, At: Start.Add(time.Hour)}
	before := mustGet[block.Record](t)(b.EndBlock(t.Context(), key, "uid", spec(), end, false))
	late := outlasted
	late.End = block.End{State: block.Expired, At: Start.Add(40 * time.Hour)}
	equal(t, "a terminal fact", adopt(t, b, spec(), late), before)
	equal(t, "facts", count(t, b.DB, `SELECT COUNT(*) FROM facts`), 1)
}

func attemptAfterAdoption(t *testing.T, b Backend) {
	adopt(t, b, spec(), outlasted)
	attempt := Start.Add(20 * time.Hour)
	r := mustGet[block.Record](t)(b.LengthenBlock(t.Context(), key, "uid", spec(), attempt, block.MaxLength))
	equal(t, "end", r.Expires, attempt.Add(24*time.Hour))
	equal(t, "extensions", r.Extensions, 4)
}
