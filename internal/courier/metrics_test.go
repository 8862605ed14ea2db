package courier

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"holdfast.dev/holdfast/internal/rules/message"
)

type graveyard struct {
	dead []message.DeadLetters
	err  error
}

func (g graveyard) DeadLetters(_ context.Context, tenant string, since time.Time) ([]message.DeadLetters, error) {
	if tenant != "" || !since.Equal(start.Add(-24*time.Hour)) {
		return nil, errors.New("asked for something else")
	}
	return g.dead, g.err
}

func TestDeadLettersAreAGauge(t *testing.T) {
	d := DeadLetters{Now: func() time.Time { return start }, Graveyard: graveyard{dead: []message.DeadLetters{
		{Class: message.Rejected, Count: 7}, {Class: message.Unknown, Count: 1},
	}}}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&d)
	if diff := cmp.Diff(map[string]float64{"Misconfigured": 0, "Rejected": 7, "Temporary": 0, "Unknown": 1, "Unreachable": 0}, gauges(t, registry)); diff != "" {
		t.Error(diff)
	}
	d.Graveyard = graveyard{err: errors.New("away")}
	if got := gauges(t, registry); len(got) != 0 {
		t.Errorf("%v while the memory is away, want none", got)
	}
}

func gauges(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			values[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
	}
	return values
}
