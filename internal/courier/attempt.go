package courier

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/health"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

const (
	// settleTries is how often an outcome is written before it is given up; the
	// lease then runs out and the message may be sent twice.
	settleTries = 5
	settlePause = 200 * time.Millisecond
	// shortestRetry is the least wait before another attempt.
	shortestRetry = 250 * time.Millisecond
)

// outcome is what an attempt amounts to; the zero one is none: another courier has
// the message.
type outcome struct {
	state message.State
	// class is the class of the failure, empty where it was sent.
	class message.ErrorClass
	// notBefore is when a provider may serve it at the earliest, zero for at once.
	notBefore time.Time
}

// handle makes one attempt, says when that is over, and writes its outcome. It reports
// whether the message waits for another one.
func (c *Courier) handle(ctx context.Context, m message.Message, over func()) (waits bool) {
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	o := c.attempt(attempt, m)
	cancel()
	over()
	if o.state == "" || (ctx.Err() != nil && o.state != message.Sent) {
		return false // broken off at the end: the lease runs out
	}
	now := c.Now()
	next := now.Add(c.spread(message.RetryIn(m.Attempts)))
	if reopens := o.notBefore.Add(c.spread(time.Second)); !o.notBefore.IsZero() && reopens.After(next) {
		next = reopens
	}
	if o.class == message.Unknown && o.state == message.Waiting {
		m.Handed++
	}
	if o.state == message.Waiting && (expired(m, next) || m.Handed >= message.MaxHanded) {
		o.state = message.Dead
	}
	c.Metrics.count(m, o, now)
	c.settle(context.WithoutCancel(ctx), m, func(ctx context.Context) error {
		switch o.state {
		case message.Sent:
			return c.Outbox.MarkSent(ctx, m.ID, now)
		case message.Dead:
			return c.Outbox.MarkDead(ctx, m, o.class, now)
		default:
			return c.Outbox.MarkRetry(ctx, m, next, o.class)
		}
	})
	return o.state == message.Waiting
}

// attempt renders a message that is still of use and tries the policy's providers.
func (c *Courier) attempt(ctx context.Context, m message.Message) outcome {
	now := c.Now()
	switch {
	case expired(m, now) || (m.Kind == message.Code && m.Challenge.Verdict(now) != code.Open):
		return outcome{state: message.Dead} // nothing failed, but nobody could use it any more
	case m.Handed >= message.MaxHanded:
		return outcome{state: message.Dead, class: message.Unknown} // perhaps two have arrived: no third
	}
	p := c.Policies.For(m.Tenant, m.Account)
	if p.Tests(m.Address) {
		return outcome{state: message.Sent} // nothing leaves: the platform's QA reads its code from an authenticator
	}
	rendered, err := c.render(m, p, now)
	if err != nil {
		c.Log.Error("Could not render a message", "error", err, "message", m.ID, "tenant", m.Tenant, "kind", m.Kind, "notice", m.Notice)
		return outcome{state: message.Waiting, class: message.Misconfigured}
	}
	return c.route(ctx, m, rendered, p)
}

// route tries the policy's providers in their order, but those whose circuit is open.
func (c *Courier) route(ctx context.Context, m message.Message, rendered message.Rendered, p policy.Policy) outcome {
	failed := outcome{state: message.Waiting, class: message.Misconfigured} // no provider serves the channel and the country
	var hopeful []circuit
	for i, provider := range c.serving(p, m) {
		k := health.CircuitOf(m.Tenant, provider, m.Channel)
		class, may := c.ask(k, c.Now())
		if may {
			if c.ReceiptURL != nil {
				rendered.ReceiptURL = c.ReceiptURL(p, provider, m.ID)
			}
			done, over := c.hand(ctx, m, rendered, provider)
			if over {
				c.spend(ctx, m, p, done)
				return done
			}
			class = done.class
		}
		// One provider that may succeed later outweighs another's refusal.
		if class != message.Rejected {
			hopeful = append(hopeful, k)
		}
		if i == 0 || class != message.Rejected {
			failed.class = class
		}
	}
	if failed.class == message.Rejected {
		failed.state = message.Dead
	}
	failed.notBefore = c.opens(hopeful, c.Now())
	return failed
}

// hand hands a message to one provider. It is over where it was sent or may have been,
// and where our own memory failed or gave the message away.
func (c *Courier) hand(ctx context.Context, m message.Message, rendered message.Rendered, provider policy.Provider) (o outcome, over bool) {
	var lost error
	rendered.HandOver = func() error {
		handed := m
		handed.Handed++
		lost = c.Outbox.HandOver(ctx, handed)
		return lost
	}
	k := health.CircuitOf(m.Tenant, provider, m.Channel)
	err := c.Sender.Send(ctx, m.Tenant, provider, rendered)
	if err != nil && (lost != nil || ctx.Err() != nil) {
		c.leave(k, c.Now()) // it was not the provider who failed
	} else {
		c.learn(ctx, k, c.Now(), err)
	}
	switch class := classOf(err); {
	case err == nil:
		return outcome{state: message.Sent}, true
	case errors.Is(lost, rules.ErrGone):
		return outcome{}, true
	case lost != nil:
		return outcome{state: message.Waiting, class: message.Temporary}, true // our own memory, not the provider
	case class == message.Unknown:
		return outcome{state: message.Waiting, class: class}, true // another provider would send it again
	default:
		return outcome{class: class}, false
	}
}

// spend counts a notice that has cost something, or may have, in the policy's caps: codes
// were counted when they were asked for. It goes whatever is left (law 8).
func (c *Courier) spend(ctx context.Context, m message.Message, p policy.Policy, o outcome) {
	paid := o.state == message.Sent || o.class == message.Unknown
	if m.Kind != message.Notice || !dialled(m.Channel) || !paid {
		return
	}
	over, err := c.Outbox.Spend(context.WithoutCancel(ctx), m.Tenant, p.Caps(c.Numbers.Plan(m.Address)), c.Now())
	switch {
	case err != nil:
		c.Log.Error("Could not count a notice in the policy's spend cap; it was sent", "error", err, "message", m.ID, "tenant", m.Tenant)
	case over:
		c.Metrics.overCap.WithLabelValues(string(m.Channel)).Inc()
	}
}

func dialled(channel contact.Channel) bool { return channel == contact.SMS || channel == contact.Voice }

// settle writes an outcome, in spite of a memory that does not answer at once.
func (c *Courier) settle(ctx context.Context, m message.Message, write func(context.Context) error) {
	pause := settlePause
	for try := 1; ; try++ {
		err := write(ctx)
		if err == nil {
			return
		}
		if try == settleTries {
			c.Log.Error("Could not record what became of a message; it may be sent again", "error", err, "message", m.ID, "tenant", m.Tenant)
			return
		}
		<-c.After(pause)
		pause *= 2
	}
}

// spread draws a wait of at most d, full jitter over a floor: what failed together
// does not come back together, and nothing comes back at once.
func (c *Courier) spread(d time.Duration) time.Duration {
	var b [2]byte
	if _, err := io.ReadFull(c.Random, b[:]); err != nil {
		return d
	}
	return d - (d-shortestRetry)*time.Duration(binary.BigEndian.Uint16(b[:]))/(1<<16)
}

// serving lists the providers of the policy for the message's channel and, where it goes
// to a number, for the number's country (T1).
func (c *Courier) serving(p policy.Policy, m message.Message) []policy.Provider {
	country := ""
	if dialled(m.Channel) {
		country = c.Numbers.Plan(m.Address)
	}
	var list []policy.Provider
	for _, provider := range p.Providers {
		if provider.Carries(m.Channel, country) {
			list = append(list, provider)
		}
	}
	return list
}

func expired(m message.Message, at time.Time) bool {
	return !m.Expires.IsZero() && !at.Before(m.Expires)
}

func classOf(err error) message.ErrorClass {
	var e *message.Error
	if errors.As(err, &e) {
		return e.Class
	}
	return message.Temporary
}
