package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/code"
)

// verifyPage asks which contact shall prove that it is the owner.
type verifyPage struct {
	flow.SecurityInfo
	// Chosen is the destination that is preselected.
	Chosen flow.Destination
}

func (s *site) showVerify(w http.ResponseWriter, r *http.Request) error {
	return s.verifyPage(w, r, http.StatusOK, nil)
}

func (s *site) verifyPage(w http.ResponseWriter, r *http.Request, status int, t *trouble) error {
	info, err := s.Desk.SecurityInfo(r.Context(), s.visit(r))
	if err != nil {
		return err
	}
	data := verifyPage{SecurityInfo: info}
	if len(info.Destinations) > 0 {
		data.Chosen = info.Destinations[0]
	}
	p := around(info.Welcome, "verify.title", data)
	p.Trouble = t
	s.render(w, r, status, "signin-verify", p)
	return nil
}

// requestStepUp sends a code to a contact of the list. A double click is one deed.
func (s *site) requestStepUp(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	to := wayOf(r.PostForm.Get("contact"))
	visit := s.visit(r)
	visit.Key = formKey("step-up", r.PostForm.Get("after"), to.ContactID, string(to.Channel))
	err := rules.ErrDestination // an empty form is no wish for the same again
	if to.ContactID != "" {
		_, err = s.Desk.RequestStepUp(r.Context(), visit, to)
	}
	if err == nil {
		see(w, infoPath+"/code")
		return nil
	}
	t, status := s.trouble(w, r, err, "contact")
	if t == nil {
		return err
	}
	return s.verifyPage(w, r, status, t)
}

// stepUpPage takes the code.
type stepUpPage struct {
	flow.SecurityInfo
	Code           flow.ChallengeView
	Expired, Spent bool
	Left, Wait     time.Duration
	// Wrong says that the code that was entered is at fault.
	Wrong bool
}

func (s *site) showStepUp(w http.ResponseWriter, r *http.Request) error {
	return s.stepUpPage(w, r, http.StatusOK, nil)
}

func (s *site) stepUpPage(w http.ResponseWriter, r *http.Request, status int, t *trouble) error {
	info, err := s.Desk.SecurityInfo(r.Context(), s.visit(r))
	if err != nil {
		return err
	}
	if info.Challenge == nil {
		see(w, infoPath+"/verify")
		return nil
	}
	c, now := *info.Challenge, s.Now()
	data := stepUpPage{
		SecurityInfo: info, Code: c, Spent: c.AttemptsLeft == 0, Expired: !now.Before(c.ExpiresAt),
		Left: c.ExpiresAt.Sub(now), Wait: max(c.ResendAt.Sub(now), 0),
	}
	title := "code.title"
	switch {
	case data.Spent:
		title, t = "code.spentTitle", nil
	case data.Expired:
		title = "code.expiredTitle"
	}
	if t != nil && t.Field == "code" {
		t.Lines, data.Wrong = append(t.Lines, s.voice(r).attempts(c.AttemptsLeft)), true
	}
	p := around(info.Welcome, title, data)
	p.Trouble = t
	s.render(w, r, status, "signin-code", p)
	return nil
}

// submitStepUp tries a code. What cannot be a code at all costs no attempt.
func (s *site) submitStepUp(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	done, err := s.tryStepUp(r, r.PostForm.Get("id"), r.PostForm.Get("code"))
	if done.Credential != "" { // the code was right, whatever failed behind it
		http.SetCookie(w, credentialCookie(done.Credential))
	}
	if err == nil {
		to := infoPath
		if done.Cancelled.ID != "" { // there a new password is chosen
			to = cancelPath(done.Cancelled.ID)
		}
		see(w, to)
		return nil
	}
	return s.stepUpTrouble(w, r, err, "code")
}

func (s *site) tryStepUp(r *http.Request, id, submitted string) (flow.SteppedUp, error) {
	digits := code.Normalize(strings.TrimSpace(submitted))
	if digits == "" || len(digits) > maxCode || strings.Trim(digits, "0123456789") != "" {
		return flow.SteppedUp{}, problem.New(http.StatusUnprocessableEntity, "code-unreadable", "A security code has digits only")
	}
	return s.Desk.SubmitStepUp(r.Context(), s.visit(r), id, digits)
}

// resendStepUp sends another code in place of the current one, perhaps another way.
func (s *site) resendStepUp(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	id, to := r.PostForm.Get("id"), wayOf(r.PostForm.Get("contact"))
	visit := s.visit(r)
	visit.Key = formKey("step-up again", id, to.ContactID, string(to.Channel))
	if _, err := s.Desk.ResendStepUp(r.Context(), visit, id, to); err != nil {
		return s.stepUpTrouble(w, r, err, "")
	}
	see(w, infoPath+"/code")
	return nil
}

// stepUpTrouble shows an error on the page of the code where it belongs there.
func (s *site) stepUpTrouble(w http.ResponseWriter, r *http.Request, err error, field string) error {
	if errors.Is(err, rules.ErrNotFound) {
		err = rules.ErrGone
	}
	t, status := s.trouble(w, r, err, field)
	if t == nil {
		return err
	}
	return s.stepUpPage(w, r, status, t)
}
