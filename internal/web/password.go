package web

import (
	"net/http"
	"slices"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/password"
	"holdfast.dev/holdfast/internal/rules/session"
)

// passwordPage takes the new password.
type passwordPage struct {
	flow.Overview
	// Rule is the length that the policy asks for, in words.
	Rule string
}

func (s *site) showPassword(w http.ResponseWriter, r *http.Request) error {
	return s.passwordPage(w, r, http.StatusOK, nil)
}

func (s *site) passwordPage(w http.ResponseWriter, r *http.Request, status int, t *trouble) error {
	o, here, err := s.at(w, r, session.Proved)
	if err != nil || !here {
		return err
	}
	p := of(o, "password.title", 3, passwordPage{o, s.rule(r)})
	p.Trouble = t
	s.render(w, r, status, "password", p)
	return nil
}

// rule asks the policy for its least length by way of the empty password.
func (s *site) rule(r *http.Request) string {
	verdict, err := s.Desk.CheckPassword(r.Context(), s.visit(r), "")
	if i := slices.Index(verdict.Reasons, password.TooShort); err == nil && i >= 0 && i < len(verdict.Suggestions) {
		return s.voice(r).hint(verdict.Suggestions[i])
	}
	return s.voice(r).Say("password.makeLong")
}

func (s *site) setPassword(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	err := s.Desk.SetPassword(r.Context(), s.visit(r), r.PostForm.Get("password"))
	if err == nil {
		see(w, home[session.Done])
		return nil
	}
	t, status := s.trouble(w, r, err, "password")
	if t == nil {
		return err
	}
	return s.passwordPage(w, r, status, t)
}

// checkPage is the password checker (seed 5).
type checkPage struct {
	Checked bool
	Verdict password.Strength
	Rule    string
}

func (s *site) showPasswordCheck(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "check", page{Title: "check.title", Data: checkPage{Rule: s.rule(r)}})
	return nil
}

func (s *site) checkPassword(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	verdict, err := s.Desk.CheckPassword(r.Context(), s.visit(r), r.PostForm.Get("password"))
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "check", page{Title: "check.title",
		Data: checkPage{Checked: true, Verdict: verdict, Rule: s.rule(r)}})
	return nil
}
