package securityinfochange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"holdfast.dev/holdfast/api/v1alpha1"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/policy"
)

// Identity is how the IdP is told. A key makes a repeated call one deed.
type Identity interface {
	RevokeSessions(ctx context.Context, p policy.Policy, account, key string) error
	RequirePasswordChange(ctx context.Context, p policy.Policy, account, key string) error
}

const (
	// tellAgain is when an IdP that did not answer is told again, tellFor for how long.
	tellAgain = time.Minute
	tellFor   = 24 * time.Hour
)

// follow does what follows from a cancelled hold: somebody else had asked for it, so
// their sessions end and the password is asked anew. It is done until the IdP has said
// that it is done; the owner's cancellation stands without it.
func (c *Controller) follow(ctx context.Context, s *scope) error {
	if !slices.Contains(s.record.Effects(), change.EndSessions) || meta.IsStatusConditionTrue(s.object.Status.Conditions, v1alpha1.ConditionIdentityTold) {
		return nil
	}
	if s.policy.Identity.Adapter == "" {
		s.told = v1alpha1.ReasonNoAdapter
		return nil
	}
	key := fmt.Sprintf("%s cancelled %d", s.key(), s.record.End.At.UnixMilli())
	err := errors.Join(
		c.Identity.RevokeSessions(ctx, s.policy, s.record.Spec.Account, key+" sessions"),
		c.Identity.RequirePasswordChange(ctx, s.policy, s.record.Spec.Account, key+" password"))
	s.told = v1alpha1.ReasonSessionsEnded
	if err != nil {
		s.told = v1alpha1.ReasonIdentityUnreachable
	}
	return nil
}

// untold reports whether the IdP is to be told again.
func (s *scope) untold() bool {
	return s.told == v1alpha1.ReasonIdentityUnreachable && s.now.Before(s.record.End.At.Add(tellFor))
}
