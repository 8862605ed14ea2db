package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/decision"
)

// work is what every blocked account goes through once: before outside the measured
// time, then do. The bare transactions write the same rows.
type work struct {
	name       string
	before, do func(p *post, ctx context.Context, i int) error
	bareBefore []transaction
	bareDo     []transaction
	// flows of one leg.
	flows int
}

var (
	issueOfACode = work{
		name:   "issue of a code",
		before: (*post).openFlow, do: (*post).requestCode,
		bareBefore: bareFlow[:1], bareDo: bareFlow[1:2], flows: 400,
	}
	wholeFlow = work{
		name:   "whole code flow",
		before: func(*post, context.Context, int) error { return nil }, do: (*post).release,
		bareDo: bareFlow, flows: 100,
	}
)

// openFlow compares both works on both engines.
func openFlow(ctx context.Context, o options) (suite, error) {
	engines, shut, err := openEngines(ctx)
	if err != nil {
		return suite{}, err
	}
	legs := 4
	if o.quick {
		legs = 1
	}
	s := suite{floor: "bare", shut: shut}
	for _, w := range []work{issueOfACode, wholeFlow} {
		for _, e := range engines {
			for _, people := range []int{1, 16, 64} {
				t := trial{engine: e, work: w, people: people, rows: &rows{}}
				s.comparisons = append(s.comparisons, comparison{
					name: fmt.Sprintf("%s on %s, %d at once", w.name, e.name, people), goal: t.goal(), legs: legs,
					ours: t.ours, floor: t.floor,
				})
			}
		}
	}
	return s, nil
}

// trial is one work on one engine by so many people at once.
type trial struct {
	engine engine
	work   work
	people int
	rows   *rows
}

// goal binds the embedded engine, on which a small shop runs.
func (t trial) goal() goal {
	if t.work.name == wholeFlow.name && t.engine.name == "SQLite" && t.people <= 16 {
		return goal{bound: 0.6}
	}
	return goal{}
}

// warm is how many flows pass before the measured ones: connections are made and
// statements prepared, as they are in a process that runs for days.
func (t trial) warm() int { return 2 * t.people }

// flows are all that one leg makes.
func (t trial) flows() int { return t.warm() + max(t.work.flows, 2*t.people) }

// measure does the work for every account and times all but the first ones.
func (t trial) measure(ctx context.Context, do func(ctx context.Context, i int) error) (figures, error) {
	if _, err := inTurn(ctx, 0, t.warm(), t.people, do); err != nil {
		return figures{}, err
	}
	return inTurn(ctx, t.warm(), t.flows(), t.people, do)
}

// ours takes every account of a fresh store through the work.
func (t trial) ours(ctx context.Context) (f figures, err error) {
	return t.onFresh(ctx, func(at place) (f figures, err error) {
		p, err := openPost(ctx, at)
		if err != nil {
			return f, err
		}
		defer func() { err = errors.Join(err, p.close()) }()
		if err := p.admit(ctx, t.flows()); err != nil {
			return f, err
		}
		before := func(ctx context.Context, i int) error { return t.work.before(p, ctx, i) }
		if _, err := inTurn(ctx, 0, t.flows(), t.people, before); err != nil {
			return f, err
		}
		return t.measure(ctx, func(ctx context.Context, i int) error { return t.work.do(p, ctx, i) })
	})
}

// floor writes the rows of as many flows into a store that was prepared alike.
func (t trial) floor(ctx context.Context) (figures, error) {
	return t.onFresh(ctx, func(at place) (f figures, err error) {
		p, err := openPost(ctx, at)
		if err != nil {
			return f, err
		}
		if err := errors.Join(p.admit(ctx, t.flows()), p.close()); err != nil {
			return f, err
		}
		b, err := openBare(ctx, t.engine.dialect, at, t.people, t.flows())
		if err != nil {
			return f, err
		}
		defer func() { err = errors.Join(err, b.db.Close()) }()
		if _, err := inTurn(ctx, 0, t.flows(), t.people, b.commits(t.work.bareBefore)); err != nil {
			return f, err
		}
		return t.measure(ctx, b.commits(t.work.bareDo))
	})
}

// onFresh runs one leg on a place of its own and looks at what it has left there.
func (t trial) onFresh(ctx context.Context, leg func(place) (figures, error)) (f figures, err error) {
	at, err := t.engine.place(ctx)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, at.remove(context.WithoutCancel(ctx))) }()
	if f, err = leg(at); err != nil {
		return f, err
	}
	return f, t.rows.same(ctx, t.engine.dialect, at)
}

// openFlow is the denied sign-in, which gives a ticket, and the ticket's use.
func (p *post) openFlow(ctx context.Context, i int) error {
	person := p.people[i]
	d, err := p.desk.Decide(tenant, flow.Request{Account: person.account, Action: decision.SignIn})
	if err != nil {
		return err
	}
	person.visit = flow.Visit{Host: host, Network: addressOf(i)}
	if person.visit.Credential, err = p.desk.Open(ctx, host, d.Ticket, false); err != nil {
		return fmt.Errorf("open the flow of %s: %w", person.account, err)
	}
	return nil
}

// requestCode asks for a code in the flow that is open.
func (p *post) requestCode(ctx context.Context, i int) error {
	person := p.people[i]
	challenge, err := p.desk.RequestCode(ctx, person.visit, flow.Target{ContactID: contactID})
	if err != nil {
		return fmt.Errorf("request a code for %s: %w", person.account, err)
	}
	person.challenge = challenge.ID
	return nil
}

// release is one flow: it is opened, the code is asked for, sent and entered, which
// releases the block and sends a notice.
func (p *post) release(ctx context.Context, i int) error {
	person := p.people[i]
	if err := p.openFlow(ctx, i); err != nil {
		return err
	}
	if err := p.requestCode(ctx, i); err != nil {
		return err
	}
	if err := p.send(ctx); err != nil {
		return err
	}
	var code string
	select {
	case code = <-person.codes:
	case <-time.After(patience):
		return fmt.Errorf("the code of %s did not come within %s", person.account, patience)
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, _, err := p.desk.SubmitCode(ctx, person.visit, person.challenge, code); err != nil {
		return fmt.Errorf("submit the code of %s: %w", person.account, err)
	}
	return p.send(ctx)
}
