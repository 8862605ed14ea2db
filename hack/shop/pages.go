package shop

import (
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
)

//go:embed pages.html style.css
var assets embed.FS

var pages = template.Must(template.ParseFS(assets, "pages.html"))

// signInPage is what the sign-in page shows.
type signInPage struct {
	Accounts []demoAccount
	InboxURL string
	// Name is kept in the field after a wrong password, Error says what went wrong.
	Name, Error string
}

// demoAccount is an account with its password, as long as that is the demo's.
type demoAccount struct {
	ID, Name, Email, Phone, Password string
	Landline                         bool
}

// homePage is what a person sees who is signed in.
type homePage struct {
	Account Account
	Banner  banner
	Error   string
}

func render(w http.ResponseWriter, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, data)
}

func showStyle(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, assets, "style.css")
}

func (s *Shop) showHome(w http.ResponseWriter, r *http.Request) {
	if id, ok := s.sessions.account(r, s.now()); ok {
		if account, ok := s.accounts.Get(id); ok {
			render(w, http.StatusOK, "home", homePage{Account: account, Banner: s.banner(r, id)})
			return
		}
	}
	render(w, http.StatusOK, "signin", s.signInPage("", ""))
}

func (s *Shop) signInPage(name, problem string) signInPage {
	page := signInPage{InboxURL: s.inboxURL, Name: name, Error: problem}
	for _, account := range s.accounts.All() {
		shown := demoAccount{ID: account.ID, Name: account.Name, Email: account.Email, Phone: account.Phone, Landline: account.Landline}
		for _, c := range customers {
			if c.id == account.ID && !account.Changed {
				shown.Password = c.password
			}
		}
		page.Accounts = append(page.Accounts, shown)
	}
	return page
}

func (s *Shop) postSignIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	name := r.PostFormValue("account")
	res := s.signIn(r.Context(), name, r.PostFormValue("password"), network(r))
	switch res.outcome {
	case signedIn:
		s.sessions.start(w, res.account.ID, s.now())
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case blocked:
		render(w, http.StatusForbidden, "refused", refusal("You cannot sign in now", res.decision))
	case challenged:
		// Browsers hold the redirects of a form to form-action; a page's own they do not.
		w.Header().Set("Refresh", "0; url="+res.decision.Links["securityInfo"])
		render(w, http.StatusForbidden, "challenged", res.decision)
	case unavailable:
		render(w, http.StatusServiceUnavailable, "unavailable", "Sign-in is not possible at the moment")
	default:
		render(w, http.StatusUnauthorized, "signin", s.signInPage(name, "Account or password is wrong."))
	}
}

func (s *Shop) postSignOut(w http.ResponseWriter, r *http.Request) {
	s.sessions.end(w, r)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// postPassword lets a person who is signed in choose a new password.
func (s *Shop) postPassword(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	id, ok := s.sessions.account(r, s.now())
	if !ok {
		render(w, http.StatusUnauthorized, "signin", s.signInPage("", "Sign in first."))
		return
	}
	account, right := s.accounts.Check(id, r.PostFormValue("present"))
	if !right {
		render(w, http.StatusUnprocessableEntity, "home", homePage{Account: account, Error: "The present password is wrong."})
		return
	}
	if _, err := s.accounts.Apply(id, rand.Text(), SetPassword(r.PostFormValue("password")), s.now()); err != nil {
		render(w, http.StatusUnprocessableEntity, "home", homePage{Account: account, Error: "Not changed: " + err.Error() + "."})
		return
	}
	s.signal(r.Context(), id, signalPasswordChanged, network(r), "")
	s.sessions.revoke(id)
	s.sessions.start(w, id, s.now())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
