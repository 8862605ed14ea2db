package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"holdfast.dev/holdfast/internal/flow"
	"holdfast.dev/holdfast/internal/rules"
	"holdfast.dev/holdfast/internal/rules/change"
	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/contact"
	"holdfast.dev/holdfast/internal/rules/session"
)

// maxAddress bounds a typed address, in bytes.
const maxAddress = 254

// newContactPage takes a new contact.
type newContactPage struct {
	flow.Reach
	// Replacing says that it takes the place of all others.
	Replacing bool
	Likely    *Country
	Countries []Country
	Typed     flow.NewContact
	// Tongues are the languages that its messages can have.
	Tongues []choice
}

// Path is where the form goes.
func (p newContactPage) Path() string {
	if p.Replacing {
		return infoPath + "/replace"
	}
	return infoPath + "/add"
}

// By reports whether the form has a channel chosen.
func (p newContactPage) By(c contact.Channel) bool {
	return c == p.Typed.Channel || p.Typed.Channel == "" && c == p.Channels[0]
}

// Mail, Dials say which fields the form has.
func (p newContactPage) Mail() bool { return slices.Contains(p.Channels, contact.Email) }

// Dials reports whether a phone number can be entered.
func (p newContactPage) Dials() bool {
	return slices.ContainsFunc(p.Channels, func(c contact.Channel) bool { return c == contact.SMS || c == contact.Voice })
}

func (s *site) showAdd(w http.ResponseWriter, r *http.Request) error {
	return s.newContactPage(w, r, http.StatusOK, false, flow.NewContact{}, nil)
}

func (s *site) showReplace(w http.ResponseWriter, r *http.Request) error {
	return s.newContactPage(w, r, http.StatusOK, true, flow.NewContact{}, nil)
}

func (s *site) newContactPage(w http.ResponseWriter, r *http.Request, status int, replacing bool, typed flow.NewContact, t *trouble) error {
	reach, err := s.Desk.Reach(r.Context(), s.visit(r))
	if err != nil {
		return err
	}
	data := newContactPage{Reach: reach, Replacing: replacing, Typed: typed, Tongues: s.tongues.choices()}
	if !s.tongues.serves(typed.Language) {
		data.Typed.Language = s.tongues.expected(r, reach.Language)
	}
	likely, sure := likelyCountry(r, reach.Countries)
	data.Likely, data.Countries = s.voice(r).offered(reach.Countries, likely)
	if typed.Country == "" && sure {
		data.Typed.Country = likely
	}
	title := "add.title"
	if replacing {
		title = "add.replaceTitle"
	}
	p := around(reach.Welcome, title, data)
	p.Trouble = t
	s.render(w, r, status, "changes-contact", p)
	return nil
}

func (s *site) startAdd(w http.ResponseWriter, r *http.Request) error {
	return s.startWith(w, r, false, s.Desk.StartAdd)
}

func (s *site) startReplace(w http.ResponseWriter, r *http.Request) error {
	return s.startWith(w, r, true, s.Desk.StartReplace)
}

// startWith begins a change that brings a contact, and sends the first code to it.
func (s *site) startWith(w http.ResponseWriter, r *http.Request, replacing bool, start func(context.Context, flow.Visit, flow.NewContact) (string, error)) error {
	if err := readForm(r); err != nil {
		return err
	}
	in, v := newContactOf(r), s.voice(r)
	switch {
	case in.Language == "":
		in.Language = s.tongues.expected(r, "")
	case !s.tongues.serves(in.Language):
		return s.newContactPage(w, r, http.StatusUnprocessableEntity, replacing, in, &trouble{
			v.Say("add.chooseLanguage"), []string{v.Say("add.chooseLanguageHow")}, "language",
		})
	}
	field := "number"
	if in.Channel == contact.Email {
		field = "email"
	}
	visit := s.visit(r)
	id, err := "", rules.ErrDestination
	if in.Address != "" && len(in.Address) <= maxAddress {
		id, err = start(r.Context(), visit, in)
	}
	if err != nil {
		t, status := s.trouble(w, r, err, field)
		if t == nil {
			return err
		}
		if errors.Is(err, rules.ErrDestination) && field == "number" {
			t.Lines = append(t.Lines, v.Say("add.refusedNumbers"))
		}
		return s.newContactPage(w, r, status, replacing, in, t)
	}
	visit.Key = formKey("first", id)
	if _, err := s.Desk.RequestProof(r.Context(), visit, flow.Ask{Purpose: code.AddContact, Change: id}); err != nil && !errors.Is(err, rules.ErrOrder) {
		if t, status := s.trouble(w, r, err, "contact"); t != nil {
			r.SetPathValue("id", id)
			return s.changePage(w, r, status, t)
		}
		return err
	}
	see(w, changePath(id))
	return nil
}

// newContactOf reads the form of a new contact.
func newContactOf(r *http.Request) flow.NewContact {
	in := flow.NewContact{
		Channel: contact.Channel(r.PostForm.Get("channel")), Country: r.PostForm.Get("country"),
		Address: strings.TrimSpace(r.PostForm.Get("number")), Language: r.PostForm.Get("language"),
	}
	if in.Channel == contact.Email {
		in.Address, in.Country = strings.TrimSpace(r.PostForm.Get("email")), ""
	}
	return in
}

// removePage asks whether contacts shall go.
type removePage struct {
	flow.SecurityInfo
	Going []listed
	// All says that no contact is left, Steps that a code to a full one is possible.
	All, Steps bool
	// Hold is how long a removal waits after which no contact is left that is long known,
	// Restricted what does not work then.
	Hold       time.Duration
	Restricted change.Restriction
}

// SteppedUp says that the session has shown whose it is: no code is asked for again.
func (p removePage) SteppedUp() bool { return p.Assurance.Covers(session.StepUp) }

// showRemove asks once; it changes nothing.
func (s *site) showRemove(w http.ResponseWriter, r *http.Request) error {
	info, err := s.Desk.SecurityInfo(r.Context(), s.visit(r))
	if err != nil {
		return err
	}
	reach, err := s.Desk.Reach(r.Context(), s.visit(r))
	if err != nil {
		return err
	}
	data := removePage{SecurityInfo: info, Hold: reach.Hold, Restricted: reach.Restricted, Steps: len(info.Destinations)+len(info.Resting) > 0}
	chosen := r.URL.Query().Get("contact")
	for _, c := range info.Contacts {
		if chosen == "" || c.ID == chosen {
			data.Going = append(data.Going, listed{c})
		}
	}
	if len(data.Going) == 0 {
		return rules.ErrNotFound
	}
	data.All = len(data.Going) == len(info.Contacts)
	title := "remove.title"
	if data.All && len(data.Going) > 1 {
		title = "remove.allTitle"
	}
	s.render(w, r, http.StatusOK, "changes-remove", around(info.Welcome, title, data))
	return nil
}

func (s *site) startRemove(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	id, err := s.Desk.StartRemove(r.Context(), s.visit(r), r.PostForm["contact"])
	if err != nil {
		return err
	}
	see(w, changePath(id))
	return nil
}
