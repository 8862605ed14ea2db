package flow_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/decision"
	"holdfast.dev/holdfast/internal/rules/limit"
	"holdfast.dev/holdfast/internal/rules/policy"
	"holdfast.dev/holdfast/internal/rules/session"
	"holdfast.dev/holdfast/internal/rules/ticket"
)

// law 3: a code is tied to its challenge and destination and to the flow that
// opened it.
func TestACodeServesItsChallengeOnly(t *testing.T) {
	d := blocked(t)
	one, two := d.open(anna), d.open(anna)
	first, other := d.request(one, toMail), d.request(two, toMail)
	is(t, d.submit(two, first.ID, d.code(first.ID)), rules.ErrNotFound)  // another flow's challenge
	is(t, d.submit(two, other.ID, d.code(first.ID)), rules.ErrWrongCode) // the same destination

	d.clock.step(time.Minute)
	moved, err := d.Resend(t.Context(), one, first.ID, toCell)
	is(t, err, nil)
	is(t, d.submit(one, first.ID, d.code(first.ID)), rules.ErrGone) // replaced
	d.clock.step(2 * time.Minute)
	back, err := d.Resend(t.Context(), one, moved.ID, toMail)
	is(t, err, nil)
	for _, old := range []string{first.ID, moved.ID} {
		is(t, d.submit(one, back.ID, d.code(old)), rules.ErrWrongCode)
	}
	is(t, d.submit(one, back.ID, d.code(back.ID)), nil)
}

// law 3: after 5 wrong codes neither a resend nor another contact adds a guess.
func TestWrongCodesSpendTheFlow(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	view := d.request(v, toMail)
	for range 3 {
		is(t, d.submit(v, view.ID, d.wrong(view.ID)), rules.ErrWrongCode)
	}
	d.clock.step(time.Minute)
	view, err := d.Resend(t.Context(), v, view.ID, toCell)
	is(t, err, nil)
	if view.AttemptsLeft != 2 {
		t.Fatalf("a resend to another contact leaves %d attempts, want 2", view.AttemptsLeft)
	}
	is(t, d.submit(v, view.ID, d.wrong(view.ID)), rules.ErrWrongCode)
	is(t, d.submit(v, view.ID, d.wrong(view.ID)), rules.ErrSpent)
	is(t, d.submit(v, view.ID, d.code(view.ID)), rules.ErrSpent)
	d.clock.step(5 * time.Minute)
	for _, to := range []flow.Target{{}, toMail, toCell} {
		_, err = d.Resend(t.Context(), v, view.ID, to)
		is(t, err, rules.ErrSpent)
	}
	if o := d.overview(v); o.Stage != session.Opened || o.Challenge.AttemptsLeft != 0 {
		t.Errorf("the page shows %s with %d attempts", o.Stage, o.Challenge.AttemptsLeft)
	}
	if d.state(theKey) != block.Active {
		t.Errorf("the block is %s", d.state(theKey))
	}
}

// law 3: the fifth attempt may be the right one.
func TestTheLastAttemptMayBeRight(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	view := d.request(v, toMail)
	for range 4 {
		is(t, d.submit(v, view.ID, d.wrong(view.ID)), rules.ErrWrongCode)
	}
	is(t, d.submit(v, view.ID, d.code(view.ID)), nil)
}

// law 3: 10 wrong codes a day across all flows of an account; then not even the
// right one is looked at, until a day after the first.
func TestWrongCodesOfADay(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail)
	d.block("b1", lasting(72*time.Hour))
	waiting := d.open(anna)
	held := d.request(waiting, toMail)
	for range 2 {
		v := d.open(anna)
		view := d.request(v, toMail)
		for range 5 {
			if err := d.submit(v, view.ID, d.wrong(view.ID)); !errors.Is(err, rules.ErrWrongCode) && !errors.Is(err, rules.ErrSpent) {
				t.Fatal(err)
			}
		}
	}
	err := d.submit(waiting, held.ID, d.code(held.ID))
	if wait := limited(t, err, "account"); wait != 24*time.Hour {
		t.Errorf("the wait is %s, want 24h", wait)
	}
	d.clock.step(24*time.Hour - time.Millisecond)
	_, err = d.RequestCode(t.Context(), d.open(anna), toMail)
	limited(t, err, "account")
	d.clock.step(time.Millisecond)
	d.prove(d.open(anna), toMail)
}

// law 3: a right code counts for no wrong one.
func TestRightCodesCostNoBudget(t *testing.T) {
	d := blocked(t)
	d.policies[shop].Codes.MaxWrongPerDay = 1
	for range 3 {
		d.prove(d.open(anna), toMail)
	}
}

// law 3: of 16 who submit the right code at once, one is accepted.
func TestARightCodeIsAcceptedOnce(t *testing.T) {
	d := blocked(t)
	d.policies[shop].Codes.MaxAttempts, d.policies[shop].Codes.MaxWrongPerDay = 16, 16
	v := d.open(anna)
	view := d.request(v, toMail)
	right := d.code(view.ID)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			switch err := d.submit(v, view.ID, right); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, rules.ErrGone) && !errors.Is(err, rules.ErrNoFlow):
				t.Errorf("SubmitCode: %v", err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || d.state(theKey) != block.Releasing {
		t.Errorf("%d were accepted, the block is %s", won.Load(), d.state(theKey))
	}
}

// seed 6: the wait before a resend grows; impatience is refused and lengthens
// nothing (seed 30).
func TestResendWaits(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	view := d.request(v, toMail)
	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if got := view.ResendAt.Sub(d.Now()); got != wait {
			t.Fatalf("the next code may be asked for after %s, want %s", got, wait)
		}
		d.clock.step(wait - time.Millisecond)
		for _, to := range []flow.Target{{}, toMail, toCell} {
			_, err := d.Resend(t.Context(), v, view.ID, to)
			if left := limited(t, err, "resend"); left != time.Millisecond {
				t.Fatalf("the wait is %s, want 1ms", left)
			}
		}
		d.clock.step(time.Millisecond)
		before, err := d.code(view.ID), error(nil)
		view, err = d.Resend(t.Context(), v, view.ID, flow.Target{})
		is(t, err, nil)
		if d.letter(view.ID).Address != annaMail || d.code(view.ID) == before {
			t.Fatal("a resend goes elsewhere or repeats the code")
		}
	}
	if r := d.record(theKey); r.Extensions != 0 {
		t.Errorf("impatience lengthened the block %d times", r.Extensions)
	}
}

// seed 6: a repeated code without an earlier one has nowhere to go.
func TestResendNeedsAChallengeOfItsFlow(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	_, err := d.RequestCode(t.Context(), v, flow.Target{})
	is(t, err, rules.ErrDestination)
	view := d.request(d.open(anna), toMail)
	_, err = d.Resend(t.Context(), v, view.ID, toMail)
	is(t, err, rules.ErrNotFound)
}

// law 3: a code lives for 10 minutes, to the millisecond.
func TestACodeExpires(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		want  error
	}{
		"a millisecond before": {10*time.Minute - time.Millisecond, nil},
		"at its end":           {10 * time.Minute, rules.ErrGone},
	} {
		t.Run(name, func(t *testing.T) {
			d := blocked(t)
			v := d.open(anna)
			view := d.request(v, toMail)
			right := d.code(view.ID)
			d.clock.step(c.after)
			is(t, d.submit(v, view.ID, right), c.want)
		})
	}
}

// section 6: a restored store begins another epoch, which voids tickets and codes.
func TestAnotherEpochVoidsTicketsAndCodes(t *testing.T) {
	d := blocked(t)
	sealed, used, v := d.ticket(anna), d.ticket(anna), d.open(anna)
	_, err := d.Open(t.Context(), host, used, true)
	is(t, err, nil)
	view := d.request(v, toMail)
	right := d.code(view.ID)
	d.Epoch = func() int64 { return 2 }
	_, err = d.Open(t.Context(), host, sealed, false)
	is(t, err, ticket.ErrInvalid)
	_, err = d.Overview(t.Context(), flow.Visit{Host: host, Ticket: used})
	is(t, err, rules.ErrNoFlow)
	is(t, d.submit(v, view.ID, right), rules.ErrGone)
}

// seed 15, 30: a request refused for the account's own volume is an attempt on it,
// so that the block lasts longer. O1: strangers share a network and may type one's
// number, so a refusal for those lengthens nothing.
func TestTooManyRequestsLengthenTheBlock(t *testing.T) {
	rate := limit.Rate{Count: 1, Per: time.Hour, Burst: 1}
	for subject, extensions := range map[string]int{"account": 1, "contact": 0, "network": 0} {
		t.Run(subject, func(t *testing.T) {
			d := blocked(t)
			limits := &d.policies[shop].Limits
			switch subject {
			case "account":
				limits.Account = rate
			case "contact":
				limits.Contact = rate
			case "network":
				limits.Network = rate
			}
			d.clock.step(3*time.Hour + time.Minute)
			d.request(d.open(anna), toMail)
			_, err := d.RequestCode(t.Context(), d.open(anna), toMail)
			if wait := limited(t, err, subject); wait != time.Hour {
				t.Errorf("the wait is %s, want 1h", wait)
			}
			// 3h1m + 24h, rounded up to the 24th part of the duration
			end := start.Add(time.Duration(24+4*extensions) * time.Hour)
			if r := d.record(theKey); !r.Expires.Equal(end) || r.Extensions != extensions {
				t.Errorf("the block ends at %s after %d extensions", r.Expires, r.Extensions)
			}
		})
	}
}

// T3: numbers of one prefix share a rate, and so do those of one country; mail knows
// neither. A country may have a rate of its own.
func TestNumbersShareTheirPrefixAndCountry(t *testing.T) {
	once := limit.Rate{Count: 1, Per: time.Hour, Burst: 1}
	neighbour := strings.TrimSuffix(annaCell, annaCell[len(annaCell)-2:]) + "00"
	for name, c := range map[string]struct {
		set     func(*policy.Limits)
		number  string
		subject string
	}{
		"a number of the same prefix": {func(l *policy.Limits) { l.Prefix = once }, neighbour, "prefix"},
		"a number of the country":     {func(l *policy.Limits) { l.Country = once }, "+4916098765432", "country"},
		"the country's own rate": {func(l *policy.Limits) {
			l.Country, l.Countries = limit.Rate{}, map[string]limit.Rate{"DE": once}
		}, "+4916098765432", "country"},
		"another country's rate": {func(l *policy.Limits) {
			l.Country, l.Countries = limit.Rate{}, map[string]limit.Rate{"PL": once}
		}, "+4916098765432", ""},
	} {
		t.Run(name, func(t *testing.T) {
			const bert = "bert"
			d := blocked(t)
			other := cell
			other.ID, other.Address = "other", c.number
			d.has(bert, mail, other)
			d.block("bert", func(s *block.Spec) { s.Account = bert })
			c.set(&d.policies[shop].Limits)
			d.request(d.open(anna), toCell)
			_, err := d.RequestCode(t.Context(), d.open(bert), flow.Target{ContactID: "other"})
			if c.subject == "" {
				is(t, err, nil)
				return
			}
			if wait := limited(t, err, c.subject); wait != time.Hour {
				t.Errorf("the wait is %s, want 1h", wait)
			}
			d.request(d.open(bert), toMail)
		})
	}
}

// T6: the caps on what texts and calls cost are the policy's own. They refuse before
// there is a message, lengthen nobody's block, count as nobody's failure and leave mail
// and other policies alone.
func TestSpendIsCapped(t *testing.T) {
	once := limit.Cap(1, time.Hour)
	for name, c := range map[string]struct {
		set     func(*policy.Limits)
		subject string
	}{
		"of the policy":      {func(l *policy.Limits) { l.Spend = once }, "spend"},
		"of the country":     {func(l *policy.Limits) { l.SpendCountries = map[string]limit.Rate{"DE": once} }, "spend-country"},
		"of another country": {func(l *policy.Limits) { l.SpendCountries = map[string]limit.Rate{"PL": once} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := blocked(t)
			d.policies[shop].Escalation.MethodAfter = 1 // one failure would block the method
			c.set(&d.policies[shop].Limits)
			d.clock.step(3*time.Hour + time.Minute)
			d.request(d.open(anna), toCell)
			d.collect()
			_, err := d.RequestCode(t.Context(), d.open(anna), toCell)
			if c.subject == "" {
				is(t, err, nil)
				return
			}
			if wait := limited(t, err, c.subject); wait != time.Hour {
				t.Errorf("the wait is %s, want 1h", wait)
			}
			if r := d.record(theKey); r.Extensions != 0 {
				t.Errorf("the block was lengthened %d times", r.Extensions)
			}
			if sent := d.collect(); len(sent) != 0 {
				t.Errorf("%d messages, want none", len(sent))
			}
			d.request(d.open(anna), toMail)
			d.clock.step(time.Hour)
			d.request(d.open(anna), toCell)
		})
	}
}

// seed 28, 30: too many requests lengthen the block that they are about, be it of a
// method alone.
func TestTooManyRequestsLengthenTheBlockOfAMethod(t *testing.T) {
	d := newDesk(t)
	d.has(anna, mail, cell)
	sms, voice := d.block("sms", scoped(block.Method, "SMS")), d.block("voice", scoped(block.Method, "Voice"))
	d.policies[shop].Limits.Account = limit.Rate{Count: 1, Per: time.Hour, Burst: 1}
	d.clock.step(time.Hour)
	open := func() flow.Visit {
		out, err := d.Decide(shop, flow.Request{Account: anna, Action: decision.SignIn, Method: "SMS"})
		is(t, err, nil)
		credential, err := d.Open(t.Context(), host, out.Ticket, false)
		is(t, err, nil)
		return flow.Visit{Host: host, Credential: credential, Network: network}
	}
	d.request(open(), toMail)
	_, err := d.RequestCode(t.Context(), open(), toMail)
	limited(t, err, "account")
	if d.record(sms).Extensions != 1 || d.record(voice).Extensions != 0 {
		t.Errorf("SMS was lengthened %d times and Voice %d times", d.record(sms).Extensions, d.record(voice).Extensions)
	}
}

// law 3, N4: a contact's limit holds however many flows ask.
func TestAnotherContactHasItsOwnLimit(t *testing.T) {
	d := blocked(t)
	d.policies[shop].Limits.Contact = limit.Rate{Count: 1, Per: time.Hour, Burst: 1}
	d.request(d.open(anna), toMail)
	_, err := d.RequestCode(t.Context(), d.open(anna), toMail)
	limited(t, err, "contact")
	d.request(d.open(anna), toCell)
}

// A challenge shows its page what it may know and no more.
func TestOverviewShowsTheCurrentChallenge(t *testing.T) {
	d := blocked(t)
	v := d.open(anna)
	view := d.request(v, toMail)
	got := d.overview(v).Challenge
	if diff := cmp.Diff(view, *got); diff != "" {
		t.Errorf("(-requested +shown):\n%s", diff)
	}
}
