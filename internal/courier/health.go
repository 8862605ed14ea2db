package courier

import (
	"context"
	"time"

	"holdfast.dev/holdfast/internal/rules/health"
)

// Health is the memory of what the couriers of all replicas see of providers.
type Health interface {
	// ReportHealth keeps what this replica says of a circuit, in place of its last word.
	ReportHealth(ctx context.Context, r health.Report) error
}

// shortHold is the pause that a provider may ask for without being told as failing.
const shortHold = time.Minute

// tell tells the other replicas of a circuit that opened or recovered with the sending
// just made: at the changes, not with each message.
func (c *Courier) tell(ctx context.Context, k circuit, now time.Time, failed bool) {
	if c.Health == nil {
		return
	}
	told, worth := c.word(k, now, failed)
	if !worth {
		return
	}
	report := health.Report{Circuit: k, Replica: c.Replica, Class: told.Class, Until: told.Until}
	if err := c.Health.ReportHealth(context.WithoutCancel(ctx), report); err != nil {
		c.Log.Error("Could not record the health of a provider; saying it again with the next failure", "error", err, "tenant", k.Tenant, "provider", k.Provider)
		c.breakers.mu.Lock()
		delete(c.breakers.told, k)
		c.breakers.mu.Unlock()
	}
}

// word is what there is to tell of a circuit.
func (c *Courier) word(k circuit, now time.Time, failed bool) (told health.Told, worth bool) {
	c.breakers.mu.Lock()
	defer c.breakers.mu.Unlock()
	b, told := c.breakers.state[k], c.breakers.told[k]
	open := !b.Until.IsZero()
	switch {
	case failed && open && (b.Openings > 0 || b.Until.Sub(now) >= shortHold):
		told, worth = told.Fails(b.class, b.Until, now)
	case !failed && !open:
		told, worth = told.Recovers(now)
	}
	if worth {
		if c.breakers.told == nil {
			c.breakers.told = map[circuit]health.Told{}
		}
		c.breakers.told[k] = told
	}
	return told, worth
}
