package web

import (
	"context"
	"net/http"

	"holdfast.dev/holdfast/internal/rules/code"
)

// reportPage is what whoever got a code that they did not ask for sees, before and after
// they have said so (seed 41, 42).
type reportPage struct {
	Token string
	Done  bool
}

// showNotMe shows the same page for every link and changes nothing: mail scanners open
// it too (law 6, 7).
func (s *site) showNotMe(w http.ResponseWriter, r *http.Request) error {
	s.renderReport(w, r, "Did somebody else ask for a code?", reportPage{Token: r.URL.Query().Get("token")})
	return nil
}

// reportCode takes the press of the button. What it did is not told: a link that is used,
// expired or unknown leads on alike.
func (s *site) reportCode(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	if err := s.Desk.ReportCode(r.Context(), s.host(r), r.PostForm.Get("token"), code.NotMe); err != nil {
		return err
	}
	see(w, "/not-me/done")
	return nil
}

func (s *site) showReported(w http.ResponseWriter, r *http.Request) error {
	s.renderReport(w, r, "Thank you for telling us", reportPage{Done: true})
	return nil
}

func (s *site) renderReport(w http.ResponseWriter, r *http.Request, title string, data reportPage) {
	product, help := s.Desk.Brand(s.host(r))
	s.render(w, http.StatusOK, "notme", page{Title: title, Brand: upper(product), Help: help, Data: data})
}

// lostDevice is the report of a session, which is about no code.
const lostDevice code.ReportKind = "LostDevice"

type reportInput struct {
	Body struct {
		Kind  code.ReportKind `json:"kind" enum:"UnrequestedCode,NotMe,LostDevice" doc:"UnrequestedCode and NotMe have the same effect: the code is void, the flow that asked for it ends, and its network gets no code for an hour. LostDevice is for the session of a person who has lost a device: a Clear that a help desk has asked for needs no second requester then."`
		Token string          `json:"token,omitempty" minLength:"1" maxLength:"4096" doc:"Of the link in the message with the code. It works once, until a day after the code. LostDevice has none."`
	}
}

func (s *site) apiReport(ctx context.Context, in *reportInput) (*struct{}, error) {
	r := callOf(ctx).request
	if in.Body.Kind == lostDevice {
		if err := s.Desk.ReportLoss(ctx, callOf(ctx).visit); err != nil {
			return nil, s.apiFailure(ctx, err, "")
		}
		return nil, nil
	}
	if in.Body.Token == "" {
		return nil, invalid("body.token", "give the token of the link in the message")
	}
	if err := s.Desk.ReportCode(ctx, s.host(r), in.Body.Token, in.Body.Kind); err != nil {
		return nil, s.apiFailure(ctx, err, "")
	}
	return nil, nil
}
