package courier

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast.dev/holdfast/internal/rules/message"
)

// Metrics counts messages; no label names an account, a tenant or an address.
type Metrics struct {
	attempts *prometheus.CounterVec
	delay    *prometheus.HistogramVec
	flying   prometheus.Gauge
}

// NewMetrics registers the courier's metrics.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_message_attempts_total",
			Help: "Attempts to send a message, by what they amounted to (Sent, Waiting for another attempt, Dead) and the class of the failure.",
		}, []string{"channel", "kind", "outcome", "class"}),
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "holdfast_message_delay_seconds",
			Help:    "Time from the creation of a message until a provider took it.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"channel", "kind"}),
		flying: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "holdfast_messages_in_flight",
			Help: "Messages that are being sent now.",
		}),
	}
	registerer.MustRegister(m.attempts, m.delay, m.flying)
	return m
}

func (m *Metrics) count(msg message.Message, o outcome, now time.Time) {
	channel, kind := string(msg.Channel), string(msg.Kind)
	m.attempts.WithLabelValues(channel, kind, string(o.state), string(o.class)).Inc()
	if o.state == message.Sent {
		m.delay.WithLabelValues(channel, kind).Observe(now.Sub(msg.Created).Seconds())
	}
}
