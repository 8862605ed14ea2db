package deliver

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/line"
)

const (
	// lookupTimeout bounds one look-up: a person waits for it.
	lookupTimeout = 5 * time.Second
	// lineLife is how long an answer is believed; carriers change rarely.
	lineLife = 24 * time.Hour
	// maxLines bounds how many answers are remembered, maxAskers how many accounts' limits.
	maxLines, maxAskers = 10_000, 100_000
)

// lookupFuse keeps people from waiting for whoever does not answer, one after the other.
var lookupFuse = limit.Fuse{After: 3, Pause: 2 * time.Second, Longest: time.Minute, Trial: lookupTimeout, LongestHold: time.Hour}

// looker is a Sender that can look numbers up.
type looker interface {
	// LooksUp reports whether its Secret asks for look-ups.
	LooksUp() bool
	// Line looks a number up. Its error is a *message.Error.
	Line(ctx context.Context, number string) (line.Kind, error)
}

// Line looks up what a number belongs to: at the first of the policy's providers whose
// Secret asks for look-ups, then at the next; line.Unasked where there is none. Answers
// are remembered for a day. It returns line.ErrOutage where nobody answered, and
// *rules.LimitError where the account or the tenant has looked up too many.
func (d *Dispatcher) Line(ctx context.Context, q line.Query) (line.Kind, error) {
	var outage error
	for _, p := range q.Providers {
		if !kinds[p.Type].lines {
			continue
		}
		sender, err := d.sender(q.Tenant, p)
		if err != nil {
			outage = line.ErrOutage // perhaps the Secret that cannot be read asks for look-ups
			continue
		}
		if asked, ok := sender.(looker); ok && asked.LooksUp() {
			kind, err := d.lines.ask(ctx, asked, lookup{q.Tenant, p.Secret, q.Number}, q, d.options.Now())
			if !errors.Is(err, line.ErrOutage) {
				return kind, err
			}
			outage = err
		}
	}
	return line.Unasked, outage
}

// lookup is one number at one provider.
type lookup struct{ tenant, secret, number string }

// lines is what a replica remembers of look-ups.
type lines struct {
	mu       sync.Mutex
	answers  map[lookup]answer
	breakers map[key]limit.Breaker
	// accounts and tenants are the stored instants of their limits.
	accounts map[[2]string]time.Time
	tenants  map[string]time.Time
}

type answer struct {
	kind  line.Kind
	until time.Time
}

func newLines() *lines {
	return &lines{
		answers: map[lookup]answer{}, breakers: map[key]limit.Breaker{},
		accounts: map[[2]string]time.Time{}, tenants: map[string]time.Time{},
	}
}

// ask answers from what is remembered, or asks for a number within the limits.
func (l *lines) ask(ctx context.Context, at looker, which lookup, q line.Query, now time.Time) (line.Kind, error) {
	kind, err := l.begin(which, q, now)
	if err != nil || kind != line.Unasked {
		return kind, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	if kind, err = at.Line(ctx, which.number); err != nil {
		l.fail(which, errors.Is(ctx.Err(), context.Canceled), now)
		return line.Unasked, line.ErrOutage
	}
	l.learn(which, kind, now)
	return kind, nil
}

// begin returns what is known of a number. Where nothing is, it asks the circuit for a
// call and takes a look-up from the limits.
func (l *lines) begin(which lookup, q line.Query, now time.Time) (line.Kind, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a, ok := l.answers[which]; ok && now.Before(a.until) {
		return a.kind, nil
	}
	breaker, may := l.breakers[which.circuit()].Ask(lookupFuse, now)
	if !may {
		return line.Unasked, line.ErrOutage
	}
	if err := l.take(q, now); err != nil {
		return line.Unasked, err
	}
	l.breakers[which.circuit()] = breaker
	return line.Unasked, nil
}

func (w lookup) circuit() key { return key{tenant: w.tenant, secret: w.secret} }

// take takes from the limits of the account and of the tenant; what one refuses takes
// nothing from the other.
func (l *lines) take(q line.Query, now time.Time) error {
	account := [2]string{q.Tenant, q.Account}
	ofAccount, wait := q.PerAccount.Take(l.accounts[account], now)
	ofTenant, waitOfAll := q.PerTenant.Take(l.tenants[q.Tenant], now)
	if wait = max(wait, waitOfAll); wait > 0 {
		return &rules.LimitError{Subject: "lookup", RetryAfter: wait}
	}
	if len(l.accounts) >= maxAskers {
		maps.DeleteFunc(l.accounts, func(_ [2]string, at time.Time) bool { return !at.After(now) })
	}
	if len(l.accounts) >= maxAskers {
		clear(l.accounts) // a flood of accounts: the tenant's limit still holds
	}
	l.accounts[account], l.tenants[q.Tenant] = ofAccount, ofTenant
	return nil
}

func (l *lines) learn(which lookup, kind line.Kind, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.breakers[which.circuit()] = l.breakers[which.circuit()].Succeed(now)
	if len(l.answers) >= maxLines {
		maps.DeleteFunc(l.answers, func(_ lookup, a answer) bool { return !now.Before(a.until) })
	}
	if len(l.answers) >= maxLines {
		for oldest := range l.answers { // any one: there is room for a day's numbers
			delete(l.answers, oldest)
			break
		}
	}
	l.answers[which] = answer{kind, now.Add(lineLife)}
}

// fail notes a look-up without an answer; one that its person gave up says nothing about
// the provider.
func (l *lines) fail(which lookup, gaveUp bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	breaker := l.breakers[which.circuit()]
	if gaveUp {
		breaker = breaker.Return()
	} else {
		breaker = breaker.Fail(lookupFuse, now)
	}
	l.breakers[which.circuit()] = breaker
}
