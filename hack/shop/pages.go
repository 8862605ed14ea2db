package shop

import (
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
	"time"
)

//go:embed pages.html style.css
var assets embed.FS

var pages = template.Must(template.ParseFS(assets, "pages.html"))

// reasons in plain words.
var reasons = map[string]string{
	"UnusualActivity":    "Something unusual happened on this account, so it is kept safe until it is clear that you are you.",
	"HighRequestVolume":  "Too many codes were asked for in a short time.",
	"TermsOfService":     "The account was used against the terms of service.",
	"CompromisedTraffic": "Attacks are coming from the network that you use.",
	"Administrative":     "The security team has blocked this account.",
}

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

// blockedPage is what a person sees whose account is blocked.
type blockedPage struct {
	Reasons []string
	// Until is nil where no end is known.
	Until *time.Time
	// Unblock and Help are Holdfast's links; empty where there is none.
	Unblock, Help string
}

// homePage is what a person sees who is signed in.
type homePage struct {
	Account Account
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
			render(w, http.StatusOK, "home", homePage{Account: account})
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
		page := blockedPage{Until: res.until, Unblock: res.links["unblock"], Help: res.links["help"]}
		for _, reason := range res.reasons {
			if words := reasons[reason]; words != "" {
				page.Reasons = append(page.Reasons, words)
			}
		}
		render(w, http.StatusForbidden, "blocked", page)
	case unavailable:
		render(w, http.StatusServiceUnavailable, "unavailable", nil)
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
		render(w, http.StatusUnprocessableEntity, "home", homePage{account, "The present password is wrong."})
		return
	}
	if _, err := s.accounts.Apply(id, rand.Text(), SetPassword(r.PostFormValue("password")), s.now()); err != nil {
		render(w, http.StatusUnprocessableEntity, "home", homePage{account, "Not changed: " + err.Error() + "."})
		return
	}
	s.signal(r.Context(), id, signalPasswordChanged, network(r), "")
	s.sessions.revoke(id)
	s.sessions.start(w, id, s.now())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
