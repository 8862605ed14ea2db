package flow

import (
	"context"
	"errors"

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
	kind, err := d.line(ctx, f.Tenant, f.Account, p, to)
	if errors.Is(err, line.ErrOutage) {
		kind, err = line.Unknown, nil
		d.meterLine(f.Tenant, kind)
	}
	if err != nil {
		return err
	}
	if reason := kind.Refusal(to.Channel, p.Numbers); reason != "" {
		return rules.Refuse(reason)
	}
	return nil
}

// line asks what a number belongs to that nobody has listed yet: line.Unasked for whatever
// else, line.ErrOutage where nobody answered.
func (d *Desk) line(ctx context.Context, tenant, account string, p policy.Policy, to contact.Contact) (line.Kind, error) {
	entered := to.ID == "" && to.Address != "" && dialled(to.Channel)
	if d.Lines == nil || !entered || p.Tests(to.Address) {
		return line.Unasked, nil
	}
	kind, err := d.Lines.Line(ctx, line.Query{
		Tenant: tenant, Account: account, Number: to.Address, Providers: p.Providers,
		PerAccount: p.Limits.Account, PerTenant: p.Limits.Spend,
	})
	if err == nil {
		d.meterLine(tenant, kind)
	}
	return kind, err
}

func (d *Desk) meterLine(tenant string, kind line.Kind) {
	if d.Meter != nil && kind != line.Unasked {
		d.Meter.LineAsked(tenant, kind)
	}
}
