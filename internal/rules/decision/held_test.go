package decision

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

var (
	month     = start.Add(720 * time.Hour)
	sensitive = Hold{What: change.SensitiveActions, Until: month}
	all       = Hold{What: change.SignIn, Until: month}
	endless   = Hold{What: change.SensitiveActions}
	held      = []Reason{SecurityInfoHold}
)

func TestHolds(t *testing.T) {
	for name, c := range map[string]struct {
		action Action
		facts  Facts
		want   Answer
	}{
		"seed 53: ordinary use goes on": {SignIn, Facts{Holds: []Hold{sensitive}}, Answer{Verdict: Allow}},
		"seed 33: where all was replaced nobody signs in": {
			SignIn, Facts{Holds: []Hold{all}}, Answer{Verdict: Deny, Reasons: held, Until: month, Held: true}},
		"seed 53: no payment": {
			Payment, Facts{Holds: []Hold{sensitive}}, Answer{Verdict: Deny, Reasons: held, Until: month, Held: true}},
		"no payment where nobody signs in": {
			Payment, Facts{Holds: []Hold{all}}, Answer{Verdict: Deny, Reasons: held, Until: month, Held: true}},
		"seed 34: the page that cancels it stays open": {
			ChangeSecurityInfo, Facts{Holds: []Hold{sensitive}}, Answer{Verdict: Challenge, Reasons: held, Until: month, Held: true}},
		"but not past a block": {
			ChangeSecurityInfo, facts(record("a", block.Account)),
			Answer{Verdict: Deny, Reasons: unusual, Until: end, Block: lifted}},
		"a block and a hold": {
			ChangeSecurityInfo, Facts{Blocks: []block.Record{record("a", block.Account)}, Holds: []Hold{sensitive}},
			Answer{Verdict: Deny, Reasons: unusual, Until: end, Block: lifted}},
		"two holds, the later end": {
			Payment, Facts{Holds: []Hold{sensitive, {change.SensitiveActions, month.Add(time.Hour)}}},
			Answer{Verdict: Deny, Reasons: held, Until: month.Add(time.Hour), Held: true}},
		"one whose end is not known": {
			Payment, Facts{Holds: []Hold{sensitive, endless}}, Answer{Verdict: Deny, Reasons: held, Held: true}},
		"an app's own action is its own affair": {
			"shop.review", Facts{Holds: []Hold{sensitive}}, Answer{Verdict: Allow}},
		"law 6: a stranger learns of no hold":    {Attempt, Facts{Holds: []Hold{all}}, Answer{Verdict: Allow}},
		"a code is sent, or nobody could cancel": {SendCode, Facts{Holds: []Hold{all}}, Answer{Verdict: Allow}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Decide(c.action, c.facts, noon)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecheck(t *testing.T) {
	round := recheck.Record{FirstNotice: start, MustAt: start.Add(168 * time.Hour)}
	skipped := round
	skipped.SkippedUntil = noon.Add(time.Hour)
	late := round.MustAt
	for name, c := range map[string]struct {
		action Action
		facts  Facts
		now    time.Time
		want   Answer
	}{
		"seed 38: asked, and allowed": {
			SignIn, Facts{Recheck: round}, noon, Answer{Verdict: Allow, Prompt: recheck.Verify, PromptBy: round.MustAt}},
		"seed 38: skipped for a day":       {SignIn, Facts{Recheck: skipped}, noon, Answer{Verdict: Allow}},
		"seed 38: nobody after seven days": {SignIn, Facts{Recheck: round}, late, Answer{Verdict: Challenge, Prompt: recheck.MustVerify, PromptBy: round.MustAt}},
		"seed 38: one millisecond before":  {SignIn, Facts{Recheck: round}, late.Add(-time.Millisecond), Answer{Verdict: Allow, Prompt: recheck.Verify, PromptBy: round.MustAt}},
		"seed 39: not at every sign-in":    {SignIn, Facts{}, noon, Answer{Verdict: Allow}},
		"only at a sign-in":                {Payment, Facts{Recheck: round}, late, Answer{Verdict: Allow}},
		"a block comes first": {
			SignIn, Facts{Recheck: round, Blocks: []block.Record{record("a", block.Account)}}, noon,
			Answer{Verdict: Deny, Reasons: unusual, Until: end, Block: lifted}},
		"a hold that denies asks too, for the proof may cancel it": {
			SignIn, Facts{Recheck: round, Holds: []Hold{all}}, late,
			Answer{Verdict: Deny, Reasons: held, Until: month, Held: true, Prompt: recheck.MustVerify, PromptBy: round.MustAt}},
		"law 6: nothing before the first factor": {Attempt, Facts{Recheck: round}, late, Answer{Verdict: Allow}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Decide(c.action, c.facts, c.now)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
