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
}

// handle makes one attempt and writes its outcome. It reports whether the message
// waits for another one.
func (c *Courier) handle(ctx context.Context, m message.Message) (waits bool) {
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	o := c.attempt(attempt, m)
	cancel()
	if o.state == "" || (ctx.Err() != nil && o.state != message.Sent) {
		return false // broken off at the end: the lease runs out
	}
	now := c.Now()
	next := now.Add(c.spread(message.RetryIn(m.Attempts)))
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

// attempt tries the providers of the policy in their order.
func (c *Courier) attempt(ctx context.Context, m message.Message) outcome {
	now := c.Now()
	switch {
	case expired(m, now) || (m.Kind == message.Code && m.Challenge.Verdict(now) != code.Open):
		return outcome{message.Dead, ""} // nothing failed, but nobody could use it any more
	case m.Handed >= message.MaxHanded:
		return outcome{message.Dead, message.Unknown} // perhaps two have arrived: no third
	}
	p := c.Policies.For(m.Tenant, m.Account)
	rendered, err := c.render(m, p, now)
	if err != nil {
		c.Log.Error("Could not render a message", "error", err, "message", m.ID, "tenant", m.Tenant, "kind", m.Kind, "notice", m.Notice)
		return outcome{message.Waiting, message.Misconfigured}
	}
	var lost error
	rendered.HandOver = func() error {
		handed := m
		handed.Handed++
		lost = c.Outbox.HandOver(ctx, handed)
		return lost
	}
	failed := outcome{message.Waiting, message.Misconfigured} // no provider serves the channel and the country
	for i, provider := range c.serving(p, m) {
		err := c.Sender.Send(ctx, m.Tenant, provider, rendered)
		if err == nil {
			return outcome{message.Sent, ""}
		}
		class := classOf(err)
		switch {
		case errors.Is(lost, rules.ErrGone):
			return outcome{}
		case lost != nil:
			return outcome{message.Waiting, message.Temporary} // our own memory, not the provider
		case class == message.Unknown:
			return outcome{message.Waiting, message.Unknown} // another provider would send it again
		}
		// One provider that may succeed later outweighs another's refusal.
		if i == 0 || class != message.Rejected {
			failed.class = class
		}
	}
	if failed.class == message.Rejected {
		failed.state = message.Dead
	}
	return failed
}

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
	if m.Channel == contact.SMS || m.Channel == contact.Voice {
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
