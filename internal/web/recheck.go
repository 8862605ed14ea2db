package web

import (
	"net/http"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/recheck"
)

const recheckPath = infoPath + "/recheck"

// recheckPage says that nothing is asked, or that a first contact is.
type recheckPage struct {
	flow.Recheck
}

// Registering reports whether the person is asked for a first contact.
func (p recheckPage) Registering() bool {
	return p.Prompt == recheck.Register || p.Prompt == recheck.MustRegister
}

func (s *site) showRecheck(w http.ResponseWriter, r *http.Request) error {
	return s.recheckPage(w, r, http.StatusOK, nil)
}

func (s *site) recheckPage(w http.ResponseWriter, r *http.Request, status int, t *trouble) error {
	asked, err := s.Desk.Recheck(r.Context(), s.visit(r))
	if err != nil {
		return err
	}
	data := recheckPage{asked}
	// Nobody is asked who only wants to prove a contact of which somebody said otherwise.
	idle := asked.Prompt == recheck.None && asked.Challenge == nil && !r.URL.Query().Has("prove")
	if idle || data.Registering() {
		title := "recheck.title"
		if data.Registering() {
			title = "recheck.registerTitle"
		}
		p := around(asked.Welcome, title, data)
		p.Trouble = t
		s.render(w, r, status, "recheck", p)
		return nil
	}
	return s.proofPage(w, r, status, asked.Welcome, proofForm{
		Base: recheckPath, Purpose: code.Recheck, Destinations: asked.Destinations, Resting: asked.Resting,
		Code: asked.Challenge, Skip: asked.Skip, MustBy: asked.MustBy, Another: r.URL.Query().Has("another"), Back: infoPath,
	}, t)
}

func (s *site) sendForRecheck(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	return s.send(w, r, flow.Ask{Purpose: code.Recheck}, recheckPath, s.recheckPage)
}

func (s *site) submitForRecheck(w http.ResponseWriter, r *http.Request) error {
	return s.submit(w, r, recheckPath, s.recheckPage)
}

func (s *site) resendForRecheck(w http.ResponseWriter, r *http.Request) error {
	return s.resendTo(w, r, recheckPath, s.recheckPage)
}

// skipRecheck puts the question off (seed 38).
func (s *site) skipRecheck(w http.ResponseWriter, r *http.Request) error {
	if err := s.Desk.SkipRecheck(r.Context(), s.visit(r)); err != nil {
		return err
	}
	see(w, recheckPath)
	return nil
}
