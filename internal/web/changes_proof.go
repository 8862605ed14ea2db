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
	"holdfast.dev/holdfast/internal/rules/contact"
)

// proofForm asks for a code that proves something about the security info: first where it
// shall go, then the code.
type proofForm struct {
	// Base is where its forms go: Base/send, Base/code, Base/resend.
	Base    string
	Purpose code.Purpose
	// Change is the one that the code is for; empty for a recheck.
	Change       shownChange
	Destinations []flow.Destination
	Resting      []flow.Resting
	// Without offers to go on without a code to a full contact.
	Without bool
	// OwnDomain is the new address's, where it is the account's own provider's.
	OwnDomain string
	// Skip is for how long a recheck can be put off; SignIn says that a sign-in comes first.
	Skip   time.Duration
	MustBy time.Time
	SignIn bool
	// Another chooses another contact, although a code is on its way.
	Another bool
	Back    string

	Code           *flow.ChallengeView
	Expired, Spent bool
	Left, Wait     time.Duration
	// Wrong says that the code that was entered is at fault.
	Wrong bool
}

// Adding, Cancelling and Rechecking say what the code is for; the fourth is that a full
// contact stands for a change.
func (f proofForm) Adding() bool { return f.Purpose == code.AddContact }

// Cancelling reports whether the code cancels a change.
func (f proofForm) Cancelling() bool { return f.Purpose == code.Cancel }

// Rechecking reports whether the code shows that codes arrive.
func (f proofForm) Rechecking() bool { return f.Purpose == code.Recheck }

// Chosen is the way that is preselected.
func (f proofForm) Chosen(d flow.Destination) bool { return d == f.Destinations[0] }

// New is the new contact, nil where there is none.
func (f proofForm) New() *flow.Piece {
	if len(f.Change.Added) == 0 {
		return nil
	}
	return &f.Change.Added[0]
}

// ToMail reports whether the new contact is an address, which has other typing errors than
// a number (seed 55).
func (f proofForm) ToMail() bool { return f.New() != nil && f.New().Channel == contact.Email }

// title heads the page.
func (f proofForm) title() string {
	switch {
	case f.Code != nil && f.Spent:
		return "code.spentTitle"
	case f.Code != nil && f.Expired:
		return "code.expiredTitle"
	case f.Code != nil:
		return "code.title"
	case f.Adding():
		return "proof.addTitle"
	case f.Cancelling():
		return "proof.cancelTitle"
	case f.Rechecking():
		return "proof.recheckTitle"
	default:
		return "verify.title"
	}
}

// proofPage shows the form of a proof.
func (s *site) proofPage(w http.ResponseWriter, r *http.Request, status int, o flow.Welcome, f proofForm, t *trouble) error {
	if f.Another {
		f.Code = nil
	}
	if f.Code != nil {
		now := s.Now()
		f.Spent, f.Expired = f.Code.AttemptsLeft == 0, !now.Before(f.Code.ExpiresAt)
		f.Left, f.Wait = f.Code.ExpiresAt.Sub(now), max(f.Code.ResendAt.Sub(now), 0)
		if f.Spent || f.Expired {
			t = nil
		}
		if t != nil && t.Field == "code" {
			t.Lines, f.Wrong = append(t.Lines, s.voice(r).attempts(f.Code.AttemptsLeft)), true
		}
	}
	p := around(o, f.title(), f)
	p.Trouble = t
	s.render(w, r, status, "changes-proof", p)
	return nil
}

// shower shows the page of a proof again, with what was wrong.
type shower func(w http.ResponseWriter, r *http.Request, status int, t *trouble) error

// send asks for a code and leads to its page. A double click is one deed.
func (s *site) send(w http.ResponseWriter, r *http.Request, ask flow.Ask, to string, show shower) error {
	ask.To = wayOf(r.PostForm.Get("contact"))
	visit := s.visit(r)
	visit.Key = formKey("proof", r.PostForm.Get("after"), string(ask.Purpose), ask.Change, ask.To.ContactID, string(ask.To.Channel))
	if _, err := s.Desk.RequestProof(r.Context(), visit, ask); err != nil {
		return s.proofTrouble(w, r, err, "contact", show)
	}
	see(w, to)
	return nil
}

// submit tries a code and leads on. What cannot be a code at all costs no attempt.
func (s *site) submit(w http.ResponseWriter, r *http.Request, to string, show shower) error {
	if err := readForm(r); err != nil {
		return err
	}
	done, err := s.tryProof(r, r.PostForm.Get("id"), r.PostForm.Get("code"))
	if done.Credential != "" {
		http.SetCookie(w, credentialCookie(done.Credential))
	}
	if err != nil {
		return s.proofTrouble(w, r, err, "code", show)
	}
	see(w, to)
	return nil
}

func (s *site) tryProof(r *http.Request, id, submitted string) (flow.Proved, error) {
	digits := code.Normalize(strings.TrimSpace(submitted))
	if digits == "" || len(digits) > maxCode || strings.Trim(digits, "0123456789") != "" {
		return flow.Proved{}, problem.New(http.StatusUnprocessableEntity, "code-unreadable", "A security code has digits only")
	}
	return s.Desk.SubmitProof(r.Context(), s.visit(r), id, digits)
}

// resendTo sends another code in place of one, perhaps another way.
func (s *site) resendTo(w http.ResponseWriter, r *http.Request, to string, show shower) error {
	if err := readForm(r); err != nil {
		return err
	}
	id, way := r.PostForm.Get("id"), wayOf(r.PostForm.Get("contact"))
	visit := s.visit(r)
	visit.Key = formKey("proof again", id, way.ContactID, string(way.Channel))
	if _, err := s.Desk.ResendProof(r.Context(), visit, id, way); err != nil {
		return s.proofTrouble(w, r, err, "", show)
	}
	see(w, to)
	return nil
}

// proofTrouble shows an error on the page of the proof where it belongs there.
func (s *site) proofTrouble(w http.ResponseWriter, r *http.Request, err error, field string, show shower) error {
	if field != "contact" && errors.Is(err, rules.ErrNotFound) {
		err = rules.ErrGone
	}
	t, status := s.trouble(w, r, err, field)
	if t == nil {
		return err
	}
	return show(w, r, status, t)
}

func (s *site) sendForChange(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	step, err := s.Desk.ChangeStep(r.Context(), s.visit(r), id)
	if err != nil {
		return err
	}
	ask := flow.Ask{Purpose: proofOf(step).Purpose, Change: id}
	return s.send(w, r, ask, changePath(id), s.changePage)
}

func (s *site) submitForChange(w http.ResponseWriter, r *http.Request) error {
	return s.submit(w, r, changePath(r.PathValue("id")), s.changePage)
}

func (s *site) resendForChange(w http.ResponseWriter, r *http.Request) error {
	return s.resendTo(w, r, changePath(r.PathValue("id")), s.changePage)
}
