package escalation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// seed 34, 4, 30: a cancelled hold leaves a block that a code and a new password end, and
// time.
func TestReclaim(t *testing.T) {
	want := block.Spec{
		Account: "anna", Reason: block.UnusualActivity, Scope: block.Account, Start: now, Duration: day, Steps: both, CodeTo: block.SecurityInfo,
	}
	with := func(edit func(*block.Spec)) block.Spec {
		s := want
		edit(&s)
		return s
	}
	for name, c := range map[string]struct {
		account string
		rule    policy.Block
		adapter string
		want    block.Spec
	}{
		"the seeds' numbers":      {"anna", policy.Default().Blocks[block.UnusualActivity], "webhook", want},
		"a policy without blocks": {"anna", policy.Block{}, "webhook", want},
		"the policy's length and steps": {"anna", policy.Block{Duration: time.Hour, Steps: both[:1]}, "webhook",
			with(func(s *block.Spec) { s.Duration, s.Steps = time.Hour, both[:1] })},
		"never for good, nor by just any number":      {"anna", policy.Block{Permanent: true, CodeTo: block.AnyNumber}, "webhook", want},
		"nobody sets passwords: a code is enough":     {"anna", policy.Block{}, "", with(func(s *block.Spec) { s.Steps = both[:1] })},
		"an account that no object can name has none": {"an*", policy.Block{}, "webhook", block.Spec{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy.Default()
			p.Blocks[block.UnusualActivity], p.Identity.Adapter = c.rule, c.adapter
			if diff := cmp.Diff(c.want, Reclaim(p, c.account, now)); diff != "" {
				t.Errorf("block (-want +got):\n%s", diff)
			}
		})
	}
}
