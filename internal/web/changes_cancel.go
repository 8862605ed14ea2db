package web

import (
	"errors"
	"net/http"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
)

// cancelPage is a change that can be, or was, cancelled.
type cancelPage struct {
	flow.Cancelling
	Change shownChange
	// Message names the notice whose link led here; empty where none did.
	Message string
	// Password offers a new one, Saved says that it was taken.
	Password, Saved bool
}

// Over reports whether the change has ended.
func (p cancelPage) Over() bool { return p.Change.State.Terminal() }

// Cancelled reports whether it was cancelled.
func (p cancelPage) Cancelled() bool { return p.Change.State == change.Cancelled }

// Blocked reports whether the account is blocked since: by a code, and by somebody who had
// not signed in, so that the password is still the old one.
func (p cancelPage) Blocked() bool {
	c := p.Change
	return p.Message == "" && p.Cancelled() && !p.FirstFactor && c.End.Reason == change.ByCode && !c.HoldStart.IsZero()
}

// showNotice shows what a notice told of, with the one big button; it changes nothing
// (law 7). A link that nobody got shows nothing (law 6).
func (s *site) showNotice(w http.ResponseWriter, r *http.Request) error {
	shown, err := s.Desk.PeekNotice(r.Context(), s.host(r), r.PathValue("message"))
	if err != nil {
		return err
	}
	data := cancelPage{Cancelling: shown, Change: shownChange{shown.Change}, Message: r.PathValue("message")}
	title := "cancel.title"
	if data.Over() {
		title = titleOf(stepPage{Change: data.Change})
	}
	s.render(w, r, http.StatusOK, "changes-cancel", around(shown.Welcome, title, data))
	return nil
}

// openCancel opens the flow that cancels: a new cookie, none is adopted.
func (s *site) openCancel(w http.ResponseWriter, r *http.Request) error {
	v := flow.Visit{Host: s.host(r), Network: s.ClientAddr(r)}
	credential, err := s.Desk.OpenCancel(r.Context(), v, r.PathValue("message"))
	if errors.Is(err, change.ErrEnded) {
		see(w, r.URL.Path)
		return nil
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, credentialCookie(credential))
	see(w, infoPath+"/cancel")
	return nil
}

func cancelPath(id string) string { return infoPath + "/cancel?change=" + id }

// changeIn is the change that a page or a form of it is about.
func changeIn(r *http.Request) string {
	if r.Method == http.MethodPost {
		return r.PostForm.Get("change")
	}
	return r.URL.Query().Get("change")
}

func (s *site) showCancel(w http.ResponseWriter, r *http.Request) error {
	return s.cancelPage(w, r, http.StatusOK, nil)
}

func (s *site) cancelPage(w http.ResponseWriter, r *http.Request, status int, t *trouble) error {
	shown, err := s.Desk.Cancelling(r.Context(), s.visit(r), changeIn(r))
	if err != nil {
		return err
	}
	data := cancelPage{Cancelling: shown, Change: shownChange{shown.Change}}
	if !data.Over() {
		f := proofForm{
			Base: infoPath + "/cancel", Purpose: code.Cancel, Change: data.Change, Destinations: shown.Destinations,
			Resting: shown.Resting, Code: shown.Challenge, SignIn: shown.SignIn, Another: r.URL.Query().Has("another"),
		}
		if shown.FirstFactor {
			f.Back = infoPath
		}
		return s.proofPage(w, r, status, shown.Welcome, f, t)
	}
	data.Password = data.Cancelled() && shown.FirstFactor && shown.SetsPasswords && shown.Change.End.Reason == change.ByCode && !shown.Change.HoldStart.IsZero()
	data.Saved = r.URL.Query().Has("saved")
	p := around(shown.Welcome, titleOf(stepPage{Change: data.Change}), data)
	if data.Saved {
		p.Title = "cancel.savedTitle"
	}
	p.Trouble = t
	s.render(w, r, status, "changes-cancel", p)
	return nil
}

func (s *site) sendForCancel(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	id := changeIn(r)
	return s.send(w, r, flow.Ask{Purpose: code.Cancel, Change: id}, cancelPath(id), s.cancelPage)
}

func (s *site) submitForCancel(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	return s.submit(w, r, cancelPath(changeIn(r)), s.cancelPage)
}

func (s *site) resendForCancel(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	return s.resendTo(w, r, cancelPath(changeIn(r)), s.cancelPage)
}

// setPasswordAfterCancel takes the new password of a person whose info somebody else
// wanted to change.
func (s *site) setPasswordAfterCancel(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	id := changeIn(r)
	err := s.Desk.SetPasswordAfterCancel(r.Context(), s.visit(r), id, r.PostForm.Get("password"))
	if err == nil {
		see(w, cancelPath(id)+"&saved")
		return nil
	}
	t, status := s.trouble(w, r, err, "password")
	if t == nil || errors.Is(err, rules.ErrOrder) {
		return err
	}
	return s.cancelPage(w, r, status, t)
}
