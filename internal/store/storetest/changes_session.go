package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// ProofStore is what the suite asks of codes that prove something in a session.
type ProofStore interface {
	AcceptProof(ctx context.Context, a code.Accept) error
	SteppedUpBy(ctx context.Context, s session.Session) (challengeID string, err error)
	CancelledBefore(ctx context.Context, r change.Record, contactID string) (bool, error)
	AcceptedIn(ctx context.Context, flowID string, purpose code.Purpose, name string) (bool, error)
	CancelledSince(ctx context.Context, tenant, account string, then time.Time) (bool, error)
	ForgetChange(ctx context.Context, v change.Visit) error
}

var proofTests = map[string]func(*testing.T, Backend){
	"proof/a code changes the credential and leaves the assurance": proofAccepted,
	"proof/law 3: one of 16 at once":                               proofRace,
	"proof/one that has run out proves nothing":                    proofLate,
	"proof/the step-up of a session vouches for a change":          proofOfStepUp,
	"proof/who has cancelled without the first factor is known":    proofCancelled,
}

// askedFor is a code of a purpose and change whose attempt was counted.
func (v visitor) askedFor(purpose code.Purpose, object string, now time.Time) code.Challenge {
	v.t.Helper()
	issue := v.issue(now)
	issue.Challenge.Purpose, issue.Challenge.Object = purpose, object
	c := v.mustIssue(issue)
	must(v.t, v.wrong(c, now))
	return c
}

func proofAccepted(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.askedFor(code.Recheck, "", Start)
	later := Start.Add(time.Minute)
	must(t, b.AcceptProof(t.Context(), code.Accept{Challenge: c, NewSecret: secondSecret(c.ID), Now: later}))
	_, err := v.now(v.session.Secret)
	wantErr(t, err, rules.ErrNoFlow)
	s := mustGet[session.Session](t)(v.now(secondSecret(c.ID)))
	equal(t, "assurance", s.Assurance, session.Password)
	book := mustGet[contact.Book](t)(b.Book(t.Context(), tenant, account))
	equal(t, "proof of the contact", book.Contacts[0].Proven, later)
	_, _, err = b.CurrentChallenge(t.Context(), v.session.ID)
	wantErr(t, err, rules.ErrNotFound) // there is room for the next
	_, err = b.SteppedUpBy(t.Context(), s)
	wantErr(t, err, rules.ErrNotFound)
}

func proofRace(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.askedFor(code.StepUp, "c", Start)
	won := race(func(i int) bool {
		err := b.AcceptProof(t.Context(), code.Accept{Challenge: c, NewSecret: sha256.Sum256([]byte{byte(i)}), Now: Start})
		if err != nil && !errors.Is(err, rules.ErrGone) {
			t.Error(err)
		}
		return err == nil
	})
	equal(t, "proofs", won, 1)
}

func proofLate(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.askedFor(code.Recheck, "", Start)
	wantErr(t, b.AcceptProof(t.Context(), code.Accept{Challenge: c, NewSecret: secondSecret(c.ID), Now: c.Expires}), rules.ErrGone)
	mustGet[session.Session](t)(v.now(v.session.Secret))
}

func proofOfStepUp(t *testing.T, b Backend) {
	v := newVisitor(t, b)
	c := v.asked(Start)
	must(t, v.stepUp(c, Start))
	s := mustGet[session.Session](t)(v.now(secondSecret(c.ID)))
	id := mustGet[string](t)(b.SteppedUpBy(t.Context(), s))
	equal(t, "challenge", id, c.ID)
	o := &owner{Backend: b, t: t, account: account}
	o.freeze(o.sight("c", change.Add, Start))
	r := mustGet[change.Record](t)(b.ProveChange(t.Context(), change.Proving{Key: o.key("c"), Proof: change.FullContactCode, ChallengeID: id, Now: Start}))
	equal(t, "vouched by", r.Proofs.Full, "c1")
	_, err := b.ProveChange(t.Context(), change.Proving{Key: o.key("c"), Proof: change.NewContactCode, ChallengeID: id, Now: Start})
	wantErr(t, err, change.ErrProof) // law 3: it proves no other address
}

func proofCancelled(t *testing.T, b Backend) {
	o := newOwner(t, b)
	o.freeze(o.sight("c", change.Replace, Start))
	r := mustGet[change.Record](t)(o.provenNew("c", Start))
	equal(t, "before", mustGet[bool](t)(b.CancelledBefore(t.Context(), r, "a")), false)
	id := o.code(code.Cancel, "c", "a", Address, Start.Add(time.Minute))
	mustGet[[]change.Record](t)(b.CancelChange(t.Context(), change.Cancelling{Key: o.key("c"), Account: account, ChallengeID: id, Now: Start.Add(time.Minute)}, block.Spec{}))
	equal(t, "side by side", mustGet[bool](t)(b.CancelledBefore(t.Context(), r, "a")), false)
	later := r
	later.HoldStart = Start.Add(time.Hour)
	equal(t, "a later hold", mustGet[bool](t)(b.CancelledBefore(t.Context(), later, "a")), true)
	equal(t, "another contact", mustGet[bool](t)(b.CancelledBefore(t.Context(), later, "b")), false)
	here := strings.TrimSuffix(id, "-challenge-1")
	for at, want := range map[[2]string]bool{{here, "c"}: true, {here, "another"}: false, {"another-flow", "c"}: false} {
		equal(t, "in flow and change "+strings.Join(at[:], " "), mustGet[bool](t)(b.AcceptedIn(t.Context(), at[0], code.Cancel, at[1])), want)
	}
}
