// Package health says how providers and countries fare, from what the couriers of all
// replicas have seen. Whoever reads it agrees: what one replica reports stands for a while
// beside what the others do, and of several the worst counts.
package health

import (
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/message"
	"holdfast.dev/holdfast/internal/rules/policy"
)

const (
	// Stands is how long a failure counts that nobody saw again: the replica is gone, or
	// nobody asked the provider since.
	Stands = 15 * time.Minute
	// Calm is how long a failure counts after the first success. A provider that comes and
	// goes keeps failing.
	Calm = 2 * time.Minute
	// renew is how long a failure is not told again.
	renew = 5 * time.Minute
	// pause keeps one that comes and goes from being told at each turn.
	pause = time.Minute
)

// Circuit names what fails and recovers together: one channel of one provider, as long as
// it has the same Secret.
type Circuit struct {
	Tenant, Provider, Type, Secret string
	Channel                        contact.Channel
}

// CircuitOf names the circuit of a policy's provider.
func CircuitOf(tenant string, p policy.Provider, channel contact.Channel) Circuit {
	return Circuit{Tenant: tenant, Provider: p.Name, Type: p.Type, Secret: p.Secret, Channel: channel}
}

// Report is what one replica says of a circuit that fails.
type Report struct {
	Circuit
	// Replica names the process.
	Replica string
	// Class of the last failure.
	Class message.ErrorClass
	// Until is when it counts no more.
	Until time.Time
}

// Told is what a replica has told last of a circuit; the zero Told is nothing.
type Told struct {
	Class     message.ErrorClass
	At, Until time.Time
}

// Fails notes a circuit that is open until an instant at least. It returns what to tell
// from now on and whether that is worth telling: not each message is.
func (t Told) Fails(class message.ErrorClass, open, now time.Time) (next Told, tell bool) {
	next = Told{Class: class, At: now, Until: now.Add(Stands)}
	if open.After(next.Until) {
		next.Until = open
	}
	since := now.Sub(t.At)
	switch {
	case !now.Before(t.Until), worse(class, t.Class):
		return next, true
	case since >= renew, since >= pause && next.Until.Sub(t.Until) >= renew:
		return next, true
	default:
		return t, false
	}
}

// Recovers notes a success.
func (t Told) Recovers(now time.Time) (next Told, tell bool) {
	calm := now.Add(Calm)
	if !t.Until.After(calm) || now.Sub(t.At) < pause {
		return t, false
	}
	return Told{Class: t.Class, At: now, Until: calm}, true
}

// Failing is what the reports say of a provider at now: the worst class, empty where it
// fails nowhere, and the channels that fail.
func Failing(reports []Report, tenant string, p policy.Provider, now time.Time) (class message.ErrorClass, channels []contact.Channel) {
	for _, r := range reports {
		if r.Circuit != CircuitOf(tenant, p, r.Channel) || !slices.Contains(p.Channels, r.Channel) || !now.Before(r.Until) {
			continue
		}
		if worse(r.Class, class) {
			class = r.Class
		}
		if !slices.Contains(channels, r.Channel) {
			channels = append(channels, r.Channel)
		}
	}
	slices.Sort(channels)
	return class, channels
}

// gravity orders classes by what they ask for: first what no waiting mends.
var gravity = []message.ErrorClass{"", message.Temporary, message.Unknown, message.Unreachable, message.Misconfigured}

func worse(a, b message.ErrorClass) bool {
	return slices.Index(gravity, a) > slices.Index(gravity, b)
}
