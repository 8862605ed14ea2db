package web

import (
	"net/http"
	"slices"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/session"
)

// home is the page at which a flow of a stage goes on.
var home = map[session.Stage]string{
	session.Opened: "/unblock/contact",
	session.Proved: "/unblock/password",
	session.Done:   "/unblock/done",
}

func (s *site) start(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "start", page{Title: "start.title"})
	return nil
}

// blockPage is what a blocked person sees first.
type blockPage struct {
	flow.Overview
	Ticket string
	// In is how long the block still lasts, zero for a permanent one.
	In time.Duration
}

// showBlock shows the block of a ticket. Mail scanners and previews may open it as
// often as they like (law 7).
func (s *site) showBlock(w http.ResponseWriter, r *http.Request) error {
	ticket := r.URL.Query().Get("ticket")
	o, err := s.Desk.Peek(r.Context(), s.host(r), ticket)
	if err == nil && o.State.Terminal() {
		err = rules.ErrOver
	}
	if err != nil {
		return err
	}
	data := blockPage{Overview: o, Ticket: ticket}
	if !o.Until.IsZero() {
		data.In = o.Until.Sub(s.Now())
	}
	s.render(w, r, http.StatusOK, "block", of(o, "block.title", 0, data))
	return nil
}

// openFlow redeems the ticket of the form for a new credential. A cookie that came
// along is not looked at.
func (s *site) openFlow(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	credential, err := s.Desk.Open(r.Context(), s.host(r), r.PostForm.Get("ticket"), false)
	if err != nil {
		return err
	}
	http.SetCookie(w, credentialCookie(credential))
	see(w, home[session.Opened])
	return nil
}

// at loads the flow of a visit that should stand at a stage. Where it stands
// elsewhere the browser is sent there, and here is false.
func (s *site) at(w http.ResponseWriter, r *http.Request, stage session.Stage) (o flow.Overview, here bool, err error) {
	o, err = s.Desk.Overview(r.Context(), s.visit(r))
	switch {
	case err != nil:
		return o, false, err
	case o.Stage != session.Done && o.State.Terminal():
		return o, false, rules.ErrOver
	case o.Stage != stage && home[o.Stage] != "":
		see(w, home[o.Stage])
		return o, false, nil
	default:
		return o, true, nil
	}
}

// stepsOf counts the steps that the pages show: where to, the code and, where the
// block asks for it, the password.
func stepsOf(o flow.Overview) int {
	if o.Stage == session.Proved || slices.Contains(o.Remaining, block.ChangePassword) {
		return 3
	}
	return 2
}

// restrictedDays is how long payments stay denied after a release by an entered number.
const restrictedDays = int(block.EnteredNumberRestriction / (24 * time.Hour))

// donePage ends the flow.
type donePage struct {
	flow.Overview
	// RestrictedDays is how long payments stay denied, zero if they are not.
	RestrictedDays int
}

func (s *site) showDone(w http.ResponseWriter, r *http.Request) error {
	o, here, err := s.at(w, r, session.Done)
	if err != nil || !here {
		return err
	}
	done := donePage{Overview: o}
	if o.EnteredNumber {
		done.RestrictedDays = restrictedDays
	}
	s.render(w, r, http.StatusOK, "done", of(o, "done.title", 0, done))
	return nil
}
