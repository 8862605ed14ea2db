package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/line"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
)

// Lines knows what numbers belong to, as their carriers tell.
type Lines interface {
	// Line returns line.Unasked where no provider of the query looks numbers up,
	// line.ErrOutage where one should have and did not answer, and *rules.LimitError where
	// too many were looked up.
	Line(ctx context.Context, q line.Query) (line.Kind, error)
}

// checkLine refuses a number that somebody has just entered where it belongs to a line
// that gets no code (seed 20, T5). It costs, so it comes last before a code is issued, and
// only whoever holds a flow gets here: their ticket is proved.
func (d *Desk) checkLine(ctx context.Context, f session.Flow, p policy.Policy, to contact.Contact) error {
	entered := to.ID == "" && to.Address != "" && dialled(to.Channel)
	if d.Lines == nil || !entered || slices.Contains(p.Testing.Numbers, to.Address) {
		return nil
	}
	kind, err := d.Lines.Line(ctx, line.Query{
		Tenant: f.Tenant, Account: f.Account, Number: to.Address, Providers: p.Providers,
		PerAccount: p.Limits.Account, PerTenant: p.Limits.Spend,
	})
	if errors.Is(err, line.ErrOutage) {
		kind, err = line.Unknown, nil
	}
	if err != nil {
		return err
	}
	if d.Meter != nil && kind != line.Unasked {
		d.Meter.LineAsked(f.Tenant, kind)
	}
	if reason := kind.Refusal(to.Channel, p.Numbers); reason != "" {
		return fmt.Errorf("%w: %s", rules.ErrDestination, reason)
	}
	return nil
}
