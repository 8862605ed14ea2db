package web

import (
	"context"
	"net/http"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
)

// ChangeDesk changes the security info of a session's account.
type ChangeDesk interface {
	// Changes lists what is open; ChangeStep shows one change. Neither changes anything.
	Changes(ctx context.Context, v flow.Visit) (flow.Changes, error)
	ChangeStep(ctx context.Context, v flow.Visit, id string) (flow.ChangeStep, error)
	// StartAdd, StartReplace and StartRemove begin a change and return its ID.
	StartAdd(ctx context.Context, v flow.Visit, c flow.NewContact) (id string, err error)
	StartReplace(ctx context.Context, v flow.Visit, c flow.NewContact) (id string, err error)
	StartRemove(ctx context.Context, v flow.Visit, contactIDs []string) (id string, err error)
	// Affirm takes a proof without a code; Forget drops what was not proven yet.
	Affirm(ctx context.Context, v flow.Visit, id string, p change.Proof) (flow.Change, error)
	Forget(ctx context.Context, v flow.Visit, id string) error
	// Reach is how the account's messages can go out: channels, countries, own domains.
	Reach(ctx context.Context, v flow.Visit) (flow.Reach, error)

	RequestProof(ctx context.Context, v flow.Visit, ask flow.Ask) (flow.ChallengeView, error)
	ResendProof(ctx context.Context, v flow.Visit, challengeID string, to flow.Target) (flow.ChallengeView, error)
	// SubmitProof returns the credential that replaces the one of the visit.
	SubmitProof(ctx context.Context, v flow.Visit, challengeID, code string) (flow.Proved, error)

	// PeekNotice shows what a notice told of; OpenCancel opens a flow that cancels it.
	PeekNotice(ctx context.Context, host, messageID string) (flow.Cancelling, error)
	OpenCancel(ctx context.Context, v flow.Visit, messageID string) (credential string, err error)
	Cancelling(ctx context.Context, v flow.Visit, id string) (flow.Cancelling, error)
	SetPasswordAfterCancel(ctx context.Context, v flow.Visit, id, newPassword string) error

	Recheck(ctx context.Context, v flow.Visit) (flow.Recheck, error)
	SkipRecheck(ctx context.Context, v flow.Visit) error
	// ReportLoss takes the person's own word that a device is lost.
	ReportLoss(ctx context.Context, v flow.Visit) error
}

// routeChanges serves the pages on which people change their security info.
func (s *site) routeChanges() {
	asking := newBrake(s.Now)
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET " + infoPath + "/add":                  s.showAdd,
		"POST " + infoPath + "/add":                 s.startAdd,
		"GET " + infoPath + "/replace":              s.showReplace,
		"POST " + infoPath + "/replace":             s.startReplace,
		"GET " + infoPath + "/remove":               s.showRemove,
		"POST " + infoPath + "/remove":              s.startRemove,
		"GET " + infoPath + "/change/{id}":          s.showChange,
		"POST " + infoPath + "/change/{id}/send":    s.sendForChange,
		"POST " + infoPath + "/change/{id}/code":    s.submitForChange,
		"POST " + infoPath + "/change/{id}/resend":  s.resendForChange,
		"POST " + infoPath + "/change/{id}/confirm": s.affirm,
		"POST " + infoPath + "/change/{id}/forget":  s.forget,
		"GET /c/{message}":                          s.showNotice,
		"POST /c/{message}":                         s.within(asking, s.openCancel),
		"GET " + infoPath + "/cancel":               s.showCancel,
		"POST " + infoPath + "/cancel/send":         s.sendForCancel,
		"POST " + infoPath + "/cancel/code":         s.submitForCancel,
		"POST " + infoPath + "/cancel/resend":       s.resendForCancel,
		"POST " + infoPath + "/cancel/password":     s.setPasswordAfterCancel,
		"GET " + infoPath + "/recheck":              s.showRecheck,
		"POST " + infoPath + "/recheck/send":        s.sendForRecheck,
		"POST " + infoPath + "/recheck/code":        s.submitForRecheck,
		"POST " + infoPath + "/recheck/resend":      s.resendForRecheck,
		"POST " + infoPath + "/recheck/skip":        s.skipRecheck,
		"GET " + lostPath:                           s.showLost,
		"POST " + lostPath:                          s.reportLoss,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := handle(w, r); err != nil {
				s.signInFailed(w, r, err)
			}
		})
	}
}

// changePath is the page of one change.
func changePath(id string) string { return infoPath + "/change/" + id }

// showChange shows what comes next in a change, or what has become of it.
func (s *site) showChange(w http.ResponseWriter, r *http.Request) error {
	return s.changePage(w, r, http.StatusOK, nil)
}

// stepPage shows a change that asks for no code now.
type stepPage struct {
	flow.ChangeStep
	Change shownChange
	// JuniorUntil is until when the new contact proves nothing; zero where it does.
	JuniorUntil time.Time
}

// Confirming reports whether the second yes is asked for.
func (p stepPage) Confirming() bool { return p.Next == change.Confirmation && p.Frozen == nil }

func (s *site) changePage(w http.ResponseWriter, r *http.Request, status int, t *trouble) error {
	step, err := s.Desk.ChangeStep(r.Context(), s.visit(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	coded := step.Next == change.NewContactCode || step.Next == change.FullContactCode
	if coded && step.Frozen == nil {
		return s.proofPage(w, r, status, step.Welcome, proofOf(step), t)
	}
	data := stepPage{ChangeStep: step, Change: shownChange{step.Change}}
	if until := step.Change.End.At.Add(step.Change.JuniorFor); step.Change.WithoutFull && s.Now().Before(until) {
		data.JuniorUntil = until
	}
	p := around(step.Welcome, titleOf(data), data)
	p.Trouble = t
	s.render(w, r, status, "changes-step", p)
	return nil
}

// titleOf heads the page of a change.
func titleOf(p stepPage) string {
	switch {
	case p.Frozen != nil:
		return "change.frozenTitle"
	case p.Confirming() && len(p.Change.Removed) == 1:
		return "change.sureOneTitle"
	case p.Confirming():
		return "change.sureManyTitle"
	case p.Change.Held():
		return "change.heldTitle"
	case p.Change.Open():
		return "change.waitsTitle"
	}
	switch p.Change.State {
	case change.Applied:
		return "change.appliedTitle"
	case change.Cancelled:
		return "change.cancelledTitle"
	case change.Expired:
		return "change.expiredTitle"
	default:
		return "change.rejectedTitle"
	}
}

// proofOf asks for the next code of a change.
func proofOf(step flow.ChangeStep) proofForm {
	f := proofForm{
		Base: changePath(step.Change.ID), Purpose: code.AddContact, Destinations: step.Destinations, Resting: step.Resting,
		Code: step.Challenge, OwnDomain: step.OwnDomain, Change: shownChange{step.Change}, Back: infoPath,
	}
	if step.Next == change.FullContactCode {
		f.Purpose = code.StepUp
		f.Without = step.Without
	}
	return f
}

// affirm takes the yes of a page: to a removal, or to going on without a full contact.
func (s *site) affirm(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	if _, err := s.Desk.Affirm(r.Context(), s.visit(r), id, change.Proof(r.PostForm.Get("proof"))); err != nil {
		return err
	}
	see(w, changePath(id))
	return nil
}

// forget drops a change that was begun here and not proven.
func (s *site) forget(w http.ResponseWriter, r *http.Request) error {
	if err := s.Desk.Forget(r.Context(), s.visit(r), r.PathValue("id")); err != nil {
		return err
	}
	see(w, infoPath)
	return nil
}
