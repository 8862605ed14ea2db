package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/escalation"
	"holdfast.dev/holdfast/internal/rules/line"
	"holdfast.dev/holdfast/internal/rules/receipt"
)

// meter counts what was decided; no label of it names an account.
type meter struct {
	escalations, overBudget, shadowed, denials, reports, lookups, receipts *prometheus.CounterVec
}

func newMeter(registerer prometheus.Registerer) *meter {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		registerer.MustRegister(c)
		return c
	}
	return &meter{
		escalations: counter("holdfast_escalations_total",
			"Blocks that Holdfast itself made of failures.", "namespace", "reason", "scope"),
		overBudget: counter("holdfast_escalations_over_budget_total",
			"Failures over the line that made no block because the namespace's blocks.objectBudget was used up; counters hold on.", "namespace", "reason", "scope"),
		shadowed: counter("holdfast_shadow_escalations_total",
			"Blocks that Holdfast would have made of failures if the policy's mode were Enforce.", "namespace", "reason", "scope"),
		denials: counter("holdfast_shadow_denials_total",
			"Decisions that would have been Deny if the policy's mode were Enforce.", "namespace", "action"),
		reports: counter("holdfast_codes_reported_total",
			"Codes and notices of which their reader said, by the link in the message, that somebody else asked for them or that the account is somebody else's.", "namespace", "kind"),
		lookups: counter("holdfast_line_lookups_total",
			"Entered numbers by what their line is; Unknown where nobody answered or knew.", "namespace", "kind"),
		receipts: counter("holdfast_receipts_total",
			"Signed receipts of providers by what they told of a message.", "namespace", "outcome"),
	}
}

// Escalated implements flow.Meter.
func (m *meter) Escalated(tenant string, r escalation.Result) {
	counter := m.escalations
	switch r.Outcome {
	case escalation.OverBudget:
		counter = m.overBudget
	case escalation.Shadowed:
		counter = m.shadowed
	}
	counter.WithLabelValues(tenant, string(r.Reason), string(r.Scope)).Inc()
}

// ShadowDenied implements flow.Meter. Actions of the callers' own count together.
func (m *meter) ShadowDenied(tenant string, action decision.Action) {
	switch action {
	case decision.Attempt, decision.SignIn, decision.SendCode, decision.ChangeSecurityInfo, decision.Payment:
	default:
		action = "Other"
	}
	m.denials.WithLabelValues(tenant, string(action)).Inc()
}

// CodeReported implements flow.Meter.
func (m *meter) CodeReported(tenant string, kind code.ReportKind) {
	m.reports.WithLabelValues(tenant, string(kind)).Inc()
}

// LineAsked implements flow.Meter.
func (m *meter) LineAsked(tenant string, kind line.Kind) {
	m.lookups.WithLabelValues(tenant, string(kind)).Inc()
}

// ReceiptTaken implements flow.Meter.
func (m *meter) ReceiptTaken(tenant string, outcome receipt.Outcome) {
	m.receipts.WithLabelValues(tenant, string(outcome)).Inc()
}
