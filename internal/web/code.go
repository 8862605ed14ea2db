package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// maxCode bounds a typed code, in bytes.
const maxCode = 64

// codePage takes the code.
type codePage struct {
	flow.Overview
	Code    flow.ChallengeView
	Expired bool
	Spent   bool
	// Left is how long the code still lives, Wait how long until another may be
	// asked for.
	Left, Wait time.Duration
}

// Today says whether the hour alone names the end of the code's life.
func (p codePage) Today() bool { return p.Left < 12*time.Hour }

// IsPhone says whether the advice for telephones fits.
func (p codePage) IsPhone() bool {
	return p.Code.Channel == contact.SMS || p.Code.Channel == contact.Voice
}

func (s *site) showCode(w http.ResponseWriter, r *http.Request) error {
	return s.codePage(w, r, http.StatusOK, nil)
}

// codePage shows the flow's current code, whichever one the form was about.
func (s *site) codePage(w http.ResponseWriter, r *http.Request, status int, t *trouble) error {
	o, here, err := s.at(w, r, session.Opened)
	if err != nil || !here {
		return err
	}
	if o.Challenge == nil {
		s.noChallenge(w, r, status, o, t)
		return nil
	}
	s.showChallenge(w, r, status, s.codeOf(o), t)
	return nil
}

// codeOf is the code's page of a flow that has a challenge.
func (s *site) codeOf(o flow.Overview) codePage {
	c, now := *o.Challenge, s.Now()
	return codePage{
		Overview: o, Code: c, Spent: c.AttemptsLeft == 0, Expired: !now.Before(c.ExpiresAt),
		Left: c.ExpiresAt.Sub(now), Wait: max(c.ResendAt.Sub(now), 0),
	}
}

// noChallenge goes back a step. Where a form was about a code, the page of another
// account was opened in this browser since: then it says so.
func (s *site) noChallenge(w http.ResponseWriter, r *http.Request, status int, o flow.Overview, t *trouble) {
	if t == nil {
		see(w, home[session.Opened])
		return
	}
	s.contactPage(w, r, status, o, nil, t)
}

func (s *site) showChallenge(w http.ResponseWriter, r *http.Request, status int, data codePage, t *trouble) {
	title := "code.title"
	switch {
	case data.Spent:
		title, t = "code.spentTitle", nil
	case data.Expired:
		title = "code.expiredTitle"
	}
	p := of(data.Overview, title, 2, data)
	p.Trouble = t
	if t != nil && t.Field == "code" {
		t.Lines = append(t.Lines, s.voice(r).attempts(data.Code.AttemptsLeft))
	}
	s.render(w, r, status, "code", p)
}

func (v *voice) attempts(left int) string { return v.Say("trouble.attempts", "n", left) }

// submitCode tries a code. What cannot be a code at all costs no attempt.
func (s *site) submitCode(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	next, credential, err := s.tryCode(r, r.PostForm.Get("id"), r.PostForm.Get("code"))
	if credential != "" {
		http.SetCookie(w, credentialCookie(credential))
	}
	switch {
	case err == nil && next == block.ChangePassword:
		see(w, home[session.Proved])
		return nil
	case err == nil:
		see(w, home[session.Done])
		return nil
	case credential != "":
		return err
	default:
		return s.codeTrouble(w, r, err)
	}
}

func (s *site) tryCode(r *http.Request, id, submitted string) (block.Step, string, error) {
	digits := code.Normalize(strings.TrimSpace(submitted))
	if digits == "" || len(digits) > maxCode || strings.Trim(digits, "0123456789") != "" {
		return "", "", problem.New(http.StatusUnprocessableEntity, "code-unreadable", "A security code has digits only")
	}
	return s.Desk.SubmitCode(r.Context(), s.visit(r), id, digits)
}

// codeTrouble shows an error on the page of the code where it belongs there.
func (s *site) codeTrouble(w http.ResponseWriter, r *http.Request, err error) error {
	if errors.Is(err, rules.ErrNotFound) {
		err = rules.ErrGone
	}
	t, status := s.trouble(w, r, err, "code")
	if t == nil {
		return err
	}
	return s.codePage(w, r, status, t)
}
