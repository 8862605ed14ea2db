package web

import (
	"errors"
	"net/http"
	"strings"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// maxNumber bounds a typed number, in bytes.
const maxNumber = 64

// contactPage asks where the code shall go.
type contactPage struct {
	flow.Overview
	// Likely is the person's probable country, nil where nothing tells; Countries are the
	// others.
	Likely    *Country
	Countries []Country
	// Entering says that the person chose to enter a number.
	Entering bool
	// Typed is what the form holds.
	Typed flow.Target
}

// RestrictedDays is how long payments stay denied after a release by an entered number.
func (p contactPage) RestrictedDays() int { return restrictedDays }

// Chosen reports whether a destination is the preselected one: the one chosen
// before, else the first.
func (p contactPage) Chosen(d flow.Destination) bool {
	switch {
	case p.Entering:
		return false
	case p.Typed.ContactID == "":
		return d == p.Destinations[0]
	default:
		return d.ContactID == p.Typed.ContactID && d.Channel == p.Typed.Channel
	}
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
	s.contactPage(w, r, http.StatusOK, o, nil, nil)
	return nil
}

// contactPage shows what was typed before, if anything was.
func (s *site) contactPage(w http.ResponseWriter, r *http.Request, status int, o flow.Overview, typed *flow.Target, t *trouble) {
	data := contactPage{Overview: o, Entering: len(o.Destinations) == 0 || r.URL.Query().Has("number")}
	likely, sure := likelyCountry(r, o.Countries)
	data.Likely, data.Countries = s.voice(r).offered(o.Countries, likely)
	switch {
	case typed != nil:
		data.Typed = *typed
		data.Entering = data.Entering || typed.ContactID == ""
	case sure:
		data.Typed.Country = likely
	}
	p := of(o, "contact.title", 1, data)
	if data.DeadEnd() {
		p = of(o, "contact.deadEndTitle", 0, data)
	}
	p.Trouble = t
	s.render(w, r, status, "contact", p)
}

func (s *site) requestCode(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	to := wayOf(r.PostForm.Get("contact"))
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
	field := "contact"
	if to.ContactID == "" {
		field = "number"
	}
	t, status := s.trouble(w, r, err, field)
	if t == nil {
		return err
	}
	o, here, overviewErr := s.at(w, r, session.Opened)
	if overviewErr != nil || !here {
		return overviewErr
	}
	if to.Number != "" && errors.Is(err, rules.ErrDestination) {
		t.Lines = append(t.Lines, s.voice(r).takenNumbers(o.Channels))
	}
	s.contactPage(w, r, status, o, &to, t)
	return nil
}

// wayOf reads a choice of a form: the channel and, behind a colon, the contact; or the
// contact alone.
func wayOf(value string) flow.Target {
	channel, id, found := strings.Cut(value, ":")
	if !found {
		return flow.Target{ContactID: value}
	}
	return flow.Target{ContactID: id, Channel: contact.Channel(channel)}
}

// sendTo asks for a code. An empty form must not pass as "the same again".
func (s *site) sendTo(r *http.Request, to flow.Target) error {
	if to.ContactID == "" && (to.Number == "" || len(to.Number) > maxNumber) {
		return rules.Refuse(rules.NothingEntered)
	}
	visit := s.visit(r)
	if r.PostForm.Has("after") {
		visit.Key = formKey("send", r.PostForm.Get("after"), to.ContactID, string(to.Channel), to.Country, to.Number)
	}
	_, err := s.Desk.RequestCode(r.Context(), visit, to)
	return err
}
