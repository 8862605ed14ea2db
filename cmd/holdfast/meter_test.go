package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/escalation"
)

// law 2: the metrics name no account, and no caller adds a label of its own.
func TestMeter(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := newMeter(registry)
	for _, o := range []escalation.Outcome{escalation.Blocked, escalation.OverBudget, escalation.Shadowed, escalation.Shadowed} {
		m.Escalated("shop", escalation.Result{Reason: block.HighRequestVolume, Scope: block.Method, Outcome: o})
	}
	m.ShadowDenied("shop", decision.SignIn)
	m.ShadowDenied("shop", "DownloadInvoices")
	m.CodeReported("shop", code.NotMe)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, one := range family.GetMetric() {
			name := family.GetName()
			for _, label := range one.GetLabel() {
				name += " " + label.GetName() + "=" + label.GetValue()
			}
			got[name] = one.GetCounter().GetValue()
		}
	}
	what := " namespace=shop reason=HighRequestVolume scope=Method"
	want := map[string]float64{
		"holdfast_escalations_total" + what: 1, "holdfast_escalations_over_budget_total" + what: 1, "holdfast_shadow_escalations_total" + what: 2,
		"holdfast_shadow_denials_total action=SignIn namespace=shop": 1, "holdfast_shadow_denials_total action=Other namespace=shop": 1,
		"holdfast_codes_reported_total kind=NotMe namespace=shop": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
