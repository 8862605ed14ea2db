package courier

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/message"
)

// Metrics counts messages; no label names an account, a tenant or an address.
type Metrics struct {
	attempts *prometheus.CounterVec
	delay    *prometheus.HistogramVec
	flying   prometheus.Gauge
	circuits *prometheus.GaugeVec
	overCap  *prometheus.CounterVec
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
	m.circuits = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "holdfast_provider_circuits",
		Help: "Providers' channels that this replica skips (Open) or tries again (HalfOpen), by the provider's type.",
	}, []string{"type", "state"})
	m.overCap = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "holdfast_notices_over_cap_total",
		Help: "Notices by text and call that were sent although a spend cap of the policy was used up: codes wait meanwhile.",
	}, []string{"channel"})
	registerer.MustRegister(m.attempts, m.delay, m.flying, m.circuits, m.overCap)
	return m
}

// circuit moves a circuit from one state to another; closed ones are not counted.
func (m *Metrics) circuit(kind string, from, to limit.BreakerState) {
	if from == to {
		return
	}
	if from == limit.OpenCircuit || from == limit.HalfOpen {
		m.circuits.WithLabelValues(kind, string(from)).Dec()
	}
	if to != limit.Closed {
		m.circuits.WithLabelValues(kind, string(to)).Inc()
	}
}

func (m *Metrics) count(msg message.Message, o outcome, now time.Time) {
	channel, kind := string(msg.Channel), string(msg.Kind)
	m.attempts.WithLabelValues(channel, kind, string(o.state), string(o.class)).Inc()
	if o.state == message.Sent {
		m.delay.WithLabelValues(channel, kind).Observe(now.Sub(msg.Created).Seconds())
	}
}

// Graveyard counts messages that were given up after since; an empty tenant stands for
// all.
type Graveyard interface {
	DeadLetters(ctx context.Context, tenant string, since time.Time) ([]message.DeadLetters, error)
}

const (
	// deadLetterWindow is how long a dead letter shows in the metrics.
	deadLetterWindow = 24 * time.Hour
	// scrapeTimeout bounds what a scrape waits for the memory.
	scrapeTimeout = 2 * time.Second
)

// DeadLetters is a gauge of the dead letters of all tenants, read at each scrape. While
// the memory is away it is absent.
type DeadLetters struct {
	Graveyard Graveyard
	Now       func() time.Time
}

var deadLetters = prometheus.NewDesc("holdfast_dead_letters",
	"Messages that were given up within the last 24 hours, by the class of the failure.", []string{"class"}, nil)

// Describe implements prometheus.Collector.
func (DeadLetters) Describe(to chan<- *prometheus.Desc) { to <- deadLetters }

// Collect implements prometheus.Collector.
func (d DeadLetters) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	dead, err := d.Graveyard.DeadLetters(ctx, "", d.Now().Add(-deadLetterWindow))
	if err != nil {
		return
	}
	for _, class := range []message.ErrorClass{message.Temporary, message.Rejected, message.Misconfigured, message.Unreachable, message.Unknown} {
		count := 0
		for _, c := range dead {
			if c.Class == class {
				count = c.Count
			}
		}
		to <- prometheus.MustNewConstMetric(deadLetters, prometheus.GaugeValue, float64(count), string(class))
	}
}
