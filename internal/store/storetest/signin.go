package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// SignInStore is what the suite asks of sessions.
type SignInStore interface {
	OpenSession(ctx context.Context, s session.Session) error
	Session(ctx context.Context, f session.Flow) (session.Session, error)
	StepUp(ctx context.Context, a code.Accept) error
	EndSession(ctx context.Context, f session.Flow, now time.Time) error
}

var signInTests = map[string]func(*testing.T, Backend){
	"session/opens once for each ticket":                   sessionOnce,
	"session/a flow of another purpose is none":            sessionOfAnotherPurpose,
	"session/a step-up changes credential and assurance":   steppedUp,
	"session/law 3: one of 16 step-ups at once":            stepUpRace,
	"session/law 3: a code steps up once":                  stepUpOnce,
	"session/a step-up gives its attempts to nobody else":  stepUpRoom,
	"session/only a full contact steps up":                 stepUpByFull,
	"session/a code of another purpose does not step up":   stepUpOfAnotherPurpose,
	"session/a code of an unblock does not step up":        stepUpOfUnblock,
	"session/a session that has run out is not stepped up": stepUpLate,
	"session/ends for good":                                sessionEnds,
	"session/section 6: a new epoch voids it":              sessionOfAnEpoch,
	"session/law 1: its proof outlives a restart":          sessionAfterRestart,
	"session/pruned with its flow":                         sessionPruned,
}

// visitor is a person in a session of their own.
type visitor struct {
	*person
	session session.Session
}

func newVisitor(t *testing.T, b Backend) visitor {
	t.Helper()
	must(t, b.ImportContacts(t.Context(), tenant, account, []contact.Contact{email("c1", Address)}, nil, Start))
	s := sessionOf("session-1")
	must(t, b.OpenSession(t.Context(), s))
	return visitor{&person{Backend: b, t: t, flow: s.Flow}, s}
}

func sessionOf(id string) session.Session {
	f := flowOf(account, id, "")
	f.Purpose = session.SecurityInfo
	return session.Session{Flow: f, Assurance: session.Password, Device: block.DeviceOf(tenant, account, "laptop")}
}

// asked is a step-up code that is on its way and whose attempt was counted.
func (v visitor) asked(now time.Time) code.Challenge {
	v.t.Helper()
	issue := v.issue(now)
	issue.Challenge.Purpose = code.StepUp
	c := v.mustIssue(issue)
	must(v.t, v.wrong(c, now))
	return c
}

func (v visitor) stepUp(c code.Challenge, now time.Time) error {
	return v.StepUp(v.t.Context(), code.Accept{Challenge: c, NewSecret: secondSecret(c.ID), Now: now})
}

// now is the session as its credential finds it.
func (v visitor) now(secret [32]byte) (session.Session, error) {
	f, err := v.FlowBySecret(v.t.Context(), secret)
	if err != nil {
		return session.Session{}, err
	}
	return v.Session(v.t.Context(), f)
}

func sessionOnce(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	equal(t, "session", mustGet[session.Session](t)(v.now(v.session.Secret)), v.session)
	again := sessionOf("session-2")
	again.Ticket = v.session.Ticket
	wantErr(t, b.OpenSession(t.Context(), again), rules.ErrTicketUsed)
	_, err := v.now(again.Secret)
	wantErr(t, err, rules.ErrNoFlow)
	equal(t, "rows", count(t, b.DB, `SELECT COUNT(*) FROM sessions`), 1)
	won := race(func(i int) bool {
		s := sessionOf("raced-" + string(rune('a'+i)))
		s.Ticket = "raced"
		err := b.OpenSession(t.Context(), s)
		if err != nil && !errors.Is(err, rules.ErrTicketUsed) {
			t.Error(err)
		}
		return err == nil
	})
	equal(t, "sessions of one ticket", won, 1)
}

func sessionOfAnotherPurpose(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	_, err := b.Session(t.Context(), p.flow)
	wantErr(t, err, rules.ErrNoFlow)
}

func steppedUp(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	before, later := v.session.Flow, Start.Add(time.Minute)
	c := v.asked(Start)
	must(t, v.stepUp(c, later))
	_, err := v.now(before.Secret)
	wantErr(t, err, rules.ErrNoFlow)
	_, err = b.Session(t.Context(), before) // found just before the proof
	wantErr(t, err, rules.ErrNoFlow)
	want := v.session
	want.Secret, want.Bearer = secondSecret(c.ID), false
	want.Assurance, want.ProvedBy, want.ProvedAt = session.StepUp, "c1", later
	equal(t, "session", mustGet[session.Session](t)(v.now(want.Secret)), want)
	book := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account))
	equal(t, "proof of the contact", book.Contacts[0].Proven, later)
	equal(t, "audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'CodeAccepted' AND object = $1 AND detail = 'StepUp'`, c.ID), 1)
}

func stepUpRace(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.asked(Start)
	won := race(func(i int) bool {
		err := v.StepUp(t.Context(), code.Accept{Challenge: c, NewSecret: sha256.Sum256([]byte{byte(i)}), Now: Start})
		if err != nil && !errors.Is(err, rules.ErrGone) {
			t.Error(err)
		}
		return err == nil
	})
	equal(t, "step-ups", won, 1)
}

func stepUpOnce(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.asked(Start)
	must(t, v.stepUp(c, Start))
	wantErr(t, v.stepUp(c, Start), rules.ErrGone)
	wantErr(t, v.wrong(c, Start), rules.ErrGone)
}

// stepUpRoom asks for the next code of a session at once and with all its attempts.
func stepUpRoom(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.asked(Start)
	must(t, v.wrong(c, Start))
	must(t, v.stepUp(c, Start))
	_, _, err := b.CurrentChallenge(t.Context(), v.flow.ID)
	wantErr(t, err, rules.ErrNotFound)
	next := v.mustIssue(v.issue(Start.Add(time.Second)))
	equal(t, "attempts", next.Attempts, 0)
	equal(t, "wrong codes of the day", count(t, b.DB, `SELECT COUNT(*) FROM wrong_codes WHERE recent LIKE '%,%'`), 0)
}

func stepUpByFull(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.asked(Start)
	for _, lost := range []string{`UPDATE contacts SET standing = 'Junior'`, `DELETE FROM contacts`} {
		_, err := b.DB.ExecContext(t.Context(), lost)
		must(t, err)
		wantErr(t, v.stepUp(c, Start), rules.ErrGone)
	}
	equal(t, "session", mustGet[session.Session](t)(v.now(v.session.Secret)), v.session)
}

func stepUpOfAnotherPurpose(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	issue := v.issue(Start)
	issue.Challenge.Purpose = code.AddContact
	c := v.mustIssue(issue)
	wantErr(t, v.stepUp(c, Start), rules.ErrOrder)
	equal(t, "session", mustGet[session.Session](t)(v.now(v.session.Secret)), v.session)
}

func stepUpOfUnblock(t *testing.T, b Backend) {
	p := newPerson(t, b, account)
	c := p.mustIssue(p.issue(Start))
	c.Purpose = code.StepUp
	err := b.StepUp(t.Context(), code.Accept{Challenge: c, NewSecret: secondSecret(c.ID), Now: Start})
	wantErr(t, err, rules.ErrOrder)
	_, err = b.FlowBySecret(t.Context(), p.flow.Secret)
	must(t, err)
}

func stepUpLate(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.asked(Start.Add(session.Life - time.Minute))
	wantErr(t, v.stepUp(c, Start.Add(session.Life)), rules.ErrNoFlow)
	must(t, v.stepUp(c, Start.Add(session.Life-time.Millisecond)))
}

func sessionEnds(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	stranger := v.flow
	stranger.Secret = secondSecret("nobody's")
	must(t, b.EndSession(t.Context(), stranger, Start))
	equal(t, "stage", mustGet[session.Flow](t)(b.FlowBySecret(t.Context(), v.flow.Secret)).Stage, session.Opened)
	c := v.asked(Start)
	must(t, b.EndSession(t.Context(), v.flow, Start))
	must(t, b.EndSession(t.Context(), v.flow, Start))
	equal(t, "stage", mustGet[session.Flow](t)(b.FlowBySecret(t.Context(), v.flow.Secret)).Stage, session.Done)
	wantErr(t, v.stepUp(c, Start), rules.ErrNoFlow)
	_, err := b.IssueChallenge(t.Context(), v.issue(Start.Add(time.Hour)))
	wantErr(t, err, rules.ErrNoFlow)
	equal(t, "audit", count(t, b.DB, `SELECT COUNT(*) FROM audit WHERE action = 'SessionEnded'`), 1)
}

func sessionOfAnEpoch(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.asked(Start)
	_, err := b.DB.ExecContext(t.Context(), `UPDATE meta SET value = 2 WHERE name = 'epoch'`)
	must(t, err)
	_, err = b.Session(t.Context(), v.flow)
	wantErr(t, err, rules.ErrNoFlow)
	wantErr(t, v.stepUp(c, Start), rules.ErrNoFlow)
}

func sessionAfterRestart(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.asked(Start)
	must(t, v.stepUp(c, Start))
	v.Store = b.Reopen(t)
	equal(t, "assurance", mustGet[session.Session](t)(v.now(secondSecret(c.ID))).Assurance, session.StepUp)
}

func sessionPruned(t *testing.T, b Backend) {
	newVisitor(t, b)
	left := func(before time.Time) int {
		_, err := b.Prune(t.Context(), before, before)
		must(t, err)
		return count(t, b.DB, `SELECT COUNT(*) FROM sessions`)
	}
	end := Start.Add(session.Life)
	equal(t, "rows at its end", left(end), 1)
	equal(t, "rows later", left(end.Add(time.Millisecond)), 0)
}
