package web

import (
	"errors"
	"net/http"

	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// noCodePage is "I don't have a code" (seed 6): other ways, what to check, and what
// happens to whoever waits.
type noCodePage struct{ codePage }

// IsMail says whether the advice for mailboxes fits.
func (p noCodePage) IsMail() bool { return p.Code.Channel == contact.Email }

// Closed says that no code can go anywhere at present.
func (p noCodePage) Closed() bool {
	return !p.Code.Repeatable && len(p.Code.Alternatives) == 0 && !p.EnterNumber
}

func (s *site) showNoCode(w http.ResponseWriter, r *http.Request) error {
	return s.noCodePage(w, r, http.StatusOK, nil)
}

// noCodePage is for as long as another code can help; after too many wrong ones none
// does, and the page of the code says so.
func (s *site) noCodePage(w http.ResponseWriter, r *http.Request, status int, t *trouble) error {
	o, here, err := s.at(w, r, session.Opened)
	if err != nil || !here {
		return err
	}
	if o.Challenge == nil {
		s.noChallenge(w, r, status, o, t)
		return nil
	}
	data := noCodePage{s.codeOf(o)}
	switch {
	case data.Spent && t == nil:
		see(w, "/unblock/code")
	case data.Spent:
		s.showChallenge(w, r, status, data.codePage, t)
	default:
		p := of(o, "common.noCode", 2, data)
		p.Trouble = t
		s.render(w, r, status, "nocode", p)
	}
	return nil
}

// resend sends another code in place of the current one: the same way, or another.
func (s *site) resend(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	id, to := r.PostForm.Get("id"), wayOf(r.PostForm.Get("contact"))
	visit := s.visit(r)
	visit.Key = formKey("resend", id, to.ContactID, string(to.Channel))
	_, err := s.Desk.Resend(r.Context(), visit, id, to)
	if err == nil {
		see(w, "/unblock/code")
		return nil
	}
	if errors.Is(err, rules.ErrNotFound) {
		err = rules.ErrGone
	}
	t, status := s.trouble(w, r, err, "ways")
	if t == nil {
		return err
	}
	return s.noCodePage(w, r, status, t)
}
