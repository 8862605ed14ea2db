package decision

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/block"
)

var (
	start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	end   = start.Add(24 * time.Hour)
	noon  = start.Add(12 * time.Hour)
)

// record is an open block of a day; a person can lift the ones of an account.
func record(name string, scope block.Scope, change ...func(*block.Record)) block.Record {
	spec := block.Spec{Reason: block.UnusualActivity, Scope: scope, Start: start, Duration: 24 * time.Hour}
	if scope == block.Account || scope == block.Method {
		spec.Account, spec.Steps = "anna", []block.Step{block.VerifyCode, block.ChangePassword}
	}
	r := block.NewRecord(block.Key{Tenant: "shop", Name: name}, "uid", spec)
	for _, c := range change {
		c(&r)
	}
	return r
}

func permanent(r *block.Record)     { r.Spec.Permanent, r.Expires = true, time.Time{} }
func unliftable(r *block.Record)    { r.Spec.Steps = nil }
func volume(r *block.Record)        { r.Spec.Reason = block.HighRequestVolume }
func longer(r *block.Record)        { r.Expires = end.Add(time.Hour) }
func released(r *block.Record)      { r.End = block.End{State: block.Released, At: noon.Add(-time.Hour)} }
func proved(r *block.Record)        { r.Proof = block.Proof{Flow: "f", At: noon.Add(-time.Minute)} }
func facts(b ...block.Record) Facts { return Facts{Blocks: b} }

var (
	unusual = []Reason{Reason(block.UnusualActivity)}
	lifted  = block.Key{Tenant: "shop", Name: "a"}
)

func TestSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		facts Facts
		now   time.Time
		want  Answer
	}{
		"without blocks it is allowed": {Facts{}, noon, Answer{Verdict: Allow}},
		"seed 1: a blocked account is denied, with a way out": {
			facts(record("a", block.Account)), noon, Answer{Verdict: Deny, Reasons: unusual, Until: end, Block: lifted}},
		"at the very start of the block": {
			facts(record("a", block.Account)), start, Answer{Verdict: Deny, Reasons: unusual, Until: end, Block: lifted}},
		"before the start": {
			facts(record("a", block.Account)), start.Add(-1), Answer{Verdict: Allow}},
		"law 4: a nanosecond before the end": {
			facts(record("a", block.Account)), end.Add(-1), Answer{Verdict: Deny, Reasons: unusual, Until: end, Block: lifted}},
		"law 4: at the instant of the end": {
			facts(record("a", block.Account)), end, Answer{Verdict: Allow}},
		"a released block": {
			facts(record("a", block.Account, released)), noon, Answer{Verdict: Allow}},
		"with the code proved and the password still to come": {
			facts(record("a", block.Account, proved)), noon, Answer{Verdict: Deny, Reasons: unusual, Until: end, Block: lifted}},
		"a permanent block ends at no time that could be told": {
			facts(record("a", block.Account, permanent)), noon, Answer{Verdict: Deny, Reasons: unusual, Until: time.Time{}, Block: lifted}},
		"a permanent block beside one that ends": {
			facts(record("a", block.Account), record("b", block.Account, permanent)), noon, Answer{Verdict: Deny, Reasons: unusual, Until: time.Time{}, Block: lifted}},
		"of two blocks the later end is told, each reason once": {
			facts(record("a", block.Account), record("b", block.Account, longer), record("c", block.Account, volume)), noon,
			Answer{Verdict: Deny, Reasons: []Reason{Reason(block.UnusualActivity), Reason(block.HighRequestVolume)}, Until: end.Add(time.Hour), Block: lifted}},
		"of two blocks the one that the person can lift is named": {
			facts(record("b", block.Account, unliftable), record("a", block.Account)), noon, Answer{Verdict: Deny, Reasons: unusual, Until: end, Block: lifted}},
		"seed 29: a network block names no block of the account": {
			facts(record("n", block.Network)), noon, Answer{Verdict: Deny, Reasons: unusual, Until: end}},
		"seed 16: a region block": {
			facts(record("r", block.Region)), noon, Answer{Verdict: Deny, Reasons: unusual, Until: end}},
		"seed 28: a block of the method in use": {
			facts(record("a", block.Method)), noon, Answer{Verdict: Deny, Reasons: unusual, Until: end, Block: lifted}},
		"payments restricted do not touch a sign-in": {
			Facts{PaymentsDeniedUntil: end}, noon, Answer{Verdict: Allow}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Decide(SignIn, c.facts, c.now)); diff != "" {
				t.Fatalf("-want +got: %s", diff)
			}
		})
	}
}

// Every action but Attempt is bound by every scope.
func TestEachActionAndScope(t *testing.T) {
	for _, scope := range []block.Scope{block.Account, block.Method, block.Network, block.Region} {
		for _, action := range []Action{Attempt, SignIn, SendCode, ChangeSecurityInfo, Payment, "ExportData"} {
			want := Deny
			if action == Attempt && (scope == block.Account || scope == block.Method) {
				want = Allow
			}
			got := Decide(action, facts(record("a", scope)), noon)
			if got.Verdict != want {
				t.Errorf("%s under a block of scope %s: %s, want %s", action, scope, got.Verdict, want)
			}
			if action != Attempt && (len(got.Reasons) == 0 || !got.Until.Equal(end)) {
				t.Errorf("%s under a block of scope %s says neither why nor until when: %+v", action, scope, got)
			}
		}
	}
}

// law 6: before the first factor unknown, known and blocked accounts look the same,
// also where a network binds the stranger; and no answer explains itself.
func TestAttemptTellsStrangersNothing(t *testing.T) {
	accounts := map[string][]block.Record{
		"an unknown account":        nil,
		"an account with a block":   {record("a", block.Account)},
		"one blocked for good":      {record("a", block.Account, permanent)},
		"one whose code is proved":  {record("a", block.Account, proved)},
		"one with a method blocked": {record("a", block.Method)},
		"one blocked by all":        {record("a", block.Account), record("m", block.Method, longer), record("p", block.Account, permanent)},
		"one released":              {record("a", block.Account, released)},
	}
	for where, c := range map[string]struct {
		around []block.Record
		want   Verdict
	}{
		"from a free network":                {nil, Allow},
		"from a network whose block is over": {[]block.Record{record("n", block.Network, released)}, Allow},
		"from a blocked network":             {[]block.Record{record("n", block.Network)}, Deny},
		"from a blocked region":              {[]block.Record{record("r", block.Region, permanent)}, Deny},
	} {
		for who, blocks := range accounts {
			t.Run(who+" "+where, func(t *testing.T) {
				for _, until := range []time.Time{{}, end} {
					all := append(append([]block.Record{}, blocks...), c.around...)
					got := Decide(Attempt, Facts{Blocks: all, PaymentsDeniedUntil: until}, noon)
					if diff := cmp.Diff(Answer{Verdict: c.want}, got); diff != "" {
						t.Fatalf("-want +got: %s", diff)
					}
				}
			})
		}
	}
}

// A release through an entered number proves no owner: payments stay denied.
func TestPaymentAfterAnEnteredNumber(t *testing.T) {
	until := noon.Add(block.EnteredNumberRestriction)
	entered := []Reason{ReleasedByEnteredNumber}
	for name, c := range map[string]struct {
		action Action
		facts  Facts
		now    time.Time
		want   Answer
	}{
		"a payment is denied for 720h": {Payment, Facts{PaymentsDeniedUntil: until}, noon, Answer{Verdict: Deny, Reasons: entered, Until: until}},
		"to the last instant":          {Payment, Facts{PaymentsDeniedUntil: until}, until.Add(-1), Answer{Verdict: Deny, Reasons: entered, Until: until}},
		"and not longer":               {Payment, Facts{PaymentsDeniedUntil: until}, until, Answer{Verdict: Allow}},
		"other actions are free":       {SendCode, Facts{PaymentsDeniedUntil: until}, noon, Answer{Verdict: Allow}},
		"with a block both are told": {Payment, Facts{Blocks: []block.Record{record("a", block.Account)}, PaymentsDeniedUntil: until}, noon,
			Answer{Verdict: Deny, Reasons: []Reason{Reason(block.UnusualActivity), ReleasedByEnteredNumber}, Until: until, Block: lifted}},
		"with a permanent block no end is told": {Payment, Facts{Blocks: []block.Record{record("a", block.Account, permanent)}, PaymentsDeniedUntil: until}, noon,
			Answer{Verdict: Deny, Reasons: []Reason{Reason(block.UnusualActivity), ReleasedByEnteredNumber}, Until: time.Time{}, Block: lifted}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Decide(c.action, c.facts, c.now)); diff != "" {
				t.Fatalf("-want +got: %s", diff)
			}
		})
	}
}

// O1: what Holdfast itself blocked binds no device that was known before; an applied
// block binds them all. seed 16: a country's block stops its codes alone.
func TestOwnBlocks(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	known := block.DeviceOf("shop", "anna", "laptop")
	record := func(name string, scope block.Scope) block.Record {
		r := block.NewRecord(block.Key{Tenant: "shop", Name: name}, "", block.Spec{
			Reason: block.CompromisedTraffic, Scope: scope, Start: now.Add(-time.Hour), Duration: 24 * time.Hour,
		})
		r.Spared = []block.Device{known}
		return r
	}
	for _, c := range []struct {
		name   string
		record block.Record
		action Action
		device block.Device
		want   Verdict
	}{
		{"a stranger's device", record(block.OwnPrefix+"1", block.Network), Attempt, block.DeviceOf("shop", "anna", "x"), Deny},
		{"no device", record(block.OwnPrefix+"1", block.Network), Attempt, block.Device{}, Deny},
		{"the known device", record(block.OwnPrefix+"1", block.Network), Attempt, known, Allow},
		{"the known device after the first factor", record(block.OwnPrefix+"1", block.Account), SignIn, known, Allow},
		{"the known device and an applied block", record("applied", block.Account), SignIn, known, Deny},
		{"a country's codes", record(block.OwnPrefix+"1", block.Region), SendCode, block.Device{}, Deny},
		{"a country's people", record(block.OwnPrefix+"1", block.Region), SignIn, block.Device{}, Allow},
		{"a country's strangers", record(block.OwnPrefix+"1", block.Region), Attempt, block.Device{}, Allow},
		{"a country that the security team blocked", record("applied", block.Region), SignIn, block.Device{}, Deny},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Decide(c.action, Facts{Blocks: []block.Record{c.record}, Device: c.device}, now); got.Verdict != c.want {
				t.Errorf("%s, want %s", got.Verdict, c.want)
			}
		})
	}
}
