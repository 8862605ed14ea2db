package web

import (
	"context"
	"net/http"
	"time"

	"holdfast.dev/holdfast/internal/rules/code"
	"holdfast.dev/holdfast/internal/rules/disowned"
)

// reportPage is what whoever got a message that they did not expect sees, before and after
// they have said so (seed 41, 42).
type reportPage struct {
	// Token is that of the link; Notice says that it was a notice's, not a code's.
	Token  string
	Notice bool
	// Done says that a code was reported, NotMine that the account is somebody else's.
	Done, NotMine bool
	// Rest is how long codes of somebody else's account go elsewhere.
	Rest time.Duration
}

// showNotMe shows the same page for every link and changes nothing: mail scanners open
// it too (law 6, 7).
func (s *site) showNotMe(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	if asked.Has("notice") {
		s.renderReport(w, r, "notme.noticeTitle", reportPage{Token: asked.Get("notice"), Notice: true})
		return nil
	}
	s.renderReport(w, r, "notme.title", reportPage{Token: asked.Get("token")})
	return nil
}

// reportCode takes the press of a button. What it did is not told: a link that is used,
// expired or unknown leads on alike.
func (s *site) reportCode(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	kind, done := code.NotMe, "/not-me/done"
	if code.ReportKind(r.PostForm.Get("kind")) == code.NotMyAccount {
		kind, done = code.NotMyAccount, "/not-me/done?account"
	}
	if err := s.Desk.ReportCode(r.Context(), s.host(r), r.PostForm.Get("token"), kind); err != nil {
		return err
	}
	see(w, done)
	return nil
}

func (s *site) showReported(w http.ResponseWriter, r *http.Request) error {
	notMine := r.URL.Query().Has("account")
	s.renderReport(w, r, "notme.thanksTitle", reportPage{Done: !notMine, NotMine: notMine})
	return nil
}

func (s *site) renderReport(w http.ResponseWriter, r *http.Request, title string, data reportPage) {
	product, help := s.Desk.Brand(s.host(r))
	data.Rest = disowned.Rest
	s.render(w, r, http.StatusOK, "notme", page{Title: title, Brand: upper(product), Help: help, Data: data})
}

// lostDevice is the report of a session, which is about no code.
const lostDevice code.ReportKind = "LostDevice"

type reportInput struct {
	Body struct {
		Kind  code.ReportKind `json:"kind" enum:"UnrequestedCode,NotMe,LostDevice,NotMyAccount" doc:"UnrequestedCode and NotMe have the same effect: the code is void, the flow that asked for it ends, and its network gets no code for an hour; of a code that cancels a change, that code alone is void. NotMyAccount says that the account is somebody else's: open codes to the destination are void, those of the next 30 days go elsewhere as far as the account has another way, and its other contacts are told; notices still come. LostDevice is for the session of a person who has lost a device: a Clear that a help desk has asked for needs no second requester then."`
		Token string          `json:"token,omitempty" minLength:"1" maxLength:"4096" doc:"Of the link in the message with the code. It works once, until a day after the code. For NotMyAccount also the last part of the link /c/… in a notice, which works once too. LostDevice has none."`
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
