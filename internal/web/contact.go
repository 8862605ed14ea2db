package web

import (
	"net/http"
	"strings"

	"golang.org/x/text/language"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/problem"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// maxNumber bounds a typed number, in bytes.
const maxNumber = 64

// contactPage asks where the code shall go.
type contactPage struct {
	flow.Overview
	Countries []Country
	// Typed is what the form holds.
	Typed flow.Target
}

// Chosen reports whether a destination is the preselected one: the one chosen
// before, else the first.
func (p contactPage) Chosen(d flow.Destination) bool {
	if p.Typed.ContactID == "" && p.Typed.Number == "" {
		return d == p.Destinations[0]
	}
	return d.ContactID == p.Typed.ContactID
}

// Entering reports whether the person is entering a number.
func (p contactPage) Entering() bool {
	return len(p.Destinations) == 0 || (p.Typed.ContactID == "" && p.Typed.Number != "")
}

// DeadEnd reports that no code can go anywhere at present.
func (p contactPage) DeadEnd() bool {
	return !p.Releasable || (len(p.Destinations) == 0 && !p.EnterNumber)
}

func (s *site) showContact(w http.ResponseWriter, r *http.Request) error {
	o, here, err := s.at(w, r, session.Opened)
	if err != nil || !here {
		return err
	}
	s.contactPage(w, http.StatusOK, o, flow.Target{Country: guessCountry(r)}, nil)
	return nil
}

func (s *site) contactPage(w http.ResponseWriter, status int, o flow.Overview, typed flow.Target, t *trouble) {
	data := contactPage{Overview: o, Countries: s.Countries, Typed: typed}
	p := of(o, "Where shall we send your code?", 1, data)
	if data.DeadEnd() {
		p = of(o, "We cannot send you a code now", 0, data)
	}
	p.Trouble = t
	s.render(w, status, "contact", p)
}

func (s *site) requestCode(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	to := flow.Target{ContactID: r.PostForm.Get("contact")}
	if to.ContactID == "" {
		to.Channel = contact.Channel(r.PostForm.Get("channel"))
		to.Country = r.PostForm.Get("country")
		to.Number = strings.TrimSpace(r.PostForm.Get("number"))
	}
	err := s.sendTo(r, to)
	if err == nil {
		see(w, "/unblock/code")
		return nil
	}
	t, status := s.trouble(w, r, err, "contact")
	if t == nil {
		return err
	}
	o, here, overviewErr := s.at(w, r, session.Opened)
	if overviewErr != nil || !here {
		return overviewErr
	}
	s.contactPage(w, status, o, to, t)
	return nil
}

// sendTo asks for a code. An empty form must not pass as "the same again".
func (s *site) sendTo(r *http.Request, to flow.Target) error {
	if to.ContactID == "" && (to.Number == "" || len(to.Number) > maxNumber) {
		p := problem.New(http.StatusUnprocessableEntity, "destination-refused", "A code cannot be sent there")
		p.Detail = "choose a contact or enter a phone number"
		return p
	}
	visit := s.visit(r)
	if r.PostForm.Has("after") {
		visit.Key = formKey("send", r.PostForm.Get("after"), to.ContactID, string(to.Channel), to.Country, to.Number)
	}
	_, err := s.Desk.RequestCode(r.Context(), visit, to)
	return err
}

// guessCountry preselects the country of the browser's first language that names one.
func guessCountry(r *http.Request) string {
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return ""
	}
	for _, tag := range tags {
		if region, confidence := tag.Region(); confidence == language.Exact && region.IsCountry() {
			return region.String()
		}
	}
	return ""
}
