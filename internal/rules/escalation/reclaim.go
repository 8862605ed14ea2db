package escalation

import (
	"cmp"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Reclaim is the block that follows a hold which a code to an old contact has cancelled
// (seed 34): somebody else knew enough to begin it, so whoever signs in next proves a
// contact and chooses a new password, where an adapter can set one. It ends by itself like
// any other (seed 30): the holder of a recycled number locks nobody out for good.
func Reclaim(p policy.Policy, account string, now time.Time) block.Spec {
	if !rules.Nameable(account) {
		return block.Spec{}
	}
	rule := p.Blocks[block.UnusualActivity]
	s := newBlock(rule, now)
	s.Account, s.Reason, s.Scope, s.CodeTo = account, block.UnusualActivity, block.Account, block.SecurityInfo
	s.Permanent, s.Duration = false, cmp.Or(rule.Duration, day)
	if len(s.Steps) == 0 {
		s.Steps = []block.Step{block.VerifyCode, block.ChangePassword}
	}
	if p.Identity.Adapter == "" { // a step that nobody can take would be a dead end
		s.Steps = slices.DeleteFunc(slices.Clone(s.Steps), func(step block.Step) bool { return step == block.ChangePassword })
	}
	return s
}
